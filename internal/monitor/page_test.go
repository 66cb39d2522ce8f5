package monitor

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
)

// TestPagePolicy: a browser runs the script and the style of the page and nothing else, and the page asks for nothing.
func TestPagePolicy(t *testing.T) {
	var b Board
	code, body, header := get(t, handler(&b, false), "/")
	if code != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		t.Fatalf("code %d, %s", code, header.Get("Content-Type"))
	}
	policy := header.Get("Content-Security-Policy")
	for _, want := range []string{
		"default-src 'none'", "script-src 'sha256-", "style-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("no %s in the policy %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %s", policy)
	}
	for _, never := range []string{
		"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", " style=\"", " onclick",
		"http:", "https:", "<link", "<img", "src=",
	} {
		if strings.Contains(body, never) {
			t.Errorf("the page has %q", never)
		}
	}
	for _, element := range []string{"script", "style"} {
		if n := strings.Count(body, "<"+element+">"); n != 1 {
			t.Errorf("the page has %d elements %s, and the policy knows the hash of one", n, element)
		}
	}
}

// TestPageKnowsTheStatus: each field that the page reads is one that the status has.
func TestPageKnowsTheStatus(t *testing.T) {
	var b Board
	running(&b, func(*jetcapture.Stats) {})
	_, status, _ := get(t, handler(&b, false), "/status")
	fields := regexp.MustCompile(`\b(?:c|status)\.([a-z_]+)(?:\.([a-z_]+))?`).FindAllStringSubmatch(string(pageHTML), -1)
	if len(fields) < 20 {
		t.Fatalf("found only %d fields", len(fields))
	}
	js := map[string]bool{"length": true, "reduce": true, "map": true}
	for _, f := range fields {
		for _, name := range f[1:] {
			if name != "" && !js[name] && !strings.Contains(status, `"`+name+`":`) {
				t.Errorf("the page reads %s, which the status does not have", f[0])
			}
		}
	}
}
