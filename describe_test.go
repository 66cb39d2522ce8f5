package jetcapture_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/logstore"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// described returns the records of how the stream was configured.
func (r *rig) described() (all []cutlog.StreamConfig) {
	r.t.Helper()
	log := cutlog.New(logstore.Store{Bucket: r.bucket}, "S")
	for c, err := range log.StreamConfigs(r.t.Context()) {
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// numbers are the numbers of the records, and the limits on messages that they have.
func numbers(t *testing.T, all []cutlog.StreamConfig) (ns []uint64, limits []int64) {
	t.Helper()
	for i, c := range all {
		var cfg jetstream.StreamConfig
		if err := json.Unmarshal(c.Config, &cfg); err != nil {
			t.Fatal(err)
		}
		if cfg.Name != "S" || cfg.Subjects[0] != "s.>" || c.Stream.Created.IsZero() || c.Server == "" {
			t.Errorf("record %d: %+v, configuration %+v", i, c, cfg)
		}
		ns, limits = append(ns, c.N), append(limits, cfg.MaxMsgs)
	}
	return ns, limits
}

func (r *rig) limit(messages int64) {
	r.t.Helper()
	_, err := r.js().UpdateStream(r.t.Context(), jetstream.StreamConfig{
		Name: "S", Subjects: []string{"s.>"}, MaxMsgs: messages,
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) addConsumer(name string) {
	r.t.Helper()
	_, err := r.stream().CreateConsumer(r.t.Context(), jetstream.ConsumerConfig{Durable: name, FilterSubject: "s." + name})
	if err != nil {
		r.t.Fatal(err)
	}
}

// TestConfigurationOfTheStreamIsKept: at the start and at each change, before the plan, and with the consumers of that
// moment.
func TestConfigurationOfTheStreamIsKept(t *testing.T) {
	for _, place := range []string{"memory", "folder"} {
		t.Run(place, func(t *testing.T) {
			r := newRig(t)
			if place == "folder" {
				b, err := bucket.OpenDir(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				r.bucket = b
			}
			testDescriptions(r)
		})
	}
}

func testDescriptions(r *rig) {
	t := r.t
	r.addConsumer("one")
	r.publish(10)
	capture(r, r.options()) // plan 1 opens, plan 2 has the messages
	r.addConsumer("two")    // a change of consumers alone is not kept
	r.publish(10)
	capture(r, r.options()) // plan 3
	r.limit(1000)
	r.publish(10)
	capture(r, r.options()) // plan 4
	r.publish(10)
	capture(r, r.options()) // plan 5
	r.limit(-1)
	r.publish(10)
	capture(r, r.options()) // plan 6
	all := r.described()
	ns, limits := numbers(t, all)
	if !slices.Equal(ns, []uint64{1, 4, 6}) || !slices.Equal(limits, []int64{-1, 1000, -1}) {
		t.Fatalf("records of plans %d with the limits %d", ns, limits)
	}
	for i, want := range []string{"one", "one two", "one two"} {
		var names []string
		for _, text := range all[i].Consumers {
			var c jetstream.ConsumerConfig
			if err := json.Unmarshal(text, &c); err != nil || c.FilterSubject != "s."+c.Durable {
				t.Errorf("consumer %s: %v", text, err)
			}
			names = append(names, c.Durable)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("record %d has the consumers %q, want %q", i+1, got, want)
		}
	}
	if all[0].Before != "" || all[1].Before != all[0].ID || all[2].Before != all[1].ID {
		t.Errorf("the records do not name each other: %+v", all)
	}
}

// TestConfigurationThatChangesMeanwhile: a running capture keeps it before the next plan.
func TestConfigurationThatChangesMeanwhile(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	run := start(r, r.nc, with(r.continuous(), func(o *options) { o.MaxIdle = 50 * time.Millisecond }))
	run.untilStored(10)
	r.limit(1000)
	r.publish(10)
	run.untilStored(20)
	run.finish()
	if ns, limits := numbers(t, r.described()); len(ns) != 2 || ns[1] < 3 || !slices.Equal(limits, []int64{-1, 1000}) {
		t.Errorf("records of plans %d with the limits %d", ns, limits)
	}
}

// withoutPlan is a bucket that does not take one object.
type withoutPlan struct {
	bucket.Bucket
	name string
}

func (b withoutPlan) PutNew(ctx context.Context, name string, body io.Reader, o bucket.PutOptions) error {
	if name == b.name {
		return errors.New("not now")
	}
	return b.Bucket.PutNew(ctx, name, body, o)
}

// TestDeathBetweenConfigurationAndPlan: the record is there and the plan is not. The next start finds the record, or
// puts that of a configuration which came meanwhile.
func TestDeathBetweenConfigurationAndPlan(t *testing.T) {
	for _, plan := range []uint64{1, 3} {
		for _, changes := range []bool{false, true} {
			t.Run(fmt.Sprint(plan, changes), func(t *testing.T) { testDeathBeforePlan(newRig(t), plan, changes) })
		}
	}
}

func testDeathBeforePlan(r *rig, plan uint64, changes bool) {
	r.publish(10)
	if plan > 1 {
		capture(r, r.options())
		r.limit(1000)
		r.publish(10)
	}
	run := start(r, r.nc, with(r.options(), func(o *options) {
		o.Archive.Bucket, o.DrainTimeout = withoutPlan{r.bucket, cutlog.PlanName("S", plan)}, time.Millisecond
	}))
	natstest.Eventually(r.t, patience, "the record", func() bool {
		return slices.ContainsFunc(r.names(), func(name string) bool {
			n, _, ok := cutlog.ParseStreamName(name)
			return ok && n == plan
		})
	})
	run.stop()
	_ = run.end()
	want := map[uint64][]int64{1: {-1}, 3: {-1, 1000}}[plan]
	wantN := map[uint64][]uint64{1: {1}, 3: {1, 3}}[plan]
	if r.described(); changes {
		r.limit(2000)
		want, wantN = append(want, 2000), append(wantN, plan)
	}
	capture(r, r.options())
	if ns, limits := numbers(r.t, r.described()); !slices.Equal(ns, wantN) || !slices.Equal(limits, want) {
		r.t.Errorf("records of plans %d with the limits %d", ns, limits)
	}
	r.wantAll()
}

// TestTwoWritersKeepOneConfiguration: the same name with the same bytes.
func TestTwoWritersKeepOneConfiguration(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	runs := make([]*running, 3)
	for i := range runs {
		runs[i] = start(r, r.nc, with(r.options(), func(o *options) { o.Archive.Instance = fmt.Sprint("writer", i) }))
	}
	for _, run := range runs {
		if err := run.end(); err != nil {
			t.Fatal(err)
		}
	}
	if ns, _ := numbers(t, r.described()); !slices.Equal(ns, []uint64{1}) {
		t.Errorf("records of plans %d", ns)
	}
	r.wantAll()
}

// TestConsumersThatMayNotBeListed: the configuration is kept without them, and one line says so.
func TestConsumersThatMayNotBeListed(t *testing.T) {
	r := newRig(t)
	r.server = natstest.Start(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "admin", Password: "x"},
			{Username: "reader", Password: "x", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Deny: []string{"$JS.API.CONSUMER.LIST.>"}},
			}},
		}
	})
	r.nc = r.server.Connect(nats.UserInfo("admin", "x"))
	r.createStream()
	r.addConsumer("one")
	r.publish(10)
	r.nc = r.server.Connect(nats.UserInfo("reader", "x"))
	var log bytes.Buffer
	capture(r, with(r.options(), func(o *options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) }))
	all := r.described()
	if len(all) != 1 || all[0].Consumers != nil {
		t.Errorf("records %+v", all)
	}
	if n := strings.Count(log.String(), "consumers of the stream cannot be listed"); n != 1 {
		t.Errorf("%d lines in\n%s", n, &log)
	}
}

// TestDamagedConfiguration: the capture goes on, and keeps the configuration again.
func TestDamagedConfiguration(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	capture(r, r.options())
	name := cutlog.StreamName("S", r.described()[0].ID)
	whole := r.bucket
	r.bucket = bucket.NewMem()
	for info, err := range whole.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		in, err := whole.Open(t.Context(), info.Name, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err := errors.Join(err, in.Close()); err != nil {
			t.Fatal(err)
		}
		if info.Name == name {
			data[len(data)/2] ^= 1
		}
		if err := r.bucket.PutNew(t.Context(), info.Name, bytes.NewReader(data), bucket.PutOptions{Size: -1}); err != nil {
			t.Fatal(err)
		}
	}
	r.publish(10)
	capture(r, r.options())
	r.wantAll()
	newest, err := cutlog.New(logstore.Store{Bucket: r.bucket}, "S").NewestStreamConfig(t.Context())
	if err != nil || newest.N != 3 || cutlog.StreamName("S", newest.Before) != name {
		t.Errorf("newest record %+v, %v", newest, err)
	}
}
