package reader

import (
	"testing"
	"time"
)

// TestSecondLook: a leader that is cut off from its peers answers with old numbers for up to 20 s.
func TestSecondLook(t *testing.T) {
	if d := (Timing{}).withDefaults().SecondLook; d < 25*time.Second {
		t.Errorf("the second look comes after %v, when a leader that is cut off may still answer", d)
	}
}
