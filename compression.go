package jetcapture

// Compression names the codec of the files.
type Compression string

// The codecs. GZip, Snappy (framed) and Zstd are untyped as in v0.1.0. Files are made of concatenated frames (gzip members, zstd
// frames, snappy streams), which all common readers take as one.
const (
	None   Compression = "none"
	GZip               = "gzip"
	Snappy             = "snappy"
	Zstd               = "zstd"
)
