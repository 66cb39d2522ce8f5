package crashtest_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// serverVar makes this test binary a nats-server that can be killed. Its value is a serverConfig as JSON.
const serverVar = "JETCAPTURE_CRASH_SERVER"

type serverConfig struct {
	Port     int
	StoreDir string
}

// serve runs that server.
func serve(config string) error {
	var c serverConfig
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return err
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "crashtest", Host: "127.0.0.1", Port: c.Port, JetStream: true, StoreDir: c.StoreDir, NoLog: true,
		NoSigs: true,
	})
	if err != nil {
		return err
	}
	srv.Start()
	srv.WaitForShutdown()
	return nil
}

// serverProcess is a nats-server in a process of its own.
type serverProcess struct {
	*testing.T
	config serverConfig
	child  *crashtest.Child
}

func startServer(t *testing.T) *serverProcess {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &serverProcess{T: t, config: serverConfig{Port: l.Addr().(*net.TCPAddr).Port, StoreDir: t.TempDir()}}
	l.Close()
	s.start()
	return s
}

func (s *serverProcess) start() {
	s.Helper()
	config, err := json.Marshal(s.config)
	if err != nil {
		s.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	s.child = crashtest.Start(s, exe, []string{serverVar + "=" + string(config)})
	natstest.Eventually(s, crashtest.Patience, "connection to the server", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.config.Port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (s *serverProcess) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", s.config.Port) }

const serverKills = 5 // of each mode and seed

// TestServerKilled kills the server of a stream with one replica again and again, under load. The server still has what
// it has acknowledged, which only a crash of its machine could take, and everything is captured once.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	n := max(*seeds, 1)
	counts := newTally()
	t.Run("seeds", func(t *testing.T) {
		for seed := *fromSeed; seed < *fromSeed+n; seed++ {
			for _, m := range []mode{modes()[0], modes()[3]} {
				t.Run(fmt.Sprintf("%d-%s", seed, m.name), func(t *testing.T) {
					t.Parallel()
					testServerKilled(t, m, seed, counts)
				})
			}
		}
	})
	counts.report(t, "kills of the server", "ends")
}

func testServerKilled(t *testing.T, m mode, seed uint64, counts *tally) {
	r := rand.New(rand.NewPCG(seed, 3))
	srv := startServer(t)
	nc := natstest.Connect(t, srv.url())
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "BASE", Retention: m.retention})
	load := crashtest.StartLoad(t, natstest.Connect(t, srv.url(), nats.Name("load")), 500,
		func(i int) string { return fmt.Sprintf("base.%d", i%4) })
	b := bucket.NewMem()
	c := run(t, natstest.Connect(t, srv.url()), "BASE", b,
		func(o *options) { o.NATSConsumerName, o.MaxAge = m.consumer(), 500*time.Millisecond })
	for range serverKills {
		cuts := c.capture.Stats().Cuts
		c.until("a cut", func(s jetcapture.Stats) bool { return s.Cuts > cuts })
		<-time.After(time.Duration(r.IntN(500)) * time.Millisecond)
		srv.child.Kill()
		srv.start()
		counts.add("kills of the server", 1)
	}
	all := load.Stop()
	c.stored(all[len(all)-1].Seq)
	c.stop()
	a := crashtest.ReadBucket(t, b, "BASE")
	crashtest.ExactlyOnce(t, a, all)
	if lost := a.Lost(); len(lost) > 0 || a.Absent() > 0 || len(a.Incarnations()) != 1 {
		t.Errorf("lost %v, absent %d, incarnations %v: the stream has lost nothing", lost, a.Absent(), a.Incarnations())
	}
	counts.add("messages", len(all))
	counts.add("ends", 1)
}
