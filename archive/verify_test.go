package archive_test

import (
	"testing"

	"github.com/jetcapture/jetcapture/archive"
)

func TestVerifyReal(t *testing.T) {
	o := realArchive(t)
	for _, n := range o.names() {
		t.Log(n)
	}
	r := verify(t, o.bucket(t), archive.VerifyOptions{})
	r.clean(t)
	t.Logf("%+v", r.Report)
}
