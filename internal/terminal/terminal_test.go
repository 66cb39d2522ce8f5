package terminal

import (
	"slices"
	"strings"
	"testing"
)

func TestWidth(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "é": 1, "e\u0301": 1, "東京": 4, "█→": 2, "🍕": 2} {
		if got := Width(text); got != want {
			t.Errorf("%q is %d columns wide, want %d", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"abcdef", 6, "abcdef"},
		{"abcdefg", 6, "abc..."},
		{"東京東京", 7, "東京..."},
		{"東京東京", 6, "東..."},
		{"abcdef", 2, ".."},
		{"abcdef", 0, ""},
		{"abcdef", -1, ""},
	} {
		if got := Cut(c.text, c.width); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, nil},
		{"one two three", 7, []string{"one two", "three"}},
		{"a verylongword b", 5, []string{"a", "veryl", "ongwo", "rd b"}},
		{"東京東京", 5, []string{"東京", "東京"}},
		{"ab", 0, []string{"a", "b"}},
	} {
		if got := Wrap(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("Wrap(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

// TestPrintable: nothing that a terminal would obey is left, and what it shows stays as it is.
func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"orders.eu": "orders.eu", "東京 é": "東京 é",
		"\x1b[2J": `\x1b[2J`, "a\nb\tc": `a\nb\tc`, "\xff\x9b": `\xff\x9b`,
		"\u009b31m": `\u009b31m`, "\u202egnp.exe": `\u202egnp.exe`,
	} {
		if got := Printable(text); got != want {
			t.Errorf("Printable(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	got := parse("q\x1b[A\x1b[B\x1bOAj\x03\x1b[5~\x1b[6~")
	if want := []Key{'q', Up, Down, Up, 'j', Interrupt, PageUp, PageDown}; !slices.Equal(got, want) {
		t.Errorf("keys %v, want %v", got, want)
	}
	if got := parse("\x1b[15~q"); len(got) != 0 { // F5: what follows in the same read is not taken for keys
		t.Errorf("keys %v of a sequence that means nothing here", got)
	}
	if strings.Contains(enter+leave, "\n") {
		t.Error("switching moves the cursor")
	}
}
