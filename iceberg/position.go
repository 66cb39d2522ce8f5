package iceberg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/apache/iceberg-go/table"
	"github.com/jetcapture/jetcapture/internal/tablefiles"
)

// position is the newest cut in a table: its number, and the SHA-256 of its done record, which ties it to all cuts
// before.
type position struct {
	cut uint64 // 0: none
	sum string
}

func positionOf(cut tablefiles.Cut) position { return position{cut.N, cut.DoneSum} }

func (p position) String() string { return fmt.Sprintf("%d:%s", p.cut, p.sum) }

// position reads the newest cut of the capture in the table. It fails if the archive does not have it: then the table
// is of another one, or the archive has lost records. It fails as well if the table has messages where losses are asked
// for, or the other way round.
func (p *Projector) position(ctx context.Context, t *table.Table) (pos position, err error) {
	if made := t.Properties()[madeHere]; made != "" && made != p.content() {
		return pos, fmt.Errorf("table %s has either messages or lost and dead sequences, and cannot have both: give "+
			"another name", p.name())
	}
	text := t.Properties()[p.property("cut")]
	if text == "" {
		return pos, nil
	}
	number, sum, _ := strings.Cut(text, ":")
	if pos.cut, err = strconv.ParseUint(number, 10, 64); err != nil {
		return pos, fmt.Errorf("property %s of table %s is %q: no cut of a capture", p.property("cut"), p.name(), text)
	}
	pos.sum = sum
	cut, err := p.Capture.Cut(ctx, pos.cut)
	if errors.Is(err, fs.ErrNotExist) || err == nil && cut.DoneSum != pos.sum {
		return pos, fmt.Errorf("table %s has cut %d of another capture %s, with SHA-256 %s: take the archive that the table "+
			"was made of, or another --table", p.name(), pos.cut, p.Capture.Name(), pos.sum)
	}
	return pos, err
}
