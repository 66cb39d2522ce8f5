package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/buildinfo"
	"github.com/jetcapture/jetcapture/internal/tablefiles/tabletest"
)

func TestCommand(t *testing.T) {
	folder := t.TempDir()
	b, err := bucket.OpenDir(filepath.Join(folder, "archive"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	a := tabletest.New(t, b, "S")
	a.Cut(tabletest.Created, tabletest.Block{Time: tabletest.Created, Seqs: []uint64{1, 2, 3}})
	place, db := filepath.Join(folder, "archive"), "sqlite:"+filepath.Join(folder, "catalog.db")
	given := []string{"--archive", place, "--catalog", db, "--table", "lake.orders", "--once"}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{given, 0, "cuts appended"},
		{given, 0, "nothing new"},
		{[]string{"--version"}, 0, "jetcapture-iceberg " + buildinfo.Read().String() + "\n"},
		{append(given, "--tabel", "lake.orders"), 2, "iceberg: flag provided but not defined: -tabel; see --help\n"},
		{append([]string{"--capture", "S"}, given...), 0, ""},
		{append(given, "--lost", "lake.lost"), 0, ""},
		{append(given, "--replace-with", place), 1, "was not made by jetcapture convert"},
		{append(given, "--replace-with", filepath.Join(folder, "none")), 1, "--replace-with"},
		{append(given, "--replace-url", "s3://a"), 2, "--replace-url is of --replace-with"},
		{append(given, "--lost", "lake.orders"), 2, "another table than --table"},
		{append(given, "--lost", "lost"), 2, "--lost lost: give NAMESPACE.NAME"},
		{append(given, "--table", "lake.x", "--lost", "lake.orders"), 1, "cannot have both"},
		{[]string{"--help"}, 0, "--archive PLACE --catalog ADDRESS"},
		{given[:4], 2, "--table are required"},
		{append(given, "x"), 2, "options only"},
		{append(given, "--table", "orders"), 2, "NAMESPACE.NAME"},
		{append(given, "--capture", "T"), 1, "holds no capture T"},
		{append(given, "--catalog", "hive://h:1"), 1, "give https://HOST, sqlite:FILE, warehouse:PLACE or glue: (AWS)"},
		{append(given, "--archive", filepath.Join(folder, "none")), 1, "none"},
	} {
		var printed bytes.Buffer
		code := execute(t.Context(), tt.args, &printed, &printed)
		if code != tt.code || !strings.Contains(printed.String(), tt.want) {
			t.Errorf("%q: exit code %d, want %d with %q:\n%s", tt.args, code, tt.code, tt.want, &printed)
		}
		if lines := strings.Count(printed.String(), "\n"); code == 2 && lines != 1 {
			t.Errorf("%q: %d lines, want the error alone:\n%s", tt.args, lines, &printed)
		}
	}
}
