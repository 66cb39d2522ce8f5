package logstore_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/logstore"
)

var _ cutlog.Store = logstore.Store{}

func TestStore(t *testing.T) {
	s := logstore.Store{Bucket: bucket.NewMem()}
	for _, name := range []string{"log/1", "log/2", "other/1"} {
		if err := s.PutNew(t.Context(), name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutNew(t.Context(), "log/1", nil); !errors.Is(err, cutlog.ErrExists) {
		t.Errorf("a name that is taken: %v, want cutlog.ErrExists", err)
	}
	if data, err := s.Get(t.Context(), "log/2"); err != nil || string(data) != "log/2" {
		t.Errorf("Get = %q, %v, want log/2", data, err)
	}
	if _, err := s.Get(t.Context(), "log/3"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name that is not there: %v, want fs.ErrNotExist", err)
	}
	var names []string
	for name, err := range s.List(t.Context(), "log/", "log/1") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if len(names) != 1 || names[0] != "log/2" {
		t.Errorf("List = %v, want log/2", names)
	}
}

// overwriting is a bucket whose store overwrites what is put in parts.
type overwriting struct{ *bucket.Mem }

func (overwriting) Probe(context.Context, string) error {
	return fmt.Errorf("probe: %w", bucket.ErrOverwrites)
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		b    bucket.Bucket
		fine bool
	}{{bucket.NewMem(), true}, {overwriting{bucket.NewMem()}, false}} {
		s := logstore.Store{Bucket: tt.b}
		if err := s.PutNew(t.Context(), cutlog.FormatName("S"), nil); err != nil {
			t.Fatal(err)
		}
		var none *cutlog.NoCreateOnlyError
		if err := cutlog.New(s, "S").Probe(t.Context()); tt.fine != (err == nil) || !tt.fine && !errors.As(err, &none) {
			t.Errorf("Probe = %v", err)
		}
	}
}
