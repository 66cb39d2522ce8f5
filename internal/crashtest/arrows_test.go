package crashtest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	keys      = 5
	roundSize = 40 // messages before each start of a child: two cuts
	partSize  = 4  // messages in a file at most
)

// mode is a way to read a stream of some retention.
type mode struct {
	name      string
	retention jetstream.RetentionPolicy
	durable   bool
}

func modes() []mode {
	return []mode{
		{"ordered-limits", jetstream.LimitsPolicy, false},
		{"durable-limits", jetstream.LimitsPolicy, true},
		{"durable-interest", jetstream.InterestPolicy, true},
		{"durable-workqueue", jetstream.WorkQueuePolicy, true},
	}
}

// deletes reports whether an ack deletes the message.
func (m mode) deletes() bool { return m.retention != jetstream.LimitsPolicy }

func (m mode) consumer() string {
	if m.durable {
		return "archive"
	}
	return ""
}

// script says at which occurrences of an arrow one child after the other dies. The first two die at the same place: the
// second one while it finishes what the first has left, if that leads it to the arrow.
type script struct {
	arrow       string
	occurrences []int
	redoes      bool                       // a child finishes a cut that was planned before
	play        func(c *capture, s script) // nil: publish and die, for each occurrence
}

func scripts() []script {
	return []script{
		{engine.BeforePlan, []int{1, 1, 2, 2}, false, nil},
		{engine.AfterPlan, []int{1, 1, 2}, true, nil},
		{engine.AfterFormat, []int{1, 1}, false, nil},
		{engine.AfterFile, []int{1, 1, 2, 7}, true, nil},
		{engine.AfterFiles, []int{1, 1, 2}, true, nil},
		{engine.AfterDone, []int{1, 1, 2}, false, nil},
		{engine.AfterAck, []int{1, 1, 2}, false, nil},
		{engine.BeforeRedo, []int{1, 1}, true, (*capture).playRedo},
		{engine.AfterLost, []int{1, 1}, true, (*capture).playLost},
	}
}

// TestArrows lets children die at every arrow of the protocol, in every mode, one after the other on the same archive.
func TestArrows(t *testing.T) {
	t.Parallel()
	srv := natstest.Start(t)
	var mu sync.Mutex
	crashes, redos := map[string]int{}, 0
	t.Run("modes", func(t *testing.T) {
		for _, m := range modes() {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				for _, s := range scripts() {
					if s.arrow == engine.AfterAck && !m.durable {
						continue // nothing is acknowledged
					}
					t.Run(s.arrow, func(t *testing.T) {
						c := newCapture(t, srv, m, s.arrow)
						c.play(s)
						if s.redoes && c.redos == 0 {
							t.Error("no cut was finished that had been planned before")
						}
						mu.Lock()
						defer mu.Unlock()
						for arrow, n := range c.crashes {
							crashes[arrow+" "+m.name] += n
						}
						redos += c.redos
					})
				}
			})
		}
	})
	for _, at := range slices.Sorted(maps.Keys(crashes)) {
		t.Logf("crashes %s: %d", at, crashes[at])
	}
	t.Logf("redos: %d", redos)
}

// TestStops stops captures at every arrow, as a first signal does. Then either everything that was read is stored, or
// the capture says that the next start has to go on, and the next start does.
func TestStops(t *testing.T) {
	t.Parallel()
	srv := natstest.Start(t)
	counts := newTally()
	t.Run("modes", func(t *testing.T) {
		for _, m := range modes() {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				for _, s := range scripts() {
					if s.arrow == engine.AfterAck && !m.durable {
						continue // nothing is acknowledged
					}
					t.Run(s.arrow, func(t *testing.T) {
						clean := newCapture(t, srv, m, "stop-"+s.arrow).playStop(s)
						counts.add("stops", 1)
						if clean {
							counts.add("clean stops", 1)
						}
					})
				}
			})
		}
	})
	counts.report(t, "stops", "clean stops")
}

