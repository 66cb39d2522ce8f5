package main

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// reloadStart is the assignment that says when a reload began, by the clock that systemd compares it with.
func reloadStart() string {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return ""
	}
	return "MONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/int64(time.Microsecond), 10)
}
