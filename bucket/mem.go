package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Mem is a Bucket in memory, for tests and examples. Its zero value is empty and ready to use. It keeps ContentType and
// Metadata.
type Mem struct {
	mu      sync.RWMutex // guards objects
	objects map[string]memObject
}

type memObject struct {
	info Info
	data []byte // immutable
}

var _ Bucket = (*Mem)(nil)

// NewMem returns an empty bucket.
func NewMem() *Mem { return new(Mem) }

// String returns "memory".
func (m *Mem) String() string { return "memory" }

// PutNew implements Bucket.
func (m *Mem) PutNew(ctx context.Context, name string, body io.Reader, opts PutOptions) error {
	if err := m.put(ctx, name, body, opts); err != nil {
		return fmt.Errorf("put %.900q in memory: %w", name, hideNotExist(err))
	}
	return nil
}

func (m *Mem) put(ctx context.Context, name string, body io.Reader, opts PutOptions) error {
	if err := errors.Join(ctx.Err(), CheckName(name)); err != nil {
		return err
	}
	if _, taken := m.object(name); taken {
		return ErrExists
	}
	data, err := io.ReadAll(CheckBody(ctx, body, opts))
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.objects[name]; taken {
		return ErrExists
	}
	if m.objects == nil {
		m.objects = make(map[string]memObject)
	}
	m.objects[name] = memObject{data: data, info: Info{
		Name:        name,
		Size:        int64(len(data)),
		ModTime:     time.Now().UTC(),
		ContentType: opts.ContentType,
		Metadata:    maps.Clone(opts.Metadata),
	}}
	return nil
}

// object looks up a name.
func (m *Mem) object(name string) (memObject, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	o, ok := m.objects[name]
	o.info.Metadata = maps.Clone(o.info.Metadata)
	return o, ok
}

// Open implements Bucket.
func (m *Mem) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	o, err := m.get(ctx, name)
	if err = errors.Join(err, CheckRange(offset, length)); err != nil {
		return nil, fmt.Errorf("open %.900q in memory: %w", name, err)
	}
	return newRangeReader(ctx, memFile{bytes.NewReader(o.data)}, o.info.Size, offset, length), nil
}

// Stat implements Bucket.
func (m *Mem) Stat(ctx context.Context, name string) (Info, error) {
	o, err := m.get(ctx, name)
	if err != nil {
		return Info{}, fmt.Errorf("stat %.900q in memory: %w", name, err)
	}
	return o.info, nil
}

func (m *Mem) get(ctx context.Context, name string) (memObject, error) {
	if err := errors.Join(ctx.Err(), CheckName(name)); err != nil {
		return memObject{}, err
	}
	o, ok := m.object(name)
	if !ok {
		return memObject{}, ErrNotExist
	}
	return o, nil
}

// List implements Bucket. It yields the objects that are there when the iteration begins.
func (m *Mem) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for _, name := range m.names(prefix, after) {
			if err := ctx.Err(); err != nil {
				yield(Info{}, fmt.Errorf("list %.900q in memory: %w", prefix, err))
				return
			}
			if o, _ := m.object(name); !yield(o.info, nil) {
				return
			}
		}
	}
}

// names returns the names that begin with prefix and are greater than after, sorted.
func (m *Mem) names(prefix, after string) []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var names []string
	for name := range m.objects {
		if strings.HasPrefix(name, prefix) && name > after {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// memFile is an open object of Mem.
type memFile struct{ *bytes.Reader }

func (memFile) Close() error { return nil }
