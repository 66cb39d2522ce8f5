package buildinfo

import (
	"runtime"
	"testing"
)

func TestVersionOfBuilds(t *testing.T) {
	for module, want := range map[string]string{
		"v0.2.0":                               "0.2.0",
		"v1.0.0-rc.1":                          "1.0.0-rc.1",
		"":                                     nextVersion,
		"(devel)":                              nextVersion,
		"v0.2.0+dirty":                         nextVersion,
		"v0.2.0-rc.1+dirty":                    nextVersion,
		"v0.1.1-0.20261128063100-b306e8d25cae": nextVersion,
		"v0.2.0-rc.1.0.20261128063100-b306e8d25cae": nextVersion,
	} {
		if got := versionOf(module); got != want {
			t.Errorf("%q is version %s, want %s", module, got, want)
		}
	}
}

func TestString(t *testing.T) {
	end := ", " + runtime.Version() + ", " + Platform()
	for _, tt := range []struct {
		info Info
		want string
	}{
		{Info{Version: "0.2.0"}, "0.2.0"},
		{Info{Version: "0.2.0", Modified: true, Time: "2026-11-28T06:31:00Z"}, "0.2.0"},
		{
			Info{"0.2.0-dev", "0123456789abcdef", true, "2026-11-28T06:31:00Z"},
			"0.2.0-dev (commit 0123456789ab of 2026-11-28, modified)",
		},
	} {
		if got := tt.info.String(); got != tt.want+end {
			t.Errorf("got %q, want %q", got, tt.want+end)
		}
	}
}
