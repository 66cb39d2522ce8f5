package jetcapture

// Compression names the codec of the files.
type Compression string

// The codecs. Snappy is the framed format. GZip, Snappy and Zstd are untyped constants, as in v0.1.0. A file is a
// sequence of gzip members, zstd frames or snappy streams, which common readers take as one.
const (
	None   Compression = "none"
	GZip               = "gzip"
	Snappy             = "snappy"
	Zstd               = "zstd"
)
