package jetcapture_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// importedAPI is the prefix under which account READER imports the JetStream API of account OWNER.
const importedAPI = "acme.api"

// newImportRig has its stream in account OWNER. The connection it returns is of account READER, with further imports.
func newImportRig(t *testing.T, imports string, configure ...func(*jetstream.StreamConfig)) (*rig, *nats.Conn) {
	t.Helper()
	t.Parallel()
	server := natstest.Start(t, natstest.Configured(t, fmt.Sprintf(`
		accounts: {
			OWNER: {
				jetstream: enabled, users: [{ user: owner, password: p }]
				exports: [{ service: "$JS.API.>", response_type: stream }, { service: "$JS.ACK.>" }]
			}
			READER: {
				users: [{ user: reader, password: p }]
				imports: [{ service: { account: OWNER, subject: "$JS.API.>" }, to: "%s.>" } %s]
			}
		}
		no_auth_user: owner`, importedAPI, imports)))
	return newRigOn(t, server, configure...), server.Connect(nats.UserInfo("reader", "p"))
}

const importedAcks = `, { service: { account: OWNER, subject: "$JS.ACK.>" } }`

// throughImport are the options of a capture through the import, and a consumer if that is durable.
func (r *rig) throughImport(m readMode) options {
	o := r.options()
	if m.durable {
		o = r.throughConsumer()
	}
	o.APIPrefix = importedAPI
	return o
}

// TestImportedJetStream: a stream of another account is captured through the import of its API and of the acks.
func TestImportedJetStream(t *testing.T) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			r, nc := newImportRig(t, importedAcks, retention(m.retention))
			r.publish(100)
			r.nc = nc
			capture(r, r.throughImport(m))
			r.wantAll()
		})
	}
}

// TestUnheardAcks: without the import of the acks nobody hears them. Everything is stored, but the run has an error
// that says what to do.
func TestUnheardAcks(t *testing.T) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			r, nc := newImportRig(t, "", retention(m.retention))
			r.publish(100)
			r.nc = nc
			_, err := tryCapture(r, r.throughImport(m))
			r.wantAll()
			if !m.durable {
				wantEqual(t, "error", err, nil)
				return
			}
			if !errors.Is(err, reader.ErrUnheard) {
				t.Errorf("Run = %v", err)
			}
			wantText(t, err, "$JS.ACK.S.C.>", "import it")
		})
	}
}

// TestUnheardAcksWhileRunning: after some cuts whose acks nobody hears there is a warning, and a stop has an error.
func TestUnheardAcksWhileRunning(t *testing.T) {
	r, nc := newImportRig(t, "", retention(jetstream.WorkQueuePolicy))
	log := &lines{out: t.Output()}
	c := start(r, nc, with(r.throughImport(readMode{durable: true}), func(o *options) {
		o.Once, o.MaxMessages, o.Logger = false, 10, log.logger()
	}))
	for range 4 {
		r.publish(10, "s.0")
		c.untilStored(r.last)
	}
	log.until(t, "WARN", "acknowledgements do not reach the consumer", "times=3", "$JS.ACK.S.C.>")
	c.stop()
	if err := c.end(); !errors.Is(err, reader.ErrUnheard) {
		t.Errorf("Run = %v", err)
	}
	r.wantAll()
}

// TestUnheardAcksOfAStore: a capture with a Store, which would store everything again, has the same error.
func TestUnheardAcksOfAStore(t *testing.T) {
	r, nc := newImportRig(t, "")
	r.publish(100)
	r.consumer()
	r.nc = nc
	s := &memStore{}
	_, err := tryCapture(r, with(r.toStore(s), func(o *options) { o.APIPrefix = importedAPI }))
	s.wantAtLeastOnce(r)
	if !errors.Is(err, reader.ErrUnheard) {
		t.Errorf("Run = %v", err)
	}
}

// relayAcks does what an import of the acks does, but the first confirmation gets lost, with all acks before it.
func relayAcks(r *rig, owner, nc *nats.Conn) {
	r.t.Helper()
	lost := false
	sub, err := nc.Subscribe("$JS.ACK.>", func(m *nats.Msg) {
		switch {
		case !lost:
			lost = m.Reply != ""
		case m.Reply == "":
			_ = owner.Publish(m.Subject, m.Data)
		default:
			if answer, err := owner.Request(m.Subject, m.Data, 5*time.Second); err == nil {
				_ = m.Respond(answer.Data)
			}
		}
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = sub.Unsubscribe() })
}

// TestOneLostAck: one ack that gets lost, as with a leader of the consumer, is no error of a capture that ends with it.
func TestOneLostAck(t *testing.T) {
	for _, once := range []bool{false, true} {
		for _, store := range []bool{false, true} {
			t.Run(fmt.Sprintf("once=%t store=%t", once, store), func(t *testing.T) {
				r, nc := newImportRig(t, "")
				r.publish(100)
				relayAcks(r, r.nc, nc)
				o := r.throughImport(readMode{durable: true})
				s := &memStore{}
				if store {
					r.consumer()
					o = with(r.toStore(s), func(o *options) { o.APIPrefix = importedAPI })
				}
				c := start(r, nc, with(o, func(o *options) { o.Once = once }))
				if !once {
					c.untilRead(r.last)
					c.stop()
				}
				wantEqual(t, "error", c.end(), nil)
				if store {
					s.wantAtLeastOnce(r)
				} else {
					r.wantAll()
				}
			})
		}
	}
}
