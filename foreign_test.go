package jetcapture_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

// TestForeignFiles: a new archive among files of others says so, in one line. One that goes on does not.
func TestForeignFiles(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"go.mod", "a/b.go", "main.go", "z"} {
		err := r.bucket.PutNew(t.Context(), name, strings.NewReader("x"), bucket.PutOptions{Size: 1})
		if err != nil {
			t.Fatal(err)
		}
	}
	r.publish(4)
	var log strings.Builder
	o := r.options()
	o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	capture(r, o)
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `such_as="[a/b.go go.mod main.go]"`) {
		t.Errorf("log of a new archive:\n%s", got)
	}
	log.Reset()
	r.publish(4)
	capture(r, o)
	o.Archive.Capture = "second"
	capture(r, o)
	if log.Len() > 0 {
		t.Errorf("log of an archive that is there:\n%s", log.String())
	}
}
