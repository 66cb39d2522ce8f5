package jetcapture_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
)

func TestEscapeFormula(t *testing.T) {
	for field, want := range map[string]string{
		"": "", "a": "a", "a=1": "a=1", "'": "'", "'a": "'a", "1-2": "1-2", " =1": " =1",
		"=1+1": "'=1+1", "+49 30 1": "'+49 30 1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r": "'\r", "\n=1": "'\n=1",
		"＝1": "'＝1", "'=1": "''=1", "''=1": "'''=1",
		"-1": "-1", "-1.50e+7": "-1.50e+7", "-": "'-", "-1+cmd|' /C calc'!A0": "'-1+cmd|' /C calc'!A0", "-Inf": "'-Inf",
		"'-1": "''-1", "\xff=": "\xff=",
	} {
		if got := jetcapture.EscapeFormula(field); got != want {
			t.Errorf("%q gives %q, want %q", field, got, want)
		}
	}
}

func FuzzEscapeFormula(f *testing.F) {
	f.Add("=1")
	f.Add("''-1")
	f.Fuzz(func(t *testing.T, field string) {
		got := jetcapture.EscapeFormula(field)
		if back := unescapeFormula(got); back != field {
			t.Errorf("%q gives %q, which stands for %q", field, got, back)
		}
		if got != "" && strings.ContainsAny(got[:1], "=+@\t\r\n") {
			t.Errorf("%q gives %q", field, got)
		}
	})
}

// unescapeFormula is what docs/FORMATS.md says to do.
func unescapeFormula(field string) string {
	const starts = "=+-@\t\r\n＝＋－＠"
	if rest := strings.TrimLeft(field, "'"); rest != field && rest != strings.TrimLeft(rest, starts) {
		return field[1:]
	}
	return field
}

func TestEscapeFormulasOfRows(t *testing.T) {
	broken := errors.New("broken")
	payload := [][]string{{"=1", "a"}, {"-1", "@b"}}
	flatten := func(rows [][]string) ([][]string, error) {
		if rows == nil {
			return nil, broken
		}
		return rows, nil
	}
	var out bytes.Buffer
	w := jetcapture.NewCSVWriter([]string{"x", "y"}, jetcapture.EscapeFormulas(flatten))
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write(payload); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if got, want := out.String(), "x,y\n'=1,a\n-1,'@b\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := [][]string{{"=1", "a"}, {"-1", "@b"}}; !reflect.DeepEqual(payload, want) {
		t.Errorf("the payload has become %q", payload)
	}
	if _, err := w.Write(nil); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
}
