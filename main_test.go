package jetcapture_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"go.uber.org/goleak"
)

// childVar makes the test binary a child of TestSpoolDiskFull, because the limit that it sets holds for a whole
// process.
const childVar = "JETCAPTURE_TEST_CHILD"

func TestMain(m *testing.M) {
	if args := os.Getenv(childVar); args != "" {
		if err := child(args); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // most tests wait for something most of the time
		fmt.Println(err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, natstest.IgnoreServer()...)
}
