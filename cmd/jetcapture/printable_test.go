package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// escapes holds what a terminal obeys: OSC, CSI in 7 and 8 bits, a line of its own, an override of the direction.
const escapes = "\x1b]0;title\x07 \x1b[2J \u009b2J \x7f \u202e\r\nforged"

// forgedArchive is an archive whose records hold the hostile text wherever they can.
func forgedArchive(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	put := func(r cutlog.Record, err error) string {
		t.Helper()
		path := filepath.Join(folder, r.Name)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o750)
		}
		if err == nil {
			err = os.WriteFile(path, r.Data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return r.Sum
	}
	created := time.Unix(1, 0).UTC()
	format := cutlog.Format{Version: cutlog.Version, Capture: "S", Stream: escapes, Filter: []string{escapes}}
	p := &cutlog.Plan{
		N:      1,
		Reason: cutlog.Reason(escapes),
		Stream: cutlog.Stream{Name: escapes, Created: created},
		Opens:  true,
		Opened: 1,
		Incarnation: cutlog.IncarnationID(
			"S",
			escapes,
			created,
			1,
		),
		From:   7,
		To:     7,
		Format: &format,
		Notes:  []string{escapes},
		Writer: cutlog.Writer{Instance: escapes},
	}
	sum := put(cutlog.EncodePlan("S", p))
	put(cutlog.EncodeDone("S", &cutlog.Done{N: 1, Plan: sum}))
	format.Account = escapes // contradicts plan 1
	put(cutlog.EncodeFormat(format))
	return folder
}

func TestForeignArchivesDoNotSpeakToTheTerminal(t *testing.T) {
	folder := forgedArchive(t)
	for _, args := range [][]string{
		{"ls"},
		{"ls", "--cuts"},
		{"ls", "--seq", "7"},
		{"ls", "--json"},
		{"ls", "--cuts", "--json"},
		{"verify"},
		{"verify", "--json"},
	} {
		r := environment{}.run(t, append(args, folder)...)
		all := r.stdout + r.stderr
		if strings.ContainsAny(all, "\x1b\x07\x7f\r\u009b") || strings.Contains(all, "\nforged") {
			t.Errorf("%v prints %q", args, all)
		}
		if args[0] == "verify" && !strings.Contains(r.stdout, "contradicts") {
			t.Errorf("%v: %s%s", args, r.stdout, r.stderr)
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"Größe 10 µm …": "Größe 10 µm …", "a\x1b[1m": `a\x1b[1m`, "\xff": `\xff`, "\u009b": `\u009b`, `\`: `\`,
	} {
		if got := printable(text); got != want {
			t.Errorf("%q is printed as %s", text, got)
		}
	}
}
