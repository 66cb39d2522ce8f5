package buckettest

import (
	"errors"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

func testRange(t *testing.T, b bucket.Bucket) {
	mustPut(t, b, "range", []byte("0123456789"))
	for _, test := range []struct {
		offset, length int64
		want           string
	}{
		{0, -1, "0123456789"},
		{0, 10, "0123456789"},
		{0, 11, "0123456789"},
		{0, 1 << 40, "0123456789"},
		{0, 0, ""},
		{0, 1, "0"},
		{3, 4, "3456"},
		{3, -1, "3456789"},
		{9, 1, "9"},
		{9, 5, "9"},
		{10, -1, ""},
		{10, 1, ""},
		{11, -1, ""},
		{1 << 40, 1 << 40, ""},
		{5, 0, ""},
	} {
		got, err := read(t.Context(), b, "range", test.offset, test.length)
		if err != nil || string(got) != test.want {
			t.Errorf("range %d, %d is %q, %v, want %q", test.offset, test.length, got, err, test.want)
		}
	}
	for _, bad := range [][2]int64{{-1, -1}, {0, -2}, {-1 << 63, 1}} {
		if got, err := read(t.Context(), b, "range", bad[0], bad[1]); !bucket.IsPermanent(err) {
			t.Errorf("range %d, %d is %q, %v, want a permanent error", bad[0], bad[1], got, err)
		}
	}
}

func testMissing(t *testing.T, b bucket.Bucket) {
	wantNothing(t, b, "missing")
	mustPut(t, b, "dir/object", []byte("x"))
	for _, name := range []string{"dir", "dir/objec", "dir/object2", "dir/object/below", "di"} {
		if _, err := b.Stat(t.Context(), name); !errors.Is(err, bucket.ErrNotExist) || !bucket.IsPermanent(err) {
			t.Errorf("Stat(%q) = %v, want ErrNotExist", name, err)
		}
		if _, err := b.Open(t.Context(), name, 0, -1); !errors.Is(err, bucket.ErrNotExist) {
			t.Errorf("Open(%q) = %v, want ErrNotExist", name, err)
		}
	}
}

// oddNames are valid names that drivers often mistreat.
func oddNames() []string {
	segment := strings.Repeat("s", bucket.MaxSegment)
	longest := strings.Repeat(segment+"/", 4) + strings.Repeat("n", bucket.MaxName-4*(len(segment)+1))
	return []string{
		"%2e%2e%2f%2e%2e", "%", "%zz/%41", "a b/ c /d ", "plus+plus", "question?x=y&z=#fragment", "colon:name", "tilde~1",
		"~",
		"-rf", "--", "$(id)", "`id`", "a'b\"c", "<>|*", "semi;colon,comma=eq@at!", "...", "a..b/..c/d..", ".hidden/.x",
		"Ünïcödé/日本語/🍕", "e\u0301/\u00e9", "\u202egpj.exe",
		"_jetcapture/x/log/00000000000000000001.plan.json.gz",
		"_deadletter/x/2026/01/02/03/04/y.ndjson.gz",
		"key=value/2026/01/02/03/04/x-0a1b2c3d-00000000000000000001-00000000000000000009.csv",
		"__gosj__", "CAPS/caps/x", "2" + segment[1:] + "/" + segment, longest,
	}
}

func testOddNames(t *testing.T, b bucket.Bucket) {
	want := oddNames()
	for _, name := range want {
		mustPut(t, b, name, []byte("content of "+name))
	}
	for _, name := range want {
		wantContent(t, b, name, []byte("content of "+name))
		if err := put(t.Context(), b, name, nil); !errors.Is(err, bucket.ErrExists) {
			t.Errorf("second PutNew(%q) = %v, want ErrExists", name, err)
		}
	}
	wantNames(t, list(t, b, "", ""), want)
}

// hostileNames are names that must never reach a store.
func hostileNames() []string {
	segment := strings.Repeat("s", bucket.MaxSegment)
	return []string{
		"", "/", "/etc/passwd", "//x", "a/", "a//b", "a/b/", ".", "..", "./a", "../a", "a/../b", "a/./b", "a/..",
		"../../../../tmp/x",
		"nul\x00", "a\x00/b", "line\nfeed", "esc\x1b[2J", "del\x7f", "bad\xffutf8", "back\\slash", "..\\..\\x",
		segment + "s", "a/" + segment + "s/b", strings.Repeat("a/", bucket.MaxName/2) + "b", strings.Repeat("x", 70_000),
	}
}

func testInvalidNames(t *testing.T, b bucket.Bucket) {
	for _, name := range hostileNames() {
		err := put(t.Context(), b, name, []byte("x"))
		_, openErr := b.Open(t.Context(), name, 0, -1)
		_, statErr := b.Stat(t.Context(), name)
		for call, err := range map[string]error{"PutNew": err, "Open": openErr, "Stat": statErr} {
			if !errors.Is(err, bucket.ErrPermanent) || errors.Is(err, bucket.ErrNotExist) || errors.Is(err, bucket.ErrExists) {
				t.Errorf("%s(%.40q) = %v, want a permanent error", call, name, err)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x00\n\x1b") {
				t.Errorf("%s(%.40q): the error holds control characters: %q", call, name, err)
			}
		}
	}
	if names := list(t, b, "", ""); len(names) > 0 {
		t.Errorf("List yields %q, want nothing", names)
	}
}
