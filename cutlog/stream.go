package cutlog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"time"
)

// StreamConfig is a record beside the log: how the stream was configured, in the server's own words. A restore makes
// the stream again from it. Nothing else depends on it. It holds nothing of its writer, so that two writers who see the
// same put the same bytes under the same name.
type StreamConfig struct {
	Version int `json:"version"`
	// N is the number of the first plan that may have been made under this configuration. A plan of another writer may
	// have that number, or none may.
	N      uint64          `json:"n"`
	Before string          `json:"before,omitempty"` // ID of the record that was the newest until then; empty in the first
	Stream Stream          `json:"stream"`
	Server string          `json:"server,omitempty"` // version of the server that the writer was connected to
	Config json.RawMessage `json:"config"`           // an object
	// Consumers are the durable consumers of the stream at that time, each with its configuration as the server says it,
	// ascending by name. Nil: they could not be listed.
	Consumers []json.RawMessage `json:"consumers,omitzero"`
	// ID is what the name of the record says, N and the beginning of the record's SHA-256. It is not in the record;
	// EncodeStreamConfig ignores it.
	ID string `json:"-"`
}

// StreamPrefix is the beginning of the names of all records of how a capture's stream was configured. It ends in a
// slash.
func StreamPrefix(capture string) string { return logRoot + "/" + capture + "/stream/" }

const (
	streamSuffix = ".json"
	streamSum    = 8 // digits of the SHA-256
)

// StreamName is the name of such a record.
func StreamName(capture, id string) string { return StreamPrefix(capture) + id + streamSuffix }

// ParseStreamName returns the number and the ID in a name that StreamName returns for a record. ok is false for others.
func ParseStreamName(name string) (n uint64, id string, ok bool) {
	dir, base := path.Split(name)
	capture, ok := strings.CutSuffix(strings.TrimPrefix(dir, logRoot+"/"), "/stream/")
	id, isRecord := strings.CutSuffix(base, streamSuffix)
	if !ok || !isRecord || capture == "" || strings.Contains(capture, "/") || StreamPrefix(capture) != dir {
		return 0, "", false
	}
	n, ok = parseStreamID(id)
	return n, id, ok
}

// parseStreamID returns the number in an ID.
func parseStreamID(id string) (n uint64, ok bool) {
	if len(id) != seqDigits+1+streamSum || id[seqDigits] != '-' || !isLowerHex(id[seqDigits+1:]) {
		return 0, false
	}
	return parseSeq(id[:seqDigits])
}

// EncodeStreamConfig checks a record and encodes it. Equal records give equal bytes in every process.
func EncodeStreamConfig(capture string, c StreamConfig) (Record, error) {
	c.Version = Version
	c.Stream.Created = c.Stream.Created.UTC()
	err := c.Check()
	var rec Record
	if err == nil {
		rec, err = seal("", &c)
	}
	if err != nil {
		return Record{}, fmt.Errorf("encode the configuration of stream %q: %w", c.Stream.Name, err)
	}
	rec.Name = StreamName(capture, fmt.Sprintf("%0*d-%s", seqDigits, c.N, rec.Sum[:streamSum]))
	return rec, nil
}

