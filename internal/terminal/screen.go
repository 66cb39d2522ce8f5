package terminal

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// What switches a terminal (ECMA-48, and the private modes of xterm that all of today have).
const (
	enter = "\x1b[?1049h\x1b[?25l\x1b[?7l" // the other screen, no cursor, no wrapping of long lines
	leave = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home  = "\x1b[H"
	rest  = "\x1b[K" // erases the rest of a line
	below = "\x1b[J" // erases all below
)

// Key is a key that was pressed: its character, or one of those below.
type Key rune

// Keys that send no character.
const (
	Up Key = -1 - iota
	Down
	PageUp
	PageDown
)

// Interrupt is Ctrl-C, which sends no signal while a screen is open.
const Interrupt Key = 3

// Screen has a whole terminal. What it showed before comes back with Close. One goroutine uses it.
type Screen struct {
	in, out *os.File
	before  *term.State // of in; nil if it is not a terminal
	keys    chan Key
	closed  chan struct{}
}

// Open takes a terminal. Keys come from in, if that is a terminal, too. The caller closes the screen, whatever happens:
// a terminal that is left as it is now is of no use to a shell.
func Open(in, out *os.File) (*Screen, error) {
	s := &Screen{in: in, out: out, closed: make(chan struct{})}
	if term.IsTerminal(int(in.Fd())) {
		before, err := term.MakeRaw(int(in.Fd()))
		if err != nil {
			return nil, fmt.Errorf("prepare the terminal: %w", err)
		}
		s.before, s.keys = before, make(chan Key)
		go s.listen() // ends with the input: a read of a terminal cannot be ended from outside
	}
	if _, err := out.WriteString(enter); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close brings back what the terminal showed.
func (s *Screen) Close() error {
	close(s.closed)
	_, err := s.out.WriteString(leave)
	if s.before != nil {
		err = errors.Join(err, term.Restore(int(s.in.Fd()), s.before))
	}
	return err
}

// Size returns the columns and lines that the terminal has now.
func (s *Screen) Size() (width, height int) { return Size(s.out) }

// Size returns the columns and lines of a file, 80 and 24 if it is not a terminal.
func Size(f *os.File) (width, height int) {
	if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
		return w, h
	}
	return 80, 24
}

// Draw shows lines, as many as there is room for. They hold nothing but printable text and its colors.
func (s *Screen) Draw(lines []string) error {
	_, height := s.Size()
	lines = lines[:min(len(lines), height)]
	_, err := s.out.WriteString(home + strings.Join(lines, rest+"\r\n") + rest + below)
	return err
}

// Keys returns the channel of the keys that are pressed; nil if there is no keyboard.
func (s *Screen) Keys() <-chan Key { return s.keys }

// listen sends what is typed.
func (s *Screen) listen() {
	buffer := make([]byte, 64)
	for {
		n, err := s.in.Read(buffer)
		if err != nil {
			return
		}
		for _, k := range parse(string(buffer[:n])) {
			select {
			case s.keys <- k:
			case <-s.closed:
				return
			}
		}
	}
}

// parse returns the keys of what one read of a terminal has brought. Sequences of other keys are left out.
func parse(typed string) (keys []Key) {
	named := []struct {
		sequence string
		key      Key
	}{
		{"\x1b[A", Up}, {"\x1bOA", Up}, {"\x1b[B", Down}, {"\x1bOB", Down}, {"\x1b[5~", PageUp}, {"\x1b[6~", PageDown},
	}
next:
	for typed != "" {
		for _, n := range named {
			if rest, found := strings.CutPrefix(typed, n.sequence); found {
				keys, typed = append(keys, n.key), rest
				continue next
			}
		}
		if typed[0] == '\x1b' {
			return keys
		}
		keys, typed = append(keys, Key(typed[0])), typed[1:]
	}
	return keys
}
