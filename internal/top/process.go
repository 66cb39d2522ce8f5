package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/jetcapture/jetcapture/internal/urls"
)

const (
	askTimeout = 10 * time.Second
	maxStatus  = 64 << 20 // bytes
)

// AtURL is a process that serves its status over HTTP.
type AtURL struct {
	status string // its URL
	shown  string // the URL that the user gave, without user info
}

// NewAtURL takes the URL of a process, or its host and port alone. A path is where a proxy has put it.
func NewAtURL(text string) (*AtURL, error) {
	whole := text
	switch {
	case strings.HasPrefix(text, ":"):
		whole = "http://127.0.0.1" + text
	case !strings.Contains(text, "://"):
		whole = "http://" + text
	}
	u, err := url.Parse(whole)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is not the URL of a process, write it as in http://127.0.0.1:9464", urls.Show(text))
	}
	u.RawQuery, u.Fragment = "", ""
	u = u.JoinPath("status")
	return &AtURL{u.String(), urls.Show(whole)}, nil
}

// String returns the URL without user info.
func (a *AtURL) String() string { return a.shown }

// Look implements Source.
func (a *AtURL) Look(ctx context.Context) ([]Seen, *status.Fleet, error) {
	p, err := a.ask(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a.shown, err)
	}
	var all []Seen
	for _, c := range p.Captures {
		all = append(all, Seen{c, Process{From: a.shown, Version: p.Version, Started: p.Started, Now: p.Now}})
	}
	return all, p.Fleet, nil
}

// ask asks for the status. Its errors show no user info.
func (a *AtURL) ask(ctx context.Context) (*status.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.status, http.NoBody)
	if err != nil {
		return nil, errors.New("it is not a URL")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		var asked *url.Error // it has the URL
		if errors.As(err, &asked) {
			err = asked.Err
		}
		return nil, fmt.Errorf("%w: does jetcapture run --http or jetcapture worker --http serve that address?", err)
	}
	defer resp.Body.Close() //nolint:errcheck // all that counts was read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s to /status", resp.Status)
	}
	var p status.Process
	err = json.NewDecoder(io.LimitReader(resp.Body, maxStatus)).Decode(&p)
	if err != nil || p.Captures == nil {
		return nil, errors.New("what answers there is not a capture with --http")
	}
	return &p, nil
}
