package jetcapture_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
)

func TestEscapePathStaysBelow(t *testing.T) {
	seen := map[string]string{}
	hostile := []string{
		"", ".", "..", "../x", "a/b", `a\b`, "a%2Fb", "_jetcapture", ".hidden", "NUL", "con", "\x00", "\xff", "é",
		strings.Repeat("x", 300), strings.Repeat("x", 301),
	}
	for _, key := range hostile {
		segment := jetcapture.EscapePath(key)
		if other, ok := seen[segment]; ok {
			t.Errorf("%q and %q both become %q", key, other, segment)
		}
		seen[segment] = key
		if !filepath.IsLocal(segment) || strings.ContainsAny(segment, `/\`) {
			t.Errorf("%q becomes %q, want one segment", key, segment)
		}
		if len(segment) > 200 || strings.HasPrefix(segment, "_") {
			t.Errorf("%q becomes %q, want at most 200 bytes and no leading _", key, segment)
		}
	}
}

func ExampleEscapePath() {
	fmt.Println(jetcapture.EscapePath("eu.store-1"))
	fmt.Println(jetcapture.EscapePath("../etc/passwd"))
	// Output:
	// eu.store-1
	// %2E.%2Fetc%2Fpasswd
}
