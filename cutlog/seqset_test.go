package cutlog_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
)

func TestSeqSetJSON(t *testing.T) {
	var top cutlog.SeqSet
	top.AddRange(1, 3)
	top.AddRange(math.MaxUint64-1, math.MaxUint64)
	for _, c := range []struct {
		set  cutlog.SeqSet
		want string
	}{
		{cutlog.SeqSet{}, "[]"},
		{cutlog.NewSeqSet(1), "[0,1]"},
		{cutlog.NewSeqSet(1, 2, 3, 7), "[0,3,3,1]"},
		{cutlog.NewSeqSet(1000, 1002), "[999,1,1,1]"},
		{top, "[0,3,18446744073709551610,2]"},
	} {
		got, err := json.Marshal(c.set)
		if err != nil || string(got) != c.want {
			t.Errorf("set %v is %s, %v, want %s", slices.Collect(runs(c.set)), got, err, c.want)
		}
		if c.set.EncodedLen() != len(got) {
			t.Errorf("EncodedLen of %s is %d, want %d", got, c.set.EncodedLen(), len(got))
		}
		var back cutlog.SeqSet
		if err := json.Unmarshal(got, &back); err != nil || !back.Equal(c.set) {
			t.Errorf("%s read back as %v, %v", got, slices.Collect(runs(back)), err)
		}
	}
}

func TestSeqSetJSONRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"null":                                 "expected [",
		"{}":                                   "expected [",
		"[1]":                                  "gap without a length",
		"[1,]":                                 "whole number",
		"[0,1,0,1]":                            "touches",
		"[0,0]":                                "length of a run is 0",
		"[01,1]":                               "leading zeros",
		"[-1,1]":                               "whole number",
		"[1.5,1]":                              "gap without a length",
		"[1e3,1]":                              "gap without a length",
		"[0,18446744073709551616]":             "over 64 bits",
		"[0,99999999999999999999999999999999]": "whole number",
		"[18446744073709551615,1]":             "over 64 bits",
		"[0,18446744073709551615,1,1]":         "over 64 bits",
		"[0,1,18446744073709551614,1]":         "over 64 bits",
		"[0,1,0,1,1,1]":                        "touches",
		"[0,1,1,0,1,1]":                        "length of a run is 0",
		"[1,/,1,1]":                            "whole number",
		"[:,1,1,1]":                            "whole number",
		"[0,1,1,1,]":                           "whole number",
		"[0,18446744073709551610,1,8,1,1]":     "over 64 bits",
		"[0,1":                                 "expected , or ]",
		"[0,1]]":                               "after the array",
		"":                                     "expected [",
		"[[0,1]]":                              "whole number",
		`["0",1]`:                              "whole number",
	} {
		var s cutlog.SeqSet
		if err := s.UnmarshalJSON([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gave %v, want an error with %q", in, err, want)
		}
	}
}

func TestSeqSetAddPanics(t *testing.T) {
	for name, add := range map[string]func(){
		"zero":     func() { cutlog.NewSeqSet(0) },
		"again":    func() { cutlog.NewSeqSet(5, 5) },
		"back":     func() { cutlog.NewSeqSet(5, 4) },
		"inverted": func() { new(cutlog.SeqSet).AddRange(5, 4) },
		"overlap":  func() { s := cutlog.NewSeqSet(5); s.AddRange(5, 9) },
		"wrapped":  func() { s := cutlog.NewSeqSet(math.MaxUint64); s.Add(0) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			add()
		})
	}
}

// TestSeqSetAgainstMaps compares every method with a map of sequences.
func TestSeqSetAgainstMaps(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		a, refA := randomSet(rng)
		b, refB := randomSet(rng)
		compareSet(t, a, refA)
		minus, union := maps.Clone(refA), maps.Clone(refA)
		maps.DeleteFunc(minus, func(seq uint64, _ bool) bool { return refB[seq] })
		maps.Copy(union, refB)
		compareSet(t, a.Minus(b), minus)
		compareSet(t, a.Union(b), union)
		compareSet(t, a, refA) // the operands stay as they were
		compareSet(t, b, refB)
		if a.Equal(b) != maps.Equal(refA, refB) {
			t.Errorf("%v equals %v: %v", slices.Collect(a.All()), slices.Collect(b.All()), a.Equal(b))
		}
	}
}

