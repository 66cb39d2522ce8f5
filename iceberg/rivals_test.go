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
	"sync"
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
	if b, err := bucket.OpenDirReadOnly(filepath.Join(folder, "converted")); err == nil {
		if p.Converted, err = convertedIn(b, folder); err != nil {
			return err
		}
	}
	return p.Run(ctx, false)
}

// convertedIn is the converted archive of a rig.
func convertedIn(b bucket.Bucket, folder string) (*iceberg.Converted, error) {
	c, err := archive.Open(b).Capture("S")
	return &iceberg.Converted{Bucket: b, Capture: c, Place: filepath.Join(folder, "converted")}, err
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
// log is in the table once.
func TestRivals(t *testing.T) {
	for _, address := range catalogs() {
		t.Run(strings.Split(address, ":")[0], func(t *testing.T) {
			r := newRig(t, address)
			warehouse := strings.HasPrefix(address, "warehouse:")
			address := strings.ReplaceAll(address, "FOLDER", r.folder)
			random := rand.New(rand.NewPCG(1, 2))
			rivals := []*exec.Cmd{r.rival(address), r.rival(address)}
			rounds := 12
			if warehouse {
				rounds = 6 // of two kills
			}
			for range rounds {
				for range 1 + random.IntN(3) {
					r.cut(1, "eu", "us")
				}
				at := r.commits()
				if !r.until(func() bool { return r.commits() > at }) {
					t.Fatalf("no commit in %s; the rivals say:\n%s", patience, r.log())
				}
				time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond) //nolint:forbidigo // the moment of the kill
				i := random.IntN(2)
				r.kill(rivals[i])
				if warehouse {
					r.kill(rivals[1-i])
					r.passMinute()
					rivals[1-i] = r.rival(address)
				}
				rivals[i] = r.rival(address)
			}
			for _, rival := range rivals {
				r.kill(rival)
			}
			r.passMinute()
			r.once(r.projector(r.catalog))
			r.wantWhole()
		})
	}
}

// TestKilledInACommit: what a killed process leaves in a warehouse without a catalog, the claim of the next version,
// closes it for a minute and no longer.
func TestKilledInACommit(t *testing.T) {
	r := newRig(t, "warehouse:FOLDER/warehouse")
	r.cut(1, "eu")
	r.once(r.projector(r.catalog))
	name := filepath.Base(r.table().MetadataLocation())
	var version int
	if _, err := fmt.Sscanf(name, "v%d.metadata.json", &version); err != nil {
		t.Fatal(name, err)
	}
	claim := filepath.Join(r.metadata(), fmt.Sprintf("v%d.metadata.json.claim", version+1))
	if err := os.WriteFile(claim, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.cut(1, "us")
	var log syncBuffer
	p := r.projector(r.catalog)
	p.Logger = slog.New(slog.NewTextHandler(&log, nil))
	done := make(chan error)
	go func() { done <- p.Run(t.Context(), true) }()
	if !r.until(func() bool { return strings.Contains(log.String(), "already claimed") }) {
		t.Error("a commit did not stop at the claim of another")
	}
	r.passMinute()
	if err := <-done; err != nil {
		t.Error(err)
	}
	r.wantWhole()
}

func (r *rig) metadata() string { return filepath.Join(r.folder, "warehouse", "ns", "s", "metadata") }

// passMinute makes the claims of killed processes in a warehouse without a catalog so old that they do not count.
func (r *rig) passMinute() {
	r.Helper()
	claims, err := filepath.Glob(filepath.Join(r.metadata(), "*.claim"))
	if err != nil {
		r.Fatal(err)
	}
	for _, claim := range claims {
		old := time.Now().Add(-2 * time.Minute)
		if err := os.Chtimes(claim, old, old); err != nil {
			r.Fatal(err)
		}
	}
}

// syncBuffer is a buffer for a log that is read while it is written.
type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
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
