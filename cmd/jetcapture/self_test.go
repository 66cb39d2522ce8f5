package main

import "testing"

func TestSelf(t *testing.T) {
	const run, built = "go run -tags disable_grpc_modules,grpcnotrace ", "/tmp/go-build1/b001/exe/jetcapture"
	for _, tt := range []struct{ path, arg, inPath, main, version, want string }{
		{"/usr/bin/jetcapture", "jetcapture", "/usr/bin/jetcapture", "", "", "jetcapture"},
		{"/src/jetcapture", "./jetcapture", "", "", "", "./jetcapture"},
		{"/my src/jetcapture", "/my src/jetcapture", "/usr/bin/jetcapture", "", "", "'/my src/jetcapture'"},
		{built, built, "", "x/cmd/jetcapture", "(devel)", run + "./cmd/jetcapture"},
		{built, built, "", "x/cmd/jetcapture", "v1.2.3", run + "x/cmd/jetcapture@v1.2.3"},
	} {
		if got := selfFrom(tt.path, tt.arg, tt.inPath, tt.main, tt.version); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}
