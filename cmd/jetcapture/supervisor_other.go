//go:build !linux

package main

// reloadStart is empty: there is no systemd.
func reloadStart() string { return "" }
