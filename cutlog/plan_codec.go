package cutlog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Record is an encoded record: what Log.Put puts. Data must not be changed.
type Record struct {
	Name string
	Data []byte // exact bytes of the object
	Sum  string // Sum(Data)
}

func newRecord(name string, data []byte) Record {
	return Record{Name: name, Data: data, Sum: Sum(data)}
}

// EncodePlan checks a plan and encodes it. A plan that another writer could misread, that a store could refuse, or
// whose numbers do not add up is an error here and so never reaches the log. Equal plans give equal bytes within one
// build of the program (compress/gzip does not promise more), so keep the Record to put it again.
func EncodePlan(capture string, p *Plan) (Record, error) {
	name := PlanName(capture, p.N)
	checked := make(chan error, 1)
	// beside the packing: a backfill waits for both
	go func() { checked <- errors.Join(p.Check(), p.checkCapture(capture)) }()
	data, err := packPlan(p)
	if wrong := <-checked; wrong != nil {
		return Record{}, fmt.Errorf("encode %s: %w", name, wrong)
	}
	if err != nil {
		return Record{}, fmt.Errorf("encode %s with %d blocks: %w", name, len(p.Blocks), err)
	}
	return newRecord(name, data), nil
}

// packPlan returns the bytes of a plan's object.
func packPlan(p *Plan) ([]byte, error) {
	var out bytes.Buffer
	zip := packers.Get().(*gzip.Writer)
	defer packers.Put(zip)
	zip.Reset(&out)
	err := errors.Join(writePlan(zip, p), zip.Close())
	data := out.Bytes()
	copy(data, gzipHeader) // the packer's own header depends on its level
	return data, err
}

// packers keeps compressors for the next plan, because one takes 1 MB, more than most plans. They hold nothing of a
// plan. A large plan consists mostly of sequences. The fastest level makes those a third larger than the default level
// does, in a fifth of the time. At the default level that was a tenth of the CPU time of a whole capture.
var packers = sync.Pool{New: func() any {
	zip, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for unknown levels only
	return zip
}}

// A plan is one JSON object. Its blocks come last, each on a line of its own, so that they can be read one by one.
const (
	blocksStart = `,"blocks":[` // end of the first line
	blocksEnd   = "]}"          // the last line without the sum
)

// writePlan writes a plan block by block.
func writePlan(w io.Writer, p *Plan) error {
	s := newSealWriter(w)
	if err := p.writeHead(s); err != nil {
		return err
	}
	between := blocksStart + "\n"
	var line []byte
	for i := range p.Blocks {
		var err error
		if line, err = p.Blocks[i].appendJSON(append(line[:0], between...)); err != nil {
			return err
		}
		if _, err := s.Write(line); err != nil {
			return err
		}
		between = ",\n"
	}
	if len(p.Blocks) > 0 {
		if _, err := io.WriteString(s, "\n]"); err != nil {
			return err
		}
	}
	return s.finish()
}

