package monitor

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
)

// pageHTML is the page: one file, without a build step and without the network.
//
//go:embed page.html
var pageHTML []byte

// newPage returns the handler of the page. Its policy lets a browser run the script and the style of this very file and
// nothing else, so that no text in a status can become code.
func newPage() http.Handler {
	policy := "default-src 'none'; script-src " + hashOf("script") + "; style-src " + hashOf("style") +
		"; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(pageHTML) // the client may have gone
	})
}

// hashOf returns the hash of what an element of the page holds, as a policy names it. The page has one of each.
func hashOf(element string) string {
	_, after, _ := bytes.Cut(pageHTML, []byte("<"+element+">"))
	content, _, _ := bytes.Cut(after, []byte("</"+element+">"))
	sum := sha256.Sum256(content)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
