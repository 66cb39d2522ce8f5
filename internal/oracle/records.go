package oracle

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// text is a string, which is in an object of its own if it is not valid UTF-8.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var raw struct {
			Base64 []byte `json:"base64"`
		}
		err := json.Unmarshal(data, &raw)
		*t = text(raw.Base64)
		return err
	}
	return json.Unmarshal(data, (*string)(t))
}

// set is a set of sequences. In JSON it has in turn the number of sequences between two runs and the length of the next
// run.
type set []uint64

// UnmarshalJSON implements json.Unmarshaler.
func (s *set) UnmarshalJSON(data []byte) error {
	var pairs []uint64
	if err := json.Unmarshal(data, &pairs); err != nil {
		return err
	}
	if len(pairs)%2 != 0 {
		return fmt.Errorf("set %s has an odd number of members", data)
	}
	end := uint64(0)
	for i := 0; i < len(pairs); i += 2 {
		end += pairs[i]
		for range pairs[i+1] {
			end++
			*s = append(*s, end)
		}
	}
	return nil
}

// planRecord is a plan as docs/FORMAT.md describes it.
type planRecord struct {
	Version     int    `json:"version"`
	N           uint64 `json:"n"`
	Prev        string `json:"prev"`
	Incarnation string `json:"incarnation"`
	Opens       bool   `json:"opens"`
	Reason      string `json:"reason"`
	From        uint64 `json:"from"`
	To          uint64 `json:"to"`
	Absent      uint64 `json:"absent"`

	AbsentBy map[string]uint64 `json:"absent_by"`

	Skipped set `json:"skipped"`
	Stream  struct {
		Created time.Time `json:"created"`
	} `json:"stream"`
	Writer struct {
		Instance string `json:"instance"`
	} `json:"writer"`
	Notes    []string          `json:"notes"`
	Settings map[string]string `json:"settings"`
	Lost     []struct {
		Reason string `json:"reason"`
		Seqs   set    `json:"seqs"`
	} `json:"lost"`
	Blocks []struct {
		Kind     string    `json:"kind"`
		Key      []text    `json:"key"`
		Dir      string    `json:"dir"`
		Name     string    `json:"name"`
		Window   time.Time `json:"window"`
		Messages int64     `json:"messages"`
		Rows     int64     `json:"rows"`
		Seqs     set       `json:"seqs"`
	} `json:"blocks"`
}

// doneRecord is a done record as docs/FORMAT.md describes it.
type doneRecord struct {
	N     uint64 `json:"n"`
	Plan  string `json:"plan"`
	Lost  string `json:"lost"`
	Files []struct {
		Size    int64  `json:"size"`
		SHA256  string `json:"sha256"`
		Missing bool   `json:"missing"`
	} `json:"files"`
}

// lostRecord is a lost record as docs/FORMAT.md describes it.
type lostRecord struct {
	N      uint64 `json:"n"`
	Plan   string `json:"plan"`
	Blocks []struct {
		Block int `json:"block"`
		Seqs  set `json:"seqs"`
	} `json:"blocks"`
}

// sum returns the SHA-256 of data in hexadecimal.
func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// decode checks the sum at the end of a record, and reads the record.
func decode(plain []byte, record any) error {
	const mark = `,"sha256":"`
	at := bytes.LastIndex(plain, []byte(mark))
	if at < 0 {
		return fmt.Errorf("no sum at the end")
	}
	if want := mark + sum(plain[:at]) + "\"}\n"; string(plain[at:]) != want {
		return fmt.Errorf("ends with %q, want %q", plain[at:], want)
	}
	return json.Unmarshal(plain, record)
}

// unzip decompresses one gzip member.
func unzip(data []byte) ([]byte, error) {
	in := bytes.NewReader(data)
	zip, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	zip.Multistream(false)
	plain, err := io.ReadAll(zip)
	if err == nil && in.Len() > 0 {
		err = fmt.Errorf("%d bytes after the gzip member", in.Len())
	}
	return plain, err
}
