package cutlog

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
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

// EncodePlan checks a plan and encodes it. A plan that another writer could misread, that a store could refuse, or whose numbers do not add
// up is an error here and so never reaches the log. Equal plans give equal bytes within one build of the program (compress/gzip does not
// promise more), so keep the Record to put it again.
func EncodePlan(capture string, p *Plan) (Record, error) {
	name := PlanName(capture, p.N)
	if err := errors.Join(p.Check(), p.checkCapture(capture)); err != nil {
		return Record{}, fmt.Errorf("encode %s: %w", name, err)
	}
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if err := errors.Join(writePlan(zip, p), zip.Close()); err != nil {
		return Record{}, fmt.Errorf("encode %s with %d blocks: %w", name, len(p.Blocks), err)
	}
	return newRecord(name, out.Bytes()), nil
}

// writePlan writes a plan block by block: one object, the blocks last, each on its own line.
func writePlan(w io.Writer, p *Plan) error {
	s := newSealWriter(w)
	if err := s.writeOpen(p.head()); err != nil {
		return err
	}
	between := `,"blocks":[` + "\n"
	for i := range p.Blocks {
		b := p.Blocks[i]
		b.Window = b.Window.UTC()
		text, err := json.Marshal(&b)
		if err != nil {
			return err
		}
		if _, err := s.Write(append([]byte(between), text...)); err != nil {
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

// head returns a copy of the plan as it is stored, without blocks.
func (p *Plan) head() *Plan {
	h := *p
	h.Version = Version
	h.Blocks = nil
	h.Time = p.Time.UTC()
	h.Stream.Created = p.Stream.Created.UTC()
	h.Anchor.Time = p.Anchor.Time.UTC()
	if p.Format != nil {
		f := *p.Format
		f.Version = Version
		h.Format = &f
	}
	return &h
}

// DecodePlan reads the bytes of a stored plan and checks it. Its errors are *CorruptError and *VersionError. It never takes much more memory
// than the plan needs, whatever the bytes claim.
func DecodePlan(data []byte) (*Plan, error) {
	return decodePlan("", data)
}

func decodePlan(name string, data []byte) (*Plan, error) {
	var p Plan
	err := unseal(name, &gunzipper{rest: bytes.NewReader(data)}, func(dec *json.Decoder) error {
		if err := p.read(dec); err != nil {
			return err
		}
		return p.Check()
	})
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// read reads a plan token by token, so that no more than one block is held as text. The version comes first: what follows is not looked
// at if it is another one.
func (p *Plan) read(dec *json.Decoder) error {
	if err := expectDelim(dec, '{'); err != nil {
		return err
	}
	members := make(map[string]json.RawMessage)
	var blocks []Block
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string) // the decoder lets only strings be keys
		if _, twice := members[name]; twice {
			return fmt.Errorf("member %q is there twice", name)
		}
		if members[name], err = readMember(dec, name, &blocks); err != nil {
			return fmt.Errorf("member %q: %w", name, err)
		}
	}
	if err := expectDelim(dec, '}'); err != nil {
		return err
	}
	return p.assemble(members, blocks)
}

// readMember reads the value of a member. Blocks go to blocks instead of the text that it returns.
func readMember(dec *json.Decoder, name string, blocks *[]Block) (text json.RawMessage, err error) {
	if name == "blocks" {
		*blocks, err = readBlocks(dec)
		return nil, err
	}
	if err = dec.Decode(&text); err != nil || name != "version" {
		return text, err
	}
	var version int
	if err = json.Unmarshal(text, &version); err == nil && version != Version {
		err = unknownVersion(version)
	}
	return text, err
}

func readBlocks(dec *json.Decoder) ([]Block, error) {
	if err := expectDelim(dec, '['); err != nil {
		return nil, err
	}
	var blocks []Block
	for dec.More() {
		var b Block
		if err := dec.Decode(&b); err != nil {
			return nil, fmt.Errorf("block %d: %w", len(blocks), err)
		}
		blocks = append(blocks, b)
	}
	return blocks, expectDelim(dec, ']')
}

// assemble makes the plan of its members, all but the blocks as text.
func (p *Plan) assemble(members map[string]json.RawMessage, blocks []Block) error {
	delete(members, "blocks")
	if _, ok := members["version"]; !ok {
		return errors.New("no version")
	}
	text, err := json.Marshal(members)
	if err != nil {
		return err
	}
	if err := strictUnmarshal(text, p); err != nil {
		return err
	}
	if p.Blocks != nil {
		return errors.New("blocks are there twice")
	}
	p.Blocks = blocks
	return nil
}

func expectDelim(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("expected %v, found %.20v", want, token)
	}
	return nil
}

// gunzipper unpacks exactly one gzip member: nothing may follow it.
type gunzipper struct {
	zip  *gzip.Reader
	rest *bytes.Reader
}

func (g *gunzipper) Read(p []byte) (int, error) {
	if g.zip == nil {
		zip, err := gzip.NewReader(g.rest)
		if err != nil {
			return 0, fmt.Errorf("not gzip: %w", noEOF(err))
		}
		zip.Multistream(false)
		g.zip = zip
	}
	n, err := g.zip.Read(p)
	if err == io.EOF && g.rest.Len() > 0 {
		err = fmt.Errorf("%d bytes after the gzip member", g.rest.Len())
	}
	return n, err
}

// noEOF keeps an empty object from looking like the end of one.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// EncodedLen returns an upper bound of the block's length in a plan before compression. It takes constant time but for the key. As long as
// Name is empty it counts as MaxSegment, so that an open block can be asked.
func (b *Block) EncodedLen() int {
	const fixed = 300 // member names, kind, time and numbers at their longest
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
	n := len(`{"base64":""}`) + 4
	for i := range len(t) {
		if t[i] < ' ' || t[i] > '~' || strings.IndexByte(`"\<>&`, t[i]) >= 0 {
			n += len(`\u0000`)
		} else {
			n++
		}
	}
	return n
}
