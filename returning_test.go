package jetcapture_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/logstore"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// TestWrongServerOnce starts once against a server whose stream of that name is older. That start is refused and leaves
// no trace, and the next one goes on with the right server.
func TestWrongServerOnce(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	wrong := r.nc
	r.server = natstest.Start(t)
	r.nc, r.held, r.last = r.server.Connect(), nil, 0
	r.createStream()
	r.publish(30)
	capture(r, r.options())
	before := r.names()

	right := r.nc
	r.nc = wrong
	if _, err := tryCapture(r, r.options()); !errors.Is(err, engine.ErrForeign) || len(r.names()) != len(before) {
		t.Errorf("the wrong server: Run = %v, %d objects, want %d", err, len(r.names()), len(before))
	}
	r.nc = right
	r.publish(5)
	capture(r, r.options())
	if a := r.wantAll(); len(a.Incarnations()) != 1 || a.To() != 35 {
		t.Errorf("%d incarnations, stored up to %d", len(a.Incarnations()), a.To())
	}
}

// restore deletes the stream and restores a backup, which ends at a sequence.
func (r *rig) restore(b *natstest.Backup, last uint64) {
	r.t.Helper()
	if err := r.js().DeleteStream(r.t.Context(), "S"); err != nil {
		r.t.Fatal(err)
	}
	natstest.Restore(r.t, r.nc, "S", b)
	r.held = slices.DeleteFunc(r.held, func(m oracle.Message) bool { return m.Seq > last })
	r.last = last
}

// causes are those of the incarnations after the first one.
func (r *rig) causes() (causes []cutlog.Cause) {
	r.t.Helper()
	log := cutlog.New(logstore.Store{Bucket: r.bucket}, "S")
	for h := (cutlog.Head{}); ; {
		next, ok, err := log.Next(r.t.Context(), h)
		if err != nil {
			r.t.Fatal(err)
		}
		if !ok {
			return causes
		}
		if h = next; h.N > 1 && h.Plan.Opens {
			causes = append(causes, h.Plan.Cause)
		}
	}
}

// wantTwice fails the test unless so many rows of the archive are of messages that another file has.
func (r *rig) wantTwice(want int) {
	r.t.Helper()
	files := map[string]string{}
	twice := 0
	for _, f := range r.archive("S").Files(false) {
		for _, line := range oracle.Lines(f.Plain) {
			if _, there := files[string(line)]; there {
				twice++
			}
			files[string(line)] = f.Name
		}
	}
	if twice != want {
		r.t.Errorf("%d messages are stored twice, want %d", twice, want)
	}
}

// TestRestored restores a stream: nothing is stored a second time, and nothing new is passed over.
func TestRestored(t *testing.T) {
	for _, tt := range []struct {
		name   string
		after  int  // messages that are stored after the backup
		remove bool // the newest message of the backup was deleted before it was made
	}{
		{"all that is stored", 0, false},
		{"less than is stored", 15, false},
		{"without the last message stored", 0, true},
	} {
		for _, through := range []string{"", "C"} {
			t.Run(tt.name+" "+through, func(t *testing.T) {
				r := newRig(t)
				o := with(r.options(), func(o *options) { o.NATSConsumerName, o.CreateConsumer = through, true })
				r.publish(40)
				capture(r, o)
				if tt.remove {
					if err := r.stream().DeleteMsg(t.Context(), 40); err != nil {
						t.Fatal(err)
					}
				}
				b := natstest.BackUp(t, r.nc, "S")
				r.publish(tt.after)
				capture(r, o)
				old := slices.Clone(r.held)
				r.restore(b, 40)
				r.publish(10)
				capture(r, o)
				capture(r, o)
				if causes := r.causes(); !slices.Equal(causes, []cutlog.Cause{cutlog.CauseRestored}) {
					t.Errorf("incarnations for %v", causes)
				}
				r.wantBoth(old, r.held[40:])
				r.wantTwice(0)
			})
		}
	}
}

// TestRecreatedWithOldMessages deletes the stream, creates another one and publishes the first messages again. They are
// new ones, whatever they hold.
func TestRecreatedWithOldMessages(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	capture(r, r.options())
	old := r.held
	r.recreate()
	r.store(slices.Clone(old)...)
	r.publish(10)
	capture(r, r.options())
	if causes := r.causes(); !slices.Equal(causes, []cutlog.Cause{cutlog.CauseRecreated}) {
		t.Errorf("incarnations for %v", causes)
	}
	r.wantBoth(old, r.held)
}

// TestRestoredAfterAnEmptyOne: the stream was first created anew, which was a mistake.
func TestRestoredAfterAnEmptyOne(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	capture(r, r.options())
	b, old := natstest.BackUp(t, r.nc, "S"), r.held
	r.recreate()
	r.publish(5)
	capture(r, r.options())
	mistake := r.held
	r.held = old
	r.restore(b, 40)
	r.publish(10)
	capture(r, r.options())
	if causes := r.causes(); !slices.Equal(causes, []cutlog.Cause{cutlog.CauseRecreated, cutlog.CauseRestored}) {
		t.Errorf("incarnations for %v", causes)
	}
	a := r.archive("S")
	for i, held := range [][]oracle.Message{old, mistake, r.held[40:]} {
		if err := a.Of(a.Incarnations()[i]).ExactlyOnce(held, oracle.NatsMessage); err != nil {
			t.Errorf("incarnation %d: %v", i, err)
		}
	}
}

// TestRolledBackInsideACut takes the server back to a state that lies within a cut, and lets the stream grow again.
// Only what it has kept behind the newest common anchor is stored twice. A cut of 200 messages has an anchor for each
// 4.
func TestRolledBackInsideACut(t *testing.T) {
	for _, through := range []string{"", "C"} {
		t.Run(through, func(t *testing.T) {
			r := newRig(t)
			o := with(r.options(), func(o *options) { o.NATSConsumerName, o.CreateConsumer = through, true })
			r.publish(190)
			backup := t.TempDir()
			r.server.Stop()
			r.server.CopyStore(backup)
			r.server.Restart()
			natstest.Eventually(t, patience, "connection", r.nc.IsConnected)
			r.publishSafely(10)
			capture(r, o)
			old := slices.Clone(r.held)
			r.server.Stop()
			r.server.RestoreStore(backup)
			r.server.Restart()
			natstest.Eventually(t, patience, "connection", r.nc.IsConnected)
			r.held, r.last = r.held[:190:190], 190
			r.publishSafely(50)
			capture(r, o)
			if causes := r.causes(); !slices.Equal(causes, []cutlog.Cause{cutlog.CauseRolledBack}) {
				t.Errorf("incarnations for %v", causes)
			}
			r.wantBoth(old, r.held[188:])
			r.wantTwice(2)
		})
	}
}

// TestRestoreBrokenOff: a stream that has a part of what was being restored is not captured. With all of it, it is.
func TestRestoreBrokenOff(t *testing.T) {
	r := newRig(t)
	info := r.stream().CachedInfo()
	info.Config.Metadata = map[string]string{reader.RestoredKey: reader.RestoredMark("S", "0123abcd", 20)}
	if _, err := r.js().UpdateStream(t.Context(), info.Config); err != nil {
		t.Fatal(err)
	}
	r.publish(19)
	_, err := tryCapture(r, r.options())
	if err == nil || !strings.Contains(err.Error(), "sequences up to 19 of 20") || len(r.names()) > 0 {
		t.Errorf("Run = %v, %d objects", err, len(r.names()))
	}
	r.publish(1)
	capture(r, r.options())
	r.wantAll()
}
