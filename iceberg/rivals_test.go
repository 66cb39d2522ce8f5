package iceberg_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go/table"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/iceberg"
	"go.uber.org/goleak"
)

// asProjector in the environment makes of the test binary a projector that follows the archive of a rig, until it is
// killed: the folder of the rig, and the address of the catalog.
const asProjector = "ICEBERG_TEST_AS_PROJECTOR"

func TestMain(m *testing.M) {
	if settings := os.Getenv(asProjector); settings != "" {
		folder, address, _ := strings.Cut(settings, "|")
		fmt.Fprintln(os.Stderr, follow(folder, address))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func follow(folder, address string) error {
	ctx := context.Background()
	b, err := bucket.OpenDirReadOnly(filepath.Join(folder, "archive"))
	if err != nil {
		return err
	}
	c, err := archive.Open(b).Capture("S")
	if err != nil {
		return err
	}
	cat, err := iceberg.OpenCatalog(ctx, address, nil)
	if err != nil {
		return err
	}
	p := &iceberg.Projector{
		Bucket: b, Capture: c, Place: filepath.Join(folder, "archive"), Catalog: cat,
		Table: table.Identifier{"ns", "s"}, Batch: 2, Keep: 5, Poll: 5 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	return p.Run(ctx, false)
}

// rival starts a projector as a process.
func (r *rig) rival(address string) *exec.Cmd {
	r.Helper()
	cmd := exec.CommandContext(r.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asProjector+"="+r.folder+"|"+address)
	log, err := os.OpenFile(filepath.Join(r.folder, "rivals.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	return cmd
}

func (r *rig) kill(cmd *exec.Cmd) {
	r.Helper()
	if err := cmd.Process.Kill(); err != nil {
		r.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

// TestRivals: two processes project one capture into one table, and are killed at random. In the end each file of the
// log is in the table once. In a warehouse without a catalog they are not killed: a kill in a commit closes it for a
// minute.
func TestRivals(t *testing.T) {
	for _, address := range catalogs() {
		t.Run(strings.Split(address, ":")[0], func(t *testing.T) {
			r := newRig(t, address)
			kills := address == catalogs()[0]
			address := strings.ReplaceAll(address, "FOLDER", r.folder)
			random := rand.New(rand.NewPCG(1, 2))
			rivals := []*exec.Cmd{r.rival(address), r.rival(address)}
			for range 12 {
				for range 1 + random.IntN(3) {
					r.cut(1, "eu", "us")
				}
				at := r.commits()
				if !r.until(func() bool { return r.commits() > at }) {
					t.Fatalf("no commit in %s; the rivals say:\n%s", patience, r.log())
				}
				time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond) //nolint:forbidigo // the moment of the kill
				if i := random.IntN(2); kills {
					r.kill(rivals[i])
					rivals[i] = r.rival(address)
				}
			}
			if !kills {
				r.once(r.projector(r.catalog)) // the rivals have nothing to do when they are killed
			}
			for _, rival := range rivals {
				r.kill(rival)
			}
			r.once(r.projector(r.catalog))
			r.wantWhole()
		})
	}
}

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

func (r *rig) until(done func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if done() {
			return true
		}
		time.Sleep(5 * time.Millisecond) //nolint:forbidigo // a poll with a deadline
	}
	return false
}

// commits is the sequence number of the newest snapshot.
func (r *rig) commits() int64 {
	t, err := r.catalog.LoadTable(r.Context(), table.Identifier{"ns", "s"})
	if err != nil {
		return -1
	}
	return t.Metadata().LastSequenceNumber()
}

func (r *rig) log() string {
	log, _ := os.ReadFile(filepath.Join(r.folder, "rivals.log"))
	return string(log)
}
