package cutlog_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

func samplePlan() *cutlog.Plan {
	return planAfter(cutlog.Head{N: 1, Plan: firstPlan(), DoneSum: cutlog.Sum([]byte("done 1"))})
}

func TestPlanCheckRefuses(t *testing.T) {
	for want, change := range map[string]func(*cutlog.Plan){
		"number is 0":                   func(p *cutlog.Plan) { p.N = 0 },
		"the first plan has":            func(p *cutlog.Plan) { p.N = 1 },
		"SHA-256 of done 1":             func(p *cutlog.Plan) { p.Prev = "abc" },
		"only the first plan":           func(p *cutlog.Plan) { f := sampleFormat(); p.Format = &f },
		"no reason":                     func(p *cutlog.Plan) { p.Reason = "" },
		"no stream name":                func(p *cutlog.Plan) { p.Stream.Created = time.Time{} },
		"incarnation is":                func(p *cutlog.Plan) { p.Incarnation = "ABCDEF01" },
		"ends before it begins":         func(p *cutlog.Plan) { p.From = p.To + 1 },
		"was opened by plan 3":          func(p *cutlog.Plan) { p.Opened = 3 },
		"was opened by plan 0":          func(p *cutlog.Plan) { p.Opened = 0 },
		"opens one: true":               func(p *cutlog.Plan) { p.Opens = true },
		"earlier streams":               func(p *cutlog.Plan) { p.Past = []time.Time{created} },
		"anchor is stream":              func(p *cutlog.Plan) { p.Anchor.Seq = p.To + 1 },
		"hash of the anchor":            func(p *cutlog.Plan) { p.Anchor.Hash = "x" },
		"65 anchors":                    func(p *cutlog.Plan) { p.Anchors = make([]cutlog.Anchor, 65) },
		"anchors is stream sequence 30": func(p *cutlog.Plan) { p.Anchors = []cutlog.Anchor{p.Anchor} },
		"anchors is stream sequence 10": func(p *cutlog.Plan) { p.Anchors = []cutlog.Anchor{{Seq: p.From}} },
		"hash of the anchor 12":         func(p *cutlog.Plan) { p.Anchors = []cutlog.Anchor{{Seq: 12}} },
		"or a cause":                    func(p *cutlog.Plan) { p.Cause = cutlog.CauseRestored },
		"not valid UTF-8":               func(p *cutlog.Plan) { p.Settings["x"] = "\xff" },
		"expected as many":              func(p *cutlog.Plan) { p.Blocks[0].Messages++ },
		"one at least":                  func(p *cutlog.Plan) { p.Blocks[0].Messages, p.Blocks[0].Seqs = 0, cutlog.SeqSet{} },
		"-1 rows":                       func(p *cutlog.Plan) { p.Blocks[0].Rows = -1 },
		"check name":                    func(p *cutlog.Plan) { p.Blocks[0].Dir = "a/../b" },
		"empty":                         func(p *cutlog.Plan) { p.Blocks[0].Dir = "" },
		"file name does not say":        func(p *cutlog.Plan) { p.Blocks[0].Name = p.Blocks[1].Name },
		"expected BlockName":            func(p *cutlog.Plan) { p.Blocks[0].Name = "x.ndjson" },
		"dead letters belong":           func(p *cutlog.Plan) { p.Blocks[2].Dir = "_deadletter/ORDERSx" },
		"data in a reserved":            func(p *cutlog.Plan) { p.Blocks[0].Dir = "_jetcapture/ORDERS" },
		"kind is":                       func(p *cutlog.Plan) { p.Blocks[2].Kind = "other" },
		"expected the order":            func(p *cutlog.Plan) { slices.Reverse(p.Blocks) },
		"does not come after":           func(p *cutlog.Plan) { p.Blocks[1] = p.Blocks[0] },
		"outside the range":             func(p *cutlog.Plan) { p.Skipped.Add(p.To + 1) },
		"17 is in":                      func(p *cutlog.Plan) { p.Lost[0].Seqs.Add(17) },
		"in lost (expired)":             func(p *cutlog.Plan) { p.Skipped = cutlog.NewSeqSet(12) },
		"has no reason":                 func(p *cutlog.Plan) { p.Lost[0].Reason = "" },
		"7 are absent, not 8":           func(p *cutlog.Plan) { p.Absent++ },
		"6 are absent, not 7":           func(p *cutlog.Plan) { p.Skipped.Add(29) },
		"sequences have no reason":      func(p *cutlog.Plan) { p.AbsentBy = map[cutlog.AbsentReason]uint64{} },
		"8 have the reason":             func(p *cutlog.Plan) { p.AbsentBy = map[cutlog.AbsentReason]uint64{"filtered": 8} },
		"the range (10, 30] has":        func(p *cutlog.Plan) { p.Absent = math.MaxUint64 },
		"outside the range (15, 3":      func(p *cutlog.Plan) { p.From += 5; p.Absent -= 5 },
	} {
		p := samplePlan()
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		change(p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check gave %v, want %q", err, want)
		}
	}
}

