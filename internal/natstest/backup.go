package natstest

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
)

// Backup is a stream as `nats stream backup` keeps it.
type Backup struct {
	Config json.RawMessage `json:"config"`
	State  json.RawMessage `json:"state"`
	chunks [][]byte
}

// BackUp backs a stream up, with its consumers.
func BackUp(tb testing.TB, nc *nats.Conn, stream string) *Backup {
	tb.Helper()
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		tb.Fatalf("subscribe to the backup: %v", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	var b Backup
	if err := ask(tb, nc, "$JS.API.STREAM.SNAPSHOT."+stream, map[string]any{"deliver_subject": inbox}, &b); err != nil {
		tb.Fatal(err)
	}
	for {
		m, err := sub.NextMsgWithContext(Context(tb))
		if err != nil {
			tb.Fatalf("back up stream %s: %v", stream, err)
		}
		if len(m.Data) == 0 {
			return &b
		}
		b.chunks = append(b.chunks, m.Data)
		if m.Reply != "" {
			if err := m.Respond(nil); err != nil {
				tb.Fatalf("back up stream %s: %v", stream, err)
			}
		}
	}
}

// Restore restores a stream that does not exist, as `nats stream restore` does. It tries again, because the server may
// still be removing an earlier stream of that name. What a try has left it deletes.
func Restore(tb testing.TB, nc *nats.Conn, stream string, b *Backup) {
	tb.Helper()
	Eventually(tb, limit, "restored stream "+stream, func() bool {
		err := b.restore(tb, nc, stream)
		if err != nil {
			tb.Logf("restore stream %s: %v", stream, err)
			_ = JetStream(tb, nc).DeleteStream(Context(tb), stream) // the next try says whether one is there
		}
		return err == nil
	})
}

// restore tries it once.
func (b *Backup) restore(tb testing.TB, nc *nats.Conn, stream string) error {
	tb.Helper()
	var to struct {
		Subject string `json:"deliver_subject"`
	}
	if err := ask(tb, nc, "$JS.API.STREAM.RESTORE."+stream, b, &to); err != nil {
		return err
	}
	for _, chunk := range append(slices.Clone(b.chunks), nil) {
		m, err := nc.RequestWithContext(Context(tb), to.Subject, chunk)
		if err == nil && len(m.Data) > 0 {
			err = failure(m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ask sends a request to the JetStream API.
func ask(tb testing.TB, nc *nats.Conn, subject string, request, answer any) error {
	tb.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		tb.Fatal(err)
	}
	m, err := nc.RequestWithContext(Context(tb), subject, body)
	if err == nil {
		err = failure(m)
	}
	if err == nil {
		err = json.Unmarshal(m.Data, answer)
	}
	if err != nil {
		return fmt.Errorf("request %s: %w", subject, err)
	}
	return nil
}

// failure returns the error in an answer of the JetStream API.
func failure(m *nats.Msg) error {
	var status struct {
		Error *nats.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &status); err != nil {
		return err
	}
	if status.Error != nil {
		return status.Error
	}
	return nil
}
