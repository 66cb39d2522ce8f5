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

// Restoring returns an error if the stream is one that is being restored, or whose restore was broken off: what comes is
// older than what is there.
func (i *StreamInfo) Restoring() error {
	var config struct {
		Metadata map[string]string `json:"metadata"`
	}
	if !strings.Contains(i.Config, RestoredKey) || json.Unmarshal([]byte(i.Config), &config) != nil {
		return nil
	}
	mark := config.Metadata[RestoredKey]
	at := strings.LastIndex(mark, ", ")
	var last uint64
	if at < 0 {
		return nil
	}
	if n, err := fmt.Sscanf(mark[at:], upTo, &last); n != 1 || err != nil || i.LastSeq >= last {
		return nil
	}
	return fmt.Errorf("stream %s is being restored, or a restore of it was broken off: it has sequences up to %d of %d; "+
		"wait for the restore, or delete the stream and restore it again", i.Name, i.LastSeq, last)
}