func TestSeqSetCopyIsASnapshot(t *testing.T) {
	s := cutlog.NewSeqSet(1, 3, 5)
	before := s
	s.Add(6)
	s.AddRange(9, 12)
	if got := slices.Collect(before.All()); !slices.Equal(got, []uint64{1, 3, 5}) {
		t.Errorf("copy is %v after the original grew, want [1 3 5]", got)
	}
}

func FuzzSeqSetJSON(f *testing.F) {
	for _, seed := range []string{"[]", "[0,1]", "[0,3,3,1]", "[ 1 , 2 ]", "[0,18446744073709551615]", "[1,1,0,1]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s cutlog.SeqSet
		if err := s.UnmarshalJSON(data); err != nil {
			return
		}
		text, err := s.MarshalJSON()
		if err != nil || s.EncodedLen() != len(text) {
			t.Fatalf("%q became %s of %d bytes, %v, EncodedLen is %d", data, text, len(text), err, s.EncodedLen())
		}
		var numbers []uint64 // encoding/json as the reference
		if err := json.Unmarshal(data, &numbers); err != nil || len(numbers)%2 != 0 {
			t.Fatalf("%q was taken, encoding/json says %v", data, err)
		}
		var count uint64
		for i := 1; i < len(numbers); i += 2 {
			count += numbers[i]
		}
		var back cutlog.SeqSet
		if err := back.UnmarshalJSON(text); err != nil || !back.Equal(s) || s.Count() != count {
			t.Fatalf("%q became %s, %v: %d sequences, want %d", data, text, err, s.Count(), count)
		}
	})
}

func BenchmarkSeqSetAdd(b *testing.B) {
	for _, step := range []uint64{1, 7} {
		b.Run(fmt.Sprintf("step=%d", step), func(b *testing.B) {
			b.ReportAllocs()
			var s cutlog.SeqSet
			seq := uint64(0)
			for b.Loop() {
				seq += step
				s.Add(seq)
			}
		})
	}
}

// randomSet makes a set with runs and gaps of 1 to 4 and the same as a map.
func randomSet(rng *rand.Rand) (cutlog.SeqSet, map[uint64]bool) {
	var s cutlog.SeqSet
	ref := make(map[uint64]bool)
	seq := rng.Uint64N(5)
	for range rng.IntN(12) {
		first := seq + 1 + rng.Uint64N(4)
		seq = first + rng.Uint64N(4)
		if rng.IntN(2) == 0 {
			s.AddRange(first, seq)
		}
		for n := first; n <= seq; n++ {
			if s.Last() < n {
				s.Add(n)
			}
			ref[n] = true
		}
	}
	return s, ref
}

func compareSet(t *testing.T, s cutlog.SeqSet, ref map[uint64]bool) {
	t.Helper()
	want := slices.Sorted(maps.Keys(ref))
	if got := slices.Collect(s.All()); !slices.Equal(got, want) {
		t.Fatalf("set is %v, want %v", got, want)
	}
	if s.Count() != uint64(len(want)) || s.Empty() != (len(want) == 0) {
		t.Errorf("Count of %v is %d, Empty is %v", want, s.Count(), s.Empty())
	}
	if len(want) > 0 && (s.First() != want[0] || s.Last() != want[len(want)-1]) {
		t.Errorf("First and Last of %v are %d and %d", want, s.First(), s.Last())
	}
	for seq := range uint64(70) {
		if s.Contains(seq) != ref[seq] {
			t.Errorf("Contains(%d) of %v is %v", seq, want, s.Contains(seq))
		}
	}
	text, err := json.Marshal(s)
	var back cutlog.SeqSet
	if err != nil || len(text) != s.EncodedLen() || json.Unmarshal(text, &back) != nil || !back.Equal(s) {
		t.Errorf("%v in JSON is %s, %v; EncodedLen %d", want, text, err, s.EncodedLen())
	}
}

// runs yields the runs of a set as first, last, first, last, ...
func runs(s cutlog.SeqSet) func(func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for first, last := range s.Runs() {
			if !yield(first) || !yield(last) {
				return
			}
		}
	}
}
