package buckettest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
)

func testPutOpenStat(t *testing.T, b bucket.Bucket) {
	content := []byte("one line\n")
	sum := sha256.Sum256(content)
	opts := bucket.PutOptions{Size: int64(len(content)), SHA256: sum[:]}
	if err := b.PutNew(t.Context(), "a/b/c.ndjson", bytes.NewReader(content), opts); err != nil {
		t.Fatalf("PutNew = %v, want nil", err)
	}
	wantContent(t, b, "a/b/c.ndjson", content)
	info, err := b.Stat(t.Context(), "a/b/c.ndjson")
	if age := time.Since(info.ModTime); err != nil || age.Abs() > time.Hour || info.ModTime.Location() != time.UTC {
		t.Errorf("Stat = %v, %v, want a time in UTC close to now", info.ModTime, err)
	}
	if b.String() == "" {
		t.Error("String() is empty, want a path or URL")
	}
}

// testMetadata allows a store to keep no metadata. What it keeps must be what was given.
func testMetadata(t *testing.T, b bucket.Bucket) {
	given := map[string]string{"stream": "ORDERS", "first": "1", "last": "12"}
	opts := bucket.PutOptions{
		Size: 4, ContentType: "application/x-ndjson", ContentEncoding: "gzip", Metadata: given,
	}
	if err := b.PutNew(t.Context(), "meta", strings.NewReader("data"), opts); err != nil {
		t.Fatalf("PutNew = %v, want nil", err)
	}
	wantContent(t, b, "meta", []byte("data"))
	info, err := b.Stat(t.Context(), "meta")
	if err != nil {
		t.Fatalf("Stat: %v", err)
	}
	if info.ContentType != "" && info.ContentType != opts.ContentType {
		t.Errorf("content type is %q, want %q or none", info.ContentType, opts.ContentType)
	}
	for key, want := range given {
		for gotKey, got := range info.Metadata {
			if strings.EqualFold(gotKey, key) && got != want {
				t.Errorf("metadata %q is %q, want %q", key, got, want)
			}
		}
	}
	if n := len(info.Metadata); n != 0 && n < len(given) {
		t.Errorf("metadata is %v, want all of %v or none", info.Metadata, given)
	}
}

func testEmpty(t *testing.T, b bucket.Bucket) {
	mustPut(t, b, "empty", nil)
	wantContent(t, b, "empty", nil)
	if err := put(t.Context(), b, "empty", []byte("more")); !errors.Is(err, bucket.ErrExists) {
		t.Errorf("second PutNew = %v, want ErrExists", err)
	}
}

// testLarge holds the whole object neither when it puts nor when it reads back.
func (s Suite) testLarge(t *testing.T, b bucket.Bucket) {
	sum := sha256.New()
	if _, err := io.Copy(sum, tapeFrom(0, s.LargeSize)); err != nil {
		t.Fatal(err)
	}
	err := b.PutNew(t.Context(), "large", tapeFrom(0, s.LargeSize),
		bucket.PutOptions{Size: s.LargeSize, SHA256: sum.Sum(nil)})
	if err != nil {
		t.Fatalf("PutNew = %v, want nil", err)
	}
	if info, err := b.Stat(t.Context(), "large"); err != nil || info.Size != s.LargeSize {
		t.Fatalf("Stat = %+v, %v, want size %d", info, err, s.LargeSize)
	}
	wantStream(t, b, "large", tapeFrom(0, s.LargeSize))
	middle := s.LargeSize / 2
	want, err := io.ReadAll(tapeFrom(middle, 1000))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read(t.Context(), b, "large", middle, 1000); err != nil || !bytes.Equal(got, want) {
		t.Errorf("range in the middle: %d bytes, %v, want 1000 right ones", len(got), err)
	}
}

