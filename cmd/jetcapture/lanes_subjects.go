package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go/jetstream"
)

// storedSubjects are the subjects that a stream may store: those that it listens to, as its subject mapping leaves
// them. Of what comes from other streams nothing is known.
func storedSubjects(cfg *jetstream.StreamConfig) (all []string) {
	mapping := cfg.SubjectTransform
	for _, subject := range cfg.Subjects {
		if mapping == nil || mapping.Source != "" && !wire.Covers(mapping.Source, subject) {
			all = append(all, subject)
		}
		if mapping != nil && (mapping.Source == "" || wire.Overlap(mapping.Source, subject)) {
			all = append(all, mappedSubjects(mapping.Destination)...)
		}
	}
	if cfg.Mirror != nil || len(cfg.Sources) > 0 {
		all = append(all, ">")
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// mappedTo is a function in the destination of a subject mapping.
var mappedTo = regexp.MustCompile(`(?i)^(?:\{\{\s*(wildcard|partition)\s*\(\s*(\d+)[^)]*\)\s*\}\}|\$\d+)$`)

// mostMapped bounds the subjects of a mapping.
const mostMapped = 1 << 12

// mappedSubjects are the subjects that the destination of a mapping gives: one for each partition. What it does not
// know may be several tokens.
func mappedSubjects(destination string) []string {
	all := []string{""}
	for token := range strings.SplitSeq(destination, ".") {
		texts := mappedTokens(token)
		if len(all)*len(texts) > mostMapped {
			texts = []string{"*"}
		}
		var next []string
		for _, begun := range all {
			for _, text := range texts {
				next = append(next, strings.TrimPrefix(begun+"."+text, "."))
			}
		}
		if all = next; texts[0] == ">" {
			break
		}
	}
	return all
}

// mappedTokens are what a token of a destination gives, at least one.
func mappedTokens(token string) (texts []string) {
	n, function := 0, mappedTo.FindStringSubmatch(token)
	if function != nil {
		n, _ = strconv.Atoi(function[2])
	}
	switch {
	case function != nil && strings.EqualFold(function[1], "partition") && n > 0 && n <= mostMapped:
		for part := range n {
			texts = append(texts, strconv.Itoa(part))
		}
		return texts
	case function != nil:
		return []string{"*"}
	case strings.Contains(token, "{{"):
		return []string{">"}
	}
	return []string{token}
}
