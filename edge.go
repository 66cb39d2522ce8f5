package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
)

// The type parameters P and K end in this file. Behind it, a payload is a slot of a batch, a key is a number, and a
// panic of the user's code is an error.

// user is the decoder, the keys and the writers of some options, as internal/capture sees them.
type user[P Payload, K DestKey] struct {
	opts   *Options[P, K]
	parsed bool // the decoder gets of a header what the client parses, as in plans of earlier versions
}

// NewBatch implements capture.User.
func (u user[P, K]) NewBatch() capture.Batch { return &batch[P, K]{opts: u.opts, parsed: u.parsed} }

// NewKeys implements capture.User.
func (u user[P, K]) NewKeys() capture.Keys {
	return &keys[P, K]{opts: u.opts, groups: map[K]capture.Group{}, paths: map[string]capture.Group{}}
}

// NewWriter implements capture.User.
func (u user[P, K]) NewWriter() (w capture.Writer, err error) {
	made := u.opts.WriterFactory()
	if made == nil {
		return nil, errors.New("WriterFactory returns nil")
	}
	return &writer[P]{made}, nil
}

// form returns what shapes the bytes of the files under these options.
func (o *Options[P, K]) form() capture.Form {
	return capture.Form{
		User: user[P, K]{opts: o}, Compression: string(o.Compression), Level: o.CompressionLevel, Suffix: o.Suffix,
	}
}

// item is what the decoder made of one message. If err is set, there is neither payload nor key.
type item[P Payload, K DestKey] struct {
	payload P
	key     K
	err     error
}

// batch implements capture.Batch.
type batch[P Payload, K DestKey] struct {
	opts   *Options[P, K]
	parsed bool         // as in user
	items  []item[P, K] // a slot for each message
}

// Reset implements capture.Batch. The room of a batch grows in powers of two: that is a few steps, and little for a
// stream that brings little.
func (b *batch[P, K]) Reset(n int) {
	clear(b.items)
	if n > cap(b.items) {
		b.items = make([]item[P, K], n, 1<<bits.Len(uint(n-1)))
	}
	b.items = b.items[:n]
}

// Decode implements capture.Batch.
func (b *batch[P, K]) Decode(i int, m *reader.Message) error {
	it := &b.items[i]
	if m.Header != nil {
		it.err = errors.New("the header cannot be parsed")
		return it.err
	}
	defer func() {
		if r := recover(); r != nil {
			it.err = &capture.PanicError{Who: "decoder", Value: r}
		}
	}()
	msg := m.Msg
	if m.Block != "" && !b.parsed {
		msg = withBlock(m)
	}
	it.payload, it.key, it.err = b.opts.MessageDecoder(msg)
	return it.err
}

// withBlock returns the message as a decoder gets it if its header says more than the client has parsed.
func withBlock(m *reader.Message) *nats.Msg {
	return &nats.Msg{
		Subject: m.Msg.Subject, Reply: m.Msg.Reply, Header: wire.WithBlock(m.Msg.Header, m.Block),
		Data: m.Msg.Data, Sub: m.Msg.Sub,
	}
}

// Write implements capture.Batch.
func (b *batch[P, K]) Write(i int, w capture.Writer) (rows int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &capture.PanicError{Who: "writer", Value: r}
		}
	}()
	return w.(*writer[P]).w.Write(b.items[i].payload)
}

// writer implements capture.Writer.
type writer[P Payload] struct{ w FormattedDataWriter[P] }

// Start implements capture.Writer.
func (w *writer[P]) Start(out io.Writer) error {
	return guard(func() error { return w.w.InitNew(out) })
}

// Finish implements capture.Writer.
func (w *writer[P]) Finish() error { return guard(w.w.Flush) }

// Held implements capture.Writer.
func (w *writer[P]) Held() capture.Held {
	if b, ok := w.w.(BufferedWriter); !ok || !b.Buffered() {
		return capture.HoldsNothing
	}
	if e, ok := w.w.(EagerWriter); ok {
		return capture.Held(max(1, e.Held()))
	}
	return capture.HoldsUnknown
}

// guard calls f, which calls the user's code, and turns a panic into an error.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &capture.PanicError{Value: r}
		}
	}()
	return f()
}

// keys implements capture.Keys.
type keys[P Payload, K DestKey] struct {
	opts   *Options[P, K]
	groups map[K]capture.Group
	paths  map[string]capture.Group // with an archive: keys with equal paths share a group
	known  []group[K]               // by capture.Group
}

// group is a key, or several keys that share their directories.
type group[K DestKey] struct {
	key    K             // the first of them
	parts  []cutlog.Text // the key as a plan keeps it
	path   string        // with an archive: the directory of the key, without the window
	broken error         // why the key cannot be a path
}

// Group implements capture.Keys.
func (k *keys[P, K]) Group(b capture.Batch, i int) (capture.Group, error) {
	it := &b.(*batch[P, K]).items[i]
	if it.err != nil {
		return 0, it.err
	}
	n, ok := k.groups[it.key]
	if !ok {
		n = k.add(it.key)
	}
	return n, k.known[n].broken
}

// add gives a number to a new key. A key that is not equal to itself, such as NaN, is new each time.
func (k *keys[P, K]) add(key K) capture.Group {
	g := group[K]{key: key}
	n := capture.Group(len(k.known))
	if k.opts.Store != nil {
		g.parts = []cutlog.Text{cutlog.Text(fmt.Sprint(key))}
	} else {
		g.parts, g.path, g.broken = k.opts.Archive.keyPath(key)
		if g.broken == nil { // a broken key has the empty path, like a key without segments
			if same, ok := k.paths[g.path]; ok {
				k.groups[key] = same
				return same
			}
			k.paths[g.path] = n
		}
	}
	k.known = append(k.known, g)
	k.groups[key] = n
	return n
}

// Dir implements capture.Keys.
func (k *keys[P, K]) Dir(n capture.Group, window int64) (dir string, key []cutlog.Text, err error) {
	g := &k.known[n]
	if k.opts.Store != nil {
		return engine.WindowDir(window), g.parts, nil
	}
	dir, err = k.opts.Archive.dir(g.parts, g.path, window)
	return dir, g.parts, err
}

// Freeze implements capture.Keys.
func (k *keys[P, K]) Freeze() { k.groups, k.paths = nil, nil }

// Store implements capture.Keys.
func (k *keys[P, K]) Store(ctx context.Context, n capture.Group, body io.Reader, dir, name string) (string, error) {
	return k.opts.Store.Write(ctx, body, k.known[n].key, dir, name)
}
