package archive_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
)

// exampleArchive opens a copy of an archive that jetcapture has made of 300 messages.
func exampleArchive() (dir *bucket.Dir, remove func()) {
	folder, err := os.MkdirTemp("", "archive")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.CopyFS(folder, os.DirFS("testdata/archive")); err != nil {
		log.Fatal(err)
	}
	if dir, err = bucket.OpenDirReadOnly(folder); err != nil {
		log.Fatal(err)
	}
	return dir, func() {
		_ = dir.Close()
		_ = os.RemoveAll(folder)
	}
}

// List what an archive holds.
func ExampleArchive_Captures() {
	dir, err := bucket.OpenDirReadOnly("testdata/archive")
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()

	ctx := context.Background()
	for capture, err := range archive.Open(dir).Captures(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		for cut, err := range capture.Cuts(ctx) {
			if err != nil {
				log.Fatal(err)
			}
			n := cut.Counts()
			fmt.Printf("%s, cut %d (%s): sequences %d to %d, %d messages in %d files, %d dead letters\n",
				cut.Capture(), cut.N, cut.Plan.Reason, cut.Plan.From+1, cut.Plan.To, n.Messages, n.Files, n.Dead)
		}
	}
	// Output:
	// ORDERS, cut 1 (open): sequences 1 to 0, 0 messages in 0 files, 0 dead letters
	// ORDERS, cut 2 (once): sequences 1 to 100, 86 messages in 4 files, 10 dead letters
	// ORDERS, cut 3 (once): sequences 101 to 200, 86 messages in 4 files, 10 dead letters
	// ORDERS, cut 4 (once): sequences 201 to 300, 86 messages in 4 files, 10 dead letters
}

// Find the file that holds a message.
func ExampleCapture_Find() {
	dir, err := bucket.OpenDirReadOnly("testdata/archive")
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()

	orders, err := archive.Open(dir).Capture("ORDERS")
	if err != nil {
		log.Fatal(err)
	}
	for _, seq := range []uint64{117, 110, 127} {
		for cut, err := range orders.Find(context.Background(), seq) {
			if err != nil {
				log.Fatal(err)
			}
			fate, block := cut.Fate(seq)
			fmt.Printf("%d: %s", seq, fate)
			if block != nil {
				fmt.Printf(", with %d other messages, in a file of key %q", block.Messages-1, block.Key)
			}
			fmt.Println()
		}
	}
	// Output:
	// 117: stored, with 27 other messages, in a file of key ["1"]
	// 110: dead, with 9 other messages, in a file of key []
	// 127: skipped
}

// Check that an archive is whole, here after a file was removed.
func ExampleArchive_Verify() {
	dir, remove := exampleArchive()
	defer remove()
	files, err := filepath.Glob(dir.String() + "/2/*/*/*/*/*/*-00000000000000000299.ndjson.gz")
	if err != nil || len(files) != 1 {
		log.Fatal(files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		log.Fatal(err)
	}

	report, err := archive.Open(dir).Verify(context.Background(), archive.VerifyOptions{
		Found: func(f archive.Finding) {
			fmt.Printf("%s: %s\n", f.Severity, filepath.Base(f.Object))
			fmt.Printf("%s: sequences %s\n", f.Kind, archive.FormatSeqs(f.Seqs, 3))
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d files read, %d problem\n", report.Read, report.Files, report.Problems)
	// Output:
	// problem: ORDERS-04fae22a-00000000000000000203-00000000000000000299.ndjson.gz
	// missing: sequences 203, 206, 209, ... to 299
	// 11 of 12 files read, 1 problem
}
