package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/klauspost/compress/zstd"
)

// zeros compresses many megabytes of zeros into few bytes.
func zeros(t *testing.T, megabytes int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for range megabytes {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// planWith makes a cut whose plan is changed before it is encoded.
func (b *builder) planWith(change func(*cutlog.Plan)) {
	b.t.Helper()
	p := b.next(map[string][]uint64{"a": {1, 2, 3}})
	change(p)
	b.plan(p)
}

func TestBombs(t *testing.T) {
	file := "a/2024/05/06/07/00/" + name("S", 1, 3)
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"zeros", zeros(t, 16), "unpacks to more than is sensible"},
		{"a huge window", []byte("\x28\xb5\x2f\xfd\x00\xa0\x00\x00\x00"), "window"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := build(t, 0)
			b.planWith(func(p *cutlog.Plan) { p.Settings["compression"] = "zstd" })
			b.o[file] = tt.data
			b.done(nil)
			r := verify(t, b.o.bucket(t), archive.VerifyOptions{UnpackLimit: 1 << 20})
			expect(t, r.problems, finding{archive.WrongContent, file, "1-3", tt.want})
		})
	}
}

// sealed gives text, a JSON object without its closing brace, the sum that makes a record of it.
func sealed(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return []byte(text + `,"sha256":"` + hex.EncodeToString(sum[:]) + "\"}\n")
}

// forge changes the text of the newest plan and seals it again, so that its sum is right.
func (b *builder) forge(t *testing.T, old, replacement string) {
	t.Helper()
	name := cutlog.PlanName("S", b.head.N)
	text := string(gunzip(t, b.o[name]))
	body, _, _ := strings.Cut(text, `,"sha256":"`)
	if !strings.Contains(body, old) {
		t.Fatalf("the plan does not hold %q: %s", old, body)
	}
	forged := gzipped(sealed(strings.ReplaceAll(body, old, replacement)))
	// The header of a plan is fixed; Go's own gzip writes the same one but for the system.
	copy(forged, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")
	b.o[name] = forged
}

// TestHostileRecords forges plans whose sums are right.
func TestHostileRecords(t *testing.T) {
	plan := cutlog.PlanName("S", 2)
	for _, tt := range []struct{ name, old, replacement string }{
		{"out of the root", `"dir":"a/`, `"dir":"../../etc/`},
		{"an absolute path", `"dir":"a/`, `"dir":"/etc/`},
		{"into the log", `"dir":"a/`, `"dir":"_jetcapture/S/log/`},
		{"a control character", `"dir":"a/`, `"dir":"a\u0000/`},
		{"another file name", name("S", 1, 3), name("S", 1, 4)},
		{"more messages than sequences", `"messages":3`, `"messages":9223372036854775807`},
		{"negative rows", `"rows":3`, `"rows":-1`},
		{"a run beyond 64 bits", `"seqs":[0,3]`, `"seqs":[0,18446744073709551615,18446744073709551615,9]`},
		{"a run of everything", `"seqs":[0,3]`, `"seqs":[0,18446744073709551615]`},
		{"overlapping runs", `"seqs":[0,3]`, `"seqs":[0,2,0,1]`},
		{"accounting that does not add up", `"absent":0`, `"absent":1`},
		{"a range that ends before it begins", `"from":0,"to":3`, `"from":5,"to":3`},
		{"another version", `"version":1`, `"version":2`},
		{"an unknown member", `"reason":"window"`, `"reason":"window","evil":true`},
		{"no JSON", `"reason"`, `reason`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := build(t, 0)
			b.cut(map[string][]uint64{"a": {1, 2, 3}})
			b.forge(t, tt.old, tt.replacement)
			r := verify(t, b.o.bucket(t), archive.VerifyOptions{})
			if len(r.problems) != 1 || r.problems[0].Object != plan {
				t.Errorf("got %v, want one problem of %s", r.problems, plan)
			}
			for cut, err := range archiveCuts(t, b.o) {
				if err == nil && cut.N > 1 {
					t.Error("ls believes it")
				}
			}
		})
	}
}

// archiveCuts are the cuts of the builder's capture.
func archiveCuts(t *testing.T, o objects) func(func(archive.Cut, error) bool) {
	t.Helper()
	c, err := archive.Open(o.bucket(t)).Capture("S")
	if err != nil {
		t.Fatal(err)
	}
	return c.Cuts(t.Context())
}

// TestHugeClaims has records whose claims would cost much time or memory if Verify believed them.
func TestHugeClaims(t *testing.T) {
	b := build(t, math.MaxUint64-10)
	b.cut(map[string][]uint64{"a": {math.MaxUint64 - 5, math.MaxUint64}})
	verify(t, b.o.bucket(t), archive.VerifyOptions{}).clean(t)

	last := cutlog.PlanName("S", math.MaxUint64)
	b.o[last] = b.o[cutlog.PlanName("S", 2)]
	r := verify(t, b.o.bucket(t), archive.VerifyOptions{})
	expect(t, r.problems,
		finding{archive.Missing, cutlog.PlanName("S", 3), "", "plans 3 to 18446744073709551614"},
		finding{archive.Contradicts, last, "", "plan 2"})

	// A set of 2^63 messages in a few bytes, against a stream that holds some of them.
	c := build(t, 0)
	p := c.next(nil)
	var all cutlog.SeqSet
	all.AddRange(1, 1<<63-1)
	p.To = all.Last()
	p.Blocks = []cutlog.Block{c.block(p, "a", all)}
	c.plan(p)
	path := p.Blocks[0].Path()
	c.o[path] = gzipped([]byte("1\n2\n"))
	c.done(nil)
	r = verify(t, c.o.bucket(t), archive.VerifyOptions{
		Against: func(context.Context, cutlog.Format) (archive.Stream, error) { return holding(1, 2, 3), nil },
	})
	expect(t, r.problems, finding{archive.WrongContent, path, "1-9223372036854775807", "found 2 rows"})
}

