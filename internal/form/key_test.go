package form

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/internal/source"
)

func str(s string) source.Value { return source.Value{Kind: source.String, Text: s} }

// makeKey makes the key of values without names.
func makeKey(t *testing.T, m *keyMaker, values ...source.Value) Key {
	t.Helper()
	return makeNamedKey(t, m, "", values...)
}

func makeNamedKey(t *testing.T, m *keyMaker, name string, values ...source.Value) Key {
	t.Helper()
	m.begin()
	for _, v := range values {
		if err := m.add(name, v); err != nil {
			t.Fatal(err)
		}
	}
	return m.end()
}

func TestKeySegments(t *testing.T) {
	for _, tt := range []struct {
		name  string
		value source.Value
		want  string
	}{
		{"", str("eu"), "eu"},
		{"region", str("eu"), "region=eu"},
		{"region", source.Value{}, "region=_none"},
		{"", source.Value{Kind: source.Null}, "_none"},
		{"", source.Value{Kind: source.NotJSON}, "_none"},
		{"", str("_none"), "__none"},
		{"", str("__none"), "___none"},
		{"region", str("_none"), "region=__none"},
		{"region", str(""), "region=_empty"},
		{"region", str("_empty"), "region=__empty"},
		{"region", str("empty"), "region=empty"},
		{"region", str(`\N`), `region=_\N`},
		{"region", str(`_\N`), `region=__\N`},
		{"region", str(`\NN`), `region=\NN`},
		{"region", str("__HIVE_DEFAULT_PARTITION__"), "region=___HIVE_DEFAULT_PARTITION__"},
		{"region", str("___hive_default_partition__"), "region=____hive_default_partition__"},
		{"region", str("_HIVE_DEFAULT_PARTITION__"), "region=_HIVE_DEFAULT_PARTITION__"},
		{"region", str("NULL"), "region=NULL"}, // cutlog.EscapeDir
		{"", str("__HIVE_DEFAULT_PARTITION__"), "__HIVE_DEFAULT_PARTITION__"},
		{"", str("none"), "none"},
		{"", str("_nonesuch"), "_nonesuch"},
		{"", str("a_none"), "a_none"},
		{"", str(""), ""},
		{"", str("../x"), "../x"},
		{"", source.Value{Kind: source.Seq, Seq: 42}, "42"},
		{"", source.Value{Kind: source.Number, Text: "1e3"}, "1e3"},
	} {
		var m keyMaker
		m.begin()
		if err := m.add(tt.name, tt.value); err != nil {
			t.Fatal(err)
		}
		got, err := m.end().Segments()
		if err != nil || !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%s %+v gives %q, %v, want %q", tt.name, tt.value, got, err, tt.want)
		}
	}
	var m keyMaker
	if err := m.add("", source.Value{Kind: source.JSON, Text: "{}"}); err == nil {
		t.Error("an object is a key")
	}
	if err := m.add("", source.Value{Kind: source.String, Text: "\ufffd", Raw: `"\ud800"`}); err == nil {
		t.Error("half a surrogate pair is a key")
	}
	if err := m.add("shop", str("\xff")); err == nil {
		t.Error("bytes are the value of a partition")
	}
	if err := m.add("", str("\xff")); err != nil {
		t.Errorf("bytes are no key: %v", err)
	}
}

func TestNoKeyIsNoDirectory(t *testing.T) {
	var m keyMaker
	if got, err := makeKey(t, &m).Segments(); err != nil || len(got) != 0 {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestMalformedKeyIsAnError(t *testing.T) {
	for _, k := range []Key{"\x05ab", "\x80", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if got, err := k.Segments(); err == nil {
			t.Errorf("%q gives %q", k, got)
		}
	}
}

func TestKeysAreRemembered(t *testing.T) {
	var m keyMaker
	makeKey(t, &m, str("eu"), str("shop"))
	values := []source.Value{str("eu"), str("shop")}
	if n := testing.AllocsPerRun(100, func() { makeKey(t, &m, values...) }); n > 0 {
		t.Errorf("a known key costs %v allocations", n)
	}
	for i := range uint64(3 * maxInterned) {
		makeKey(t, &m, source.Value{Kind: source.Seq, Seq: i})
	}
	if len(m.interned) > maxInterned {
		t.Errorf("%d keys are remembered", len(m.interned))
	}
}

func FuzzKeysAreInjective(f *testing.F) {
	f.Add("a", "b", "ab", "")
	f.Add("_none", "x", "__none", "x")
	f.Add(strings.Repeat("x", 200), "y", "", "")
	f.Add("", `\N`, "_empty", `_\N`)
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		var m keyMaker
		for _, name := range []string{"", "n"} {
			if name != "" && !utf8.ValidString(a+"|"+b+"|"+c+"|"+d) {
				continue
			}
			one, two := makeNamedKey(t, &m, name, str(a), str(b)), makeNamedKey(t, &m, name, str(c), str(d))
			if same := a == c && b == d; same != (one == two) {
				t.Errorf("%q and %q give %q and %q", []string{a, b}, []string{c, d}, one, two)
			}
			if absent := makeNamedKey(t, &m, name, source.Value{}, str(b)); absent == one {
				t.Errorf("%q meets the messages without a value", a)
			}
		}
		one := makeKey(t, &m, str(a), str(b))
		got, err := one.Segments()
		if err != nil || len(got) != 2 {
			t.Errorf("%q gives %q, %v", one, got, err)
		}
	})
}
