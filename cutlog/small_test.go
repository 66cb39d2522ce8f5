package cutlog_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
)

func TestLostRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*memStore, cutlog.Head, *cutlog.Lost, *cutlog.Done)
		found  string
		object string
	}{
		"removed": {
			func(s *memStore, h cutlog.Head, _ *cutlog.Lost, _ *cutlog.Done) {
				delete(s.objects, cutlog.LostName(capture, h.N, 1))
			},
			"nothing", cutlog.LostName(capture, 2, 1),
		},
		"another plan": {
			func(_ *memStore, _ cutlog.Head, l *cutlog.Lost, _ *cutlog.Done) { l.Plan = cutlog.Sum(nil) },
			"belongs to plan 2", cutlog.LostName(capture, 2, 1),
		},
		"too many blocks": {
			func(_ *memStore, _ cutlog.Head, l *cutlog.Lost, _ *cutlog.Done) { l.Blocks[1].Block = 3 },
			"block 3, but the plan has 3", cutlog.LostName(capture, 2, 1),
		},
		"not in the block": {
			func(_ *memStore, _ cutlog.Head, l *cutlog.Lost, _ *cutlog.Done) {
				l.Blocks[0].Seqs = cutlog.NewSeqSet(11)
			},
			"does not hold stream sequence 11", cutlog.LostName(capture, 2, 1),
		},
		"missing file is not lost": {
			func(_ *memStore, _ cutlog.Head, _ *cutlog.Lost, d *cutlog.Done) {
				d.Files[1] = cutlog.File{Missing: true}
			},
			"1 of its 2 messages are not lost", cutlog.DoneName(capture, 2),
		},
		"file too few": {
			func(_ *memStore, _ cutlog.Head, _ *cutlog.Lost, d *cutlog.Done) { d.Files = d.Files[:2] },
			"2 files, expected 3", cutlog.DoneName(capture, 2),
		},
		"replaced": {
			func(_ *memStore, _ cutlog.Head, _ *cutlog.Lost, d *cutlog.Done) { d.Lost = cutlog.Sum(nil) },
			"lost record", cutlog.DoneName(capture, 2),
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, log := sampleLog(t, 1)
			put(t, log, encodePlan(t, planAfter(head(t, log))))
			h := head(t, log)
			l := lostOf(h)
			h.LostSum = encodeLost(t, l).Sum
			d := doneOf(h)
			c.change(store, h, l, d)
			r := encodeLost(t, l)
			if name != "replaced" {
				d.Lost = r.Sum
			}
			if name != "removed" {
				put(t, log, r)
			}
			put(t, log, encodeDone(t, d))
			_, err := log.Head(t.Context())
			wantCorrupt(t, err, c.object, c.found)
		})
	}
}

func TestSmallRecordsRefuse(t *testing.T) {
	for name, c := range map[string]struct{ done, lost, want string }{
		"empty":       {"", "", "no sha256"},
		"no sum":      {`{"version":1}`, `{"version":1}`, "no sha256"},
		"null":        {sealText("null"), sealText("null"), "invalid character"},
		"no version":  {sealText(`{"n":1`), sealText(`{"n":1`), "no version"},
		"unknown":     {sealText(`{"version":1,"x":1`), sealText(`{"version":1,"x":1`), "unknown field"},
		"two objects": {sealText(`{"version":1}{"a":1`), sealText(`{"version":1}{"a":1`), "invalid character"},
		"no plan": {
			sealText(`{"version":1,"n":1,"plan":""`),
			sealText(`{"version":1,"n":1,"plan":"","writer":{"instance":"","boot":""},"blocks":[]`), "check",
		},
	} {
		_, err := cutlog.DecodeDone([]byte(c.done))
		wantFound(t, name, err, c.want)
		_, err = cutlog.DecodeLost([]byte(c.lost))
		wantFound(t, name, err, c.want)
		_, err = cutlog.DecodeFormat([]byte(c.done))
		if err == nil {
			t.Errorf("%s: DecodeFormat took it", name)
		}
	}
	var version *cutlog.VersionError
	for name, decode := range map[string]func([]byte) error{
		"done":   func(b []byte) error { _, err := cutlog.DecodeDone(b); return err },
		"lost":   func(b []byte) error { _, err := cutlog.DecodeLost(b); return err },
		"format": func(b []byte) error { _, err := cutlog.DecodeFormat(b); return err },
	} {
		if err := decode([]byte(sealText(`{"version":7,"n":{}`))); !errors.As(err, &version) || version.Found != 7 {
			t.Errorf("%s of version 7 gave %v, want a VersionError", name, err)
		}
	}
}