func testUnknownSize(t *testing.T, b bucket.Bucket) {
	content := noise(2, 100_000)
	if err := b.PutNew(t.Context(), "unknown", bytes.NewReader(content), bucket.PutOptions{Size: -1}); err != nil {
		t.Fatalf("PutNew = %v, want nil", err)
	}
	wantContent(t, b, "unknown", content)
}

func testImmutable(t *testing.T, b bucket.Bucket) {
	mustPut(t, b, "a/first", []byte("the first"))
	before, err := b.Stat(t.Context(), "a/first")
	if err != nil {
		t.Fatalf("Stat: %v", err)
	}
	for _, second := range []string{"the second", "the first", "", strings.Repeat("longer ", 10_000)} {
		err := put(t.Context(), b, "a/first", []byte(second))
		if !errors.Is(err, bucket.ErrExists) || !bucket.IsPermanent(err) {
			t.Errorf("PutNew over an object = %v, want ErrExists", err)
		}
	}
	wantContent(t, b, "a/first", []byte("the first"))
	after, err := b.Stat(t.Context(), "a/first")
	if err != nil || !after.ModTime.Equal(before.ModTime) {
		t.Errorf("time is %v (%v) after refused puts, want %v", after.ModTime, err, before.ModTime)
	}
}

// testRace lets many goroutines put different contents under one name: one wins, and all of its bytes are there, and no
// others.
func (s Suite) testRace(t *testing.T, b bucket.Bucket) {
	for round := range s.Rounds {
		name := fmt.Sprintf("race/%d/object", round) // a new directory each time: making it races, too
		contents := make([][]byte, s.Racers)
		errs := make([]error, s.Racers)
		meeting := newMeeting(min(2, s.Racers))
		var racers sync.WaitGroup
		for i := range s.Racers {
			contents[i] = noise(byte(i), int64(10_000+i))
			racers.Go(func() { errs[i] = race(t.Context(), b, name, contents[i], meeting) })
		}
		racers.Wait()
		wantContent(t, b, name, contents[winner(t, errs)])
	}
}

// race puts content, with at least one other racer in the middle of its own put. It repeats a put whose outcome is not
// known, as the contract asks: S3 answers 409 to a racer now and then.
func race(ctx context.Context, b bucket.Bucket, name string, content []byte, meeting *meeting) error {
	for {
		body := io.MultiReader(&hook{do: meeting.wait}, bytes.NewReader(content))
		err := b.PutNew(ctx, name, body, bucket.PutOptions{Size: int64(len(content))})
		if err == nil || bucket.IsPermanent(err) || ctx.Err() != nil {
			return err
		}
	}
}

// A meeting blocks all callers of wait until enough of them are there.
type meeting struct {
	arrived atomic.Int64
	enough  int64
	begin   chan struct{}
}

func newMeeting(enough int) *meeting {
	return &meeting{enough: int64(enough), begin: make(chan struct{})}
}

func (m *meeting) wait() {
	if m.arrived.Add(1) == m.enough {
		close(m.begin)
	}
	<-m.begin
}

// winner returns the index of the only nil in errs; all others must be ErrExists.
func winner(t *testing.T, errs []error) int {
	t.Helper()
	won, wins := -1, 0
	for i, err := range errs {
		switch {
		case err == nil:
			won = i
			wins++
		case !errors.Is(err, bucket.ErrExists):
			t.Errorf("racer %d: %v, want nil or ErrExists", i, err)
		}
	}
	if wins != 1 {
		t.Fatalf("%d of %d racers won, want exactly one", wins, len(errs))
	}
	return won
}

