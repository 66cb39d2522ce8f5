package top

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/service"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

func TestNewAtURL(t *testing.T) {
	for in, want := range map[string]string{
		"http://127.0.0.1:9464": "http://127.0.0.1:9464/status", ":9464": "http://127.0.0.1:9464/status",
		"host:9464": "http://host:9464/status", "https://h/jc/?x=1#y": "https://h/jc/status",
		"ftp://h": "", "nats://h:4222": "", "http://": "", "": "", "http://%": "",
	} {
		a, err := NewAtURL(in)
		if (err == nil) != (want != "") || err == nil && a.status != want {
			t.Errorf("%q: %+v, %v, want %q", in, a, err, want)
		}
	}
	if _, err := NewAtURL("ftp://u:secret@h"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error is %v", err)
	}
}

// TestAtURL: a process that answers is found beside those that do not, or that are something else.
func TestAtURL(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	serve := func(code int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body)) // who asked may be gone
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	var sources []Source
	for _, at := range []string{
		serve(http.StatusOK, `{"version":"0.2.0","captures":[{"capture":"A","archive":{"stored_seq":7}},{"capture":"B"}]}`),
		serve(http.StatusOK, "<html>"),
		serve(http.StatusOK, "{}"),
		serve(http.StatusForbidden, ""),
		"http://user:secret@127.0.0.1:1",
	} {
		a, err := NewAtURL(at)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, a)
	}
	f := Look(t.Context(), sources)
	if len(f.Captures) != 2 || f.Captures[0].Archive.StoredSeq != 7 || f.Captures[0].Process.Version != "0.2.0" {
		t.Errorf("found %+v", f.Captures)
	}
	text := strings.Join(f.Errors, "\n")
	for _, want := range []string{"not a capture with --http", "403 Forbidden", "http://127.0.0.1:1: dial tcp"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the errors: %s", want, text)
		}
	}
	if len(f.Errors) != 4 || strings.Contains(text, "secret") {
		t.Errorf("errors: %s", text)
	}
}

// TestAccount: all captures of an account are found, and services of others do no harm.
func TestAccount(t *testing.T) {
	srv := natstest.Start(t)
	account := &Account{Conn: srv.Connect(), Service: service.Name}
	if _, err := account.look(t.Context()); err == nil || !strings.Contains(err.Error(), "$SRV.STATS.jetcapture") {
		t.Errorf("nobody there: %v", err)
	}
	for _, name := range []string{"A", "B"} {
		s, err := service.Start(srv.Connect(), service.Config{
			Version: "0.2.0-dev", Capture: name, Metadata: map[string]string{"host": "h" + name},
			Status: func() any { return seen(name, "", nil).Capture },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() }) // its connection ends as well
	}
	foreign := srv.Connect()
	for _, data := range []any{nil, "text", map[string]any{"capture": 7}, map[string]any{}} {
		s, err := micro.AddService(foreign, micro.Config{
			Name: service.Name, Version: "1.0.0", StatsHandler: func(*micro.Endpoint) any { return data },
			Endpoint: &micro.EndpointConfig{Subject: "foreign", Handler: micro.HandlerFunc(func(micro.Request) {})},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Stop() }) // its connection ends as well
	}
	answer := func(m *nats.Msg) { _ = m.Respond([]byte("{")) } // who asked may be gone
	if _, err := foreign.Subscribe("$SRV.STATS.jetcapture", answer); err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, 30*time.Second, "two captures", func() bool {
		all, err := account.look(t.Context())
		return err == nil && len(all) == 2 && all[0].Process.From != all[1].Process.From && all[0].Archive.StoredSeq == 18 &&
			all[0].Process.Host == "h"+all[0].Capture.Capture
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := account.look(ctx); err == nil {
		t.Error("it looks although it should stop")
	}
	account.Conn.Close()
	if _, err := account.look(t.Context()); err == nil || !strings.Contains(err.Error(), "no connection") {
		t.Errorf("without a connection: %v", err)
	}
}
