package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
)

// makeUpgrade makes a golden archive with an older command. See testdata/upgrade/README.md.
var makeUpgrade = flag.String("upgrade.make", "", "NAME=BINARY: make testdata/upgrade/NAME.zip with this jetcapture")

// upgradeCapture is a capture of the stream ORDERS, as each version has made it.
type upgradeCapture struct {
	name  string
	args  []string
	whole bool     // its files hold whole messages
	only  []string // subjects
}

func upgradeCaptures() []upgradeCapture {
	some := []string{"orders.eu", "orders.us"}
	return []upgradeCapture{
		{"JSON", []string{"--layout", "hive", "--key", "region=json:region"}, true, nil},
		{"EVENT", []string{"--record", "event", "--compression", "none"}, true, nil},
		{"RAW", []string{
			"--format", "raw", "--compression", "zstd", "--filter-subject", some[0], "--filter-subject", some[1],
		}, true, some},
		{"AVRO", []string{"--format", "avro"}, true, nil},
		{"PARQUET", []string{"--format", "parquet"}, true, nil},
		{"TABLE", []string{
			"--format", "parquet", "--column", "id:int64=json:id", "--column", "total:decimal(9,2)=json:total",
			"--column", "taken:timestamp=time", "--on-mismatch", "rescue",
		}, false, nil},
		{"CSV", []string{
			"--format", "csv", "--column", "id:int64=json:id", "--column", "subject=subject", "--on-mismatch", "dead-letter",
		}, false, nil},
	}
}

// run are the arguments of jetcapture run. The messages are of two windows.
func (c upgradeCapture) run(srv *natstest.Server, folder string) []string {
	return append([]string{
		"run", "--nats-server", srv.URL(), "--stream-name", "ORDERS", "--output", folder, "--once",
		"--capture", c.name, "--max-age", "5m",
	}, c.args...)
}

// messages are those of the capture.
func (c upgradeCapture) messages(all []archive.Message) []archive.Message {
	return slices.DeleteFunc(slices.Clone(all), func(m archive.Message) bool {
		return c.only != nil && !slices.Contains(c.only, m.Subject)
	})
}

// TestUpgrades: archives of all versions whose records differ are listed, read, verified, and continued.
func TestUpgrades(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	restoreStream(t, nc)
	if name, binary, ok := strings.Cut(*makeUpgrade, "="); ok {
		makeGolden(t, srv, name, binary)
		return
	}
	golden, err := filepath.Glob("testdata/upgrade/*.zip")
	if err != nil || len(golden) < 3 {
		t.Fatalf("golden archives: %v, %v", golden, err)
	}
	folders := map[string]string{}
	for _, name := range golden {
		folders[name] = unzip(t, name)
		for _, c := range upgradeCaptures() {
			readOld(t, filepath.Join(folders[name], "archive"), c, upgradeMessages())
		}
	}
	all := append(upgradeMessages(), publishMore(t, nc)...)
	for _, name := range golden {
		folder, converted := filepath.Join(folders[name], "archive"), filepath.Join(folders[name], "converted")
		for _, c := range upgradeCaptures() {
			t.Run(filepath.Base(name)+" "+c.name, func(t *testing.T) { continueOld(t, srv, folder, c, all) })
		}
		wantSound(t, folder)
		if _, err := os.Stat(converted); err == nil { // the version had convert
			wantSound(t, converted)
			readingRun(t, convertArgs(folder, converted)...)
			readingRun(t, "verify", converted, "--against", folder)
		}
	}
}

// unzip returns a folder with the files of a zip file.
func unzip(t *testing.T, name string) string {
	t.Helper()
	z, err := zip.OpenReader(name)
	must(t, err)
	defer func() { must(t, z.Close()) }()
	folder := t.TempDir()
	must(t, os.CopyFS(folder, z))
	return folder
}

// readOld reads what an old version has stored.
func readOld(t *testing.T, folder string, c upgradeCapture, all []archive.Message) {
	t.Helper()
	if out := readingRun(t, "ls", folder, "--capture", c.name); !strings.Contains(out, c.name) {
		t.Errorf("ls of %s: %s", c.name, out)
	}
	readingRun(t, "verify", folder, "--capture", c.name)
	want := c.messages(all)
	if got := planned(t, folder, c.name); got != int64(len(want)) {
		t.Errorf("%s has %d messages, want %d", c.name, got, len(want))
	}
	if !c.whole {
		return
	}
	out := readingRun(t, "cat", folder, "--capture", c.name)
	got := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(got) != len(want) {
		t.Fatalf("cat of %s prints %d messages, want %d", c.name, len(got), len(want))
	}
	for i, m := range want {
		// Parquet and Avro once had microseconds only.
		if exact := printed(t, m); got[i] != exact && got[i] != printed(t, inMicroseconds(m)) {
			t.Errorf("cat of %s:\n%s\nwant\n%s", c.name, got[i], exact)
		}
	}
}