// TestFuzzArchive damages real archives at random and in every object: nothing may panic, and findings name the damaged
// object or nothing.
func TestFuzzArchive(t *testing.T) {
	whole := realArchive(t)
	names := slices.Sorted(maps.Keys(whole))
	seed := uint64(1)
	rng := rand.New(rand.NewPCG(seed, seed))
	for i := range 60 {
		o := maps.Clone(whole)
		hit := names[rng.IntN(len(names))]
		data := bytes.Clone(o[hit])
		switch rng.IntN(4) {
		case 0:
			data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
		case 1:
			data = data[:rng.IntN(len(data))]
		case 2:
			data = append(data, byte(rng.Uint32()))
		case 3:
			data = slices.Insert(data, rng.IntN(len(data)), byte(rng.Uint32()))
		}
		o[hit] = data
		r := verify(t, o.bucket(t), archive.VerifyOptions{})
		if bytes.Equal(data, whole[hit]) {
			r.clean(t)
			continue
		}
		if !slices.ContainsFunc(r.problems, func(f archive.Finding) bool { return f.Object == hit }) {
			t.Errorf("round %d: %s was changed, found %v", i, hit, r.problems)
		}
	}
}

// FuzzRows gives the files of a plan arbitrary bytes, with done records that fit them.
func FuzzRows(f *testing.F) {
	f.Add([]byte("1\n2\n3\n"), "none", "ndjson", "payload")
	f.Add([]byte("h\n1\n\"2\n\n\"\n3\n"), "none", "csv", "")
	f.Add(gzipped([]byte(`{"subject":"s","metadata":{"Sequence":{"stream_seq":1}}}`+"\n\n\n")), "gzip", "ndjson",
		"message")
	f.Add([]byte("\xff\x06\x00\x00sNaPpY"), "snappy", "ndjson", "message")
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\xa0\x00\x00\x00"), "zstd", "ndjson", "message")
	f.Fuzz(func(t *testing.T, data []byte, compression, format, record string) {
		b := build(t, 0)
		for _, s := range []string{compression, format, record} {
			if s != strings.ToValidUTF8(s, "") {
				return
			}
		}
		b.planWith(func(p *cutlog.Plan) {
			p.Settings["compression"], p.Settings["x_format"], p.Settings["x_record"] = compression, format, record
		})
		b.o[b.head.Plan.Blocks[0].Path()] = data
		b.done(nil)
		r := verify(t, b.o.bucket(t), archive.VerifyOptions{
			UnpackLimit: 1 << 20,
			Against:     func(context.Context, cutlog.Format) (archive.Stream, error) { return holding(1, 2, 3), nil },
		})
		for _, f := range append(r.problems, r.notes...) {
			if _, err := json.Marshal(f.String()); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzRecords puts arbitrary bytes where a record belongs, also with a sum that is right.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(`{"version":1,"n":2`), uint8(0), true)
	f.Add([]byte(`{"version":1,"n":2,"plan":""`), uint8(1), true)
	f.Add([]byte(`{"version":3`), uint8(2), true)
	f.Add([]byte("x"), uint8(3), false)
	f.Fuzz(func(t *testing.T, data []byte, which uint8, seal bool) {
		b := build(t, 0)
		b.cut(map[string][]uint64{"a": {1, 2, 3}})
		b.cut(map[string][]uint64{"a": {4}})
		names := []string{
			cutlog.PlanName("S", 2), cutlog.DoneName("S", 2), cutlog.FormatName("S"), cutlog.LostName("S", 2, 1),
			cutlog.PlanName("S", 4),
		}
		hit := names[int(which)%len(names)]
		if seal {
			data = sealed(string(data))
		}
		if strings.HasSuffix(hit, ".gz") && seal {
			data = gzipped(data)
			copy(data, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")
		}
		if bytes.Equal(b.o[hit], data) {
			return
		}
		b.o[hit] = data
		r := verify(t, b.o.bucket(t), archive.VerifyOptions{})
		named := slices.ContainsFunc(r.problems, func(f archive.Finding) bool { return f.Object == hit })
		if !named && hit != cutlog.LostName("S", 2, 1) {
			t.Errorf("%s is not named: %v", hit, r.problems)
		}
	})
}

// BenchmarkVerify verifies an archive with very many small files, and one with few large ones.
func BenchmarkVerify(b *testing.B) {
	for _, shape := range []struct{ keys, messages uint64 }{{10_000, 1}, {4, 100_000}} {
		b.Run(fmt.Sprintf("files=%d", shape.keys), func(b *testing.B) {
			a := build(b, 0)
			blocks := map[string][]uint64{}
			for key := range shape.keys {
				blocks[fmt.Sprint(key)] = span(key*shape.messages+1, (key+1)*shape.messages)
			}
			a.cut(blocks)
			mem := a.o.bucket(b)
			b.ReportAllocs()
			for b.Loop() {
				if r, err := archive.Open(bucket.Bucket(mem)).Verify(b.Context(), archive.VerifyOptions{}); err != nil || !r.OK() {
					b.Fatal(r, err)
				}
			}
		})
	}
}
