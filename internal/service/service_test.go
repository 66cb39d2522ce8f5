package service

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, natstest.IgnoreServer()...) }

// begin starts a service whose status says what it is given, and whose flush is f.
func begin(t *testing.T, srv *natstest.Server, f func(ctx context.Context) error) *Service {
	t.Helper()
	nc := srv.Connect()
	s, err := Start(nc, Config{
		Version: "0.2.0-dev", Capture: "orders.eu", Metadata: map[string]string{"stream": "ORDERS"},
		Status: func() any { return map[string]string{"state": "reading"} }, Flush: f,
	})
	if err == nil {
		err = nc.Flush() // others ask over connections of their own
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestService(t *testing.T) {
	srv := natstest.Start(t)
	begin(t, srv, func(context.Context) error { return nil })
	nc := srv.Connect()
	for subject, want := range map[string]string{
		"jetcapture.status.orders%2Eeu": `{"state":"reading"}`,
		"jetcapture.flush.orders%2Eeu":  `"status":{"state":"reading"}`,
		"$SRV.PING":                     `"name":"jetcapture"`,
		"$SRV.INFO.jetcapture":          `"stream":"ORDERS"`,
		"$SRV.STATS.jetcapture":         `"data":{"state":"reading"}`,
	} {
		m, err := nc.Request(subject, nil, 5*time.Second)
		if err != nil {
			t.Errorf("%s: %v", subject, err)
		} else if !strings.Contains(string(m.Data), want) {
			t.Errorf("%s answers %s, want %s in it", subject, m.Data, want)
		}
	}
}

func TestFlushThatFails(t *testing.T) {
	srv := natstest.Start(t)
	begin(t, srv, func(context.Context) error { return errors.New("the store is away") })
	m, err := srv.Connect().Request(FlushSubject("orders.eu"), nil, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Header.Get(micro.ErrorHeader); got != "the store is away" || m.Header.Get(micro.ErrorCodeHeader) != "503" {
		t.Errorf("the error is %q, code %q", got, m.Header.Get(micro.ErrorCodeHeader))
	}
}

// TestWaitingFlushes: they hold up nothing, are limited, and end with the service.
func TestWaitingFlushes(t *testing.T) {
	srv := natstest.Start(t)
	asked := make(chan struct{}, maxFlushes)
	s := begin(t, srv, func(ctx context.Context) error {
		asked <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	nc := srv.Connect()
	for range maxFlushes {
		if err := nc.PublishRequest(FlushSubject("orders.eu"), nc.NewInbox(), nil); err != nil {
			t.Fatal(err)
		}
	}
	for range maxFlushes {
		<-asked
	}
	m, err := nc.Request(FlushSubject("orders.eu"), nil, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if code := m.Header.Get(micro.ErrorCodeHeader); code != "429" {
		t.Errorf("one flush too many has the code %q: %s", code, m.Data)
	}
	if _, err := nc.Request(StatusSubject("orders.eu"), nil, 5*time.Second); err != nil {
		t.Errorf("status while flushes wait: %v", err)
	}
	if err := s.Close(); err != nil { // joins them
		t.Error(err)
	}
}
