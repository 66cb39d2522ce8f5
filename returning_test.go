package jetcapture_test

import (
	"errors"
	"testing"

	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/natstest"
)

// TestWrongServerOnce starts once against a server whose stream of that name is older. That start is refused and leaves
// no trace, and the next one goes on with the right server.
func TestWrongServerOnce(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	wrong := r.nc
	r.server = natstest.Start(t)
	r.nc, r.held, r.last = r.server.Connect(), nil, 0
	r.createStream()
	r.publish(30)
	capture(r, r.options())
	before := r.names()

	right := r.nc
	r.nc = wrong
	if _, err := tryCapture(r, r.options()); !errors.Is(err, engine.ErrForeign) || len(r.names()) != len(before) {
		t.Errorf("the wrong server: Run = %v, %d objects, want %d", err, len(r.names()), len(before))
	}
	r.nc = right
	r.publish(5)
	capture(r, r.options())
	if a := r.wantAll(); len(a.Incarnations()) != 1 || a.To() != 35 {
		t.Errorf("%d incarnations, stored up to %d", len(a.Incarnations()), a.To())
	}
}
