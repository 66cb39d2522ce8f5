package restore

import (
	"fmt"
	"testing"

	"github.com/jetcapture/jetcapture/internal/reader"
)

func TestWhichErrorsSayThatTheNameIsTaken(t *testing.T) {
	for _, tt := range []struct {
		code  int
		text  string
		taken bool
	}{
		{10130, "stream name already in use, cannot restore", true},
		{10062, "restore failed: error adding stream: stream name already in use, cannot restore (10130)", true},
		{10062, "restore failed: failed to store message sequence 17831: store is closed", false},
	} {
		err := fmt.Errorf("restore: %w", &reader.APIError{ErrCode: tt.code, Description: tt.text})
		if got := isTaken(err); got != tt.taken {
			t.Errorf("%v: %t", err, got)
		}
	}
}
