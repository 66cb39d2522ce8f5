package cutlog_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/cutlog"
)

func TestEscapeSegment(t *testing.T) {
	block, escaped := "S-0123abcd-00000000000000000001-00000000000000000009",
		"S%2D0123abcd%2D00000000000000000001%2D00000000000000000009"
	for in, want := range map[string]string{
		"":                    "is~empty",
		"is~empty":            "is%7Eempty",
		"orders":              "orders",
		"Orders_2=x-y.v1":     "Orders_2=x-y.v1",
		".":                   "%2E",
		"..":                  "%2E%2E",
		"...":                 "%2E.%2E",
		".hidden":             "%2Ehidden",
		"end.":                "end%2E",
		"_jetcapture":         "%5Fjetcapture",
		"_deadletter":         "%5Fdeadletter",
		"a/b":                 "a%2Fb",
		`a\b`:                 "a%5Cb",
		"a\x00b":              "a%00b",
		"\xff":                "%FF",
		"é":                   "%C3%A9",
		"e\u0301":             "e%CC%81",
		"50%":                 "50%25",
		"%2e%2e%2f":           "%252e%252e%252f",
		"a=b":                 "a=b",
		"a=b=c==":             "a=b%3Dc%3D%3D",
		"==":                  "=%3D",
		"$(id)":               "%24%28id%29",
		"\u202e":              "%E2%80%AE",
		"~root":               "%7Eroot",
		" ":                   "%20",
		"*":                   "%2A",
		">":                   "%3E",
		"CON":                 "%43ON",
		"con":                 "%63on",
		"nul.txt":             "%6Eul.txt",
		"COM1":                "%43OM1",
		"lpt9.a.b":            "%6Cpt9.a.b",
		"COM":                 "COM",
		"CONSOLE":             "CONSOLE",
		"COM10":               "COM10",
		"con ":                "con%20",
		block:                 escaped,
		block + ".ndjson.gz":  escaped + ".ndjson.gz",
		block + ".":           block + "%2E",
		block + "x":           block + "x",
		"a-b." + block + ".c": "a%2Db." + escaped + ".c",
	} {
		got := cutlog.EscapeSegment(in)
		if got != want {
			t.Errorf("EscapeSegment(%q) = %q, want %q", in, got, want)
		}
		checkSegment(t, in, got)
	}
}

func TestEscapeSegmentHashes(t *testing.T) {
	long := strings.Repeat("a", 200)
	if got := cutlog.EscapeSegment(long); got != long {
		t.Errorf("200 plain bytes became %q, want them unchanged", got)
	}
	got := cutlog.EscapeSegment(long + "b")
	if want := strings.Repeat("a", 120) + "~"; !strings.HasPrefix(got, want) || len(got) != 120+1+52 {
		t.Errorf("201 bytes became %q (%d bytes), want the first 120, ~ and 52 of base32", got, len(got))
	}
	for n := range 3 { // an escape that straddles the limit is left out whole
		got := cutlog.EscapeSegment(strings.Repeat("a", 117+n) + strings.Repeat("\xff", 99))
		prefix, _, _ := strings.Cut(got, "~")
		if i := strings.LastIndexByte(prefix, '%'); i >= 0 && i != len(prefix)-3 {
			t.Errorf("prefix %q ends in half an escape", prefix)
		}
	}
	for n := range 12 { // and so is a character
		got := cutlog.EscapeSegment(strings.Repeat("a", 108+n) + strings.Repeat("😀", 20))
		prefix, _, _ := strings.Cut(got, "~")
		if text, err := cutlog.UnescapeSegment(prefix); err != nil || !utf8.ValidString(text) || len(prefix) < 120-12 {
			t.Errorf("prefix %q is %q, %v", prefix, text, err)
		}
	}
	if _, err := cutlog.UnescapeSegment(got); err == nil {
		t.Error("UnescapeSegment took a hashed segment, want an error")
	}
}

func TestUnescapeSegmentRefuses(t *testing.T) {
	for _, segment := range []string{
		"%", "%4", "a%zz", "%41", "%2e", "_x", ".x", "x.", "a b", "CON", "a~b", "is~Empty", "", "a/b",
	} {
		if got, err := cutlog.UnescapeSegment(segment); err == nil {
			t.Errorf("UnescapeSegment(%q) = %q, want an error", segment, got)
		}
	}
}