// writeHead writes the first line without its end. The sequences of Lost are put in afterwards, for the reason that
// appendJSON gives. In a JSON text the place of an empty set cannot be taken for a part of a string.
func (p *Plan) writeHead(s *sealWriter) error {
	const place = `"seqs":[]`
	h := p.head()
	h.Lost = slices.Clone(p.Lost)
	for i := range h.Lost {
		h.Lost[i].Seqs = SeqSet{}
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	var line []byte
	for _, l := range p.Lost {
		before, after, _ := bytes.Cut(text, []byte(place))
		line = append(append(line, before...), place[:len(place)-len("[]")]...)
		line, text = l.Seqs.appendJSON(line), after
	}
	line = append(line, text...)
	_, err = s.Write(line[:len(line)-1])
	return err
}

// appendJSON appends the block's JSON. Its sequences can be megabytes, which json.Marshal would check and copy twice.
func (b *Block) appendJSON(dst []byte) ([]byte, error) {
	head := *b
	head.Window = b.Window.UTC()
	head.Seqs = SeqSet{}
	text, err := json.Marshal(&head)
	if err != nil {
		return dst, err
	}
	dst = append(dst, bytes.TrimSuffix(text, []byte("[]}"))...) // the sequences are the last member
	return append(b.Seqs.appendJSON(dst), '}'), nil
}

// head returns a copy of the plan as it is stored, without blocks.
func (p *Plan) head() *Plan {
	h := *p
	h.Version = Version
	h.Blocks = nil
	h.Time = p.Time.UTC()
	h.Stream.Created = p.Stream.Created.UTC()
	h.Anchor.Time = p.Anchor.Time.UTC()
	h.Anchors = slices.Clone(p.Anchors)
	for i := range h.Anchors {
		h.Anchors[i].Time = h.Anchors[i].Time.UTC()
	}
	h.Past = make([]time.Time, len(p.Past))
	for i, t := range p.Past {
		h.Past[i] = t.UTC()
	}
	if p.Format != nil {
		f := *p.Format
		f.Version = Version
		h.Format = &f
	}
	return &h
}

// DecodePlan reads the bytes of a stored plan and checks it. Its errors are *CorruptError and *VersionError. It never
// takes much more memory than the plan needs, even if the bytes are hostile.
func DecodePlan(data []byte) (*Plan, error) { return decodePlan("", data) }

func decodePlan(name string, data []byte) (*Plan, error) {
	var p Plan
	err := unseal(name, &gunzipper{rest: bytes.NewReader(data)}, func(r io.Reader) error {
		if err := p.read(&lineReader{in: bufio.NewReader(r)}); err != nil {
			return err
		}
		return p.Check()
	})
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// read reads a plan line by line, so that no more than one block is held as text. The version comes first. If that is
// unknown, the rest is not read.
func (p *Plan) read(r *lineReader) error {
	head, err := r.next()
	if err != nil {
		return err
	}
	head, more := bytes.CutSuffix(head, []byte(blocksStart))
	if more {
		head = append(head, '}')
	}
	if err := parseRecord(head, p); err != nil {
		return err
	}
	if p.Blocks != nil {
		return errors.New("blocks in the first line")
	}
	if more {
		if err := p.readBlocks(r); err != nil {
			return fmt.Errorf("block %d: %w", len(p.Blocks), err)
		}
	}
	if rest, err := r.next(); len(rest) > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("data after the object: %.20q, %w", rest, err)
	}
	return nil
}

// readBlocks reads the lines of the blocks and the line that ends them.
func (p *Plan) readBlocks(r *lineReader) error {
	for more := true; more; {
		line, err := r.next()
		if err != nil {
			return err
		}
		line, more = bytes.CutSuffix(line, []byte(","))
		b, err := parseBlock(line)
		if err != nil {
			return err
		}
		p.Blocks = append(p.Blocks, b)
	}
	line, err := r.next()
	if err == nil && string(line) != blocksEnd {
		err = fmt.Errorf("found %.20q, expected %q or a comma before it", line, blocksEnd)
	}
	return err
}

// longBlock is the length of a block's line from which on its sequences are most of it.
const longBlock = 4 << 10

// parseBlock reads the JSON of a block. Many sequences are read by themselves if they are where appendJSON puts them:
// encoding/json would go over megabytes of them several times.
func parseBlock(line []byte) (b Block, err error) {
	const member = `"seqs":`
	if at := bytes.Index(line, []byte(member+"[")); at >= 0 && len(line) > longBlock {
		before, seqs := line[:at+len(member)], line[at+len(member):]
		var s SeqSet
		if seqs, ok := bytes.CutSuffix(seqs, []byte("}")); ok && s.UnmarshalJSON(seqs) == nil {
			err = strictUnmarshal(append(bytes.Clone(before), "[]}"...), &b)
			b.Seqs = s
			return b, err
		}
	}
	return b, strictUnmarshal(line, &b)
}

// lineReader reads lines, of which some have megabytes, into one buffer.
type lineReader struct {
	in   *bufio.Reader
	line []byte
}

// next returns a line without its line feed, valid until the next call, and io.EOF after the last one.
func (r *lineReader) next() ([]byte, error) {
	r.line = r.line[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		r.line = append(r.line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(r.line) > 0:
			err = nil
		}
		return bytes.TrimSuffix(r.line, []byte("\n")), err
	}
}

// gzipHeader is the beginning of a plan's object: RFC 1952, no name, no time, unknown system. No sum covers its bytes,
// so they are fixed.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// gunzipper unpacks exactly one gzip member. It is an error if anything follows it.
type gunzipper struct {
	zip  *gzip.Reader
	rest *bytes.Reader
}

func (g *gunzipper) Read(p []byte) (int, error) {
	if g.zip == nil {
		if err := g.open(); err != nil {
			return 0, err
		}
	}
	n, err := g.zip.Read(p)
	if errors.Is(err, io.EOF) && g.rest.Len() > 0 {
		err = fmt.Errorf("%d bytes after the gzip member", g.rest.Len())
	}
	return n, err
}

func (g *gunzipper) open() error {
	header := make([]byte, len(gzipHeader))
	if n, _ := g.rest.Read(header); string(header[:n]) != gzipHeader {
		return fmt.Errorf("it begins with % x, a plan with % x", header[:n], gzipHeader)
	}
	_, err := g.rest.Seek(0, io.SeekStart)
	if err == nil {
		g.zip, err = gzip.NewReader(g.rest)
	}
	if err != nil {
		return fmt.Errorf("not gzip: %w", err)
	}
	g.zip.Multistream(false)
	return nil
}

// EncodedLen returns an upper bound of the block's length in a plan before compression. Its time depends on the length
// of the key only. An empty Name counts as MaxSegment, so that the method can be used on an open block.
func (b *Block) EncodedLen() int {
	const fixed = 160 // member names, kind, time and numbers at their longest
	name := len(b.Name)
	if name == 0 {
		name = MaxSegment
	}
	n := fixed + len(b.Dir) + name + b.Seqs.EncodedLen()
	for _, part := range b.Key {
		n += part.encodedLen() + len(",")
	}
	return n
}

// encodedLen returns an upper bound of the text's length in JSON.
func (t Text) encodedLen() int {
	if !utf8.ValidString(string(t)) {
		return len(`{"base64":""}`) + base64.StdEncoding.EncodedLen(len(t))
	}
	n := len(`""`)
	for i := range len(t) {
		if t[i] < ' ' || t[i] > '~' || strings.IndexByte(`"\<>&`, t[i]) >= 0 {
			n += len(`\u0000`)
		} else {
			n++
		}
	}
	return n
}
