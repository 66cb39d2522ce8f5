package cutlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// streamConfig is a record with a number beyond 2^53 in its configuration.
func streamConfig() cutlog.StreamConfig {
	return cutlog.StreamConfig{
		N: 3, Before: "00000000000000000001-0123abcd", Server: "2.15.3",
		Stream: cutlog.Stream{Name: "ORDERS", Created: time.Date(2024, 5, 6, 9, 8, 9, 123456789, time.FixedZone("", 7200))},
		Config: json.RawMessage(`{"name":"ORDERS","subjects":["orders.>"],"max_msgs":9007199254740993,` +
			`"metadata":{"_nats.ver":"2.15.3","team":"a"}}`),
		Consumers: []json.RawMessage{json.RawMessage(`{"durable_name":"archive","ack_policy":"explicit"}`)},
	}
}

func TestStreamConfigOfALog(t *testing.T) {
	store := newMemStore()
	log := cutlog.New(store, "ORDERS")
	rec, err := cutlog.EncodeStreamConfig("ORDERS", streamConfig())
	if err != nil {
		t.Fatal(err)
	}
	again, err := cutlog.EncodeStreamConfig("ORDERS", streamConfig())
	if err != nil || again.Name != rec.Name || !bytes.Equal(again.Data, rec.Data) {
		t.Errorf("the same record is %s and %s, %v", rec.Name, again.Name, err)
	}
	n, id, ok := cutlog.ParseStreamName(rec.Name)
	if !ok || n != 3 || id != "00000000000000000003-"+rec.Sum[:8] || cutlog.StreamName("ORDERS", id) != rec.Name {
		t.Errorf("name %s is parsed as %d, %s, %v", rec.Name, n, id, ok)
	}
	if won, err := log.Put(t.Context(), rec); err != nil || !won {
		t.Fatal(won, err)
	}
	got, err := log.NewestStreamConfig(t.Context())
	want := streamConfig()
	if err != nil || got.ID != id || got.N != 3 || got.Before != want.Before ||
		!got.Describes(want.Stream.Created, want.Config) ||
		len(got.Consumers) != 1 || !got.Stream.Created.Equal(want.Stream.Created) {
		t.Errorf("got %+v, %v", got, err)
	}
	other := cutlog.StreamName("ORDERS", "00000000000000000004"+id[20:])
	if err := store.PutNew(t.Context(), other, rec.Data); err != nil {
		t.Fatal(err)
	}
	var corrupt *cutlog.CorruptError
	if _, err := log.ReadStreamConfig(t.Context(), other); !errors.As(err, &corrupt) {
		t.Errorf("a record under another number: %v", err)
	}
	if got, err := log.NewestStreamConfig(t.Context()); err != nil || got.N != 4 || got.Config != nil {
		t.Errorf("a damaged record is read as %+v, %v", got, err)
	}
}

// TestOrderOfStreamConfigs: several records may have one number, if a writer died before its plan.
func TestOrderOfStreamConfigs(t *testing.T) {
	log := cutlog.New(newMemStore(), "S")
	var want []string
	c := streamConfig()
	for i, n := range []uint64{1, 2, 2, 2, 2, 5} {
		c.N, c.Config = n, json.RawMessage([]string{`{"a":1}`, `{"a":2}`}[i%2])
		rec, err := cutlog.EncodeStreamConfig("S", c)
		if err != nil {
			t.Fatal(err)
		}
		if won, err := log.Put(t.Context(), rec); err != nil || !won {
			t.Fatal(won, err)
		}
		_, c.Before, _ = cutlog.ParseStreamName(rec.Name)
		want = append(want, c.Before)
	}
	i := 0
	for c, err := range log.StreamConfigs(t.Context()) {
		if err != nil || c.ID != want[i] {
			t.Errorf("record %d is %s, %v, want %s", i, c.ID, err, want[i])
		}
		i++
	}
	newest, err := log.NewestStreamConfig(context.Background())
	if i != len(want) || err != nil || newest.ID != want[i-1] {
		t.Errorf("%d records, the newest is %s, %v", i, newest.ID, err)
	}
}

func TestStreamConfigDescribes(t *testing.T) {
	c := streamConfig()
	created := c.Stream.Created.UTC()
	for config, want := range map[string]bool{
		string(c.Config): true,
		`{"subjects":["orders.>"],"name":"ORDERS","max_msgs":9007199254740993,"metadata":{"team":"a"}}`:   true,
		`{"subjects":["orders.>"],"name":"ORDERS","max_msgs":9007199254740993,"metadata":{"team":"b"}}`:   false,
		`{"subjects":["orders.>"],"name":"ORDERS","max_msgs":9007199254740992,"metadata":{"team":"a"}}`:   false,
		`{"subjects":["orders.>"],"name":"ORDERS","max_msgs":9007199254740993,"metadata":{"_nats.x":""}}`: false,
	} {
		if got := c.Describes(created, []byte(config)); got != want {
			t.Errorf("%s: %v, want %v", config, got, want)
		}
	}
	if c.Describes(created.Add(1), c.Config) {
		t.Error("a stream of another time is the same")
	}
	if (&cutlog.StreamConfig{N: 1, Stream: c.Stream}).Describes(created, nil) {
		t.Error("a damaged record says something")
	}
}

func TestStreamConfigRefuses(t *testing.T) {
	for name, change := range map[string]func(c *cutlog.StreamConfig){
		"number": func(c *cutlog.StreamConfig) { c.N = 0 },
		"before": func(c *cutlog.StreamConfig) { c.Before = "1-0123abcd" },
		"list":   func(c *cutlog.StreamConfig) { c.Config = json.RawMessage(`[]`) },
		"null":   func(c *cutlog.StreamConfig) { c.Config = json.RawMessage(`null`) },
		"none":   func(c *cutlog.StreamConfig) { c.Config = nil },
		"stream": func(c *cutlog.StreamConfig) { c.Stream = cutlog.Stream{} },
	} {
		c := streamConfig()
		change(&c)
		if _, err := cutlog.EncodeStreamConfig("S", c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, name := range []string{
		"", "_jetcapture/S/stream/", "_jetcapture/S/stream/1-0123abcd.json",
		"_jetcapture/S/log/00000000000000000001-0123abcd.json",
		"_jetcapture/S/stream/00000000000000000001-0123abcD.json", "_jetcapture/S/stream/00000000000000000000-0123abcd.json",
		"_jetcapture/S/stream/x/00000000000000000001-0123abcd.json", "_jetcapture/stream/00000000000000000001-0123abcd.json",
		"_jetcapture/S/stream/00000000000000000001-0123abcd.json.gz", "stream/00000000000000000001-0123abcd.json",
	} {
		if n, id, ok := cutlog.ParseStreamName(name); ok {
			t.Errorf("%q is %d, %s", name, n, id)
		}
	}
}
