package jetcapture_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/nats-io/nats.go"
)

// TestConvertTakesNothingFromADamagedFile: a cut may be finished long before a file of the source is at its end, where
// its sum shows that a message of it was altered.
func TestConvertTakesNothingFromADamagedFile(t *testing.T) {
	r := newRig(t)
	r.publish(2000, "s.a")
	capture(r, with(r.sourceOptions(), func(o *options) { o.MaxMessages, o.Compression = 0, jetcapture.None }))
	r.bucket = altered(t, r, `{"n":2}`, `{"n":3}`)
	var decoded atomic.Int64
	o := with(r.rawOptions(bucket.NewMem()), func(o *options) {
		decode := o.MessageDecoder
		o.MessageDecoder = func(m *nats.Msg) (*jetcapture.NatsMessage, string, error) {
			decoded.Add(1)
			return decode(m)
		}
	})
	err := o.Build().Convert(natsContext(t), captureIn(t, r.bucket))
	wantError[*archive.FileError](t, err, "an altered file")
	if n := decoded.Load(); n > 0 {
		t.Errorf("%d messages were decoded", n)
	}
}

// altered returns the objects of the rig, with another payload in a file of data.
func altered(t *testing.T, r *rig, payload, other string) bucket.Bucket {
	t.Helper()
	b := bucket.NewMem()
	before := []byte(base64.StdEncoding.EncodeToString([]byte(payload)))
	after := []byte(base64.StdEncoding.EncodeToString([]byte(other)))
	found := 0
	for _, name := range r.names() {
		in, err := r.bucket.Open(t.Context(), name, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "s.a/") {
			found += bytes.Count(data, before)
			data = bytes.Replace(data, before, after, 1)
		}
		if err := b.PutNew(t.Context(), name, bytes.NewReader(data), bucket.PutOptions{Size: -1}); err != nil {
			t.Fatal(err)
		}
	}
	if found != 1 {
		t.Fatalf("%d rows to alter", found)
	}
	return b
}
