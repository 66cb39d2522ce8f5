package main

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
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

// upgradeConfig is the configuration of the stream.
const upgradeConfig = `{"name":"ORDERS","subjects":["orders.>"],"retention":"limits","storage":"file",` +
	`"num_replicas":1,"max_msgs":-1,"max_bytes":-1,"max_consumers":-1,"max_msg_size":-1,"max_msgs_per_subject":-1,` +
	`"discard":"old"}`

// restoreStream makes the stream ORDERS of upgradeMessages, with their sequences and times.
func restoreStream(t *testing.T, nc *nats.Conn) {
	t.Helper()
	c, err := restore.ParseStreamConfig([]byte(upgradeConfig))
	must(t, err)
	_, err = restore.Run(natstest.Context(t), nc, asItems(upgradeMessages()), restore.Options{Config: c})
	must(t, err)
}

// TestFirstArchive: the oldest archive that was kept, of 2026-11-24 07:15, is restored and continued. Nobody has its
// stream any more, so what it is compared with comes from itself.
func TestFirstArchive(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "archive")
	must(t, os.CopyFS(folder, os.DirFS("../../archive/testdata/archive")))
	before := planned(t, folder, "ORDERS")
	srv := natstest.Start(t)
	config := filepath.Join(t.TempDir(), "stream.json")
	must(t, os.WriteFile(config, []byte(upgradeConfig), 0o600))
	readingRun(t, "restore", folder, "--stream-name", "ORDERS", "--stream-config", config, "--nats-server", srv.URL(),
		"--verify")
	natstest.Publish(t, srv.Connect(), 3, func(i int) *nats.Msg {
		return &nats.Msg{Subject: fmt.Sprintf("orders.%d.new", i), Data: []byte("{}")}
	})
	captureOnce(t, srv, folder, "--key", "subject[2]")
	if got := planned(t, folder, "ORDERS"); got != before+3 {
		t.Errorf("the archive had %d messages, and has %d", before, got)
	}
	readingRun(t, "verify", folder, "--against-stream", "--nats-server", srv.URL())
}