// capture is one stream, its archive, and the processes that work on it.
type capture struct {
	t         *testing.T
	mode      mode
	stream    jetstream.Stream
	nc        *nats.Conn
	js        jetstream.JetStream
	url       string
	folder    string
	published []oracle.Message
	gone      []uint64 // deleted after they were planned
	files     *crashtest.Immutable
	starts    int
	crashes   map[string]int // by arrow
	redos     int
}

func newCapture(t *testing.T, srv *natstest.Server, m mode, name string) *capture {
	t.Helper()
	c := &capture{t: t, mode: m, nc: srv.Connect(), url: srv.URL(), folder: t.TempDir(), crashes: map[string]int{}}
	c.js = natstest.JetStream(t, c.nc)
	c.files = crashtest.NewImmutable(c.folder)
	name = strings.ToUpper(m.name + "-" + name)
	c.stream = natstest.CreateStream(t, c.nc,
		jetstream.StreamConfig{Name: name, Retention: m.retention, Storage: jetstream.MemoryStorage})
	if m.retention == jetstream.InterestPolicy { // without a consumer it keeps nothing
		createConsumer(t, c.stream, m.consumer())
	}
	return c
}

// createConsumer makes a consumer as an operator may.
func createConsumer(t *testing.T, s jetstream.Stream, name string, change ...func(*jetstream.ConsumerConfig)) {
	t.Helper()
	c := jetstream.ConsumerConfig{
		Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour, MaxDeliver: -1, MaxAckPending: 1_000_000,
	}
	for _, f := range change {
		f(&c)
	}
	if _, err := s.CreateConsumer(natstest.Context(t), c); err != nil {
		t.Fatal(err)
	}
}

func (c *capture) name() string { return c.stream.CachedInfo().Config.Name }

// play plays a script to its end, and judges the archive.
func (c *capture) play(s script) {
	c.t.Helper()
	if s.play != nil {
		s.play(c, s)
	} else {
		for _, n := range s.occurrences {
			c.publish()
			c.crash(s.arrow, n)
		}
	}
	if s.arrow != engine.AfterDone { // after it only acks are left to the last start
		c.publish()
	}
	c.finish()
}

// playRedo leaves a planned cut and dies before it is finished.
func (c *capture) playRedo(s script) {
	c.publish()
	c.crash(engine.AfterPlan, 2)
	for _, n := range s.occurrences {
		c.crash(s.arrow, n)
	}
}

// playLost deletes planned messages before their cut is finished: some of one file, all of another, and one more after
// the first loss was recorded.
func (c *capture) playLost(s script) {
	c.publish()
	c.crash(engine.AfterPlan, 2) // the first 20 messages are planned, message i for key i%keys
	lose := [][]uint64{{3, 4, 9, 14, 19}, {8}}
	for i, n := range s.occurrences {
		c.lose(lose[i]...)
		c.crash(s.arrow, n)
	}
}

// lose deletes messages that are planned and not stored.
func (c *capture) lose(seqs ...uint64) {
	c.t.Helper()
	for _, seq := range seqs {
		if err := c.stream.DeleteMsg(natstest.Context(c.t), seq); err != nil {
			c.t.Fatal(err)
		}
		c.gone = append(c.gone, seq)
	}
}

// playStop stops a child at the script's arrow, in a redo if there is one, and lets another one finish. It returns
// whether the first child had nothing left to do.
func (c *capture) playStop(s script) (clean bool) {
	c.t.Helper()
	c.publish()
	if s.redoes {
		c.crash(engine.AfterPlan, 2)
	}
	if s.arrow == engine.AfterLost {
		c.lose(3, 4, 9, 14, 19)
	}
	clean = c.stop(s.arrow, 1)
	c.publish()
	c.finish()
	return clean
}

func (c *capture) publish() {
	c.t.Helper()
	first := len(c.published)
	subject := func(i int) string { return fmt.Sprintf("%s.key-%d", strings.ToLower(c.name()), i%keys) }
	natstest.Publish(c.t, c.nc, roundSize, func(i int) *nats.Msg {
		i += first
		m := &nats.Msg{Subject: subject(i), Data: fmt.Appendf(nil, "message %d", i)}
		c.published = append(c.published, oracle.Message{Seq: uint64(i + 1), Subject: m.Subject, Data: m.Data})
		return m
	})
}

