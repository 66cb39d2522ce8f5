package main

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
)

// serviceSettings say how a running capture shows itself, and whom it tells what it has stored.
type serviceSettings struct {
	micro    bool
	stream   string // of events
	file     string // of events
	webhook  string // URL
	position string // file
	secret   string // that signs the webhook's events
}

// check returns what is wrong with the settings of a capture of a stream.
func (s *serviceSettings) check(captured string) (problems []error) {
	if s.stream != "" && s.stream == captured {
		problems = append(problems, errors.New("--events-stream: is the stream that is captured; events need another one"))
	}
	if (s.webhook == "") != (s.position == "") {
		problems = append(problems, errors.New("--events-webhook: needs --events-position, and the other way round"))
	}
	if u, err := url.Parse(s.webhook); s.webhook != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http") {
		problems = append(problems, errors.New("--events-webhook: is not a URL of http or https"))
	}
	return problems
}

// checkPositions returns which captures keep the position of their webhook in the same file.
func checkPositions(all []*settings) (problems []error) {
	owner := map[string]*settings{}
	for _, s := range all {
		if s.service.position == "" {
			continue
		}
		path := filepath.Clean(s.service.position)
		if other := owner[path]; other != nil {
			problems = append(problems, fmt.Errorf("--events-position: captures %s and %s have the same file, which keeps the "+
				"position of one; give each a file of its own", other.unit(), s.unit()))
			continue
		}
		owner[path] = s
	}
	return problems
}

func (s *serviceSettings) options() []option {
	return []option{
		{
			name: "micro", value: boolean(&s.micro),
			help: "show the capture as a micro service of NATS: nats micro ls and nats micro stats jetcapture list it, and " +
				"nats request jetcapture.flush.CAPTURE '' makes a cut at once",
		},
		{
			name: "events-stream", arg: "NAME", value: text(&s.stream),
			help: "tell what is stored by CloudEvents in this stream, which takes jetcapture.events.>: each exactly once",
		},
		{
			name: "events-file", arg: "FILE", value: text(&s.file),
			help: "append CloudEvents to this file, a line each",
		},
		{
			name: "events-webhook", env: "JETCAPTURE_EVENTS_WEBHOOK", arg: "URL", value: text(&s.webhook),
			help: "post CloudEvents to this URL, each at least once",
		},
		{
			name: "events-position", arg: "FILE", value: text(&s.position),
			help: "file that keeps how far the webhook is",
		},
		{
			name: "events-secret", env: "JETCAPTURE_EVENTS_SECRET", envOnly: true, value: text(&s.secret),
			help: "signs the events of the webhook with an HMAC",
		},
	}
}
