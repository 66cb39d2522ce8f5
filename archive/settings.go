package archive

import (
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/rowcount"
)

// Names in the settings of a plan. The first are the library's own, those that begin with x_ are what the command jetcapture adds: only
// where it has planned a file it is known what a row is.
const (
	settingMaxAge         = "max_age"
	settingCompression    = "compression"
	settingDecoderVersion = "decoder_version"
	settingFormat         = "x_format"
	settingRecord         = "x_record"
)

// Values of those settings.
const (
	formatNDJSON   = "ndjson"
	recordMessage  = "message"
	recordPayload  = "payload"
	decoderVersion = "jetcapture-1" // how the command makes rows of messages
)

// layout is how the bytes of a file are to be read.
type layout struct {
	compression string
	rows        rowcount.Layout
}

// layoutOf returns the layout of a planned file. Dead letters always have the same.
func layoutOf(p *cutlog.Plan, b *cutlog.Block) layout {
	if b.Kind == cutlog.KindDead {
		return layout{codec.Gzip, rowcount.Layout{Format: rowcount.NDJSON}}
	}
	l := layout{p.Settings[settingCompression], rowcount.LayoutOf(p.Settings)}
	if l.compression == "" {
		l.compression = codec.None
	}
	return l
}
