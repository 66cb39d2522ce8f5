package parquetwriter_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/parquetwriter"
)

// lender is an out that lends scratch room.
type lender struct {
	bytes.Buffer
	lent, open int
	fail       bool // the next Write fails
}

func (l *lender) Scratch() io.ReadWriteSeeker {
	l.lent++
	l.open++
	return &room{of: l}
}

func (l *lender) Write(p []byte) (int, error) {
	if l.fail {
		return 0, errors.New("no room")
	}
	return l.Buffer.Write(p)
}

type room struct {
	of   *lender
	all  []byte
	read int
}

func (r *room) Write(p []byte) (int, error) {
	r.all = append(r.all, p...)
	return len(p), nil
}

func (r *room) Seek(int64, int) (int64, error) {
	r.read = 0
	return 0, nil
}

func (r *room) Read(p []byte) (int, error) {
	n := copy(p, r.all[r.read:])
	if r.read += n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (r *room) Close() error {
	r.of.open--
	return nil
}

// A file is the same whether its pages wait in memory or in the room that out lends, and the room is given back.
func TestScratchRoom(t *testing.T) {
	first, err := parquetwriter.NewMessageWriter(parquetwriter.Options{RowGroupRows: 8000}, true)
	if err != nil {
		t.Fatal(err)
	}
	messages := benchMessages(20_000)
	var plain bytes.Buffer
	writeTo(t, first.New(), &plain, messages)
	for range 2 { // the second file takes the encoder of the first
		var lent lender
		writeTo(t, first.New(), &lent, messages)
		if !bytes.Equal(lent.Bytes(), plain.Bytes()) {
			t.Errorf("%d bytes are not the %d without scratch room", lent.Len(), plain.Len())
		}
		if lent.lent == 0 || lent.open != 0 {
			t.Errorf("room was lent %d times, %d are open", lent.lent, lent.open)
		}
	}
	if held := first.Held(); held < 1<<20 || held > 4<<20 {
		t.Errorf("Held = %d", held)
	}
}

// A file that is lost gives its room back, too.
func TestScratchRoomOfALostFile(t *testing.T) {
	w, err := parquetwriter.NewMessageWriter(parquetwriter.Options{}, false)
	if err != nil {
		t.Fatal(err)
	}
	var lent lender
	if err := w.InitNew(&lent); err != nil {
		t.Fatal(err)
	}
	for _, m := range benchMessages(20_000) {
		if _, err := w.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	lent.fail = true
	if err := w.Flush(); err == nil || lent.lent == 0 || lent.open != 0 {
		t.Errorf("Flush = %v; room was lent %d times, %d are open", err, lent.lent, lent.open)
	}
}

// A row that was not ended, as after a recovered panic, ends the file.
func TestTornRow(t *testing.T) {
	w, err := parquetwriter.NewMessageWriter(parquetwriter.Options{}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.InitNew(&bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	m := &parquetwriter.Message{Stream: "S", Seq: 1, Time: time.Unix(1, 0), Subject: "s"}
	if _, err := w.Write(m); err != nil {
		t.Fatal(err)
	}
	parquetwriter.TearRow(w)
	if _, err := w.Write(m); err == nil {
		t.Error("a row after half of one: no error")
	}
	if err := w.Flush(); err == nil {
		t.Error("end of a file with half of a row: no error")
	}
}

func writeTo(t *testing.T, w *parquetwriter.MessageWriter, out io.Writer, messages []*parquetwriter.Message) {
	t.Helper()
	if err := w.InitNew(out); err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if _, err := w.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}
