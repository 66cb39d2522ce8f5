package jetcapture_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestInterruptedCuts finishes cuts that were planned, and of which none, some or all files were stored, under changed options.
func TestInterruptedCuts(t *testing.T) {
	changes := map[string]func(o *options){
		"nothing":         func(*options) {},
		"compression":     func(o *options) { o.Compression, o.CompressionLevel = jetcapture.Zstd, 3 },
		"suffix":          func(o *options) { o.Suffix = "json" },
		"limits":          func(o *options) { o.MaxMessages, o.MaxAge = 3, time.Second },
		"keys":            func(o *options) { o.MessageDecoder = keyed(func(seq uint64) string { return fmt.Sprint(seq % 5) }) },
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
				if s.Redone != 1 || len(a.Cuts) != 2 || a.To() != r.last || len(letters(t, a)) != len(poison) {
					t.Errorf("cuts for %v up to %d, %d dead letters, stats %+v", a.Reasons(), a.To(), len(letters(t, a)), s)
				}
			})
		}
	}
}

// deadEnd are the rig's options with a decoder that does not take every message.
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

// TestRedoFindsWhatIsGone: what the stream dropped between plan and files is lost, and recorded before the files.
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
	if want := append(seqs(1, 30), 33); !slices.Equal(gone, want) || s.Lost != 31 || s.Redone != 1 {
		t.Errorf("gone %v, stats %+v", gone, s)
	}
	for _, f := range a.Files(false) {
		for _, row := range oracle.Lines(f.Plain) {
			if m, err := oracle.NatsMessage(row); err != nil || m.Seq <= 30 || m.Seq == 33 {
				t.Errorf("row %s, error %v", row, err)
			}
		}
	}
}

// TestRedoOfAStreamThatIsNoMore: nothing is read from the new stream for a cut of the old one.
func TestRedoOfAStreamThatIsNoMore(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	interrupt(r, r.options(), 1)
	old := r.held
	r.recreate()
	r.publish(60)
	s := capture(r, r.options())
	a := r.archive("S")
	ids := a.Incarnations()
	if len(ids) != 2 || s.Redone != 1 || s.Lost != 30 || len(a.Of(ids[0]).Lost()["gone"]) != 30 {
		t.Fatalf("incarnations %v, lost %v, stats %+v", ids, a.Lost(), s)
	}
	if err := a.Of(ids[0]).ExactlyOnce(old, oracle.NatsMessage); err != nil {
		t.Errorf("the old stream: %v", err)
	}
	if err := a.Of(ids[1]).ExactlyOnce(r.held, oracle.NatsMessage); err != nil {
		t.Errorf("the new stream: %v", err)
	}
}

// TestDecoderVersion: a cut that another decoder planned is not finished by this one, unless that is told how.
func TestDecoderVersion(t *testing.T) {
	r := newRig(t)
	r.publish(20)
	old := with(r.options(), func(o *options) { o.DecoderVersion = "1" })
	interrupt(r, old, 1)
	changed := with(r.options(), func(o *options) { o.DecoderVersion = "2" })
	_, err := tryCapture(r, changed)
	if err == nil || !strings.Contains(err.Error(), "decoder_version:1") || !strings.Contains(err.Error(), "decoder_version:2") {
		t.Errorf("Run = %v", err)
	}
	changed.ForPlan = func(settings map[string]string) (options, error) {
		if settings["decoder_version"] != "1" || settings["x_format"] != "ndjson" {
			t.Errorf("settings %v", settings)
		}
		return old, nil
	}
	capture(r, changed)
	r.wantAll()
}
