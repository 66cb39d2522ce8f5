package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
)

// File is a file with an event a line, in JSON, for the captures of one process: other processes need files of their
// own. After a crash it goes on behind the last whole line. Its methods may be called from any goroutine.
type File struct {
	mu   sync.Mutex // guards what follows
	f    *os.File
	end  int64               // of the last whole line
	torn bool                // a line that could not be written may have left bytes behind end
	last map[string]Position // of sources, as far as they were found or written
}

// OpenFile opens the file, and makes it if it is missing. A line that was cut off by a crash is removed.
func OpenFile(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the file of events: %w", err)
	}
	s := &File{f: f, last: map[string]Position{}}
	if s.end, err = s.wholeLines(); err == nil {
		err = f.Truncate(s.end)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the file of events %s: %w", path, err), f.Close())
	}
	return s, nil
}

// Close closes the file.
func (s *File) Close() error { return s.f.Close() }

// Of returns the sink of one capture, whose name is escaped. It writes to the file.
func (s *File) Of(capture string) Sink { return &fileOf{s, sourceOf(capture)} }

// fileOf is a sink: the events of one source in a file.
type fileOf struct {
	file   *File
	source string
}

// Last implements Sink.
func (s *fileOf) Last(context.Context) (Position, bool, error) { return s.file.lastOf(s.source) }

// Put implements Sink.
func (s *fileOf) Put(_ context.Context, e Event) error { return s.file.put(e) }

const (
	maxLine   = 1 << 20 // bounds the length of an event in a file
	readAhead = 1 << 18 // bytes of a file that are read at once, backwards
)

var errNotEvents = errors.New("it does not hold lines of events")

// wholeLines returns where the last whole line ends.
func (s *File) wholeLines() (end int64, err error) {
	size, err := s.f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	begin := max(size-2*maxLine, 0)
	tail := make([]byte, size-begin)
	if _, err := s.f.ReadAt(tail, begin); err != nil && err != io.EOF {
		return 0, err
	}
	whole := bytes.LastIndexByte(tail, '\n') + 1
	if whole == 0 && begin > 0 {
		return 0, errNotEvents
	}
	return begin + int64(whole), nil
}

// backwards are the lines of the file, the last one first. A line is valid until the next one is asked for.
func (s *File) backwards() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var text []byte // from at on, as far as it was not yielded; it ends with a line
		for at := s.end; at > 0; {
			n := min(at, readAhead)
			at -= n
			read := make([]byte, n, n+int64(len(text)))
			if _, err := s.f.ReadAt(read, at); err != nil {
				yield(nil, err)
				return
			}
			for text = append(read, text...); len(text) > 0; {
				begin := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
				if begin == 0 && at > 0 { // there is more of the line in front
					break
				}
				if !yield(text[begin:], nil) {
					return
				}
				text = text[:begin]
			}
			if len(text) > 2*maxLine {
				yield(nil, errNotEvents)
				return
			}
		}
	}
}

// lastOf returns the position of the last event of a source. It reads the file backwards up to that event once; a
// source without one costs a look at the whole file.
func (s *File) lastOf(source string) (p Position, found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, found := s.last[source]; found {
		return p, true, nil
	}
	if p, found, err = s.find(source); err != nil {
		return Position{}, false, fmt.Errorf("look for the last event of %s in %s: %w", source, s.f.Name(), err)
	}
	if found {
		s.last[source] = p
	}
	return p, found, nil
}

// find looks for the last event of a source. Only the last line is read whatever it is: it shows whether the file has
// events at all. Of the others, those that cannot be of the source are passed over without a parser.
func (s *File) find(source string) (p Position, found bool, err error) {
	quoted, err := json.Marshal(source)
	if err != nil {
		return Position{}, false, err
	}
	mark := append([]byte(`"source":`), quoted...)
	last := true
	for line, err := range s.backwards() {
		if err != nil {
			return Position{}, false, err
		}
		if !last && !bytes.Contains(line, mark) {
			continue
		}
		last = false
		from, p, err := positionOf(line)
		if err != nil || from == source {
			return p, err == nil, err
		}
	}
	return Position{}, false, nil
}

// positionOf reads source and position of an event in its structured form.
func positionOf(event []byte) (source string, p Position, err error) {
	var e struct {
		Source   string `json:"source"`
		Position string `json:"jcposition"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return "", Position{}, err
	}
	p, err = parsePosition(e.Position)
	return e.Source, p, err
}

// put appends an event.
func (s *File) put(e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.write(append(line, '\n')); err != nil {
		return fmt.Errorf("write event %s to %s: %w", e.ID, s.f.Name(), err)
	}
	s.last[e.Source] = e.Position
	return nil
}

// write appends a line, whole and for good. What is left of one that failed is removed first: the next one may be of
// another capture, and shorter.
func (s *File) write(line []byte) error {
	if s.torn {
		if err := s.f.Truncate(s.end); err != nil {
			return err
		}
	}
	s.torn = true
	n, err := s.f.WriteAt(line, s.end)
	if err == nil {
		err = s.f.Sync()
	}
	if err == nil {
		s.end, s.torn = s.end+int64(n), false
	}
	return err
}
