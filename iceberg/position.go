package iceberg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	ice "github.com/apache/iceberg-go"
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
	cut, err := p.reached(ctx, t, "cut", p.Capture, "--archive "+p.Place)
	return position{cut.N, cut.DoneSum}, err
}

// reached returns the cut that a property of the table names, the zero Cut if it names none. It fails if the archive of
// the capture does not have it: then the table is of another one, or the archive has lost records. given is the option
// that names the archive.
func (p *Projector) reached(
	ctx context.Context, t *table.Table, what string, c *archive.Capture, given string,
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
		return cut, fmt.Errorf("table %s has cut %d of another capture %s than that of %s, with SHA-256 %s: give the "+
			"archive that the table was made of, or another --table", p.name(), n, c.Name(), given, sum)
	}
	return cut, err
}

// passed is the newest cut behind another one that has nothing for the table, nor have those between. It saves reading
// them again.
type passed struct {
	position
	behind    uint64
	watermark string
}

// passCuts is how many such cuts the next process may have to read again. A commit for each would be wasted.
const passCuts = 100

// pass moves the position of the table over the cuts that have nothing for it. If the table has another snapshot by
// now, or the commit fails, it is left to the next time. A rival may move it back over such cuts, and no others.
func (p *Projector) pass(ctx context.Context, t *table.Table, pos position) {
	if t == nil || p.passed.behind != pos.cut || p.passed.cut < pos.cut+passCuts {
		return
	}
	var current *int64
	if s := t.CurrentSnapshot(); s != nil {
		current = &s.SnapshotID
	}
	_, _, err := p.Catalog.CommitTable(ctx, p.Table, []table.Requirement{
		table.AssertTableUUID(t.Metadata().TableUUID()), table.AssertRefSnapshotID(table.MainBranch, current),
	}, []table.Update{table.NewSetPropertiesUpdate(ice.Properties{
		p.property("cut"): p.passed.String(), p.property("watermark"): p.passed.watermark,
	})})
	if err != nil {
		p.Logger.Info("the position stays for now", "table", p.name(), "error", err)
	}
}
