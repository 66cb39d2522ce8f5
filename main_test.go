package jetcapture_test

import (
	"os"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"go.uber.org/goleak"
)

// childVar makes the test binary one of the children by its value: what holds for a whole process is tested in a process of its own.
const childVar = "JETCAPTURE_TEST_CHILD"

func TestMain(m *testing.M) {
	if child := os.Getenv(childVar); child != "" {
		os.Exit(runChild(child))
	}
	goleak.VerifyTestMain(m, natstest.IgnoreServer()...)
}
