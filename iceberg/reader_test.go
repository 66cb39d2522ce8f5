package iceberg_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/tablefiles/tabletest"
)

// installNode installs the reader unless it is there.
func installNode(t *testing.T) (ok bool) {
	t.Helper()
	_, err := exec.LookPath("npm")
	if err == nil {
		if _, err := os.Stat(filepath.Join("node", "node_modules", ".package-lock.json")); err == nil {
			return true
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		install.Dir = "node"
		var out []byte
		if out, err = install.CombinedOutput(); err != nil {
			err = fmt.Errorf("npm ci: %w\n%s", err, out)
		}
	}
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		fmt.Println("LEFT OUT: icebird does not read our tables:", err)
	}
	return err == nil
}

// icebirdRows is what icebird finds in a table.
type icebirdRows struct {
	Rows, Sequences, Sum, First, Last, Headers int64
	Regions                                    map[string]int
}

// icebird reads the table with icebird.
func (r *rig) icebird() (got icebirdRows) {
	r.Helper()
	cmd := exec.CommandContext(r.Context(), "node", filepath.Join("node", "read.mjs"),
		strings.TrimPrefix(r.table().MetadataLocation(), "file://"))
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		r.Fatalf("%v: %v\n%s", cmd, err, &errs)
	}
	if err := json.Unmarshal(out, &got); err != nil {
		r.Fatalf("%v: %s", err, out)
	}
	return got
}

// TestIcebirdReads: a reader of Iceberg and Parquet that is not ours finds each message once, with values that are only
// in the partitions, also in files of before the field ids.
func TestIcebirdReads(t *testing.T) {
	if !installNode(t) {
		return
	}
	r := newRig(t, catalogs()[0])
	r.archive.Writer.OmitFieldIDs, r.archive.Writer.OmitTimeNS = true, true
	r.cut(50, "eu", "us", "_none")
	r.archive.Writer.OmitFieldIDs, r.archive.Writer.OmitTimeNS = false, false
	r.cut(70, "eu", "us")
	r.once(r.projector(r.catalog))
	r.wantWhole()

	got := r.icebird()
	n := int64(r.seq)
	first := tabletest.Created.Add(time.Minute).UnixMilli()
	if got.Rows != n || got.Sequences != n || got.Sum != n*(n+1)/2 || got.Headers != n {
		t.Errorf("icebird finds %+v, want %d rows whose payloads are 1 to %d", got, n, n)
	}
	if got.First != first || got.Last < first {
		t.Errorf("the times are %d to %d, want %d and later", got.First, got.Last, first)
	}
	if want := map[string]int{"eu": 120, "us": 120, "none": 50}; !maps.Equal(got.Regions, want) {
		t.Errorf("rows by region are %v, want %v", got.Regions, want)
	}
}
