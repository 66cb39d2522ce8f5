package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/archive"
)

// namedLives is how many lives of a stream an error names.
const namedLives = 10

// findLife returns the lives of a stream, oldest first, and the index of the one with an ID. The error of another ID
// names those that there are.
func findLife(ctx context.Context, from *archive.Capture, id string) (all []archive.Incarnation, i int, err error) {
	if all, err = from.Incarnations(ctx); err != nil {
		return nil, 0, err
	}
	i = slices.IndexFunc(all, func(in archive.Incarnation) bool { return in.Opening.Incarnation == id })
	if i >= 0 {
		return all, i, nil
	}
	var names []string
	for _, in := range all[max(len(all)-namedLives, 0):] {
		names = append(names, in.Opening.Incarnation)
	}
	have := "it has " + strings.Join(names, ", ")
	switch {
	case len(all) == 0:
		have = "it has none yet"
	case len(all) > namedLives:
		have = fmt.Sprintf("it has %d, the newest are %s", len(all), strings.Join(names, ", "))
	}
	return nil, 0, fmt.Errorf("capture %s has no incarnation %q: %s; jetcapture ls --cuts says what is in each",
		from.Name(), id, have)
}
