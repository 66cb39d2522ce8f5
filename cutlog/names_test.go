package cutlog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

func TestLogNames(t *testing.T) {
	for _, c := range []struct {
		got, want string
		n         uint64
		kind      cutlog.RecordKind
	}{
		{cutlog.PlanName("ORDERS", 1), "_jetcapture/ORDERS/log/00000000000000000001.plan.json.gz", 1, cutlog.RecordPlan},
		{cutlog.LostName("a.b", 42, 1), "_jetcapture/a.b/log/00000000000000000042.lost.json", 42, cutlog.RecordLost},
		{cutlog.DoneName("S", 1<<64-1), "_jetcapture/S/log/18446744073709551615.done.json", 1<<64 - 1, cutlog.RecordDone},
	} {
		n, kind, ok := cutlog.ParseLogName(c.got)
		if c.got != c.want || !ok || n != c.n || kind != c.kind {
			t.Errorf("name %q, parsed as %d, %s, %v, want %q", c.got, n, kind, ok, c.want)
		}
	}
	if got, want := cutlog.FormatName("S"), "_jetcapture/S/format.json"; got != want {
		t.Errorf("FormatName is %q, want %q", got, want)
	}
}

func TestParseLogNameRefuses(t *testing.T) {
	for _, name := range []string{
		"", "x", "_jetcapture/S/format.json", "_jetcapture/S/log/", "_jetcapture//log/00000000000000000001.done.json",
		"S/log/00000000000000000001.done.json", "_jetcapture/S/log/1.done.json",
		"_jetcapture/S/log/00000000000000000000.done.json",
		"_jetcapture/S/log/00000000000000000001.done.json.gz", "_jetcapture/S/log/x/00000000000000000001.done.json",
		"_jetcapture/a/b/log/00000000000000000001.done.json", "_jetcapture/S/log/99999999999999999999.done.json",
		"_jetcapture/S/log/+0000000000000000001.done.json", "_jetcapture/log/00000000000000000001.done.json",
	} {
		if n, kind, ok := cutlog.ParseLogName(name); ok {
			t.Errorf("ParseLogName(%q) = %d, %s, want not ok", name, n, kind)
		}
	}
}

func TestBlockName(t *testing.T) {
	name := cutlog.BlockName("a.b-c", "0123abcd", 7, 4711, "ndjson.gz")
	if want := "a.b-c-0123abcd-00000000000000000007-00000000000000004711.ndjson.gz"; name != want {
		t.Errorf("BlockName is %q, want %q", name, want)
	}
	id, ok := cutlog.ParseBlockName(name)
	if want := (cutlog.BlockID{
		Capture: "a.b-c", Incarnation: "0123abcd", First: 7, Last: 4711, Suffix: "ndjson.gz",
	}); !ok || id != want {
		t.Errorf("ParseBlockName gave %+v, %v, want %+v", id, ok, want)
	}
	plain := cutlog.BlockName("S", "0123abcd", 1, 1, "")
	if id, ok := cutlog.ParseBlockName(plain); !ok || id.Suffix != "" || id.Capture != "S" ||
		strings.Contains(plain, ".") {
		t.Errorf("ParseBlockName(%q) gave %+v, %v, want no suffix", plain, id, ok)
	}
	for _, bad := range []string{
		"", ".", "x.ndjson", strings.TrimSuffix(name, "ndjson.gz"), strings.TrimSuffix(name, ".ndjson.gz")[5:],
		strings.Replace(name, "abcd", "ABCD", 1),
		cutlog.BlockName("S", "0123abcd", 8, 7, "csv"), cutlog.BlockName("S", "0123abcd", 0, 7, "csv"),
		cutlog.BlockName("", "0123abcd", 1, 7, "csv"),
		strings.Replace(name, "0000007", "000000x", 1), "dir/" + strings.Repeat("x", 10),
	} {
		if id, ok := cutlog.ParseBlockName(bad); ok {
			t.Errorf("ParseBlockName(%q) = %+v, want not ok", bad, id)
		}
	}
}

