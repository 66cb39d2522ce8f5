package replay_test

import (
	"testing"

	"github.com/jetcapture/jetcapture/internal/replay"
)

func TestSubjects(t *testing.T) {
	for _, tt := range []struct{ mapping, subject, want string }{
		{"orders.>=copy.>", "orders.eu.1", "copy.eu.1"},
		{"orders.>=copy.>", "orders", "orders"},
		{"orders.>=copy", "orders.1", "copy"},
		{">=all.>", "a.b", "all.a.b"},
		{"a.*.b.*=x.$2.$1", "a.1.b.2", "x.2.1"},
		{"a.*.>=x.$1.>", "a.1.b.2", "x.1.b.2"},
		{"a.b=c", "a.b", "c"},
		{"a.b=c", "a.b.c", "a.b.c"},
		{"a.b.c=c", "a.b", "a.b"},
		{"a.*=$1.$JS.x", "a.1", "1.$JS.x"},
	} {
		m, err := replay.ParseMapping(tt.mapping)
		if err != nil {
			t.Fatal(err)
		}
		if got := replay.Subject([]replay.Mapping{m}, tt.subject); got != tt.want || m.String() != tt.mapping {
			t.Errorf("%s maps %s to %s, want %s", m, tt.subject, got, tt.want)
		}
	}
	for _, wrong := range []string{
		"", "a", "=a", "a=", "a..b=c", "a.>.b=c", "a=b.*", "a=b.>", "a.>=>.b", "a.*=b.$2", "a.*=b.$0", "a=b c",
	} {
		if m, err := replay.ParseMapping(wrong); err == nil {
			t.Errorf("%q was taken: %+v", wrong, m)
		}
	}
}