func TestFirstPlanCheckRefuses(t *testing.T) {
	for want, change := range map[string]func(*cutlog.Plan){
		"the first plan has":      func(p *cutlog.Plan) { p.Prev = cutlog.Sum(nil) },
		"carries the format":      func(p *cutlog.Plan) { p.Format = nil },
		"opens an incarnation":    func(p *cutlog.Plan) { p.Opens = false },
		"format is for stream":    func(p *cutlog.Plan) { p.Format.Stream = "x" },
		"filter":                  func(p *cutlog.Plan) { p.Format.Filter = []string{"b", "a"} },
		"has a subject twice":     func(p *cutlog.Plan) { p.Format.Filter = []string{"a", "a"} },
		"check capture":           func(p *cutlog.Plan) { p.Format.Capture = "_x" },
		`of capture "other"`:      func(p *cutlog.Plan) { p.Format.Capture = "other" },
		"opens incarnation 00000": func(p *cutlog.Plan) { p.Incarnation = "00000000" },
	} {
		p := firstPlan()
		change(p)
		if _, err := cutlog.EncodePlan(capture, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("EncodePlan gave %v, want %q", err, want)
		}
	}
	if _, err := cutlog.EncodePlan("other", samplePlan()); err == nil ||
		!strings.Contains(err.Error(), `expected "other"`) {
		t.Errorf("EncodePlan for another capture gave %v", err)
	}
}

// TestAccountingAgainstMap deals sequences out at random and compares Check with a count of which set has which.
func TestAccountingAgainstMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	valid := 0
	for range 6000 {
		p := samplePlan()
		p.Blocks, p.Skipped, p.Lost = nil, cutlog.SeqSet{}, nil
		sets := make([]cutlog.SeqSet, 2+rng.IntN(5))
		owners := make(map[uint64]int)
		for seq := p.From + 1; seq <= p.To; seq++ {
			for range 1 + rng.IntN(40)/39 { // now and then two sets get it
				if i := rng.IntN(len(sets) + 1); i < len(sets) && sets[i].Last() < seq {
					sets[i].Add(seq)
					owners[seq]++
				}
			}
		}
		p.Absent = p.To - p.From - uint64(len(owners)) + uint64(rng.IntN(20)/19)
		want := p.Absent == p.To-p.From-uint64(len(owners))
		for _, n := range owners {
			want = want && n == 1
		}
		p.Skipped = sets[0]
		if !sets[1].Empty() {
			p.Lost = []cutlog.LostRange{{Reason: cutlog.LostExpired, Seqs: sets[1]}}
		}
		for i, s := range sets[2:] {
			if !s.Empty() {
				p.Blocks = append(p.Blocks, block(cutlog.KindData, p.Incarnation, fmt.Sprint(i), "csv", s))
			}
		}
		if err := p.Check(); (err == nil) != want {
			t.Fatalf("Check gave %v, want ok %v: %+v", err, want, p)
		}
		if want {
			valid++
		}
	}
	if valid < 500 || valid > 5500 {
		t.Errorf("%d of 6000 plans were valid: the test tries one side only", valid)
	}
}

func TestEncodePlanIsDeterministic(t *testing.T) {
	a := encodePlan(t, samplePlan())
	p := samplePlan()
	zone := time.FixedZone("x", 7200)
	p.Time, p.Anchor.Time, p.Stream.Created = p.Time.In(zone), p.Anchor.Time.In(zone), p.Stream.Created.In(zone)
	p.Blocks[0].Window = p.Blocks[0].Window.In(zone)
	p.Version = 0
	b := encodePlan(t, p)
	if !bytes.Equal(a.Data, b.Data) || a.Sum != cutlog.Sum(a.Data) || a.Name != cutlog.PlanName(capture, 2) {
		t.Errorf("the same plan gave %s %s and %s %s", a.Name, a.Sum, b.Name, b.Sum)
	}
	if p.Version != 0 || p.Time.Location() != zone || p.Blocks[0].Window.Location() != zone {
		t.Error("EncodePlan changed the plan")
	}
	if err := json.Unmarshal(unpack(t, a.Data), new(map[string]any)); err != nil {
		t.Errorf("a plan is not one JSON object: %v", err)
	}
}

