package storetest_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/jetcapture/jetcapture/internal/storetest"
)

func TestMain(m *testing.M) {
	if err := errors.Join(storetest.SetEnvironment(), checkNode(), checkRclone()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if do := os.Getenv(childEnv); do != "" {
		if err := child(do); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil { // they mostly wait
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// checkNode prints a line if Azurite is left out. In CI that is a failure.
func checkNode() error {
	if storetest.HasNode() || os.Getenv(childEnv) != "" {
		return nil
	}
	const left = "there is no Node here: the tests with Azurite are left out"
	if os.Getenv("CI") == "true" {
		return errors.New(left + ", which must not be in CI: install Node")
	}
	fmt.Fprintln(os.Stderr, left)
	return nil
}

// kinds returns the stores that can be tested here.
func kinds() []storetest.Kind {
	all := []storetest.Kind{storetest.S3, storetest.GCS}
	if storetest.HasNode() {
		all = append(all, storetest.Azure)
	}
	return all
}