// Check reports what is wrong with a record by itself.
func (c *StreamConfig) Check() error {
	if _, ok := parseStreamID(c.Before); c.N == 0 || c.Before != "" && !ok {
		return fmt.Errorf("number %d or the record before it, %q, is invalid", c.N, c.Before)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(c.Config, &object); err != nil || object == nil {
		return errors.Join(errors.New("the configuration is not a JSON object"), err)
	}
	if c.Stream.Name == "" || c.Stream.Created.IsZero() {
		return errors.New("the stream has no name or no time of creation")
	}
	return nil
}

// ReadStreamConfig reads the record of a name that ParseStreamName accepts. A *CorruptError says that its bytes are not
// what was put under that name; the error wraps fs.ErrNotExist if there is none.
func (l *Log) ReadStreamConfig(ctx context.Context, name string) (c StreamConfig, err error) {
	data, err := l.store.Get(ctx, name)
	if err != nil {
		return c, fmt.Errorf("read %s: %w", name, err)
	}
	if err := decodeSmall(name, data, &c, c.Check); err != nil {
		return c, err
	}
	var n uint64
	n, c.ID, _ = ParseStreamName(name)
	if n != c.N || !strings.HasSuffix(c.ID, Sum(data)[:streamSum]) {
		return c, &CorruptError{
			Object: name, Expected: "a record with the number and the SHA-256 of its name",
			Found: fmt.Sprintf("number %d, SHA-256 %s", c.N, Sum(data)), Advice: adviceRestore,
		}
	}
	return c, nil
}

// StreamConfigs yields the records of how the stream was configured, in the order in which they were put. An error ends
// the sequence; one of ReadStreamConfig says that a record which was listed is damaged or cannot be read.
func (l *Log) StreamConfigs(ctx context.Context) iter.Seq2[StreamConfig, error] {
	return func(yield func(StreamConfig, error) bool) {
		groups, err := l.streamIDs(ctx)
		if err != nil {
			yield(StreamConfig{}, err)
			return
		}
		for _, ids := range groups {
			var group []StreamConfig
			for _, id := range ids {
				c, err := l.ReadStreamConfig(ctx, StreamName(l.capture, id))
				if err != nil {
					yield(c, err)
					return
				}
				group = append(group, c)
			}
			for _, c := range sorted(group) {
				if !yield(c, nil) {
					return
				}
			}
		}
	}
}

// NewestStreamConfig returns the newest of these records that a list shows, the zero value if there is none. If it is
// damaged, it has its number and its ID only.
func (l *Log) NewestStreamConfig(ctx context.Context) (newest StreamConfig, err error) {
	groups, err := l.streamIDs(ctx)
	if err != nil || len(groups) == 0 {
		return newest, err
	}
	var group []StreamConfig
	for _, id := range groups[len(groups)-1] {
		c, err := l.ReadStreamConfig(ctx, StreamName(l.capture, id))
		var corrupt *CorruptError
		var version *VersionError
		switch {
		case errors.As(err, &corrupt), errors.As(err, &version), errors.Is(err, fs.ErrNotExist):
			n, _ := parseStreamID(id)
			c = StreamConfig{N: n, ID: id}
		case err != nil:
			return newest, err
		}
		group = append(group, c)
	}
	group = sorted(group)
	return group[len(group)-1], nil
}

// streamIDs lists these records. It returns their IDs in groups of one number each, ascending.
func (l *Log) streamIDs(ctx context.Context) (groups [][]string, err error) {
	prefix := StreamPrefix(l.capture)
	var ids []string
	for name, err := range l.store.List(ctx, prefix, "") {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		if _, id, ok := ParseStreamName(name); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for len(ids) > 0 {
		end := 1
		for end < len(ids) && sameNumber(ids[end], ids[0]) {
			end++
		}
		groups, ids = append(groups, ids[:end]), ids[end:]
	}
	return groups, nil
}

// sameNumber reports whether two IDs have the same number.
func sameNumber(a, b string) bool { return len(a) == len(b) && a[:seqDigits] == b[:seqDigits] }

// sorted sorts records of one number by what is before what. Those of writers that did not see each other are in the
// order of their IDs.
func sorted(group []StreamConfig) []StreamConfig {
	before := make(map[string]string, len(group))
	for _, c := range group {
		before[c.ID] = c.Before
	}
	depth := make(map[string]int, len(group))
	for _, c := range group {
		// Sums in IDs are short enough that somebody could make records that are before each other.
		for id := before[c.ID]; id != "" && depth[c.ID] < len(group); id = before[id] {
			depth[c.ID]++
		}
	}
	slices.SortFunc(group, func(a, b StreamConfig) int {
		return cmp.Or(cmp.Compare(depth[a.ID], depth[b.ID]), cmp.Compare(a.ID, b.ID))
	})
	return group
}

// Describes reports whether the record says this of a stream. What a server adds to each answer about itself, metadata
// whose names begin with "_nats.", does not count: it changes with the server that answers.
func (c *StreamConfig) Describes(created time.Time, config []byte) bool {
	if c.Config == nil || !c.Stream.Created.Equal(created) {
		return false
	}
	return comparableText(c.Config) == comparableText(config)
}

// comparableText returns the text of a configuration without what a server adds to it; empty if it is no object.
func comparableText(config []byte) string {
	const metadata = "metadata"
	var members map[string]any
	dec := json.NewDecoder(strings.NewReader(string(config)))
	dec.UseNumber() // sequences and sizes have up to 64 bits
	if err := dec.Decode(&members); err != nil {
		return ""
	}
	if m, ok := members[metadata].(map[string]any); ok {
		for key := range m {
			if strings.HasPrefix(key, "_nats.") {
				delete(m, key)
			}
		}
		if len(m) == 0 {
			delete(members, metadata)
		}
	}
	text, _ := json.Marshal(members) // sorts the members
	return string(text)
}
