package archive

import (
	"cmp"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/rowcount"
)

// layout is how the bytes of a file are to be read.
type layout struct {
	compression string
	rows        rowcount.Layout
}

// layoutOf returns the layout of a planned file. Dead letters always have the same one. Of data files, the plans of
// the command name a format, and those of programs whose Options.Settings have a "format".
func layoutOf(p *cutlog.Plan, b *cutlog.Block) layout {
	if b.Kind == cutlog.KindDead {
		return layout{codec.Gzip, rowcount.Layout{Format: rowcount.NDJSON}}
	}
	return layout{
		cmp.Or(p.Settings.Compression(), codec.None),
		rowcount.Layout{Format: p.Settings.User(cutlog.SettingFormat), NoHeader: !p.Settings.CSVHeader()},
	}
}
