package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/form"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/nats-io/nats.go"
)

const (
	dryMessages = 1000 // how many messages a dry run reads at most
	dryShown    = 10   // files and poison messages that it prints, at most
	dryRows     = 2    // rows that it prints, and rows with values that do not fit
	dryWidth    = 400  // bytes of a row that it prints
)

// rehearsal is what a dry run finds. Its JSON is for scripts: fields are added, never renamed.
type rehearsal struct {
	Stream   string      `json:"stream"`
	Capture  string      `json:"capture"`
	Output   string      `json:"output"`   // nothing is stored there
	Messages int64       `json:"messages"` // that were read
	Last     uint64      `json:"last"`     // stream sequence of the last one
	More     uint64      `json:"more"`     // sequences of the stream behind it
	Keys     []string    `json:"keys"`     // the sources of the directories
	Columns  []string    `json:"columns"`  // name and type
	Files    []dryFile   `json:"files"`
	Header   string      `json:"header,omitempty"` // of the rows
	Rows     []dryRow    `json:"rows"`
	Rescued  int64       `json:"rescued"` // rows with values that do not fit their columns
	Misfits  []dryRow    `json:"misfits"` // a few of these
	Poison   []dryPoison `json:"poison"`
	Policy   string      `json:"policy"` // for poison messages
	Warnings []string    `json:"warnings"`

	preview *form.Preview
	root    string
	sources []drySource
}

type dryFile struct {
	Path     string   `json:"path"`
	Key      []string `json:"key"`
	Messages int64    `json:"messages"`
	Rows     int64    `json:"rows"`
	Bytes    int64    `json:"bytes"` // as stored
	Dead     bool     `json:"dead,omitempty"`
}

type dryRow struct {
	Seq uint64 `json:"seq"`
	Row string `json:"row"` // as CSV or JSON, whatever the format of the files is
}

type dryPoison struct {
	Seq     uint64 `json:"seq"`
	Subject string `json:"subject"`
	Error   string `json:"error"`
}

// dryRuns shows what captures would store, one after the other.
func (r *runner) dryRuns(ctx context.Context, all []*settings) (err error) {
	all, err = matchingNow(ctx, all, r.screen)
	for _, s := range all {
		if one := r.dryRun(ctx, s); one != nil {
			err = errors.Join(err, s.named([]error{one})[0])
		}
	}
	return err
}

// dryRun shows what a capture would store, from a sample of the stream. It makes the files in memory, and neither opens
// the output nor creates a consumer.
func (r *runner) dryRun(ctx context.Context, s *settings) error {
	nc, apiPrefix, err := natsconn.Connect(s.nats.named("jetcapture dry run"), r.log)
	if err != nil {
		return err
	}
	defer nc.Close()
	what := s.capture // a copy
	what.library.APIPrefix, what.library.Sample = apiPrefix, dryMessages
	policy := what.library.Poison
	if policy == jetcapture.PoisonFail { // it would end at the first one
		what.library.Poison = jetcapture.PoisonDeadLetter
	}
	found := newRehearsal(&what, string(policy))
	var rescued atomic.Int64
	store := bucket.NewMem()
	found.root = store.String() + "/"
	// The rehearsal prints poison messages; the log would repeat each as a warning.
	log := slog.New(slog.NewTextHandler(r.screen, &slog.HandlerOptions{Level: slog.LevelError}))
	o := what.captureOptions(store, log, form.Hooks{Rescued: func() { rescued.Add(1) }})
	found.watch(&o)
	capture := o.Build()
	if err := capture.Run(ctx, nc); err != nil {
		return advise(err)
	}
	st := capture.Stats()
	found.Messages, found.Last, found.More, found.Rescued = st.Messages, st.LastSeq, st.Lag, rescued.Load()
	if err := found.warn(ctx, &what, nc, apiPrefix); err != nil {
		return advise(err)
	}
	if r.settings.json {
		return json.NewEncoder(printableJSON{r.stdout}).Encode(found)
	}
	found.print(r.stdout)
	return nil
}

// newRehearsal begins a rehearsal. Its lists are never null in JSON.
func newRehearsal(s *captureSettings, policy string) *rehearsal {
	f, _ := s.effective()
	d := &rehearsal{
		Stream: s.library.NATSStreamName, Capture: s.name(), Output: s.output, Policy: policy,
		Keys: []string{}, Columns: append([]string{}, f.ColumnTypes()...), Files: []dryFile{}, Rows: []dryRow{},
		Misfits: []dryRow{}, Poison: []dryPoison{}, Warnings: []string{}, preview: f.Preview(), sources: drySources(f),
	}
	d.Header = d.preview.Header()
	for _, k := range f.Keys {
		d.Keys = append(d.Keys, k.String())
	}
	return d
}

