package main

import (
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/restore"
	"github.com/nats-io/nats.go"
)

// upgradeMessages are the stream of which each archive in testdata/upgrade was made. They never change. Some are no
// JSON, one key is a text that readers of partitions take for null, and a few sequences are gone.
func upgradeMessages() (messages []archive.Message) {
	begin := time.Date(2026, time.November, 24, 7, 0, 0, 123456789, time.UTC)
	regions := []string{"eu", "us", "NULL"}
	for seq := uint64(1); seq <= 28; seq++ {
		if seq == 4 || seq == 11 || seq == 12 {
			continue
		}
		region := regions[seq%3]
		m := archive.Message{
			Seq: seq, Time: begin.Add(time.Duration(seq) * 20 * time.Second), Subject: "orders." + region,
			Data: fmt.Appendf(nil, `{"id":%d,"region":%q,"total":%d.25}`, seq, region, 10*seq),
		}
		switch seq {
		case 3, 20:
			m.Header = map[string][]string{"Trace": {fmt.Sprint(seq), "ü"}, "Empty": {""}}
		case 8:
			m.Data = []byte{}
		case 17:
			m.Data = []byte("\xff\x00 no JSON\n")
		}
		messages = append(messages, m)
	}
	return messages
}

// asItems are messages as an archive yields them.
func asItems(messages []archive.Message) iter.Seq2[*archive.Item, error] {
	return func(yield func(*archive.Item, error) bool) {
		for _, m := range messages {
			if !yield(&archive.Item{Message: m, Fate: archive.FateStored}, nil) {
				return
			}
		}
	}
}

// restoreStream makes the stream ORDERS of upgradeMessages, with their sequences and times.
func restoreStream(t *testing.T, nc *nats.Conn) {
	t.Helper()
	config := `{"name":"ORDERS","subjects":["orders.>"],"retention":"limits","storage":"file","num_replicas":1,` +
		`"max_msgs":-1,"max_bytes":-1,"max_consumers":-1,"max_msg_size":-1,"max_msgs_per_subject":-1,"discard":"old"}`
	c, err := restore.ParseStreamConfig([]byte(config))
	must(t, err)
	_, err = restore.Run(natstest.Context(t), nc, asItems(upgradeMessages()), restore.Options{Config: c})
	must(t, err)
}
