package jetcapture_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
)

// hostileKeys returns keys that try to leave the root, to reach other files, or to meet another key.
func hostileKeys() []string {
	keys := []string{
		"", ".", "..", "...", "/", "//", "a/b", "a//b", "/a", "a/", "../../etc/passwd", "..\\..\\x", "a/../../b",
		"C:\\x", "C:", "~", "~root", "\x00", "a\x00b", "\n", "a\nb", "\xff\xfe", "a\xffb", "ü", "u\u0308", "\u202e",
		" ", "a ", " a", "a.", ".a", "a..b", "a.b", "_", "_jetcapture", "_jetcapture/S/log", "_deadletter", "__",
		"%5Fjetcapture", "%", "%2e%2e", "%252e", "is~empty", "is%7Eempty", "CON", "con", "Con.txt", "NUL", "AUX", "PRN",
		"COM1", "LPT9", "COM10", "CONX", "-", "-rf", "*", "?", "<>|\"", "a:b", "$(x)", "`x`", "{}", "#", "A", "a",
		"2026", "2026/11/24", "S-00000000-00000000000000000001-00000000000000000002.ndjson.gz", "s.1",
	}
	for _, n := range []int{100, 119, 120, 121, 199, 200, 201, 255, 256, 1000, 5000} {
		long := strings.Repeat("k", n)
		keys = append(keys, long, strings.Repeat("/", n), strings.Repeat("ü", n), long+"x")
	}
	return keys
}

// TestHostileKeys captures into a real directory. Each key must get a directory of its own below the root.
func TestHostileKeys(t *testing.T) {
	r := newRig(t)
	keys := hostileKeys()
	r.publish(2*len(keys), "s.a")
	outside := t.TempDir()
	root := filepath.Join(outside, "deep", "root")
	dir, err := bucket.OpenDir(root)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := dir.Close(); err != nil {
			t.Error(err)
		}
	}()
	r.bucket = dir
	o := r.options()
	o.MessageDecoder = keyed(func(seq uint64) string { return keys[int(seq)%len(keys)] })
	s := capture(r, o)
	a := r.wantAll()
	if s.Dead+s.Skipped != 0 {
		t.Errorf("stats %+v", s)
	}
	files := a.Files(false)
	if len(files) != len(keys) {
		t.Errorf("%d files for %d keys", len(files), len(keys))
	}
	folders := map[string]string{} // no two keys may share one
	for _, f := range files {
		key, parts := keys[int(f.Seqs[0])%len(keys)], strings.Split(f.Name, "/")
		wantSlice(t, "key of "+f.Name, f.Key, []string{key})
		wantEqual(t, "messages in "+f.Name, len(f.Seqs), 2)
		wantEqual(t, "segments of "+f.Name, len(parts), 7)
		if other, ok := folders[parts[0]]; ok {
			t.Errorf("keys %.50q and %.50q share %s", key, other, parts[0])
		}
		folders[parts[0]] = key
		if strings.HasPrefix(parts[0], "_") || strings.HasPrefix(parts[0], ".") || len(parts[0]) > 200 {
			t.Errorf("key %.50q got the folder %s", key, parts[0])
		}
	}
	found := 0
	err = filepath.WalkDir(outside, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found++
			if !strings.HasPrefix(path, root+string(filepath.Separator)) {
				t.Errorf("%s is outside of the root", path)
			}
		}
		return err
	})
	if want := len(r.names()); err != nil || found != want {
		t.Errorf("%d files on disk, error %v, the bucket lists %d", found, err, want)
	}
}

// keyed returns a decoder of whole messages whose keys depend on the stream sequence.
func keyed[K jetcapture.DestKey](key func(seq uint64) K) func(*nats.Msg) (*jetcapture.NatsMessage, K, error) {
	whole := jetcapture.NatsToNats(jetcapture.SubjectToDestKey)
	return func(m *nats.Msg) (*jetcapture.NatsMessage, K, error) {
		p, _, err := whole(m)
		if err != nil {
			return nil, *new(K), err
		}
		return p, key(p.Metadata.Sequence.Stream), nil
	}
}

// keyedBy are the rig's options with another type of keys.
func keyedBy[K jetcapture.DestKey](r *rig, key func(seq uint64) K) jetcapture.Options[*jetcapture.NatsMessage, K] {
	o := r.options()
	return jetcapture.Options[*jetcapture.NatsMessage, K]{
		NATSStreamName: o.NATSStreamName, Compression: o.Compression, Suffix: o.Suffix, MaxAge: o.MaxAge, Once: true,
		MessageDecoder: keyed(key), WriterFactory: o.WriterFactory, Settings: o.Settings, Logger: o.Logger,
		Archive: jetcapture.ArchiveOptions[K]{Bucket: r.bucket, Instance: "one"},
	}
}

