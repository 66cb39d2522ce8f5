package wire

import (
	"maps"
	"strings"
)

// BlockName is a name that no parsed header has, because clients pass over lines without a name. A decoder finds the
// whole header block there if the block says more than the client has parsed: see WithBlock.
const BlockName = ""

// EmptyBlock is the block of a header without names.
const EmptyBlock = headerLine + lineEnd

// WithBlock returns a copy of the parsed fields that has their block as well.
func WithBlock(fields map[string][]string, block string) map[string][]string {
	with := make(map[string][]string, len(fields)+1)
	maps.Copy(with, fields)
	with[BlockName] = []string{block}
	return with
}

// SplitBlock undoes WithBlock. Fields without a block are returned as they are, and block is nil.
func SplitBlock(fields map[string][]string) (parsed map[string][]string, block []byte) {
	values, ok := fields[BlockName]
	if !ok || len(values) != 1 {
		return fields, nil
	}
	parsed = maps.Clone(fields)
	delete(parsed, BlockName)
	return parsed, []byte(values[0])
}

// madeByServer are the names of lines that a server appends to the header of a publisher: of streams that have sources,
// and of republished messages (nats-server, stream.go and memstore.go).
var madeByServer = []string{
	"Nats-Stream-Source", "Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Last-Sequence",
}

// IsWhole reports whether a block of so many bytes holds nothing but the fields that were parsed of it, as far as its
// size tells. Some clients write no blank before a value, and servers that append lines to theirs do: both are whole.
func IsWhole(fields map[string][]string, size int) bool {
	if size == 0 {
		return len(fields) == 0
	}
	full, values, server := len(EmptyBlock), 0, 0
	for name, all := range fields {
		values += len(all)
		for _, v := range all {
			full += len(name) + len(": ") + len(v) + len(lineEnd)
		}
	}
	if size == full || size == full-values {
		return true
	}
	for _, name := range madeByServer {
		server += len(fields[name])
	}
	return size == full-values+server
}

// ParseBlock parses a block as the client does. It returns nil if that cannot be parsed.
func ParseBlock(block []byte) map[string][]string {
	line, rest, ok := nextLine(string(block))
	if !ok || !strings.HasPrefix(line, strings.TrimSuffix(headerLine, lineEnd)) {
		return nil
	}
	fields := map[string][]string{}
	if !parseStatus(fields, line[len("NATS/1.0"):]) {
		return nil
	}
	for {
		if line, rest, ok = nextLine(rest); !ok {
			return nil
		}
		if line == "" {
			return fields
		}
		name, value, found := strings.Cut(line, ":")
		if !found {
			return nil
		}
		if name != "" {
			fields[name] = append(fields[name], strings.TrimLeft(value, " \t"))
		}
	}
}

// parseStatus adds what stands in the first line behind the version, as the client does.
func parseStatus(fields map[string][]string, text string) (ok bool) {
	const digits = len("503")
	if text == "" {
		return true
	}
	text = strings.TrimSpace(text)
	if len(text) < digits {
		return false
	}
	fields["Status"] = []string{text[:digits]}
	if description := strings.TrimSpace(text[digits:]); description != "" {
		fields["Description"] = []string{description}
	}
	return true
}

// nextLine cuts the first line off.
func nextLine(block string) (line, rest string, ok bool) {
	line, rest, ok = strings.Cut(block, "\n")
	return strings.TrimSuffix(line, "\r"), rest, ok
}
