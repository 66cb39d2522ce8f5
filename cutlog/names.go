package cutlog

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Limits of names. Object stores allow names of 1,024 bytes (S3, Google Cloud Storage) or 1,024 characters (Azure
// Blob), file systems segments of 255 bytes. The difference is room for a root and for the names of temporary files.
const (
	MaxSegment = 200 // bytes of one path segment
	MaxName    = 900 // bytes of a name below the root
	MaxCapture = 64  // bytes of the name of a capture
)

const (
	logRoot    = "_jetcapture"
	deadRoot   = "_deadletter"
	seqDigits  = 20 // digits of the greatest 64-bit number
	incDigits  = 8
	planSuffix = ".plan.json.gz"
	lostSuffix = ".lost.json"
	lostMore   = ".lost." // followed by a number from 2 on and ".json"
	doneSuffix = ".done.json"
)

// RecordKind says which record of a cut a name belongs to.
type RecordKind string

// The kinds of a record.
const (
	RecordPlan RecordKind = "plan"
	RecordLost RecordKind = "lost"
	RecordDone RecordKind = "done"
)

// Root is the beginning of the names of all records of all captures.
const Root = logRoot + "/"

// FormatName is the name of a capture's format.json.
func FormatName(capture string) string { return logRoot + "/" + capture + "/format.json" }

// ProbeName is the name of the object with which a store is tested that can write in several ways. Not all stores need
// it.
func ProbeName(capture string) string { return logRoot + "/" + capture + "/probe%41" }

// LogPrefix is the beginning of the names of all records of a capture. It ends in a slash.
func LogPrefix(capture string) string { return logRoot + "/" + capture + "/log/" }

// PlanName is the name of plan n.
func PlanName(capture string, n uint64) string { return recordName(capture, n, planSuffix) }

// LostName is the name of lost record k of cut n. The first has k = 1 and no number in its name.
func LostName(capture string, n, k uint64) string {
	if k <= 1 {
		return recordName(capture, n, lostSuffix)
	}
	return recordName(capture, n, lostMore+strconv.FormatUint(k, 10)+".json")
}

// isLostSuffix reports whether s is the end of a lost record's name.
func isLostSuffix(s string) bool {
	if s == lostSuffix {
		return true
	}
	number, found := strings.CutPrefix(strings.TrimSuffix(s, ".json"), lostMore)
	k, err := strconv.ParseUint(number, 10, 64)
	return found && err == nil && k >= 2 && s == lostMore+strconv.FormatUint(k, 10)+".json"
}

// DoneName is the name of done n.
func DoneName(capture string, n uint64) string { return recordName(capture, n, doneSuffix) }

func recordName(capture string, n uint64, suffix string) string {
	return fmt.Sprintf("%s%0*d%s", LogPrefix(capture), seqDigits, n, suffix)
}

// ParseLogName parses the name of a record. ok is false for a name that PlanName, LostName and DoneName do not return.
func ParseLogName(name string) (n uint64, kind RecordKind, ok bool) {
	dir, base := path.Split(name)
	capture, isLog := strings.CutSuffix(strings.TrimPrefix(dir, logRoot+"/"), "/log/")
	if !isLog || LogPrefix(capture) != dir || strings.Contains(capture, "/") || capture == "" || len(base) < seqDigits {
		return 0, "", false
	}
	switch suffix := base[seqDigits:]; {
	case suffix == planSuffix:
		kind = RecordPlan
	case suffix == doneSuffix:
		kind = RecordDone
	case isLostSuffix(suffix):
		kind = RecordLost
	default:
		return 0, "", false
	}
	n, ok = parseSeq(base[:seqDigits])
	if !ok {
		return 0, "", false
	}
	return n, kind, true
}

// DeadPrefix is the directory of a capture's dead letters. Windows are directories below it.
func DeadPrefix(capture string) string { return deadRoot + "/" + capture }

// BlockName is the file name of a block: <capture>-<incarnation>-<first>-<last>.<suffix>, the stream sequences with 20
// digits. Without a suffix there is no dot either. It is unique in an archive, because no two blocks of an incarnation
// begin with the same sequence.
func BlockName(capture, incarnation string, first, last uint64, suffix string) string {
	name := fmt.Sprintf("%s-%s-%0*d-%0*d", capture, incarnation, seqDigits, first, seqDigits, last)
	if suffix == "" {
		return name
	}
	return name + "." + suffix
}

// BlockID is what a file name says about a block.
type BlockID struct {
	Capture     string
	Incarnation string
	First, Last uint64 // stream sequences
	Suffix      string // without the dot; may be empty
}

// ParseBlockName parses a file name. ok is false for a name that BlockName does not return for a sound block.
func ParseBlockName(name string) (id BlockID, ok bool) {
	const tail = 1 + incDigits + 1 + seqDigits + 1 + seqDigits // -incarnation-first-last
	// Both the capture and the suffix may have dots, so try each of them.
	for end := tail + 1; end <= len(name); end++ {
		if end < len(name) && (name[end] != '.' || end == len(name)-1) {
			continue
		}
		if id, ok = parseBlockIDs(name[end-tail : end]); ok {
			id.Capture, id.Suffix = name[:end-tail], strings.TrimPrefix(name[end:], ".")
			return id, true
		}
	}
	return BlockID{}, false
}

// parseBlockIDs parses -<incarnation>-<first>-<last>. The caller has checked the length.
func parseBlockIDs(s string) (id BlockID, ok bool) {
	const first, last = 1 + incDigits, 1 + incDigits + 1 + seqDigits // where the second and third '-' belong
	if s[0] != '-' || s[first] != '-' || s[last] != '-' || !isLowerHex(s[1:first]) {
		return id, false
	}
	id.Incarnation = s[1:first]
	var okFirst, okLast bool
	id.First, okFirst = parseSeq(s[first+1 : last])
	id.Last, okLast = parseSeq(s[last+1:])
	return id, okFirst && okLast && id.First <= id.Last
}

// hasBlockShape reports whether s could be taken for the file name of a block.
func hasBlockShape(s string) bool {
	_, ok := ParseBlockName(s)
	return ok
}

// parseSeq parses digits. ok is false for anything else, for 0, and beyond 64 bits.
func parseSeq(s string) (uint64, bool) {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && n != 0
}

func isLowerHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// CheckName returns an error unless every store can take the name: at most MaxName bytes, in segments of 1 to
// MaxSegment bytes of ASCII letters, digits and "_=-.%~" that do not begin or end with a dot. Call it before a plan is
// made: a name that a store refuses must never get into one.
func CheckName(name string) error {
	if len(name) > MaxName {
		return fmt.Errorf("check name %.40q...: %d bytes, expected at most %d: choose a shorter key or root",
			name, len(name), MaxName)
	}
	for segment := range strings.SplitSeq(name, "/") {
		if err := checkSegment(segment); err != nil {
			return fmt.Errorf("check name %q: segment %q: %w", name, segment, err)
		}
	}
	return nil
}

// checkSegment is CheckName for one segment.
func checkSegment(s string) error {
	switch {
	case s == "":
		return errors.New("empty")
	case len(s) > MaxSegment:
		return fmt.Errorf("%d bytes, expected at most %d", len(s), MaxSegment)
	case s[0] == '.' || s[len(s)-1] == '.':
		return errors.New("begins or ends with a dot")
	}
	for i := range len(s) {
		if !isPlain(s[i]) && s[i] != '.' && s[i] != '%' && s[i] != '~' {
			return fmt.Errorf("byte 0x%02x, expected letters, digits and _=-.%%~ only: escape it with EscapeSegment", s[i])
		}
	}
	return nil
}

// CheckNewCapture returns an error unless a log can begin under the name: CheckCapture, without "_none". Readers of
// tables pass over files whose names begin with '_', and earlier versions let a capture have that name.
func CheckNewCapture(capture string) error {
	if capture == noneSegment {
		return fmt.Errorf("check capture %q: readers of tables pass over files that begin with '_': give the capture "+
			"another name", capture)
	}
	return CheckCapture(capture)
}

// CheckCapture returns an error unless the name can be that of a capture: a result of EscapeSegment of at most
// MaxCapture bytes.
func CheckCapture(capture string) error {
	if len(capture) > MaxCapture {
		return fmt.Errorf("check capture %q: %d bytes, expected at most %d: give the capture a shorter name",
			capture, len(capture), MaxCapture)
	}
	s, err := UnescapeSegment(capture)
	if err == nil && s == "" {
		err = errors.New("empty")
	}
	if err != nil {
		return fmt.Errorf("check capture %q: %w: give the capture a name of letters, digits, '_', '=', '-' and '.'",
			capture, err)
	}
	return nil
}
