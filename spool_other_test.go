//go:build !linux

package jetcapture_test

import "errors"

// child exists on Linux only.
func child(string) error { return errors.New("no child here") }
