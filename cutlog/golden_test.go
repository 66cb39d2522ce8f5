package cutlog_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
)

var update = flag.Bool("update", false, "write the golden records again, but not the packed plan: delete that first")

// TestGolden pins the bytes of version 1: an archive written today must be readable for ever. Of a plan it pins the
// text, as compress/gzip may change; the packed file must be readable for ever, too.
func TestGolden(t *testing.T) {
	h := cutlog.Head{N: 1, Plan: firstPlan(), DoneSum: cutlog.Sum([]byte("done 1"))}
	second := planAfter(h)
	h = cutlog.Head{N: 2, Plan: second, PlanSum: cutlog.Sum([]byte("plan 2"))}
	lost := lostOf(h)
	h.Lost, h.LostSum = lost, cutlog.Sum([]byte("lost 2"))
	done := doneOf(h)
	done.Files[2] = cutlog.File{Missing: true}
	format, err := cutlog.EncodeFormat(sampleFormat())
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "format.json", format.Data)
	compareGolden(t, "plan1.json", unpack(t, encodePlan(t, firstPlan()).Data))
	compareGolden(t, "plan2.json", unpack(t, encodePlan(t, second).Data))
	third := planRestored()
	compareGolden(t, "plan3.json", unpack(t, encodePlan(t, third).Data))
	compareGolden(t, "done2.json", encodeDone(t, done).Data)
	compareGolden(t, "lost2.json", encodeLost(t, lost).Data)
	stream, err := cutlog.EncodeStreamConfig("ORDERS", streamConfig())
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "stream3.json", stream.Data)
	repair := repairOf(h)
	record, err := cutlog.EncodeRepair("ORDERS", repair)
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "repair2.json", record.Data)

	if _, err := os.Stat("testdata/plan2.json.gz"); *update && errors.Is(err, fs.ErrNotExist) {
		compareGolden(t, "plan2.json.gz", encodePlan(t, second).Data)
	}
	gotFormat, err := cutlog.DecodeFormat(golden(t, "format.json"))
	compareDecoded(t, "format.json", gotFormat, sampleFormat(), err)
	gotPlan, err := cutlog.DecodePlan(golden(t, "plan2.json.gz"))
	compareDecoded(t, "plan2.json.gz", gotPlan, second, err)
	gotPlan, err = cutlog.DecodePlan(encodePlan(t, third).Data)
	compareDecoded(t, "plan 3", gotPlan, third, err)
	gotDone, err := cutlog.DecodeDone(golden(t, "done2.json"))
	compareDecoded(t, "done2.json", gotDone, done, err)
	gotLost, err := cutlog.DecodeLost(golden(t, "lost2.json"))
	compareDecoded(t, "lost2.json", gotLost, lost, err)
	gotRepair, err := cutlog.DecodeRepair("", golden(t, "repair2.json"))
	compareDecoded(t, "repair2.json", gotRepair, repair, err)
}

// repairOf is the repair of the second file of a cut.
func repairOf(h cutlog.Head) *cutlog.Repair {
	return &cutlog.Repair{
		Version: cutlog.Version, N: h.N, Plan: h.PlanSum, Block: 1, Writer: h.Plan.Writer, Time: h.Plan.Time,
		Name: cutlog.MendedName("ORDERS", &h.Plan.Blocks[1]),
		File: cutlog.File{Size: 7, SHA256: cutlog.Sum([]byte("mended"))},
	}
}

func golden(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func compareGolden(t *testing.T, name string, data []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := golden(t, name); !bytes.Equal(data, want) {
		t.Errorf("%s is\n%s\nwant\n%s", name, data, want)
	}
}

func compareDecoded(t *testing.T, name string, got, want any, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("decode %s: %v", name, err)
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is\n%+v\nwant\n%+v", name, got, want)
	}
}

func unpack(t testing.TB, data []byte) []byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func pack(t testing.TB, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