func TestDecodePlanRefuses(t *testing.T) {
	text := string(unpack(t, encodePlan(t, samplePlan()).Data))
	body := text[:strings.LastIndex(text, `,"sha256"`)]
	sealed := func(body string) []byte {
		return pack(t, []byte(body+`,"sha256":"`+cutlog.Sum([]byte(body))+"\"}\n"))
	}
	packed := sealed(body)
	if _, err := cutlog.DecodePlan(packed); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "it begins with"},
		{"not packed", []byte(text), "it begins with"},
		{"header only", packed[:10], "unexpected EOF"},
		{"cut off", packed[:len(packed)-9], "unexpected EOF"},
		{"two members", append(bytes.Clone(packed), packed...), "after the gzip member"},
		{"tail", append(bytes.Clone(packed), 0), "1 bytes after the gzip member"},
		{"edited", pack(t, []byte(strings.Replace(text, `"from":10`, `"from":11`, 1))), "but end with"},
		{"no sum", pack(t, []byte(body+"}")), "no sha256 at the end"},
		{"nothing", pack(t, nil), "no sha256 at the end"},
		{"space after it", pack(t, []byte(text+"\n")), "no sha256 at the end"},
		{"edited version", pack(t, []byte(strings.Replace(text, `"version":1`, `"version":2`, 1))), "but end with"},
		{"damage hides syntax", pack(t, []byte(strings.Replace(text, `"to":30`, `"to":3x`, 1))), "but end with"},
		{"syntax", sealed(strings.Replace(body, `"to":30`, `"to":3x`, 1)), "invalid character"},
		{"unknown member", sealed(strings.Replace(body, `"absent"`, `"more":1,"absent"`, 1)), "unknown field"},
		{"unknown member of a block", sealed(strings.Replace(body, `"rows":`, `"more":1,"rows":`, 1)), "unknown field"},
		{"blocks in the first line", sealed(strings.ReplaceAll(body, "\n", "")), "blocks in the first line"},
		{"blocks twice", sealed(strings.Replace(body, `"absent"`, `"blocks":[{}],"absent"`, 1)), "blocks in the first line"},
		{"member after the blocks", sealed(body + `,"to":30`), "expected \"]}\""},
		{"comma after the last block", sealed(strings.Replace(body, "\n]", ",\n]", 1)), "block 3: invalid character"},
		{"two blocks on a line", sealed(strings.Replace(body, "},\n", "},{},\n", 1)), "data after the object"},
		{"no end of the blocks", sealed(body[:len(body)-2]), "data after the object"},
		{"data after the object", sealed(body + "}\n{"), "data after the object"},
		{"no version", sealed(strings.Replace(body, `"version":1,`, "", 1)), "no version"},
		{"array", sealed(`[1`), "invalid character"},
		{"numbers do not add up", sealed(strings.Replace(body, `"absent":7`, `"absent":8`, 1)), "accounting"},
		{"bad set", sealed(strings.Replace(body, `"skipped":[16,2]`, `"skipped":[16]`, 1)), "gap without a length"},
		{"null set", sealed(strings.Replace(body, `"skipped":[16,2]`, `"skipped":null`, 1)), "read a set"},
	} {
		_, err := cutlog.DecodePlan(c.data)
		var corrupt *cutlog.CorruptError
		if !errors.As(err, &corrupt) || !strings.Contains(corrupt.Found, c.want) {
			t.Errorf("%s: error is %v, want a CorruptError with %q", c.name, err, c.want)
		}
	}
	var version *cutlog.VersionError
	newer := strings.NewReplacer(`"version":1,"n":2`, `"version":2,"n":2`, `"skipped"`, `"more"`, `"rows"`,
		`"lines"`).Replace(body)
	if _, err := cutlog.DecodePlan(sealed(newer)); !errors.As(err, &version) || version.Found != 2 ||
		!strings.Contains(err.Error(), "newer") {
		t.Errorf("a plan of version 2 gave %v, want a VersionError that says what to do", err)
	}
}

