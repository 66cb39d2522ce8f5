package restore

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// StreamConfig is the configuration of a stream as the server writes it. What this version does not know stays in it.
type StreamConfig map[string]json.RawMessage

// ParseStreamConfig reads a configuration, or the answer of STREAM.INFO that holds one.
func ParseStreamConfig(data []byte) (StreamConfig, error) {
	var c StreamConfig
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("the configuration of a stream: %w", err)
	}
	if inner, ok := c["config"]; ok {
		return ParseStreamConfig(inner)
	}
	if c == nil {
		return nil, fmt.Errorf("the configuration of a stream: %.40q is none", data)
	}
	return c, nil
}

// Set sets a member to a value.
func (c StreamConfig) Set(name string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s of the stream's configuration: %w", name, err)
	}
	c[name] = data
	return nil
}

// Change is something of a configuration that a restored stream does not have at first.
type Change struct {
	Name  string          // of the member
	Was   json.RawMessage // its value
	Why   string
	Later string // option of "nats stream edit" that sets it again; empty: none
}

// lift is a limit that would drop messages, or refuse them, while they are restored.
type lift struct {
	name  string
	value int // that stands for no limit
	flag  string
}

func lifts() []lift {
	return []lift{
		{"max_age", 0, "--max-age"},
		{"max_msgs", -1, "--max-msgs"},
		{"max_bytes", -1, "--max-bytes"},
		{perSubject, -1, "--max-msgs-per-subject"},
		{"max_msg_size", -1, "--max-msg-size"},
	}
}

// Restorable returns the configuration under which messages can be restored, and what it lacks of c. Limits are lifted
// that would evict messages, and what would bring other messages into the stream, or take some out of it, is left out.
func (c StreamConfig) Restorable() (StreamConfig, []Change) {
	out := maps.Clone(c)
	var changes []Change
	for _, l := range lifts() {
		var limit int64
		if json.Unmarshal(c[l.name], &limit) == nil && limit > 0 {
			const why = "it would drop or refuse messages while they are restored"
			changes = append(changes, Change{l.name, c[l.name], why, l.flag})
			out[l.name] = fmt.Append(nil, l.value)
		}
	}
	leave := func(name, why, later string) {
		if value, ok := c[name]; ok && !isEmpty(value) {
			changes = append(changes, Change{name, value, why, later})
			delete(out, name)
		}
	}
	leave("discard_new_per_subject", "the server refuses it without max_msgs_per_subject", "--discard-per-subject")
	leave("mirror", "the archive has what the mirror had; --as-mirror-of makes it a mirror of a living stream", "")
	leave("sources", "the stream would copy its sources from their beginning once more", "")
	leave("sealed", "a sealed stream takes no messages", "")
	if r := text(c["retention"]); r != "" && r != "limits" {
		changes = append(changes, Change{
			"retention", c["retention"], "without its consumers the stream would drop the messages; " +
				"make them first, then change it, where the server allows that", "",
		})
		out["retention"] = []byte(`"limits"`)
	}
	return out, changes
}

func isEmpty(v json.RawMessage) bool {
	return slices.Contains([]string{"", "null", "false", "[]", "{}", `""`, "0"}, strings.TrimSpace(string(v)))
}

func text(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// SetMetadata adds to what the stream says of itself.
func (c StreamConfig) SetMetadata(key, value string) error {
	all := map[string]string{}
	if data, ok := c["metadata"]; ok && json.Unmarshal(data, &all) != nil || all == nil {
		all = map[string]string{}
	}
	for name := range all {
		if strings.HasPrefix(name, "_nats.") { // the server's own
			delete(all, name)
		}
	}
	all[key] = value
	return c.Set("metadata", all)
}

// Name is the name of the stream.
func (c StreamConfig) Name() string { return text(c["name"]) }

// MirrorOf makes of c the configuration of a mirror.
func (c StreamConfig) MirrorOf(origin string) error {
	for _, name := range []string{"subjects", "sources", "subject_transform"} { // a mirror has none of its own
		delete(c, name)
	}
	return c.Set("mirror", map[string]string{"name": origin})
}