func inMicroseconds(m archive.Message) archive.Message {
	m.Time = m.Time.Truncate(time.Microsecond)
	return m
}

// printed is how cat prints a message.
func printed(t *testing.T, m archive.Message) string {
	t.Helper()
	var out bytes.Buffer
	buffered := bufio.NewWriter(&out)
	p, err := newMessagePrinter(catNDJSON, buffered)
	must(t, err)
	must(t, p.print(&archive.Item{Message: m}))
	must(t, buffered.Flush())
	return strings.TrimSuffix(out.String(), "\n")
}

// planned counts the messages in the files of a capture.
func planned(t *testing.T, folder, capture string) (n int64) {
	t.Helper()
	for _, cut := range cutsOf(t, folder, capture) {
		for _, b := range cut.Plan.Blocks {
			n += b.Messages
		}
	}
	return n
}

// cutsOf reads the log of a capture.
func cutsOf(t *testing.T, folder, capture string) (cuts []archive.Cut) {
	t.Helper()
	dir, err := bucket.OpenDirReadOnly(folder)
	must(t, err)
	defer func() { must(t, dir.Close()) }()
	c, err := archive.Open(dir).Capture(capture)
	must(t, err)
	for cut, err := range c.Cuts(t.Context()) {
		must(t, err)
		cuts = append(cuts, cut)
	}
	return cuts
}

// publishMore publishes what an archive is continued with, and returns it as it is in the stream.
func publishMore(t *testing.T, nc *nats.Conn) (more []archive.Message) {
	t.Helper()
	natstest.Publish(t, nc, 3, func(i int) *nats.Msg {
		return &nats.Msg{Subject: "orders.eu", Data: fmt.Appendf(nil, `{"id":%d,"region":"eu","total":1}`, 100+i)}
	})
	stream, err := natstest.JetStream(t, nc).Stream(t.Context(), "ORDERS")
	must(t, err)
	for seq := uint64(29); seq <= 31; seq++ {
		m, err := stream.GetMsg(t.Context(), seq)
		must(t, err)
		more = append(more, archive.Message{Seq: seq, Time: m.Time, Subject: m.Subject, Data: m.Data})
	}
	return more
}

// continueOld takes an archive back to the moment after the last plan of its old version, whose files are then made
// byte for byte, and captures what the stream has got since.
func continueOld(t *testing.T, srv *natstest.Server, folder string, c upgradeCapture, all []archive.Message) {
	cuts := cutsOf(t, folder, c.name)
	last := cuts[len(cuts)-1]
	want := map[string][]byte{}
	for _, b := range last.Plan.Blocks {
		path := filepath.Join(folder, b.Dir, b.Name)
		body, err := os.ReadFile(path)
		must(t, err)
		must(t, os.Remove(path))
		want[path] = body
	}
	must(t, os.Remove(filepath.Join(folder, logFolder, c.name, "log", fmt.Sprintf("%020d.done.json", last.N))))

	out := environment{}.run(t, c.run(srv, folder)...)
	if out.code != exitDone || !strings.Contains(out.stderr, "1 cut finished that an earlier run had begun") {
		t.Fatalf("run = %d:\n%s", out.code, out.stderr)
	}
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want[path]) {
			t.Errorf("%s is not what the old version has made: %v", path, err)
		}
	}
	readOld(t, folder, c, all)
	readingRun(t, "verify", folder, "--capture", c.name, "--against-stream", "--nats-server", srv.URL())
}

// convertArgs make another archive of a capture.
func convertArgs(folder, place string) []string {
	return []string{"convert", folder, place, "--from-capture", "RAW", "--once", "--format", "raw", "--max-age", "24h"}
}

// makeGolden makes a golden archive with another command.
func makeGolden(t *testing.T, srv *natstest.Server, name, binary string) {
	root := t.TempDir()
	folder := filepath.Join(root, "archive")
	run := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput()
		t.Logf("%q: %v\n%s", args, err, out)
		must(t, err)
		return string(out)
	}
	for _, c := range upgradeCaptures() {
		run(c.run(srv, folder)...)
	}
	if strings.Contains(run("--help"), "\n  convert ") {
		run(convertArgs(folder, filepath.Join(root, "converted"))...)
	}
	out, err := os.Create(filepath.Join("testdata", "upgrade", name+".zip"))
	must(t, err)
	z := zip.NewWriter(out)
	must(t, z.AddFS(os.DirFS(root)))
	must(t, z.Close())
	must(t, out.Close())
}