func TestCheckName(t *testing.T) {
	segment := strings.Repeat("s", cutlog.MaxSegment)
	full := strings.Repeat(segment+"/", 4) + strings.Repeat("x", cutlog.MaxName-4*(cutlog.MaxSegment+1))
	for name, want := range map[string]string{
		"a":                      "",
		"a/b=c/2024/01/%2E~x-_.": "dot",
		"_deadletter/S/x":        "",
		"a..b/c":                 "",
		full:                     "",
		full + "x":               "901 bytes",
		segment + "s":            "201 bytes",
		"":                       "empty",
		"/a":                     "empty",
		"a/":                     "empty",
		"a//b":                   "empty",
		"a/../b":                 "dot",
		"./a":                    "dot",
		"a b":                    "0x20",
		`a\b`:                    "0x5c",
		"a\x00":                  "0x00",
		"é":                      "0xc3",
	} {
		err := cutlog.CheckName(name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("CheckName(%.40q) = %v, want %q", name, err, want)
		}
	}
}

func TestCheckCapture(t *testing.T) {
	for capture, ok := range map[string]bool{
		"ORDERS": true, "a.b": true, cutlog.EscapeSegment("_x é"): true, strings.Repeat("x", 64): true,
		strings.Repeat("x", 65): false,
		"":                      false, "is~empty": false, "_x": false, "..": false, "a/b": false, "%41": false, "CON": false,
		"é": false,
	} {
		if err := cutlog.CheckCapture(capture); (err == nil) != ok {
			t.Errorf("CheckCapture(%q) = %v, want ok %v", capture, err, ok)
		}
		if err := cutlog.CheckNewCapture(capture); (err == nil) != ok {
			t.Errorf("CheckNewCapture(%q) = %v, want ok %v", capture, err, ok)
		}
	}
	if cutlog.CheckCapture("_none") != nil || cutlog.CheckNewCapture("_none") == nil {
		t.Error("_none is not what a capture may be called only if it was before")
	}
}

func TestHashMessage(t *testing.T) {
	// printf '\0\0\0\0\0\0\0\001a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\002bc' | sha256sum
	if got, want := cutlog.HashMessage("a", nil, []byte("bc")), "fb9abcb07180be92066c09ce253c0a06"; got != want {
		t.Errorf("HashMessage is %s, want %s", got, want)
	}
	if cutlog.HashMessage("ab", nil, []byte("c")) == cutlog.HashMessage("a", nil, []byte("bc")) ||
		cutlog.HashMessage("a", []byte("b"), nil) == cutlog.HashMessage("a", nil, []byte("b")) {
		t.Error("messages that differ have the same hash")
	}
}

func TestIncarnationID(t *testing.T) {
	created := time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC)
	id := cutlog.IncarnationID("C", "S", created, 1)
	// printf '\0\0\0\0\0\0\0\001C\0\0\0\0\0\0\0\001S\0\0\0\0\0\0\0\0362024-05-06T07:08:09.123456789Z\0\0\0\0\0\0\0\0011' |
	// sha256sum
	if want := "7bbe91e2"; id != want {
		t.Errorf("IncarnationID is %s, want %s", id, want)
	}
	if got := cutlog.IncarnationID("C", "S", created.In(time.FixedZone("", 3600)), 1); got != id {
		t.Errorf("IncarnationID in another zone is %s, want %s", got, id)
	}
	for what, other := range map[string]string{
		"capture": cutlog.IncarnationID("D", "S", created, 1), "stream": cutlog.IncarnationID("C", "T", created, 1),
		"created": cutlog.IncarnationID("C", "S", created.Add(1), 1), "number": cutlog.IncarnationID("C", "S", created, 2),
	} {
		if other == id {
			t.Errorf("another %s has the same incarnation id", what)
		}
	}
}
