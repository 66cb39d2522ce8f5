package jetcapture

import "github.com/jetcapture/jetcapture/cutlog"

// EscapePath makes of any string one path segment that is safe as the name of a file or an object on every store. The
// segment is not empty, is not "." or "..", holds no separator, and does not begin with "." or "_", except that "_none"
// stays. Different strings give different segments. Long ones are shortened to a prefix and their SHA-256.
//
// Letters, digits, "_", "-", inner dots and the first "=" stay, all other bytes are percent-encoded. A capture with
// Options.Archive escapes keys in this way. Use EscapePath in LocalFSStore.Resolver and in BuildURLBase for parts that
// come from a message.
func EscapePath(segment string) string { return cutlog.EscapeSegment(segment) }
