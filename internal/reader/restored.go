package reader

import (
	"encoding/json"
	"fmt"
	"strings"
)

// RestoredKey is the metadata of a stream that jetcapture restore has made.
const RestoredKey = "io.jetcapture.restored"

// upTo is what RestoredMark ends with, and the sequence.
const upTo = ", up to %d"

// RestoredMark says what a whole stream is restored from, up to which sequence.
func RestoredMark(capture, incarnation string, last uint64) string {
	return fmt.Sprintf("capture %s, incarnation %s"+upTo, capture, incarnation, last)
}

// Restoring returns an error if the stream is being restored, or its restore was broken off: what comes is older than
// what is there.
func (i *StreamInfo) Restoring() error {
	last := restoredTo(i.Config)
	if i.LastSeq >= last {
		return nil
	}
	return fmt.Errorf("stream %s is being restored, or a restore of it was broken off: it has sequences up to %d of %d; "+
		"wait for the restore, or delete the stream and restore it again", i.Name, i.LastSeq, last)
}

// restoredTo returns the sequence that a mark in the configuration of a stream names, or 0.
func restoredTo(config string) (last uint64) {
	var c struct {
		Metadata map[string]string `json:"metadata"`
	}
	if !strings.Contains(config, RestoredKey) || json.Unmarshal([]byte(config), &c) != nil {
		return 0
	}
	mark := c.Metadata[RestoredKey]
	if _, err := fmt.Sscanf(mark[max(strings.LastIndex(mark, ", "), 0):], upTo, &last); err != nil {
		return 0
	}
	return last
}
