package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

const (
	heartbeatEvery   = time.Minute
	heartbeatTimeout = 10 * time.Second
	heartbeatBody    = 64 << 10 // bytes of an answer that are read, so that the connection can be used again
)

// CheckHeartbeat returns what is wrong with a URL. Its error does not show it: its path is what lets in.
func CheckHeartbeat(s string) error {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return errors.New("it is not a URL as in https://HOST/PATH")
	}
	return nil
}

// Heartbeat asks a URL once a minute while all captures are healthy, and is silent otherwise. A service that watches
// for it notices a dead process, too. Its methods may be called from any goroutine.
type Heartbeat struct {
	URL   string
	Board *Board
	Log   *slog.Logger
}

// Beat asks the URL until ctx ends.
func (h *Heartbeat) Beat(ctx context.Context) {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if h.Board.Healthy(now) {
				h.Once(ctx)
			}
		}
	}
}

// Once asks the URL now. An error is only logged.
func (h *Heartbeat) Once(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	if err := h.ask(ctx); err != nil && !errors.Is(err, context.Canceled) {
		h.Log.Warn("the heartbeat was not accepted", "error", err)
	}
}

// ask asks the URL. Its error does not show the path.
func (h *Heartbeat) ask(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL, http.NoBody)
	if err != nil {
		return errors.New("it is not a URL")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		var inner *url.Error // its text has the URL
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return fmt.Errorf("ask %s: %w", req.URL.Host, err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing was written
	_, _ = io.CopyN(io.Discard, resp.Body, heartbeatBody)
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s answers %s", req.URL.Host, resp.Status)
	}
	return nil
}
