package iceberg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/apache/iceberg-go/table"
	"github.com/jetcapture/jetcapture/archive"
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

// position reads the newest cut of the capture in the table. It fails if the table has messages where losses are asked
// for, or the other way round.
func (p *Projector) position(ctx context.Context, t *table.Table) (position, error) {
	if made := t.Properties()[madeHere]; made != "" && made != p.content() {
		return position{}, fmt.Errorf("table %s has either messages or lost and dead sequences, and cannot have both: give "+
			"another name", p.name())
	}
	cut, err := p.reached(ctx, t, "cut", p.Capture)
	return position{cut.N, cut.DoneSum}, err
}

// reached returns the cut that a property of the table names, the zero Cut if it names none. It fails if the archive of
// the capture does not have it: then the table is of another one, or the archive has lost records.
func (p *Projector) reached(
	ctx context.Context, t *table.Table, what string, c *archive.Capture,
) (cut archive.Cut, err error) {
	text := t.Properties()[p.property(what)]
	if text == "" {
		return cut, nil
	}
	number, sum, _ := strings.Cut(text, ":")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return cut, fmt.Errorf("property %s of table %s is %q: no cut of a capture", p.property(what), p.name(), text)
	}
	cut, err = c.Cut(ctx, n)
	if errors.Is(err, fs.ErrNotExist) || err == nil && cut.DoneSum != sum {
		return cut, fmt.Errorf("table %s has cut %d of another capture %s, with SHA-256 %s: take the archive that the table "+
			"was made of, or another --table", p.name(), n, c.Name(), sum)
	}
	return cut, err
}