type place struct {
	Country string
	Zone    int
}

type named string

func TestKeysOfOtherTypes(t *testing.T) {
	folders := func(a *oracle.Archive) (all []string) {
		for _, f := range a.Files(false) {
			all = append(all, f.Name[:strings.Index(f.Name, "/20")])
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	t.Run("int", func(t *testing.T) {
		r := newRig(t)
		r.publish(30)
		capture(r, keyedBy(r, func(seq uint64) int { return int(seq%3) - 1 }))
		if got := folders(r.wantAll()); !slices.Equal(got, []string{"-1", "0", "1"}) {
			t.Errorf("folders %q", got)
		}
	})
	t.Run("a named string", func(t *testing.T) {
		r := newRig(t)
		r.publish(30)
		capture(r, keyedBy(r, func(seq uint64) named { return named([]string{"x", "_y"}[seq%2]) }))
		if got := folders(r.wantAll()); !slices.Equal(got, []string{"%5Fy", "x"}) {
			t.Errorf("folders %q", got)
		}
	})
	t.Run("a struct with segments", func(t *testing.T) {
		r := newRig(t)
		r.publish(30)
		o := keyedBy(r, func(seq uint64) place { return place{[]string{"de", "../fr"}[seq%2], int(seq % 3)} })
		o.Archive.Segments = func(p place) ([]string, error) {
			return []string{"country=" + p.Country, fmt.Sprint(p.Zone)}, nil
		}
		capture(r, o)
		want := []string{
			"country=..%2Ffr/0", "country=..%2Ffr/1", "country=..%2Ffr/2", "country=de/0", "country=de/1", "country=de/2",
		}
		if got := folders(r.wantAll()); !slices.Equal(got, want) {
			t.Errorf("folders %q, want %q", got, want)
		}
	})
	t.Run("a struct without segments", func(t *testing.T) {
		r := newRig(t)
		r.publish(30)
		capture(r, keyedBy(r, func(seq uint64) place { return place{"de", int(seq % 2)} }))
		if got := folders(r.wantAll()); len(got) != 2 {
			t.Errorf("folders %q", got)
		}
	})
	t.Run("different keys with one path", func(t *testing.T) {
		r := newRig(t)
		r.publish(30)
		o := keyedBy(r, func(seq uint64) int { return int(seq % 10) })
		o.Archive.Segments = func(k int) ([]string, error) { return []string{fmt.Sprint(k % 2)}, nil }
		capture(r, o)
		if a := r.wantAll(); len(a.Files(false)) != 2 {
			t.Errorf("%d files", len(a.Files(false)))
		}
	})
	t.Run("no segments", func(t *testing.T) {
		r := newRig(t)
		r.publish(30)
		o := r.options()
		o.Archive.Segments = func(string) ([]string, error) { return nil, nil }
		capture(r, o)
		a := r.wantAll()
		if f := a.Files(false); len(f) != 1 || !strings.HasPrefix(f[0].Name, "20") || len(f[0].Key) != 0 {
			t.Errorf("files %+v", f)
		}
	})
	t.Run("a key that is not equal to itself", func(t *testing.T) {
		r := newRig(t)
		r.publish(30)
		o := keyedBy(r, func(uint64) float64 { return math.NaN() })
		o.MaxMessages = 4
		capture(r, o)
		if got := folders(r.wantAll()); !slices.Equal(got, []string{"NaN"}) {
			t.Errorf("folders %q", got)
		}
	})
}

// TestManyKeys opens a block for each of 10,000 keys, most of it on disk, with few open files.
func TestManyKeys(t *testing.T) {
	r := newRig(t)
	const keys = 10_000
	r.publish(keys, "s.a")
	o := r.options()
	o.MemoryLimit, o.Compression = 4<<20, jetcapture.None
	o.MessageDecoder = keyed(func(seq uint64) string { return fmt.Sprint("k", seq%keys) })
	before := openFiles(t)
	most := 0
	o.Hooks.BlockStored = func(e jetcapture.BlockStored) {
		if e.First%1000 == 0 {
			most = max(most, openFiles(t))
		}
	}
	capture(r, o)
	if a := r.wantAll(); len(a.Files(false)) != keys {
		t.Errorf("%d files", len(a.Files(false)))
	}
	if most > before+40 { // other tests run beside this one
		t.Errorf("%d open files, before %d", most, before)
	}
}

// openFiles returns how many descriptors this process has open, or 0 if the system does not say.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
