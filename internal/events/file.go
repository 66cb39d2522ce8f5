package events

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// File is a sink: a file with an event a line, in JSON. It is for one process: others need files of their own. After a
// crash it goes on behind the last whole line.
type File struct {
	f   *os.File
	end int64 // of the last whole line
}

// OpenFile opens the file, and makes it if it is missing. A line that was cut off by a crash is removed.
func OpenFile(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the file of events: %w", err)
	}
	s := &File{f: f}
	if _, s.end, err = s.lastLine(); err == nil {
		err = f.Truncate(s.end)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the file of events %s: %w", path, err), f.Close())
	}
	return s, nil
}

// Close closes the file.
func (s *File) Close() error { return s.f.Close() }

// maxLine bounds the length of an event in a file.
const maxLine = 1 << 20

// lastLine returns the last whole line, and where it ends.
func (s *File) lastLine() (line []byte, end int64, err error) {
	size, err := s.f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, err
	}
	begin := max(size-2*maxLine, 0)
	tail := make([]byte, size-begin)
	if _, err := s.f.ReadAt(tail, begin); err != nil && err != io.EOF {
		return nil, 0, err
	}
	whole := bytes.LastIndexByte(tail, '\n') + 1
	if whole == 0 && begin > 0 {
		return nil, 0, errors.New("it does not hold lines of events")
	}
	scanned := bufio.NewScanner(bytes.NewReader(tail[:whole]))
	scanned.Buffer(nil, 2*maxLine)
	for scanned.Scan() {
		line = append(line[:0], scanned.Bytes()...)
	}
	return line, begin + int64(whole), scanned.Err()
}

// Last implements Sink.
func (s *File) Last(context.Context) (Position, bool, error) {
	line, end, err := s.lastLine()
	s.end = end
	if err != nil || len(line) == 0 {
		return Position{}, false, err
	}
	p, err := positionOf(line)
	if err != nil {
		return Position{}, false, fmt.Errorf("the last line of %s: %w", s.f.Name(), err)
	}
	return p, true, nil
}

// positionOf reads the position of an event in its structured form.
func positionOf(event []byte) (Position, error) {
	var e struct {
		Position string `json:"jcposition"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return Position{}, err
	}
	return parsePosition(e.Position)
}

// Put implements Sink.
func (s *File) Put(_ context.Context, e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	n, err := s.f.WriteAt(append(line, '\n'), s.end) // over one that was not written whole
	if err == nil {
		err = s.f.Sync()
	}
	if err != nil {
		return fmt.Errorf("write event %s to %s: %w", e.ID, s.f.Name(), err)
	}
	s.end += int64(n)
	return nil
}