func testBrokenBody(t *testing.T, b bucket.Bucket) {
	errBroken := errors.New("spool is gone")
	content := noise(3, 300_000)
	size := int64(len(content))
	wrong := sha256.Sum256([]byte("something else"))
	right := func() io.Reader { return bytes.NewReader(content) }
	tests := []struct {
		name      string
		body      io.Reader
		opts      bucket.PutOptions
		want      error
		permanent bool
	}{
		{"FailsAtOnce", &failingReader{err: errBroken}, bucket.PutOptions{Size: size}, errBroken, false},
		{"FailsLate", &failingReader{right(), errBroken}, bucket.PutOptions{Size: size + 1}, errBroken, false},
		{"FailsAtTheEnd", &failingReader{right(), errBroken}, bucket.PutOptions{Size: size}, errBroken, false},
		{"FailsUnknownSize", &failingReader{right(), errBroken}, bucket.PutOptions{Size: -1}, errBroken, false},
		{"Short", right(), bucket.PutOptions{Size: size + 1}, bucket.ErrBody, true},
		{"Long", right(), bucket.PutOptions{Size: size - 1}, bucket.ErrBody, true},
		{"NotEmpty", right(), bucket.PutOptions{Size: 0}, bucket.ErrBody, true},
		{"WrongSum", right(), bucket.PutOptions{Size: size, SHA256: wrong[:]}, bucket.ErrBody, true},
		{"WrongSumUnknownSize", right(), bucket.PutOptions{Size: -1, SHA256: wrong[:]}, bucket.ErrBody, true},
		{"BadSum", right(), bucket.PutOptions{Size: size, SHA256: []byte{1}}, bucket.ErrBody, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := b.PutNew(t.Context(), "new/dir/broken", test.body, test.opts)
			if !errors.Is(err, test.want) || bucket.IsPermanent(err) != test.permanent {
				t.Errorf("PutNew = %v, want %v, permanent %t", err, test.want, test.permanent)
			}
			wantNothing(t, b, "new/dir/broken")
		})
	}
	mustPut(t, b, "new/dir/broken", content)
	wantContent(t, b, "new/dir/broken", content)
}

// failingReader ends in err where r ends.
type failingReader struct {
	r   io.Reader // nil: at once
	err error
}

func (f *failingReader) Read(p []byte) (int, error) {
	if f.r == nil {
		return 0, f.err
	}
	n, err := f.r.Read(p)
	if err == io.EOF { // readers return io.EOF itself
		err = f.err
	}
	return n, err
}

func testCancelledBefore(t *testing.T, b bucket.Bucket) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantCancelled(t, "PutNew", put(ctx, b, "cancelled", []byte("x")))
	wantNothing(t, b, "cancelled")

	mustPut(t, b, "there", []byte("x"))
	_, err := b.Open(ctx, "there", 0, -1)
	wantCancelled(t, "Open", err)
	_, err = b.Stat(ctx, "there")
	wantCancelled(t, "Stat", err)
	var listErr error
	for _, err := range b.List(ctx, "", "") {
		listErr = err
	}
	wantCancelled(t, "List", listErr)
}

// testCancelledDuring cancels between two reads of the body. Nothing may become visible, and the name stays free.
func testCancelledDuring(t *testing.T, b bucket.Bucket) {
	content := noise(4, 1<<20)
	for _, at := range []int{0, 1, len(content) / 2, len(content) - 1, len(content)} {
		t.Run(fmt.Sprintf("After%dBytes", at), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			body := io.MultiReader(bytes.NewReader(content[:at]), &hook{do: cancel}, bytes.NewReader(content[at:]))
			err := b.PutNew(ctx, "new/cancelled", body, bucket.PutOptions{Size: int64(len(content))})
			wantCancelled(t, "PutNew", err)
			wantNothing(t, b, "new/cancelled")
		})
	}
	mustPut(t, b, "new/cancelled", content)
	wantContent(t, b, "new/cancelled", content)
}

// hook is an empty reader that does something when it is read.
type hook struct{ do func() }

func (h *hook) Read([]byte) (int, error) {
	h.do()
	return 0, io.EOF
}

func wantCancelled(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) || bucket.IsPermanent(err) {
		t.Errorf("%s with an ended context = %v, want context.Canceled", what, err)
	}
}
