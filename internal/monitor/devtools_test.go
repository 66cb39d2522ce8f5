package monitor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// tab is a tab of a Chromium that the test drives, over the pipes of its remote debugging.
type tab struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Reader
	calls   int
	session string
}

// openTab starts a Chromium and opens a page in it, until the end of the test.
func openTab(t *testing.T, chromium, url string) *tab {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	toBrowser, in := pipe(t)
	out, fromBrowser := pipe(t)
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
		"--user-data-dir="+t.TempDir())
	cmd.ExtraFiles = []*os.File{toBrowser, fromBrowser} // 3 and 4, as Chromium expects
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &tab{t: t, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		b.session = ""
		b.call("Browser.close", nil)
		_ = cmd.Wait() // Chromium's code says nothing of the page
		cancel()
	})
	_ = toBrowser.Close() // the other ends are the browser's now, and reading ends with it
	_ = fromBrowser.Close()
	target := b.call("Target.createTarget", map[string]any{"url": "about:blank"})["targetId"]
	attached := b.call("Target.attachToTarget", map[string]any{"targetId": target, "flatten": true})
	b.session, _ = attached["sessionId"].(string)
	b.visit(url)
	return b
}

// visit opens another page.
func (b *tab) visit(url string) {
	b.t.Helper()
	if result := b.call("Page.navigate", map[string]any{"url": url}); result["errorText"] != nil {
		b.t.Fatalf("%s: %v", url, result)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

// call asks the browser for something and returns the result.
func (b *tab) call(method string, params any) map[string]any {
	b.t.Helper()
	b.calls++
	request := map[string]any{"id": b.calls, "method": method}
	if params != nil {
		request["params"] = params
	}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	text, err := json.Marshal(request)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		b.t.Fatal(err)
	}
	for {
		text, err := b.out.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: the browser does not answer: %v", method, err)
		}
		var answer struct {
			ID     int
			Result map[string]any
			Error  map[string]any
		}
		if err := json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &answer); err != nil {
			b.t.Fatal(err)
		}
		if answer.ID != b.calls {
			continue // an event
		}
		if answer.Error != nil {
			b.t.Fatalf("%s: %v", method, answer.Error)
		}
		return answer.Result
	}
}

// run runs a script in the page and returns the text that it, or its promise, comes to.
func (b *tab) run(script string) string {
	b.t.Helper()
	result := b.call("Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true})
	value, _ := result["result"].(map[string]any)
	text, ok := value["value"].(string)
	if !ok {
		b.t.Fatalf("%s comes to %v", script, result)
	}
	return text
}
