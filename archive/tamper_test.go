package archive_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
)

// plan returns the plan n of a capture.
func (o objects) plan(t testing.TB, capture string, n uint64) *cutlog.Plan {
	t.Helper()
	p, err := cutlog.DecodePlan(o[cutlog.PlanName(capture, n)])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (o objects) done(t testing.TB, capture string, n uint64) *cutlog.Done {
	t.Helper()
	d, err := cutlog.DecodeDone(o[cutlog.DoneName(capture, n)])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// put puts a record, in place of another one if need be.
func (o objects) put(t testing.TB) func(r cutlog.Record, err error) {
	t.Helper()
	return func(r cutlog.Record, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		o[r.Name] = r.Data
	}
}

// seqsOf are the sequences that plan n says to be in a file.
func (o objects) seqsOf(t testing.TB, capture string, n uint64, object string) string {
	t.Helper()
	for _, b := range o.plan(t, capture, n).Blocks {
		if b.Path() == object {
			return archive.FormatSeqs(b.Seqs, 0)
		}
	}
	t.Fatalf("plan %d does not name %s", n, object)
	return ""
}

// TestTampering changes a real archive in each way and expects that exactly the object concerned is named.
func TestTampering(t *testing.T) {
	whole := realArchive(t)
	data := whole.data("1/", "ORDERS-", "-00000000000000000105-")[0]   // of cut 3
	table := whole.data("2/", "table-", "-00000000000000000103-")[0]   // of cut 3
	dead := whole.names("_deadletter/ORDERS/", "00000000000000110")[0] // of cut 3
	plan := func(n uint64) string { return cutlog.PlanName("ORDERS", n) }
	done := func(n uint64) string { return cutlog.DoneName("ORDERS", n) }
	format := cutlog.FormatName("ORDERS")
	dataSeqs, deadSeqs := whole.seqsOf(t, "ORDERS", 3, data), whole.seqsOf(t, "ORDERS", 3, dead)
	logDir := "_jetcapture/ORDERS/log"
	truncate := func(name string) func(o objects) { return func(o objects) { o[name] = o[name][:len(o[name])/2] } }
	remove := func(names ...string) func(o objects) {
		return func(o objects) {
			for _, name := range names {
				delete(o, name)
			}
		}
	}
	flip := func(name string) func(o objects) { return func(o objects) { o.flip(name) } }
	fourFiles := finding{archive.Unchecked, logDir, "", "4 files"}

	for _, tt := range []struct {
		name     string
		edit     func(o objects)
		problems []finding
		notes    []finding
	}{
		{"nothing", func(objects) {}, nil, nil},

		{"data removed", remove(data), []finding{{archive.Missing, data, dataSeqs, "found nothing"}}, nil},
		{"data, a byte changed", flip(data), []finding{{archive.Damaged, data, dataSeqs, "SHA-256"}}, nil},
		{"data truncated", truncate(data), []finding{{archive.Damaged, data, dataSeqs, "unexpected EOF"}}, nil},
		{
			"data emptied", func(o objects) { o[data] = nil },
			[]finding{{archive.Damaged, data, dataSeqs, "found 0 bytes"}},
			nil,
		},
		{"data with another row", func(o objects) {
			o[data] = gzipped([]byte(strings.Replace(string(gunzip(t, o[data])), `"stream_seq":105`, `"stream_seq":106`, 1)))
		}, []finding{{archive.Damaged, data, dataSeqs, "SHA-256"}}, nil},
		{
			"data of another file", func(o objects) { o[data] = o[table] },
			[]finding{{archive.Damaged, data, dataSeqs, ""}},
			nil,
		},
		{
			"csv, a byte changed", flip(table), []finding{{archive.Damaged, table, whole.seqsOf(t, "table", 3, table), ""}}, nil,
		},
		{"data renamed", func(o objects) { o["1/other.ndjson.gz"] = o[data]; delete(o, data) }, []finding{
			{archive.Missing, data, dataSeqs, ""}, {archive.Unplanned, "1/other.ndjson.gz", "", "no"},
		}, nil},
		{
			"data copied", func(o objects) { o["9/"+data] = o[data] },
			[]finding{{archive.Unplanned, "9/" + data, "105-198", "those of its name"}},
			nil,
		},
		{"data moved into another key", func(o objects) { o["0"+data[1:]] = o[data]; delete(o, data) }, []finding{
			{archive.Missing, data, dataSeqs, ""}, {archive.Unplanned, "0" + data[1:], "105-198", ""},
		}, nil},
		{
			"a foreign file", func(o objects) { o["README.txt"] = []byte("hello") },
			[]finding{{archive.Unplanned, "README.txt", "", ""}},
			nil,
		},
		{
			"files that are not data",
			func(o objects) { o["_tables/x.json"] = nil; o["1/.DS_Store"] = nil; o["1/_SUCCESS"] = nil }, nil, nil,
		},
		{"a file of a capture that is not there", func(o objects) {
			o["1/"+cutlog.BlockName("gone", "00000000", 7, 9, "csv")] = []byte("x")
		}, []finding{{archive.Unplanned, "1/" + cutlog.BlockName("gone", "00000000", 7, 9, "csv"), "7-9", ""}}, nil},

		{"dead letters removed", remove(dead), []finding{{archive.Missing, dead, deadSeqs, ""}}, nil},
		{"dead letters, a byte changed", flip(dead), []finding{{archive.Damaged, dead, deadSeqs, ""}}, nil},
		{"dead letters truncated", truncate(dead), []finding{{archive.Damaged, dead, deadSeqs, ""}}, nil},
		{"dead letters copied", func(o objects) { o["_deadletter/ORDERS/x/y.ndjson.gz"] = o[dead] }, []finding{
			{archive.Unplanned, "_deadletter/ORDERS/x/y.ndjson.gz", "", ""},
		}, nil},

		{"plan removed", remove(plan(3)), []finding{{archive.Missing, plan(3), "101-200", ""}}, []finding{fourFiles}},
		{"plan, a byte changed", flip(plan(3)), []finding{{archive.Damaged, plan(3), "101-200", ""}}, []finding{fourFiles}},
		{"plan truncated", truncate(plan(3)), []finding{{archive.Damaged, plan(3), "101-200", ""}}, []finding{fourFiles}},
		{
			"plan emptied", func(o objects) { o[plan(3)] = nil },
			[]finding{{archive.Damaged, plan(3), "101-200", ""}},
			[]finding{fourFiles},
		},
		{"plan edited and sealed again", func(o objects) {
			p := o.plan(t, "ORDERS", 3)
			p.Time = p.Time.Add(1)
			o.put(t)(cutlog.EncodePlan("ORDERS", p))
		}, []finding{{archive.Contradicts, plan(3), "", "plan 4 names"}}, nil},
		{"newest plan edited and sealed again", func(o objects) {
			p := o.plan(t, "ORDERS", 4)
			p.Time = p.Time.Add(1)
			o.put(t)(cutlog.EncodePlan("ORDERS", p))
		}, []finding{{archive.Contradicts, done(4), "", "belongs to plan 4 with SHA-256"}}, nil},
		{"plan of another capture", func(o objects) { o[plan(3)] = o[cutlog.PlanName("table", 3)] }, []finding{
			{archive.Contradicts, plan(3), "101-200", `capture "table"`},
		}, []finding{fourFiles}},
		{
			"plan of another number", func(o objects) { o[plan(3)] = o[plan(2)] },
			[]finding{{archive.Contradicts, plan(3), "101-200", "plan 2"}},
			[]finding{fourFiles},
		},
		{"first plan removed", remove(plan(1)), []finding{{archive.Missing, plan(1), "", ""}}, nil},
		{"first plan, a byte changed", flip(plan(1)), []finding{{archive.Damaged, plan(1), "", ""}}, nil},
		{
			"newest plan removed", remove(plan(4)),
			[]finding{{archive.Missing, plan(4), "201 and up", ""}},
			[]finding{fourFiles},
		},
		{
			"newest plan, a byte changed", flip(plan(4)),
			[]finding{{archive.Damaged, plan(4), "201 and up", ""}},
			[]finding{fourFiles},
		},
		{"two plans removed", remove(plan(2), plan(3)), []finding{
			{archive.Missing, plan(2), "1-200", ""}, {archive.Missing, plan(3), "1-200", ""},
		}, []finding{{archive.Unchecked, logDir, "", "8 files"}}},

		{"done removed", remove(done(3)), []finding{{archive.Missing, done(3), "101-200", ""}}, nil},
		{"done, a byte changed", flip(done(3)), []finding{{archive.Damaged, done(3), "", ""}}, nil},
		{"done truncated", truncate(done(3)), []finding{{archive.Damaged, done(3), "", ""}}, nil},
		{"done edited and sealed again", func(o objects) {
			d := o.done(t, "ORDERS", 3)
			d.Files[0].Size++
			o.put(t)(cutlog.EncodeDone("ORDERS", d))
		}, []finding{
			{archive.Contradicts, done(3), "", "as plan 4 says"},
			{
				archive.Damaged, whole.plan(t, "ORDERS", 3).Blocks[0].Path(),
				archive.FormatSeqs(whole.plan(t, "ORDERS", 3).Blocks[0].Seqs, 0), "",
			},
		}, nil},
		{
			"done of another capture", func(o objects) { o[done(3)] = o[cutlog.DoneName("table", 3)] },
			[]finding{{archive.Contradicts, done(3), "", ""}},
			nil,
		},
		{
			"newest done removed", remove(done(4)), nil,
			[]finding{{archive.Pending, done(4), "201-300", "still to be finished, with 4 of its 4 files there"}},
		},
		{"newest done and a file of it removed", func(o objects) {
			remove(done(4), o.data("1/", "ORDERS-", "-00000000000000000205-")[0])(o)
		}, nil, []finding{{archive.Pending, done(4), "201-300", "with 3 of its 4 files there"}}},
		{"newest done, a byte changed", flip(done(4)), []finding{{archive.Damaged, done(4), "", ""}}, nil},

		{"cut removed", remove(plan(3), done(3)), []finding{{archive.Missing, plan(3), "101-200", ""}}, []finding{fourFiles}},
		{"first cuts removed", remove(plan(1), done(1), plan(2), done(2), plan(3), done(3)), []finding{
			{archive.Missing, plan(1), "1-200", "plans 1 to 3"},
		}, []finding{{archive.Unchecked, logDir, "", "8 files"}}},
		{"newest cut removed from the log", remove(plan(4), done(4)), func() (fs []finding) {
			for _, b := range whole.plan(t, "ORDERS", 4).Blocks {
				fs = append(fs, finding{archive.Unplanned, b.Path(), fmt.Sprintf("%d-%d", b.Seqs.First(), b.Seqs.Last()), ""})
			}
			return fs
		}(), nil},
		{"a cut from the future", func(o objects) { o[plan(9)] = o[plan(3)] }, []finding{
			{archive.Missing, plan(5), "301 and up", "plans 5 to 8"}, {archive.Contradicts, plan(9), "301 and up", "plan 3"},
		}, nil},

		{"format removed", remove(format), []finding{{archive.Missing, format, "", ""}}, nil},
		{"format, a byte changed", flip(format), []finding{{archive.Damaged, format, "", ""}}, nil},
		{"format truncated", truncate(format), []finding{{archive.Damaged, format, "", ""}}, nil},
		{
			"format of another capture", func(o objects) { o[format] = o[cutlog.FormatName("table")] },
			[]finding{{archive.Contradicts, format, "", ""}},
			nil,
		},
		{
			"an object in the log that is not a record", func(o objects) { o[logDir+"/x"] = nil }, nil,
			[]finding{{archive.Stray, logDir + "/x", "", ""}},
		},
		{"the whole log removed", func(o objects) {
			for _, name := range o.names("_jetcapture/ORDERS/log/") {
				delete(o, name)
			}
		}, append([]finding{{archive.Missing, plan(1), "", ""}}, func() (fs []finding) {
			for n := uint64(2); n <= 4; n++ {
				for _, b := range whole.plan(t, "ORDERS", n).Blocks {
					fs = append(fs, finding{archive.Unplanned, b.Path(), fmt.Sprintf("%d-%d", b.Seqs.First(), b.Seqs.Last()), ""})
				}
			}
			return fs
		}()...), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := maps.Clone(whole)
			tt.edit(o)
			r := verify(t, o.bucket(t), archive.VerifyOptions{})
			expect(t, r.problems, tt.problems...)
			expect(t, r.notes, tt.notes...)
			if r.OK() != (len(tt.problems) == 0) {
				t.Errorf("OK is %v", r.OK())
			}
		})
	}
}
