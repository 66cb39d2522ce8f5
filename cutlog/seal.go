package cutlog

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
)

// MaxRecord is the largest size of a record in bytes, of a plan before compression. A cut is due before its plan would
// be larger.
const MaxRecord = 64 << 20

// Every record is one JSON object whose last member is its own sum: ,"sha256":"<64 hexadecimal digits>"} and a line
// feed. The sum covers all bytes before that comma.
const (
	sealStart = `,"sha256":"`
	sealEnd   = "\"}\n"
	sealSize  = len(sealStart) + 2*sha256.Size + len(sealEnd)
)

var errTooLarge = fmt.Errorf("record is over %d MiB", MaxRecord>>20)

// sealWriter writes a record and its sum.
type sealWriter struct {
	w    io.Writer
	hash hash.Hash
	size int
}

func newSealWriter(w io.Writer) *sealWriter {
	return &sealWriter{w: w, hash: sha256.New()}
}

func (s *sealWriter) Write(data []byte) (int, error) {
	s.size += len(data)
	if s.size > MaxRecord-sealSize {
		return 0, errTooLarge
	}
	s.hash.Write(data) // never fails, see hash.Hash
	return s.w.Write(data)
}

// writeOpen writes a JSON object without its closing brace, so that members can follow.
func (s *sealWriter) writeOpen(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = s.Write(text[:len(text)-1])
	return err
}

// finish writes the sum and closes the object.
func (s *sealWriter) finish() error {
	_, err := io.WriteString(s.w, sealStart+hex.EncodeToString(s.hash.Sum(nil))+sealEnd)
	return err
}

// seal makes a record of v. The JSON of v must be an object with at least one member.
func seal(name string, v any) (Record, error) {
	var out bytes.Buffer
	s := newSealWriter(&out)
	if err := errors.Join(s.writeOpen(v), s.finish()); err != nil {
		return Record{}, fmt.Errorf("encode %s: %w", name, err)
	}
	return newRecord(name, out.Bytes()), nil
}

// unsealer reads a record without its sum, as a JSON object, and compares the sum at the end. Its error is sticky.
type unsealer struct {
	src    *bufio.Reader
	hash   hash.Hash
	size   int
	closed bool // the closing brace was handed out
	err    error
}

func newUnsealer(src io.Reader) *unsealer {
	return &unsealer{src: bufio.NewReaderSize(src, 8<<10), hash: sha256.New()}
}

// Read implements io.Reader. It holds back the last sealSize bytes, which may be the sum.
func (u *unsealer) Read(p []byte) (int, error) {
	if u.err != nil || len(p) == 0 {
		return 0, u.err
	}
	if u.closed {
		u.err = io.EOF
		return 0, u.err
	}
	rest, err := u.src.Peek(sealSize + 1)
	switch {
	case err == io.EOF:
		if u.err = u.compare(rest); u.err != nil {
			return 0, u.err
		}
		u.closed = true
		p[0] = '}'
		return 1, nil
	case err != nil:
		u.err = err
		return 0, u.err
	}
	n, _ := u.src.Read(p[:min(len(p), u.src.Buffered()-sealSize)]) // from the buffer
	if u.size += n; u.size > MaxRecord-sealSize {
		u.err = errTooLarge
		return 0, u.err
	}
	u.hash.Write(p[:n])
	return n, nil
}

// compare checks that a record ends in the sum of what was read.
func (u *unsealer) compare(end []byte) error {
	if len(end) != sealSize || !bytes.HasPrefix(end, []byte(sealStart)) || !bytes.HasSuffix(end, []byte(sealEnd)) {
		return errors.New("no sha256 at the end: it is cut off or not a record")
	}
	found := hex.EncodeToString(u.hash.Sum(nil))
	if want := string(end[len(sealStart) : sealSize-len(sealEnd)]); want != found {
		return fmt.Errorf("its bytes have sha256 %s, but end with %s", found, want)
	}
	return nil
}

// damage reads the rest of the record and returns what is wrong with its bytes, if anything is.
func (u *unsealer) damage() error {
	_, err := io.Copy(io.Discard, u)
	return err
}

// unseal reads a record from src with parse. If the bytes are damaged, it returns that and not an error that parse made
// of it.
func unseal(name string, src io.Reader, parse func(io.Reader) error) error {
	u := newUnsealer(src)
	err := parse(u)
	if damage := u.damage(); damage != nil {
		return &CorruptError{
			Object: name, Expected: "an intact record", Found: "damage: " + damage.Error(),
			Advice: "restore the object from a copy; until then nothing can be captured to this archive",
		}
	}
	var version unknownVersionError
	if errors.As(err, &version) {
		return &VersionError{Object: name, Found: int(version)}
	}
	if err != nil {
		return &CorruptError{
			Object: name, Expected: fmt.Sprintf("a record of layout version %d", Version), Found: err.Error(),
			Advice: "something other than jetcapture wrote it: find out what",
		}
	}
	return nil
}

// unknownVersionError is the error of a record with another version than Version.
type unknownVersionError int

func (v unknownVersionError) Error() string { return fmt.Sprintf("layout version %d", int(v)) }

// parseRecord reads a JSON object into v, a pointer to a struct. It checks the version first, which records of all
// versions have.
func parseRecord(text []byte, v any) error {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return err
	}
	if head.Version == 0 {
		return errors.New("no version")
	}
	if head.Version != Version {
		return unknownVersionError(head.Version)
	}
	return strictUnmarshal(text, v)
}

// strictUnmarshal is json.Unmarshal, but refuses unknown members. A json.Decoder reads ahead, so the text must be in
// memory.
func strictUnmarshal(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.InputOffset() != int64(len(text)) {
		return errors.New("data after the object")
	}
	return nil
}