// watch lets the capture's hooks and decoder fill in what comes.
func (d *rehearsal) watch(o *form.Options) {
	o.DecodeWorkers = 1
	o.Hooks = jetcapture.Hooks{
		BlockStored: func(b jetcapture.BlockStored) {
			d.Files = append(d.Files, dryFile{
				Path: strings.TrimPrefix(b.Location, d.root), Key: append([]string{}, b.Key...), Messages: b.Messages,
				Rows: b.Rows, Bytes: b.Size, Dead: b.Dead,
			})
		},
		Poison: func(p jetcapture.PoisonMessage) {
			d.Poison = append(d.Poison, dryPoison{p.Err.Seq, p.Err.Subject, p.Err.Err.Error()})
		},
	}
	decode := o.MessageDecoder
	o.MessageDecoder = func(m *nats.Msg) (form.Row, form.Key, error) {
		d.count(m)
		row, key, err := decode(m)
		if err == nil {
			d.see(m)
		}
		return row, key, err
	}
}

// see keeps the row of a message for people, if it is one of the first.
func (d *rehearsal) see(m *nats.Msg) {
	text, rescued, err := d.preview.Row(m)
	meta, noMeta := m.Metadata()
	if err != nil || noMeta != nil {
		return
	}
	row := dryRow{meta.Sequence.Stream, text}
	switch {
	case rescued && len(d.Misfits) < dryRows:
		d.Misfits = append(d.Misfits, row)
	case !rescued && len(d.Rows) < dryRows:
		d.Rows = append(d.Rows, row)
	}
}

// print prints the rehearsal for people.
func (d *rehearsal) print(w io.Writer) {
	say(w, "Dry run: nothing was stored, and no consumer was created. It has read %s of stream %s, up to sequence %d, "+
		"with %s behind that.\n", counted(d.Messages, "message"), d.Stream, d.Last, counted(int64(d.More), "sequence"))
	d.printWarnings(w)
	if d.Messages == 0 {
		return
	}
	say(w, "\nKeys: %s\n", printable(cmp.Or(strings.Join(d.Keys, ", "), "none, all messages of a window share a file")))
	if len(d.Columns) > 0 {
		say(w, "Columns: %s\n", printable(strings.Join(d.Columns, ", ")))
	}
	d.printFiles(w)
	d.printRows(w)
	if len(d.Poison) > 0 {
		say(w, "\n%s, for which --on-poison says %s:\n", counted(int64(len(d.Poison)), "poison message"), d.Policy)
	}
	for i, p := range d.Poison {
		if i == dryShown {
			say(w, "  and %s more\n", thousands(int64(len(d.Poison)-i)))
			break
		}
		say(w, "  sequence %d, %s: %s\n", p.Seq, printable(p.Subject), printable(p.Error))
	}
}

// printFiles prints the first files. A real run makes them of more messages, so only the directories are the same.
func (d *rehearsal) printFiles(w io.Writer) {
	say(w, "\n%s of these messages; a run puts more messages into each:\n", counted(int64(len(d.Files)), "file"))
	for i, f := range d.Files {
		if i == dryShown {
			say(w, "  and %s more\n", thousands(int64(len(d.Files)-i)))
			break
		}
		what := "message"
		if f.Dead {
			what = "dead letter"
		}
		say(w, "  %s   %s, %s\n", printable(f.Path), counted(f.Messages, what), byteText(f.Bytes))
	}
}

// printRows prints some rows, and some with values that do not fit.
func (d *rehearsal) printRows(w io.Writer) {
	say(w, "\nRows such as:\n")
	if d.Header != "" {
		say(w, "  %s\n", printable(d.Header))
	}
	for _, r := range d.Rows {
		say(w, "  %s\n", shortened(r.Row))
	}
	if d.Rescued > 0 {
		say(w, "\n%s with values that do not fit, in the column _rescued:\n", counted(d.Rescued, "row"))
	}
	for _, r := range d.Misfits {
		say(w, "  sequence %d: %s\n", r.Seq, shortened(r.Row))
	}
}

// shortened is a text for one or a few lines of a terminal.
func shortened(s string) string {
	if len(s) > dryWidth {
		s = strings.ToValidUTF8(s[:dryWidth], "") + "…"
	}
	return printable(s)
}
