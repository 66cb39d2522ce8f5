package jetcapture_test

import (
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/buckettest"
	"github.com/jetcapture/jetcapture/cutlog"
)

// TestDamagedLogs: a damaged log stops a start, whose error names what is missing.
func TestDamagedLogs(t *testing.T) {
	for name, missing := range map[string]string{
		"no format":       "_jetcapture/S/format.json",
		"no first plan":   cutlog.PlanName("S", 1),
		"no plan between": cutlog.PlanName("S", 2),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for range 2 {
				r.publish(10)
				capture(r, r.options())
			}
			damaged := bucket.NewMem()
			for _, name := range r.names() {
				if name == missing {
					continue
				}
				in, err := r.bucket.Open(t.Context(), name, 0, -1)
				if err != nil {
					t.Fatal(err)
				}
				if err := damaged.PutNew(t.Context(), name, in, bucket.PutOptions{Size: -1}); err != nil {
					t.Fatal(err)
				}
			}
			r.bucket = damaged
			before := len(r.names())
			_, err := tryCapture(r, r.options())
			wantError[*cutlog.CorruptError](t, err, name)
			if len(r.names()) != before || err == nil || !strings.Contains(err.Error(), missing) {
				t.Errorf("%d objects, before %d, Run = %v", len(r.names()), before, err)
			}
		})
	}
}

// TestTruncatedFileIsFound stores half of a planned file. The next start must stop and name it.
func TestTruncatedFileIsFound(t *testing.T) {
	r := newRig(t)
	r.publishNoise(20, 100, "s.a", "s.b")
	r.bucket = buckettest.NewFaulty(r.bucket, func(c buckettest.Call) buckettest.Kind {
		if c.Op == buckettest.OpPutNew && strings.HasPrefix(c.Name, "s.a/") {
			return buckettest.Truncated
		}
		return buckettest.None
	})
	interrupt(r, r.options(), 1) // that of s.a
	_, err := tryCapture(r, r.options())
	wantError[*cutlog.CorruptError](t, err, "a truncated file")
	wantText(t, err, "s.a/", "delete")
}