func TestDoneAndLostCheckRefuse(t *testing.T) {
	sum := cutlog.Sum(nil)
	for i, d := range []cutlog.Done{
		{},
		{N: 1},
		{N: 1, Plan: "x"},
		{Plan: sum},
		{N: 1, Plan: sum, Lost: "x"},
		{N: 1, Plan: sum, Files: []cutlog.File{{Size: -1, SHA256: sum}}},
		{N: 1, Plan: sum, Files: []cutlog.File{{Size: 1}}},
		{N: 1, Plan: sum, Files: []cutlog.File{{Size: 1, SHA256: sum, Missing: true}}},
	} {
		if _, err := cutlog.EncodeDone(capture, &d); err == nil {
			t.Errorf("done %d was encoded: %+v", i, d)
		}
	}
	seqs := cutlog.NewSeqSet(1)
	for i, l := range []cutlog.Lost{
		{},
		{N: 1, K: 1, Plan: sum},
		{N: 1, Plan: sum, Blocks: []cutlog.LostBlock{{Seqs: seqs}}},
		{N: 1, K: 1, Plan: "x", Blocks: []cutlog.LostBlock{{Seqs: seqs}}},
		{N: 1, K: 1, Plan: sum, Blocks: []cutlog.LostBlock{{}}},
		{N: 1, K: 1, Plan: sum, Blocks: []cutlog.LostBlock{{Block: 1, Seqs: seqs}, {Block: 1, Seqs: seqs}}},
		{N: 1, K: 1, Plan: sum, Blocks: []cutlog.LostBlock{{Block: -1, Seqs: seqs}}},
	} {
		if _, err := cutlog.EncodeLost(capture, &l); err == nil {
			t.Errorf("lost %d was encoded: %+v", i, l)
		}
	}
}

func FuzzDecodeDone(f *testing.F) {
	f.Add([]byte(`{"version":1,"n":1,"plan":"` + cutlog.Sum(nil) + `","files":[{"size":1,"sha256":"` + cutlog.Sum(nil) +
		`"}]`))
	f.Add([]byte(`{"version":2`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = cutlog.DecodeDone(body)
		d, err := cutlog.DecodeDone([]byte(sealText(string(body))))
		if err != nil {
			return
		}
		r := encodeDone(t, d)
		if back, err := cutlog.DecodeDone(r.Data); err != nil || encodeDone(t, back).Sum != r.Sum {
			t.Errorf("%s read back as %+v, %v", r.Data, back, err)
		}
	})
}

func FuzzDecodeLost(f *testing.F) {
	f.Add([]byte(`{"version":1,"n":1,"plan":"` + cutlog.Sum(nil) +
		`","writer":{"instance":"a","boot":"b"},"blocks":[{"block":0,"seqs":[0,1]}]`))
	f.Add([]byte(`{"version":2`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = cutlog.DecodeLost(body)
		l, err := cutlog.DecodeLost([]byte(sealText(string(body))))
		if err != nil {
			return
		}
		r := encodeLost(t, l)
		if back, err := cutlog.DecodeLost(r.Data); err != nil || encodeLost(t, back).Sum != r.Sum {
			t.Errorf("%s read back as %+v, %v", r.Data, back, err)
		}
	})
}

// sealText ends an open JSON object as a record does.
func sealText(open string) string {
	return fmt.Sprintf("%s,\"sha256\":%q}\n", open, cutlog.Sum([]byte(open)))
}
