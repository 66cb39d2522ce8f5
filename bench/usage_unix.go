//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
	"time"
)

// used returns the processor time (user and system) and the peak resident memory in bytes of a process that has ended.
func used(p *os.ProcessState) (cpu time.Duration, peak int64) {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return p.UserTime() + p.SystemTime(), 0
	}
	peak = int64(usage.Maxrss)    //nolint:unconvert // 32 bits on some systems
	if runtime.GOOS != "darwin" { // getrusage(2): bytes on macOS, KiB elsewhere
		peak <<= 10
	}
	return p.UserTime() + p.SystemTime(), peak
}