// TestDecodePlanOfLongBlocks reads blocks of so many sequences that these are read by themselves.
func TestDecodePlanOfLongBlocks(t *testing.T) {
	p := largePlan(3, 2000)
	record := encodePlan(t, p)
	got, err := cutlog.DecodePlan(record.Data)
	if err != nil || !reflect.DeepEqual(got.Blocks, p.Blocks) {
		t.Fatalf("%v: the blocks are not those that were written", err)
	}
	text := string(unpack(t, record.Data))
	body := text[:strings.LastIndex(text, `,"sha256"`)]
	for change, want := range map[[2]string]string{
		{"1,2,1]}", `1,2,1],"more":1}`}: "unknown field",
		{"1,2,1]}", `1,2,1]}}`}:         "data after the object",
		{"1,2,1]}", `1,2,1`}:            "EOF",
		{"1,2,1]}", `1,2,1,0,1]}`}:      "touches the one before",
		{`"rows":`, `"more":1,"rows":`}: "unknown field",
	} {
		bad := strings.Replace(body, change[0], change[1], 1)
		_, err := cutlog.DecodePlan(pack(t, fmt.Appendf(nil, "%s,\"sha256\":%q}\n", bad, cutlog.Sum([]byte(bad)))))
		if bad == body || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s instead of %s: %v, want %q", change[1], change[0], err, want)
		}
	}
}

// TestDecodePlanNamesDamage changes each byte of a stored plan.
func TestDecodePlanNamesDamage(t *testing.T) {
	data := encodePlan(t, samplePlan()).Data
	for i := range data {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(data)
			bad[i] ^= bit
			got, err := cutlog.DecodePlan(bad)
			var corrupt *cutlog.CorruptError
			if err == nil && reflect.DeepEqual(got, samplePlan()) {
				continue // an unused bit at the end of the deflate stream: no harm
			}
			if !errors.As(err, &corrupt) {
				t.Fatalf("byte %d changed by %#x: error is %v, want a CorruptError", i, bit, err)
			}
		}
	}
}

// TestDecodePlanIsSafeFromBombs unpacks a small object that claims to be a large plan.
func TestDecodePlanIsSafeFromBombs(t *testing.T) {
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	for n := 0; n <= cutlog.MaxRecord/len(chunk) && err == nil; n++ {
		_, err = zip.Write(chunk)
	}
	if err = errors.Join(err, zip.Close()); err != nil {
		t.Fatal(err)
	}
	bomb := out.Bytes()
	bomb[8] = 0 // the header says how fast it was packed, that of a plan does not
	var corrupt *cutlog.CorruptError
	if _, err := cutlog.DecodePlan(bomb); !errors.As(err, &corrupt) || !strings.Contains(corrupt.Found, "over 64 MiB") {
		t.Errorf("error is %v, want a CorruptError: over 64 MiB", err)
	}
}

func TestBlockEncodedLenIsAnUpperBound(t *testing.T) {
	p := samplePlan()
	p.Blocks[0].Key = []cutlog.Text{"\x01\"<\\é\u2028", "", "\xff\xfe\xfd", cutlog.Text(strings.Repeat("\xff", 1000))}
	p.Blocks[1].Messages, p.Blocks[1].Rows = math.MaxInt64, math.MaxInt64
	p.Blocks[1].Window = created
	for i := range p.Blocks {
		text, err := json.Marshal(&p.Blocks[i])
		if err != nil {
			t.Fatal(err)
		}
		if bound := p.Blocks[i].EncodedLen(); bound < len(text)+2 || bound > 2*len(text) {
			t.Errorf("EncodedLen of block %d is %d, it has %d bytes and a separator", i, bound, len(text))
		}
	}
}

// TestLargePlan writes and reads a plan of 100,000 blocks, which issue 3 bounds: under 64 MB unpacked, in bounded
// memory.
func TestLargePlan(t *testing.T) {
	p := largePlan(largeBlocks, 10)
	var r cutlog.Record
	wrote := allocated(func() { r = encodePlan(t, p) })
	text := unpack(t, r.Data)
	var back *cutlog.Plan
	read := allocated(func() {
		var err error
		if back, err = cutlog.DecodePlan(r.Data); err != nil {
			t.Fatal(err)
		}
	})
	if !reflect.DeepEqual(back, p) {
		t.Error("the plan that was read is not the one that was written")
	}
	t.Logf("%d blocks: %d bytes, %d unpacked; allocated %d to write and %d to read", len(p.Blocks), len(r.Data), len(text),
		wrote, read)
	if len(text) > cutlog.MaxRecord || wrote > 10*uint64(len(text)) || read > 12*uint64(len(text)) {
		t.Errorf("%d blocks: %d bytes unpacked; allocated %d to write and %d to read", len(p.Blocks), len(text), wrote, read)
	}
	size := 0
	for i := range p.Blocks {
		size += p.Blocks[i].EncodedLen()
	}
	if size < len(text)-1000 || size > len(text)*3/2 {
		t.Errorf("the blocks ask for %d bytes, the plan has %d", size, len(text))
	}
}

