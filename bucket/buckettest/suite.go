package buckettest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

// comparedPiece is how much of a large object is compared at a time.
const comparedPiece = 64 << 10

// Suite is the conformance suite with its sizes. Zero sizes mean the defaults.
type Suite struct {
	// Open returns an empty bucket. It is called once for each test and registers its own cleanup with t.
	Open func(t *testing.T) bucket.Bucket

	// LargeSize is the size of the one large object, 8 MiB by default.
	LargeSize int64

	// Names is the number of objects to list, 2000 by default. Listing in pages needs more than a page of the store.
	Names int

	// Racers is the number of goroutines that put the same name at once, 16 by default. At least two must get to read
	// their bodies at the same time.
	Racers int

	// Rounds is the number of such races, 8 by default.
	Rounds int
}

// Run runs the suite with its default sizes. Each test calls open for an empty bucket of its own.
func Run(t *testing.T, open func(t *testing.T) bucket.Bucket) {
	t.Helper()
	Suite{Open: open}.Run(t)
}

// Run runs every test of the suite as a subtest of t.
func (s Suite) Run(t *testing.T) {
	t.Helper()
	s.setDefaults()
	for _, test := range []struct {
		name string
		run  func(*testing.T, bucket.Bucket)
	}{
		{"PutOpenStat", testPutOpenStat},
		{"Metadata", testMetadata},
		{"Empty", testEmpty},
		{"Large", s.testLarge},
		{"UnknownSize", testUnknownSize},
		{"Range", testRange},
		{"Missing", testMissing},
		{"OddNames", testOddNames},
		{"InvalidNames", testInvalidNames},
		{"Immutable", testImmutable},
		{"Race", s.testRace},
		{"BrokenBody", testBrokenBody},
		{"CancelledBefore", testCancelledBefore},
		{"CancelledDuring", testCancelledDuring},
		{"List", testList},
		{"ListMany", s.testListMany},
		{"ListStops", testListStops},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s.Open(t)) })
	}
}

func (s *Suite) setDefaults() {
	setDefault(&s.LargeSize, 8<<20)
	setDefault(&s.Names, 2000)
	setDefault(&s.Racers, 16)
	setDefault(&s.Rounds, 8)
}

func setDefault[T int | int64](value *T, def T) {
	if *value == 0 {
		*value = def
	}
}

// mustPut stores content under a free name.
func mustPut(t *testing.T, b bucket.Bucket, name string, content []byte) {
	t.Helper()
	if err := put(t.Context(), b, name, content); err != nil {
		t.Fatalf("PutNew(%q) = %v, want nil", name, err)
	}
}

func put(ctx context.Context, b bucket.Bucket, name string, content []byte) error {
	return b.PutNew(ctx, name, bytes.NewReader(content), bucket.PutOptions{Size: int64(len(content))})
}

// wantContent fails the test unless the object holds exactly content.
func wantContent(t *testing.T, b bucket.Bucket, name string, content []byte) {
	t.Helper()
	got, err := read(t.Context(), b, name, 0, -1)
	if err != nil {
		t.Fatalf("read %q: %v", name, err)
	}
	if !bytes.Equal(got, content) {
		t.Fatalf("%q holds %d bytes %.40q, want %d bytes %.40q", name, len(got), got, len(content), content)
	}
	info, err := b.Stat(t.Context(), name)
	if err != nil || info.Size != int64(len(content)) || info.Name != name {
		t.Fatalf("Stat(%q) = %+v, %v, want the name and size %d", name, info, err, len(content))
	}
}

func read(ctx context.Context, b bucket.Bucket, name string, offset, length int64) ([]byte, error) {
	r, err := b.Open(ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// wantNothing fails the test unless the name is free and nothing is listed.
func wantNothing(t *testing.T, b bucket.Bucket, name string) {
	t.Helper()
	if _, err := b.Stat(t.Context(), name); !errors.Is(err, bucket.ErrNotExist) {
		t.Errorf("Stat(%q) = %v, want ErrNotExist", name, err)
	}
	if r, err := b.Open(t.Context(), name, 0, -1); !errors.Is(err, bucket.ErrNotExist) {
		t.Errorf("Open(%q) = %v, %v, want ErrNotExist", name, r, err)
	}
	if names := list(t, b, "", ""); len(names) > 0 {
		t.Errorf("List yields %q, want nothing", names)
	}
}

// list returns the names that a listing yields.
func list(t *testing.T, b bucket.Bucket, prefix, after string) []string {
	t.Helper()
	var names []string
	for info, err := range b.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatalf("List(%q, %q) after %d names: %v", prefix, after, len(names), err)
		}
		names = append(names, info.Name)
	}
	return names
}

// wantStream compares an object with what it should hold, piece by piece.
func wantStream(t *testing.T, b bucket.Bucket, name string, want io.Reader) {
	t.Helper()
	r, err := b.Open(t.Context(), name, 0, -1)
	if err != nil {
		t.Fatalf("Open(%q) = %v", name, err)
	}
	defer func() { _ = r.Close() }()
	got, wanted := make([]byte, comparedPiece), make([]byte, comparedPiece)
	for at := 0; ; at += comparedPiece {
		n, err := io.ReadFull(r, got)
		m, wantErr := io.ReadFull(want, wanted)
		if !bytes.Equal(got[:n], wanted[:m]) {
			t.Fatalf("%q differs in the %d bytes from %d on; %d bytes were read there, %v", name, m, at, n, err)
		}
		if err != nil || wantErr != nil {
			if !isEnd(err) || !isEnd(wantErr) {
				t.Fatalf("read %q: %v, want it to end as what was put: %v", name, err, wantErr)
			}
			return
		}
	}
}

//nolint:errorlint // io.ReadFull returns them itself
func isEnd(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

// noise returns bytes that do not compress, the same for the same seed.
func noise(seed byte, size int64) []byte {
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte{seed})
	_, _ = source.Read(data) // never fails
	return data
}

// tape yields the same noise again and again. Its period does not divide the size of any part of an upload, so swapped
// parts are noticed.
type tape struct {
	noise []byte
	at    int
}

func (r *tape) Read(p []byte) (int, error) {
	n := copy(p, r.noise[r.at:])
	r.at = (r.at + n) % len(r.noise)
	return n, nil
}

// tapeFrom returns size bytes of the tape from an offset on.
func tapeFrom(offset, size int64) io.Reader {
	const period = 100_003 // a prime
	return io.LimitReader(&tape{noise(1, period), int(offset % period)}, size)
}
