package iceberg_test

import (
	"math/rand/v2"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/catalog"
	"github.com/apache/iceberg-go/table"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/iceberg"
	"github.com/jetcapture/jetcapture/internal/tablefiles/tabletest"
)

// conversion is a rig with an archive that seems to be converted from that of the rig.
type conversion struct {
	*rig
	bucket  bucket.Bucket
	to      *tabletest.Archive
	heads   []cutlog.Head // of the rig's archive
	regions []string      // of the sequences, from 1 on
	through uint64        // is converted
}

func newConversion(t *testing.T, address string) *conversion {
	t.Helper()
	c := &conversion{rig: newRig(t, address)}
	b, err := bucket.OpenDir(filepath.Join(c.folder, "converted"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	c.bucket, c.to = b, tabletest.Convert(t, b, "S", c.archive)
	c.to.Settings["x_keys"], c.to.Settings[cutlog.SettingMaxAge] = c.archive.Settings["x_keys"], "24h0m0s"
	c.heads = append(c.heads, c.archive.Head())
	return c
}

// cut adds a cut, with n messages for each of two regions. It returns its end.
func (c *conversion) cut(n int) (end uint64) {
	c.Helper()
	for _, region := range []string{"eu", "us"} {
		c.regions = append(c.regions, slices.Repeat([]string{region}, n)...)
	}
	c.rig.cut(n, "eu", "us")
	c.heads = append(c.heads, c.archive.Head())
	return c.seq
}

// convert adds a cut to the converted archive, up to a sequence, but for those that are left out.
func (c *conversion) convert(through uint64, without ...uint64) {
	c.Helper()
	at := tabletest.Created
	blocks := []tabletest.Block{{Key: []string{"region=eu"}, Time: at}, {Key: []string{"region=us"}, Time: at}}
	for seq := c.through + 1; seq <= through; seq++ {
		of := map[string]int{"eu": 0, "us": 1}[c.regions[seq-1]]
		if !slices.Contains(without, seq) {
			blocks[of].Seqs = append(blocks[of].Seqs, seq)
		}
	}
	blocks = slices.DeleteFunc(blocks, func(b tabletest.Block) bool { return len(b.Seqs) == 0 })
	holds := func(seq uint64) cutlog.Head {
		i := slices.IndexFunc(c.heads, func(h cutlog.Head) bool { return h.Plan.To >= seq })
		return c.heads[i]
	}
	c.to.From(c.archive, holds(c.through+1).N, holds(through))
	c.to.Cut(at, blocks...)
	c.through = through
}

// replacing is a projector that also replaces.
func (c *conversion) replacing(of catalog.Catalog) *iceberg.Projector {
	c.Helper()
	p := c.projector(of)
	var err error
	if p.Converted, err = convertedIn(c.bucket, c.folder); err != nil {
		c.Fatal(err)
	}
	return p
}

// want compares the files of the table, and the rows: each sequence once.
func (c *conversion) want(small, large int) {
	c.Helper()
	tasks, err := c.table().Scan().PlanFiles(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	found := map[bool]int{}
	for _, task := range tasks {
		found[strings.HasPrefix(task.File.FilePath(), filepath.Join(c.folder, "converted"))]++
	}
	if found[false] != small || found[true] != large {
		c.Errorf("the table has %d files of the archive and %d of the converted one, want %d and %d",
			found[false], found[true], small, large)
	}
	c.wantEach(c.table().Scan(table.WithSelectedFields("sequence")), c.seq)
}

// wantEach wants the sequences 1 to n, each once.
func (c *conversion) wantEach(scan *table.Scan, n uint64) {
	c.Helper()
	seqs := c.sequences(scan)
	for i, seq := range seqs {
		if seq != int64(i)+1 {
			c.Fatalf("the scan has sequence %d in place of %d, among %d of %d", seq, i+1, len(seqs), n)
		}
	}
	if n > 0 && uint64(len(seqs)) != n {
		c.Errorf("the scan has %d rows, want %d", len(seqs), n)
	}
}

// TestReplace: files of the converted archive take the place of those that they were made of, where cuts of both
// archives have a common end, in one snapshot. An earlier snapshot stays whole.
func TestReplace(t *testing.T) {
	c := newConversion(t, catalogs()[0])
	c.cut(2)
	second := c.cut(2)
	c.cut(2)
	c.once(c.replacing(c.catalog))
	c.want(6, 0)
	before := c.table().CurrentSnapshot().SnapshotID

	c.convert(second)
	c.convert(second + 3) // within a cut
	c.once(c.replacing(c.catalog))
	c.want(2, 2)
	if op := c.table().CurrentSnapshot().Summary.Operation; op != table.OpReplace {
		t.Errorf("the snapshot is of operation %s", op)
	}
	c.wantEach(c.table().Scan(table.WithSnapshotID(before), table.WithSelectedFields("sequence")), c.seq)

	last := c.cut(1)
	c.once(c.replacing(c.catalog))
	c.want(4, 2)
	c.convert(last)
	c.once(c.replacing(c.catalog))
	c.want(0, 6)
	at := c.commits()
	c.once(c.replacing(c.catalog))
	if c.commits() != at {
		t.Error("a snapshot was made for nothing")
	}
	if installNode(t) {
		n := int64(c.seq)
		if got := c.icebird(); got.Rows != n || got.Sequences != n || got.Sum != n*(n+1)/2 {
			t.Errorf("icebird finds %+v, want %d rows whose payloads are 1 to %d", got, n, n)
		} else if sum := got.Regions["eu"] + got.Regions["us"]; sum != int(n) { // files that were replaced do not count
			t.Errorf("the manifests have %d rows: %+v", sum, got)
		}
	}
}

// TestReplaceRefuses: what would take messages, columns or deletions of others from the table is refused, and nothing
// is changed.
func TestReplaceRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		prepare    func(c *conversion, end uint64)
	}{
		{"left out", "lacks 1 messages of cut 2 of capture S, such as 3", func(c *conversion, end uint64) {
			c.convert(end, 3)
		}},
		{"another source", "was made of another archive", func(c *conversion, end uint64) {
			c.heads[1].DoneSum = strings.Repeat("0", 64)
			c.convert(end)
		}},
		{"other keys", "no column or key region", func(c *conversion, end uint64) {
			delete(c.to.Settings, "x_keys")
			c.convert(end)
		}},
		{"a key from elsewhere", "has region from subject[2], and the files in table ns.s from subject[1]", func(
			c *conversion, end uint64,
		) {
			c.to.Settings["x_keys"] = `["region=subject[2]"]`
			c.convert(end)
		}},
		{"a column from elsewhere", "has region from subject[2], and the files in table ns.s from subject[1]", func(
			c *conversion, end uint64,
		) {
			c.to.Settings["x_columns"] = `["Region=subject[2]"]`
			c.convert(end)
		}},
		{"rewritten by others", "has 1 of the 2 files", func(c *conversion, end uint64) {
			c.convert(end)
			tasks, err := c.table().Scan().PlanFiles(c.Context())
			if err != nil {
				c.Fatal(err)
			}
			txn := c.table().NewTransaction()
			err = txn.ReplaceDataFiles(c.Context(), []string{tasks[0].File.FilePath()}, nil, nil)
			if err == nil {
				_, err = txn.Commit(c.Context())
			}
			if err != nil {
				c.Fatal(err)
			}
		}},
		{"deleted by others", "has deletes by another program", func(c *conversion, end uint64) {
			c.convert(end)
			txn := c.table().NewTransaction()
			err := txn.SetProperties(map[string]string{"write.delete.mode": "merge-on-read"})
			if err == nil {
				err = txn.Delete(c.Context(), ice.EqualTo(ice.Reference("sequence"), int64(2)), nil)
			}
			if err == nil {
				_, err = txn.Commit(c.Context())
			}
			if err != nil {
				c.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newConversion(t, catalogs()[0])
			end := c.cut(2)
			c.once(c.projector(c.catalog))
			tt.prepare(c, end)
			at := c.commits()
			err := c.replacing(c.catalog).Run(t.Context(), true)
			if err == nil || !strings.Contains(err.Error(), tt.want) || c.commits() != at {
				t.Errorf("%d commits, want %d; the error is %v, want %q", c.commits(), at, err, tt.want)
			}
		})
	}
}

// TestReplaceByAnotherConversion: a table with files of one conversion takes none of another one.
func TestReplaceByAnotherConversion(t *testing.T) {
	c := newConversion(t, catalogs()[0])
	end := c.cut(2)
	c.convert(end)
	c.once(c.replacing(c.catalog))
	other := newConversion(t, catalogs()[0])
	p := c.replacing(c.catalog)
	p.Converted = other.replacing(c.catalog).Converted
	err := p.Run(t.Context(), true)
	if err == nil || !strings.Contains(err.Error(), "than that of --replace-with "+p.Converted.Place) {
		t.Errorf("the files of another conversion: %v", err)
	}
}

// TestReplaceRivals: two processes append and replace, and are killed at random. At any time the table has each message
// once, up to some sequence. In the end it has the large files only.
func TestReplaceRivals(t *testing.T) {
	c := newConversion(t, catalogs()[0])
	address := strings.ReplaceAll(catalogs()[0], "FOLDER", c.folder)
	random := rand.New(rand.NewPCG(3, 4))
	rivals := []*exec.Cmd{c.rival(address), c.rival(address)}
	large := 0
	for range 8 {
		c.cut(1)
		middle := c.cut(1) - 1
		end := c.cut(2)
		at := c.commits()
		if random.IntN(2) == 0 {
			large += c.filesUpTo(middle)
			c.convert(middle) // within a cut
		}
		large += c.filesUpTo(end)
		c.convert(end)
		if !c.until(func() bool { return c.commits() > at }) {
			t.Fatalf("no commit in %s; the rivals say:\n%s", patience, c.log())
		}
		time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond) //nolint:forbidigo // the moment of the kill
		i := random.IntN(2)
		c.kill(rivals[i])
		c.wantEach(c.table().Scan(table.WithSelectedFields("sequence")), 0)
		rivals[i] = c.rival(address)
	}
	for _, rival := range rivals {
		c.kill(rival)
	}
	c.once(c.replacing(c.catalog))
	c.want(0, large)
}

// TestReplaceWithFaults: commits that are refused and commits whose answers are lost replace each file once, with two
// projectors side by side.
func TestReplaceWithFaults(t *testing.T) {
	c := newConversion(t, catalogs()[0])
	server := httptest.NewServer(&restCatalog{Catalog: c.catalog, faults: true})
	defer server.Close()
	for range 4 {
		c.cut(1)
		c.convert(c.cut(1))
	}
	done := make(chan error)
	for range 2 {
		p := c.replacing(c.open(server.URL))
		go func() { done <- p.Run(t.Context(), true) }()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	c.want(0, 8)
}

// filesUpTo is how many files a conversion up to a sequence has: one for each region.
func (c *conversion) filesUpTo(end uint64) int {
	regions := slices.Clone(c.regions[c.through:end])
	slices.Sort(regions)
	return len(slices.Compact(regions))
}