// largePlan deals 10 messages to each block in turn, the worst case for the sets.
func largePlan(blocks, each int) *cutlog.Plan {
	p := samplePlan()
	p.Blocks, p.Skipped, p.Lost, p.Absent = nil, cutlog.SeqSet{}, nil, 0
	p.To = p.From + uint64(blocks*each)
	for i := range blocks {
		var s cutlog.SeqSet
		for k := range each {
			s.Add(p.From + 1 + uint64(i+k*blocks))
		}
		key := fmt.Sprintf("customer-%07d", i)
		p.Blocks = append(p.Blocks,
			block(cutlog.KindData, p.Incarnation, key+"/2024/05/06/07/00", "ndjson.gz", s, cutlog.Text(key)))
	}
	return p
}

// allocated returns how many bytes f allocated in all, which is more than it ever held.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzDecodePlan(f *testing.F) {
	text := unpack(f, encodePlan(f, samplePlan()).Data)
	f.Add(text[:bytes.LastIndex(text, []byte(`,"sha256"`))])
	f.Add([]byte(`{"version":2`))
	f.Add([]byte(`{"version":1,"n":1,"blocks":[{"seqs":[0,18446744073709551615]}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = cutlog.DecodePlan(body) // as stored: nothing to check but that it returns
		p, err := cutlog.DecodePlan(pack(t, fmt.Appendf(nil, "%s,\"sha256\":%q}\n", body, cutlog.Sum(body))))
		if err != nil {
			return
		}
		if err := p.Check(); err != nil {
			t.Fatalf("a decoded plan does not check: %v", err)
		}
		owner := ""
		for i := range p.Blocks {
			id, _ := cutlog.ParseBlockName(p.Blocks[i].Name)
			owner = id.Capture
		}
		r, err := cutlog.EncodePlan(owner, p)
		if err != nil {
			return // another capture's
		}
		back, err := cutlog.DecodePlan(r.Data)
		if err != nil {
			t.Fatalf("a plan that was encoded again cannot be read: %v", err)
		}
		if again := encodeFor(t, owner, back); !bytes.Equal(r.Data, again.Data) {
			t.Fatalf("encoded twice: %s and %s", unpack(t, r.Data), unpack(t, again.Data))
		}
	})
}

func encodeFor(t *testing.T, capture string, p *cutlog.Plan) cutlog.Record {
	t.Helper()
	r, err := cutlog.EncodePlan(capture, p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func BenchmarkEncodePlan(b *testing.B) {
	p := largePlan(largeBlocks, 10)
	b.ReportAllocs()
	for b.Loop() {
		encodePlan(b, p)
	}
}

// BenchmarkEncodeScattered encodes a plan of few blocks whose messages alternate at random. It consists almost only of
// sequences.
func BenchmarkEncodeScattered(b *testing.B) {
	p := scatteredPlan()
	b.ReportAllocs()
	for b.Loop() {
		encodePlan(b, p)
	}
}

// scatteredPlan returns a plan of half a million messages in few blocks.
func scatteredPlan() *cutlog.Plan {
	const messages = 500_000
	p := largePlan(0, 0)
	p.To = p.From + messages
	random := rand.New(rand.NewPCG(1, 2))
	var sets [4]cutlog.SeqSet
	for i := range uint64(messages) {
		sets[random.IntN(len(sets))].Add(p.From + 1 + i)
	}
	for i, s := range sets {
		key := fmt.Sprintf("customer-%d", i)
		p.Blocks = append(p.Blocks,
			block(cutlog.KindData, p.Incarnation, key+"/2024/05/06/07/00", "ndjson.gz", s, cutlog.Text(key)))
	}
	return p
}

func BenchmarkDecodeScattered(b *testing.B) {
	data := encodePlan(b, scatteredPlan()).Data
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cutlog.DecodePlan(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePlan(b *testing.B) {
	data := encodePlan(b, largePlan(largeBlocks, 10)).Data
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cutlog.DecodePlan(data); err != nil {
			b.Fatal(err)
		}
	}
}
