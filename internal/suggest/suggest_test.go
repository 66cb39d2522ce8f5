package suggest_test

import (
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/suggest"
)

func TestNearest(t *testing.T) {
	words := []string{"run", "ls", "verify", "demo", "version"}
	for word, want := range map[string]string{
		"rum": "run", "verfy": "verify", "versio": "version", "l": "ls", "": "", "xyzzy": "", "ls": "ls", "zz": "",
		strings.Repeat("x", 1000): "",
	} {
		if got := suggest.Nearest(word, words, 2); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"ab", "ba", 2}} {
		if got := suggest.Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
