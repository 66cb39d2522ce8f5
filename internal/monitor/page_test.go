package monitor

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/status"
)

// someFleet is a fleet that has everything: a pattern, a capture of it that nobody has, and one whose worker ends it.
func someFleet(name string) *status.Fleet {
	now, streams := time.Now(), int64(2)
	return &status.Fleet{
		Stream: "JETCAPTURE_FLEET", Lease: 30, Total: 7, Worker: "a" + name, State: status.Standby, Seen: &now,
		Tasks: []status.FleetTask{
			{Name: "streams of s", Worker: "b", Since: &now, Status: &status.TaskStatus{State: "follows", Streams: &streams}},
			{Name: "behind", Worker: "b", Since: &now, Status: &status.TaskStatus{State: "reading" + name, Lag: 4711}},
			{Name: "ending", Worker: "b", Since: &now, Ending: "moved"},
			{Name: "orphan" + name, Pattern: "streams of s"},
			{Name: "stray", Foreign: true},
			{Name: "failing", Failed: &status.Failing{Times: 3, Error: "no stream" + name, Again: now.Add(time.Minute)}},
		},
		Workers: []status.FleetWorker{{Name: "a", Room: 50}, {Name: "b", Host: "h" + name, Drained: true, Tasks: 3}},
	}
}

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
	b.Fleet = func() *status.Fleet { return someFleet("") }
	_, served, _ := get(t, handler(&b, false), "/status")
	field := regexp.MustCompile(`\b(?:c|fleet|task|worker|status)\.([a-z_]+)(?:\.([a-z_]+))?`)
	fields := field.FindAllStringSubmatch(string(pageHTML), -1)
	if len(fields) < 20 {
		t.Fatalf("found only %d fields", len(fields))
	}
	js := map[string]bool{"length": true, "reduce": true, "map": true, "filter": true}
	for _, f := range fields {
		for _, name := range f[1:] {
			if name != "" && !js[name] && !strings.Contains(served, `"`+name+`":`) {
				t.Errorf("the page reads %s, which the status does not have", f[0])
			}
		}
	}
}
