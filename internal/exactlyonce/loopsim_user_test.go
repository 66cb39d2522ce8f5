package exactlyonce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// user is a library user's code: it makes a line of JSON of a message. Its version decides the grouping, so that a redo
// by another version shows whether it groups as the plan says.
type user struct{ version int }

// row is a line of a data file.
type row struct {
	Seq     uint64
	Subject string
	Val     int
}

// settingsOf returns what a plan keeps of a form.
func settingsOf(f capture.Form) cutlog.Settings {
	s := cutlog.Settings{cutlog.SettingCompression: f.Compression, cutlog.SettingSuffix: f.Suffix}
	s.SetUser(cutlog.SettingFormat, cutlog.FormatNDJSON)
	return s
}

// formOf is the FormOf of the simulation.
func formOf(planned cutlog.Settings) (capture.Form, error) {
	return capture.Form{User: user{}, Compression: planned.Compression(), Suffix: planned[cutlog.SettingSuffix]}, nil
}

// readRow is the oracle.RowFunc of rows.
func readRow(line []byte) (oracle.Message, error) {
	var r row
	err := json.Unmarshal(line, &r)
	return oracle.Message{Seq: r.Seq, Subject: r.Subject, Data: fmt.Append(nil, r.Val)}, err
}

// NewBatch implements capture.User.
func (user) NewBatch() capture.Batch { return &batch{} }

// NewKeys implements capture.User.
func (u user) NewKeys() capture.Keys { return &keys{version: u.version} }

// NewWriter implements capture.User.
func (user) NewWriter() (capture.Writer, error) { return &lines{}, nil }

// batch implements capture.Batch.
type batch struct {
	rows []row
	errs []error
}

// Reset implements capture.Batch.
func (b *batch) Reset(n int) { b.rows, b.errs = make([]row, n), make([]error, n) }

// Decode implements capture.Batch.
func (b *batch) Decode(i int, m *reader.Message) error {
	val, err := strconv.Atoi(string(m.Msg.Data))
	if err != nil {
		return err
	}
	switch decoded := (message{val: val}); {
	case decoded.skipped():
		b.errs[i] = capture.ErrSkip
	case decoded.poison():
		b.errs[i] = errors.New("poison")
	}
	b.rows[i] = row{m.Seq, m.Msg.Subject, val}
	return b.errs[i]
}

// Write implements capture.Batch.
func (b *batch) Write(i int, w capture.Writer) (int, error) {
	return 1, json.NewEncoder(w.(*lines).out).Encode(b.rows[i])
}

// keys implements capture.Keys.
type keys struct {
	version int
	dirs    []string
}

// Group implements capture.Keys.
func (k *keys) Group(b capture.Batch, i int) (capture.Group, error) {
	items := b.(*batch)
	if items.errs[i] != nil {
		return 0, items.errs[i]
	}
	dir := []string{items.rows[i].Subject, fmt.Sprint("even-", items.rows[i].Val%2 == 0), "all"}[k.version]
	g := slices.Index(k.dirs, dir)
	if g < 0 {
		g = len(k.dirs)
		k.dirs = append(k.dirs, dir)
	}
	return capture.Group(g), nil
}

// Dir implements capture.Keys.
func (k *keys) Dir(g capture.Group, window int64) (string, []cutlog.Text, error) {
	dir := k.dirs[g]
	return strings.ReplaceAll(dir, ".", "-") + "/" + engine.WindowDir(window), []cutlog.Text{cutlog.Text(dir)}, nil
}

// Freeze implements capture.Keys.
func (k *keys) Freeze() { k.dirs = nil }

// Store implements capture.Keys.
func (*keys) Store(context.Context, capture.Group, io.Reader, string, string) (string, error) {
	panic("not for an archive")
}

// lines implements capture.Writer.
type lines struct{ out io.Writer }

// Start implements capture.Writer.
func (l *lines) Start(out io.Writer) error {
	l.out = out
	return nil
}

// Finish implements capture.Writer.
func (*lines) Finish() error { return nil }

// Held implements capture.Writer.
func (*lines) Held() capture.Held { return capture.HoldsNothing }
