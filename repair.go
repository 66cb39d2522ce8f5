package jetcapture

import (
	"context"
	"errors"

	"github.com/jetcapture/jetcapture/internal/exactlyonce"
	"github.com/nats-io/nats.go"
)

// Repaired is what became of one file of Repair.
type Repaired struct {
	File string // its path below the root of the archive
	Name string // where the mended file is, below the root: File itself, or an object that a repair record names
	Why  string // why there is none, for people; Name is empty then
}

// Repair makes files of a finished cut again, which package archive has found missing or damaged, from the messages
// that the stream still has. It reads these by themselves, without a consumer. What is planned and recorded does not
// change, and nothing is overwritten: a damaged file stays, and its mended one gets another name, with a record that
// archive.Verify honours. When the damaged file was moved away, another call puts the mended one in its place.
//
// Decoder and writer must be those that made the files, see Options.ForPlan. Run must not be under way.
func (c *Capture[P, K]) Repair(
	ctx context.Context, nc *nats.Conn, cut uint64, files []string,
) (_ []Repaired, err error) {
	run, o, end, err := c.prepare(nc, c.opts)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	if o.Store != nil {
		return nil, errors.New("only the files of an archive can be repaired, not those of a Store")
	}
	k, err := exactlyonce.New(run, o.exactlyOnce(run.Observer))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	mended, err := k.Repair(ctx, cut, files)
	var all []Repaired
	for _, m := range mended {
		all = append(all, Repaired(m))
	}
	return all, err
}
