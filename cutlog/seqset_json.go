package cutlog

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// MarshalJSON implements json.Marshaler. It writes an array with the gap and the length of each run in turn. A gap is
// the number of sequences between the end of the run before (0 for the first) and the run: {1, 2, 3, 7} is [0,3,3,1].
func (s SeqSet) MarshalJSON() ([]byte, error) {
	return s.appendJSON(nil), nil
}

func (s SeqSet) appendJSON(out []byte) []byte {
	out = append(slices.Grow(out, s.EncodedLen()), '[')
	end := uint64(0)
	for c := s.cursor(); c.next(); end = c.last {
		if end != 0 {
			out = append(out, ',')
		}
		out = strconv.AppendUint(out, c.first-end-1, 10)
		out = append(out, ',')
		out = strconv.AppendUint(out, c.last-c.first+1, 10)
	}
	return append(out, ']')
}

// UnmarshalJSON implements json.Unmarshaler. Apart from white space it accepts only what MarshalJSON writes: pairs of
// plain decimal numbers, runs that do not touch, sequences within 64 bits. The length of the text bounds its memory,
// not the numbers in it.
func (s *SeqSet) UnmarshalJSON(data []byte) error {
	p := numbers{text: data}
	var empty SeqSet
	if len(data) > longBlock {
		empty.closed = make([]byte, 0, len(data)/2) // it never takes more
	}
	out, err := p.set(empty)
	if err != nil {
		return fmt.Errorf("read a set of sequences at byte %d: %w", p.at, err)
	}
	*s = out
	return nil
}

// numbers reads a JSON array of unsigned numbers. It moves an index and not a slice, whose pointer costs more while the
// garbage collector runs.
type numbers struct {
	text []byte
	at   int
}

// set reads a set into s, which is empty.
func (p *numbers) set(s SeqSet) (SeqSet, error) {
	if !p.take('[') {
		return s, errors.New("expected [")
	}
	if p.take(']') {
		return s, p.atEnd()
	}
	for {
		if p.shortRun(&s) {
			continue
		}
		if err := p.run(&s); err != nil {
			return SeqSet{}, err
		}
		if p.take(']') {
			return s, p.atEnd()
		}
		if !p.take(',') {
			return SeqSet{}, errors.New("expected , or ]")
		}
	}
}

// shortRun reads a gap and a length of one digit each, as most are, and the comma behind them, and adds the run. It
// reports whether that is what comes next.
func (p *numbers) shortRun(s *SeqSet) bool {
	t := p.text[p.at:]
	if len(t) < 4 || t[1] != ',' || t[3] != ',' {
		return false
	}
	gap, length := uint64(t[0]-'0'), uint64(t[2]-'0')
	if gap-1 > 8 || length-1 > 8 || s.last > math.MaxUint64-18 { // 0 or no digit
		return false
	}
	s.AddRange(s.last+gap+1, s.last+gap+length)
	p.at += 4
	return true
}

// run reads a gap and a length and adds the run that they describe.
func (p *numbers) run(s *SeqSet) error {
	gap, err := p.number()
	if err != nil {
		return err
	}
	if !p.take(',') {
		return errors.New("gap without a length")
	}
	length, err := p.number()
	if err != nil {
		return err
	}
	switch {
	case gap == 0 && !s.Empty():
		return errors.New("gap is 0: the run touches the one before")
	case length == 0:
		return errors.New("length of a run is 0")
	case gap > math.MaxUint64-s.last, length > math.MaxUint64-s.last-gap:
		return errors.New("sequence is over 64 bits")
	}
	s.AddRange(s.last+gap+1, s.last+gap+length)
	return nil
}

// number reads a decimal number without leading zeros.
func (p *numbers) number() (v uint64, err error) {
	p.space()
	digits, n, over := p.text[p.at:], 0, false
	for ; n < len(digits) && digits[n] >= '0' && digits[n] <= '9'; n++ {
		digit := uint64(digits[n] - '0')
		over = over || n >= 19 && v > (math.MaxUint64-digit)/10 // 19 digits always fit
		v = v*10 + digit
	}
	switch {
	case n == 0, n > 20, n > 1 && digits[0] == '0':
		return 0, errors.New("expected a whole number without leading zeros")
	case over:
		return 0, errors.New("number is over 64 bits")
	}
	p.at += n
	return v, nil
}

// take skips white space and then b. It reports whether b was there.
func (p *numbers) take(b byte) bool {
	p.space()
	if p.at == len(p.text) || p.text[p.at] != b {
		return false
	}
	p.at++
	return true
}

func (p *numbers) space() {
	for ; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
		default:
			return
		}
	}
}

func (p *numbers) atEnd() error {
	if p.space(); p.at != len(p.text) {
		return errors.New("data after the array")
	}
	return nil
}
