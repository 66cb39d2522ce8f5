package jetcapture_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestInterruptedCuts finishes planned cuts, of which none, some or all files were stored, under changed options.
func TestInterruptedCuts(t *testing.T) {
	changes := map[string]func(o *options){
		"nothing":     func(*options) {},
		"compression": func(o *options) { o.Compression, o.CompressionLevel = jetcapture.Zstd, 3 },
		"suffix":      func(o *options) { o.Suffix = "json" },
		"limits":      func(o *options) { o.MaxMessages, o.MaxAge = 3, time.Second },
		"keys": func(o *options) {
			o.MessageDecoder = keyed(func(seq uint64) string { return fmt.Sprint(seq % 5) })
		},
		"memory":          func(o *options) { o.MemoryLimit, o.SpoolLimit = 1, 64<<10 },
		"another process": func(o *options) { o.Archive.Instance = "two" },
	}
	for name, change := range changes {
		for _, stored := range []int{0, 2, 4} {
			t.Run(fmt.Sprint(name, stored), func(t *testing.T) {
				r := newRig(t)
				poison := r.publishMixed(14)
				r.publish(90)
				interrupt(r, r.deadEnd(), stored)
				s := capture(r, with(r.deadEnd(), change))
				a := r.wantAll()
				wantEqual(t, "redone cuts", s.Redone, 1)
				wantEqual(t, "cuts", len(a.Cuts), 2)
				wantEqual(t, "stored up to", a.To(), r.last)
				wantEqual(t, "dead letters", len(letters(t, a)), len(poison))
			})
		}
	}
}

// deadEnd returns the rig's options with a decoder that refuses some messages, which become dead letters.
func (r *rig) deadEnd() options {
	return with(r.options(), func(o *options) {
		decode := o.MessageDecoder
		o.Poison = jetcapture.PoisonDeadLetter
		o.MessageDecoder = func(m *nats.Msg) (*jetcapture.NatsMessage, string, error) {
			if bytes.Contains(m.Data, []byte("decod")) {
				return nil, "", errors.New("not ours")
			}
			return decode(m)
		}
	})
}

// TestRedoFindsWhatIsGone: messages that the stream dropped between plan and files are recorded as lost.
func TestRedoFindsWhatIsGone(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	interrupt(r, r.options(), 0)
	if err := r.stream().Purge(t.Context(), jetstream.WithPurgeSequence(31)); err != nil {
		t.Fatal(err)
	}
	if err := r.stream().DeleteMsg(t.Context(), 33); err != nil {
		t.Fatal(err)
	}
	s := capture(r, r.options())
	a := r.wantAll()
	gone := a.Lost()["gone"]
	slices.Sort(gone)
	wantSlice(t, "gone", gone, append(seqs(1, 30), 33))
	wantEqual(t, "lost", s.Lost, 31)
	wantEqual(t, "redone cuts", s.Redone, 1)
	for _, f := range a.Files(false) {
		for _, row := range oracle.Lines(f.Plain) {
			if m, err := oracle.NatsMessage(row); err != nil || m.Seq <= 30 || m.Seq == 33 {
				t.Errorf("row %s, error %v", row, err)
			}
		}
	}
}

// TestRedoOfAStreamThatIsNoMore: for a cut of the old stream, nothing is read from the new one.
func TestRedoOfAStreamThatIsNoMore(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	interrupt(r, r.options(), 1)
	old := r.held
	r.recreate()
	r.publish(60)
	s := capture(r, r.options())
	a := r.wantBoth(old, r.held)
	wantEqual(t, "redone cuts", s.Redone, 1)
	wantEqual(t, "lost in Stats", s.Lost, 30)
	wantEqual(t, "gone in the old stream", len(a.Of(a.Incarnations()[0]).Lost()["gone"]), 30)
}

// TestDecoderVersion: a cut that another decoder planned is not finished by this one, unless ForPlan says how.
func TestDecoderVersion(t *testing.T) {
	r := newRig(t)
	r.publish(20)
	old := with(r.options(), func(o *options) { o.DecoderVersion = "1" })
	interrupt(r, old, 1)
	changed := with(r.options(), func(o *options) { o.DecoderVersion = "2" })
	_, err := tryCapture(r, changed)
	wantText(t, err, "decoder_version:1", "decoder_version:2")
	changed.ForPlan = func(settings map[string]string) (options, error) {
		if settings["decoder_version"] != "1" || settings["x_format"] != "ndjson" {
			t.Errorf("settings %v", settings)
		}
		return old, nil
	}
	capture(r, changed)
	r.wantAll()
}
