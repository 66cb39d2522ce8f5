package jetcapture_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// oldAPI is the prefix of an API that answers as a server before 2.14 does: it says its version, and has no answer to
// CONSUMER.RESET, though it listens.
const oldAPI = "old.API"

func (r *rig) answerAsOld() {
	r.t.Helper()
	version := regexp.MustCompile(`"_nats.ver":"[^"]*"`)
	server := r.server.Connect()
	_, err := r.nc.Subscribe(oldAPI+".>", func(m *nats.Msg) {
		subject := strings.Replace(m.Subject, oldAPI, "$JS.API", 1)
		if strings.Contains(subject, ".RESET.") {
			return
		}
		if answer, err := server.Request(subject, m.Data, patience); err == nil {
			_ = m.Respond(version.ReplaceAll(answer.Data, []byte(`"_nats.ver":"2.12.2"`)))
		}
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// TestDurableOnAnOldServer: a server that cannot reset a consumer is refused at once, with the right advice, and
// nothing is written or created.
func TestDurableOnAnOldServer(t *testing.T) {
	r := newRig(t, retention(jetstream.WorkQueuePolicy))
	r.answerAsOld()
	began := time.Now()
	_, err := tryCapture(r, with(r.throughConsumer(), func(o *options) { o.APIPrefix = oldAPI }))
	wantText(t, err, "nats-server 2.12.2", "2.14 or newer", "update the server")
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the refusal took %v", took)
	}
	wantEqual(t, "objects in the archive", len(r.names()), 0)
	if info, err := r.stream().Info(t.Context()); err != nil || info.State.Consumers != 0 {
		t.Errorf("the stream has %d consumers, error %v", info.State.Consumers, err)
	}
}
