package jetcapture_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/oracle"
)

// eagerHeld is what an eagerWriter says it holds: with the default MemoryLimit, four of them are open at a time.
const eagerHeld = jetcapture.DefaultMemoryLimit / 8

// eagers are the writers of a test.
type eagers struct {
	mu         sync.Mutex
	open, most int
	breaks     map[string]int // by a row, how often Flush loses the file that has it
}

// eagerWriter keeps lines back until Flush, half of them in scratch room.
type eagerWriter struct {
	all     *eagers
	out     io.Writer
	rows    bytes.Buffer
	scratch io.ReadWriteSeeker
}

func (w *eagerWriter) Buffered() bool { return true }

func (w *eagerWriter) Held() int64 { return eagerHeld }

func (w *eagerWriter) InitNew(out io.Writer) error {
	w.out = out
	w.scratch = out.(interface{ Scratch() io.ReadWriteSeeker }).Scratch()
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	w.all.open++
	w.all.most = max(w.all.most, w.all.open)
	return nil
}

// Write fails or panics before or after the row is there, as a payload says.
func (w *eagerWriter) Write(line string) (int, error) {
	if strings.Contains(line, "unwritable") {
		return 0, errors.New("no such row")
	}
	fmt.Fprintln(&w.rows, line)
	if strings.Contains(line, "panicking") {
		panic("no such row")
	}
	if w.rows.Len() > 500 {
		_, err := w.rows.WriteTo(w.scratch)
		return 1, err
	}
	return 1, nil
}

func (w *eagerWriter) Flush() error {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	w.all.open--
	if _, err := w.scratch.Seek(0, io.SeekStart); err != nil {
		return err
	}
	all, err := io.ReadAll(w.scratch)
	all = append(all, w.rows.Bytes()...)
	for row, n := range w.all.breaks {
		if n > 0 && bytes.Contains(all, []byte(row)) {
			w.all.breaks[row]--
			return errors.New("the file is lost")
		}
	}
	_, writeErr := w.out.Write(all)
	return errors.Join(err, writeErr, w.scratch.(io.Closer).Close())
}

// atSeal hides that a writer could be fed early.
type atSeal struct {
	jetcapture.FormattedDataWriter[string]
	jetcapture.BufferedWriter
}

// eager returns options for lines through writers that may be fed early. Messages that they refuse become dead letters.
func (r *rig) eager(all *eagers) jetcapture.Options[string, string] {
	o := r.lines(&counted{}, declared)
	o.Poison = jetcapture.PoisonDeadLetter
	o.WriterFactory = func() jetcapture.FormattedDataWriter[string] { return &eagerWriter{all: all} }
	return o
}

// files returns the data files in a bucket by their names.
func files(t *testing.T, b bucket.Bucket) map[string]string {
	t.Helper()
	got := map[string]string{}
	for info, err := range b.List(context.Background(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(info.Name, "s.") {
			continue
		}
		body, err := b.Open(context.Background(), info.Name, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(body)
		if err := errors.Join(err, body.Close()); err != nil {
			t.Fatal(err)
		}
		got[info.Name] = string(data)
	}
	return got
}

// TestEagerWriters: the files of blocks that are written while they are open are the same as those written at the seal.
// With parts that holds without poison messages only, because a block that is written at the seal counts them in its
// part.
func TestEagerWriters(t *testing.T) {
	for _, parts := range []int{0, 30} {
		t.Run(fmt.Sprint(parts), func(t *testing.T) {
			r := newRig(t)
			poison := 0
			for i := range 900 {
				data := fmt.Sprintf("payload %d of some length", i)
				if parts == 0 && i%100 == 7 {
					data = "unwritable"
					poison++
				}
				r.store(oracle.Message{Subject: fmt.Sprintf("s.%d", i%9), Data: []byte(data)})
			}
			all := &eagers{}
			o := r.eager(all)
			o.MaxMessages = parts
			s := capture(r, o)
			a := r.wantLines()
			if all.most < 4 || all.most > 5 || all.open != 0 { // one is at work at the seal
				t.Errorf("%d writers were open at a time, %d are", all.most, all.open)
			}
			if len(letters(t, a)) != poison || s.Repositions != 0 {
				t.Errorf("%d dead letters, stats %+v", len(letters(t, a)), s)
			}
			early := files(t, r.bucket)
			r.bucket = bucket.NewMem()
			o = r.eager(&eagers{})
			o.MaxMessages = parts
			made := o.WriterFactory
			o.WriterFactory = func() jetcapture.FormattedDataWriter[string] {
				w := made().(*eagerWriter)
				return atSeal{w, w}
			}
			capture(r, o)
			r.wantLines()
			if late := files(t, r.bucket); !maps.Equal(early, late) {
				t.Errorf("%d files, and %d when they are written at the seal, are not the same", len(early), len(late))
			}
		})
	}
}

// TestEagerWriterLosesItsFile: messages that a panic or a failing Flush has spoilt are read again and written at the
// seal. Only the message that is to blame is left out.
func TestEagerWriterLosesItsFile(t *testing.T) {
	for name, lose := range map[string]func(all *eagers) (payload string){
		"panic": func(*eagers) string { return "panicking" },
		"Flush": func(all *eagers) string { all.breaks = map[string]int{"payload 50": 1}; return "unwritable" },
	} {
		for _, workers := range []int{0, 4} {
			t.Run(fmt.Sprint(name, workers), func(t *testing.T) {
				r := newRig(t)
				all := &eagers{}
				bad := lose(all)
				for i := range 200 {
					data := fmt.Sprintf("payload %d", i)
					if i == 70 {
						data = bad
					}
					r.store(oracle.Message{Subject: fmt.Sprintf("s.%d", i%2), Data: []byte(data)})
				}
				o := r.eager(all)
				o.DecodeWorkers = workers
				s := capture(r, o)
				a := r.wantLines()
				if len(letters(t, a)) != 1 || s.Repositions != 1 || all.open != 0 {
					t.Errorf("%d dead letters, %d writers are open, stats %+v", len(letters(t, a)), all.open, s)
				}
			})
		}
	}
}

// TestEagerWritersRedo: a process that writes at the seal finishes a cut whose files were written early, and the other
// way round.
func TestEagerWritersRedo(t *testing.T) {
	for _, limit := range []int64{0, 1 << 20} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			r := newRig(t)
			for i := range 300 {
				r.store(oracle.Message{Subject: fmt.Sprintf("s.%d", i%3), Data: fmt.Appendf(nil, "payload %d", i)})
			}
			o := r.eager(&eagers{})
			o.MemoryLimit = 1<<20 - limit
			interrupt(r, o, 1)
			o = r.eager(&eagers{})
			o.MemoryLimit = limit
			if s := capture(r, o); s.Redone != 1 {
				t.Errorf("stats %+v", s)
			}
			r.wantLines()
		})
	}
}

// TestEagerWritersStop: a stop stores the open blocks.
func TestEagerWritersStop(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	all := &eagers{}
	o := r.eager(all)
	o.Once, o.MaxAge = false, time.Hour
	run := start(r, r.nc, o)
	run.untilRead(100)
	run.finish()
	r.wantLines()
	if all.open != 0 {
		t.Errorf("%d writers are open", all.open)
	}
}
