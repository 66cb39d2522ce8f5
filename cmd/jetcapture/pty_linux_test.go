package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/term"
)

// terminalProcess is the command as a process on a terminal of its own.
type terminalProcess struct {
	process
	user     *os.File // what the user types and sees
	computer *os.File // the terminal of the process
	before   term.State
	shown    lockedBuffer
}

// control calls an ioctl of a terminal.
func control(t *testing.T, f *os.File, request uintptr, argument unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(argument)); errno != 0 {
		t.Fatalf("ioctl %x: %v", request, errno)
	}
}

// onTerminal starts the command on a terminal.
func onTerminal(t *testing.T, width, height int, args ...string) *terminalProcess {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = user.Close() })
	var number, unlock int32
	control(t, user, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	control(t, user, syscall.TIOCGPTN, unsafe.Pointer(&number))
	computer, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = computer.Close() })
	p := &terminalProcess{user: user, computer: computer}
	p.resize(t, width, height)
	before, err := term.GetState(int(computer.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	p.before = *before
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Env = append(os.Environ(), asCommand+"=1", "TERM=xterm", "LC_ALL=C.UTF-8", "NO_COLOR=1")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = computer, computer, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buffer := make([]byte, 4096)
		for {
			n, err := user.Read(buffer)
			if err != nil {
				return
			}
			_, _ = p.shown.Write(buffer[:n]) // a buffer takes everything
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		_ = p.cmd.Wait()
		_, _ = computer.Close(), user.Close()
		<-ended
	})
	return p
}

// resize changes the size of the terminal.
func (p *terminalProcess) resize(t *testing.T, width, height int) {
	t.Helper()
	size := [4]uint16{uint16(height), uint16(width)}
	control(t, p.user, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
}

// press types a text.
func (p *terminalProcess) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := p.user.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}