// TestEscapeSegmentIsInjective tries many strings over an alphabet that is chosen to collide.
func TestEscapeSegmentIsInjective(t *testing.T) {
	parts := []string{
		"", ".", "_", "%", "~", "/", "2E", "%2E", "a", "A", "CON", "con", "is~empty", "\x00", "\xff", "é", "-", "=", "%3D",
		strings.Repeat("a", 119), strings.Repeat("%", 41), "S-0123abcd-00000000000000000001-00000000000000000001.",
	}
	seen := make(map[string]string)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 40_000 {
		var in strings.Builder
		for range rng.IntN(6) {
			in.WriteString(parts[rng.IntN(len(parts))])
		}
		out := cutlog.EscapeSegment(in.String())
		if before, ok := seen[out]; ok && before != in.String() {
			t.Fatalf("EscapeSegment(%q) = EscapeSegment(%q) = %q", in.String(), before, out)
		}
		seen[out] = in.String()
		checkSegment(t, in.String(), out)
	}
}

func FuzzEscapeSegment(f *testing.F) {
	for _, seed := range []string{
		"", "..", "_jetcapture", "nul.txt", "a/b\\c\x00", "\xff\xfe", strings.Repeat("é", 100),
	} {
		f.Add(seed, seed+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		outA, outB := cutlog.EscapeSegment(a), cutlog.EscapeSegment(b)
		if (a == b) != (outA == outB) {
			t.Errorf("EscapeSegment(%q) = %q, EscapeSegment(%q) = %q", a, outA, b, outB)
		}
		checkSegment(t, a, outA)
		checkSegment(t, b, outB)
	})
}

// checkSegment checks what holds for every escaped segment: it can be stored, leads nowhere else, is not the file name
// of a block, and can be undone unless it was shortened.
func checkSegment(t *testing.T, in, out string) {
	t.Helper()
	if err := cutlog.CheckName(out); err != nil {
		t.Errorf("EscapeSegment(%q) = %q: %v", in, out, err)
	}
	if strings.Contains(out, "/") || out[0] == '_' || out[0] == '.' {
		t.Errorf("EscapeSegment(%q) = %q, want no slash and no leading _ or dot", in, out)
	}
	if id, ok := cutlog.ParseBlockName(out); ok {
		t.Errorf("EscapeSegment(%q) = %q could be the file name of a block: %+v", in, out, id)
	}
	if strings.Contains(out, "~") && out != "is~empty" {
		return
	}
	if back, err := cutlog.UnescapeSegment(out); err != nil || back != in {
		t.Errorf("UnescapeSegment(%q) = %q, %v, want %q", out, back, err, in)
	}
}

func TestEscapeDir(t *testing.T) {
	long := strings.Repeat("n", cutlog.MaxSegment-5) + "=NULL"
	for in, want := range map[string]string{
		"shop=NULL":     "shop=%4EULL",
		"shop=null":     "shop=%6Eull",
		"shop=nUlL":     "shop=%6EUlL",
		"=NULL":         "=%4EULL",
		"shop=NULLs":    "shop=NULLs",
		"shop=a=NULL":   "shop=a%3DNULL",
		"NULL":          "NULL",
		"shop=%4EULL":   "shop=%254EULL",
		"_none":         "%5Fnone",
		"_x":            "%5Fx",
		"shop=_none":    "shop=_none",
		"shop=7":        "shop=7",
		"":              "is~empty",
		long[1:] + "":   strings.Repeat("n", 120) + "~" + "0",
		"nul":           "%6Eul",
		"date=2026-1-1": "date=2026-1-1",
	} {
		got := cutlog.EscapeDir(in)
		if err := cutlog.CheckName(got); err != nil {
			t.Errorf("EscapeDir(%q) = %q: %v", in, got, err)
		}
		if len(want) == 122 { // shortened
			got, want = got[:121], want[:121]
		}
		if got != want {
			t.Errorf("EscapeDir(%q) = %q, want %q", in, got, want)
		}
	}
}