// start starts a child that dies at an occurrence of an arrow. Two instances take turns, so that each finds what the
// other has left.
func (c *capture) start(arrow string, occurrence int, stop ...bool) *crashtest.Child {
	c.t.Helper()
	c.starts++
	config, err := json.Marshal(map[string]any{
		"URL": c.url, "Stream": c.name(), "Consumer": c.mode.consumer(), "Folder": c.folder,
		"Instance":    fmt.Sprint("instance-", c.starts/2%2),
		"MaxMessages": partSize, "Arrow": arrow, "Occurrence": occurrence, "Stop": len(stop) > 0,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return crashtest.Start(c.t, must(c.t, built.child), []string{"JETCAPTURE_CRASH_CHILD=" + string(config)},
		"-test.run=^TestCrashChild$")
}

func (c *capture) crash(arrow string, occurrence int) {
	c.t.Helper()
	child := c.start(arrow, occurrence)
	if code := child.Wait(); !child.Killed() {
		c.t.Fatalf("start %d ended with code %d, it should have died at %s %d; it came to\n%s",
			c.starts, code, arrow, occurrence, child.Output())
	}
	c.crashes[arrow]++
	c.look(child)
}

// stop lets a child stop at an occurrence of an arrow, and returns whether it claims that nothing is left to do.
func (c *capture) stop(arrow string, occurrence int) (clean bool) {
	c.t.Helper()
	child := c.start(arrow, occurrence, true)
	code := child.Wait()
	if reached := strings.Count(child.Output(), "arrow "+arrow+"\n"); reached < occurrence {
		c.t.Fatalf("start %d came to %s %d times, not %d", c.starts, arrow, reached, occurrence)
	}
	c.look(child)
	if code != 0 && !strings.Contains(child.Output(), "next start") {
		c.t.Errorf("stopped at %s %d, its log does not mention the next start:\n%s", arrow, occurrence, child.Output())
	}
	// at that arrow the log has just been created and plans nothing
	if code == 0 && arrow != engine.AfterFormat && crashtest.Unfinished(c.folder, c.name()) {
		c.t.Errorf("stopped at %s %d, it claims to be done but leaves an unfinished plan", arrow, occurrence)
	}
	return code == 0
}

// look checks what must be true at any time.
func (c *capture) look(child *crashtest.Child) {
	c.t.Helper()
	c.redos += child.Said("finishing a cut that was planned before")
	c.files.Look(c.t)
	if !c.mode.durable {
		return
	}
	floor, err := crashtest.AckFloor(natstest.Context(c.t), c.js, c.name(), c.mode.consumer())
	if err != nil {
		c.t.Fatal(err)
	}
	to, err := crashtest.StoredTo(c.folder, c.name())
	if err != nil {
		c.t.Fatal(err)
	}
	if floor > to {
		c.t.Errorf("acknowledged up to %d, but done only up to %d", floor, to)
	}
}

// finish lets a child run to its end and judges the archive: every message is there exactly once.
func (c *capture) finish() {
	c.t.Helper()
	child := c.start("", 0)
	if code := child.Wait(); code != 0 {
		c.t.Fatalf("the last start ended with code %d", code)
	}
	c.look(child)
	a := crashtest.ReadArchive(c.t, c.folder, c.name())
	crashtest.ExactlyOnce(c.t, a, c.published)
	if last := uint64(len(c.published)); a.To() != last || len(a.Incarnations()) != 1 {
		c.t.Errorf("stored up to %d of %d, incarnations %v", a.To(), last, a.Incarnations())
	}
	lost := a.Lost()
	slices.Sort(lost["gone"])
	slices.Sort(c.gone)
	if !slices.Equal(lost["gone"], c.gone) || len(lost) > 1 || a.Absent() > 0 {
		c.t.Errorf("lost are %v, %d absent; deleted were %v", lost, a.Absent(), c.gone)
	}
	if c.mode.deletes() {
		natstest.Eventually(c.t, crashtest.Patience, "empty stream",
			func() bool { return crashtest.State(c.t, c.nc, c.name()).Msgs == 0 })
	}
}
