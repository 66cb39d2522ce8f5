package jetcapture

import "github.com/jetcapture/jetcapture/cutlog"

// EscapePath makes of any string one path segment that is safe as a file or object name on every store. Different strings give different segments
// (but for a collision of SHA-256, where a long one is shortened to a prefix and its hash), and the segment never is empty, is "." or "..",
// holds a separator, or begins with "." or "_". Letters, digits, "_", "-", inner dots and the first "=" stay, all other bytes are percent-encoded. It is what
// Options.Archive does to each segment of a key; use it in LocalFSStore's Resolver and in BuildURLBase for a part that comes from a message.
func EscapePath(segment string) string { return cutlog.EscapeSegment(segment) }
