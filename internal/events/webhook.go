package events

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// SignatureHeader holds "sha256=" and the HMAC of the body with the secret, in hexadecimal.
const SignatureHeader = "Jetcapture-Signature"

const webhookTimeout = 30 * time.Second

// Webhook is a sink: each event is posted to a URL, as a CloudEvent in structured JSON, at least once. An answer with a
// status of the 200s takes it. Position is a file that keeps how far that is, so that a start goes on there.
type Webhook struct {
	URL      string
	Secret   []byte // signs the events; empty: they are not signed
	Position string // a file, made when the first event is taken
	Client   *http.Client
}

// Last implements Sink.
func (s *Webhook) Last(context.Context) (Position, bool, error) {
	text, err := os.ReadFile(s.Position)
	if errors.Is(err, fs.ErrNotExist) {
		return Position{}, false, nil
	}
	if err != nil {
		return Position{}, false, fmt.Errorf("read how far the webhook is: %w", err)
	}
	p, err := parsePosition(strings.TrimSpace(string(text)))
	if err != nil {
		return Position{}, false, fmt.Errorf("%s: %w", s.Position, err)
	}
	return p, true, nil
}

// Put implements Sink.
func (s *Webhook) Put(ctx context.Context, e Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	if err := s.post(ctx, body); err != nil {
		return fmt.Errorf("post event %s: %w", e.ID, err)
	}
	return s.keep(e.Position)
}

// post makes one request. Its errors do not show the URL, which may hold a key.
func (s *Webhook) post(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL of the webhook is malformed")
	}
	r.Header.Set("Content-Type", "application/cloudevents+json; charset=UTF-8")
	if len(s.Secret) > 0 {
		mac := hmac.New(sha256.New, s.Secret)
		mac.Write(body)
		r.Header.Set(SignatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	answer, err := s.Client.Do(r)
	if err != nil {
		var hidden interface{ Unwrap() error } // *url.Error quotes the URL
		if errors.As(err, &hidden) && hidden.Unwrap() != nil {
			err = hidden.Unwrap()
		}
		return err
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	const enough = 64 << 10
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, enough)); err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the webhook answers %s", answer.Status)
	}
	return nil
}

// keep writes the position beside the file, and puts it in its place.
func (s *Webhook) keep(p Position) error {
	f, err := os.CreateTemp(filepath.Dir(s.Position), ".jetcapture-*")
	if err == nil {
		_, err = f.WriteString(p.String() + "\n")
		if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
			err = os.Rename(f.Name(), s.Position) //nolint:forbidigo // the newest position replaces the one before
		}
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("keep how far the webhook is: %w", err)
	}
	return nil
}
