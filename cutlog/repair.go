package cutlog

import (
	"fmt"
	"time"
)

// Repair says that a file of a finished cut was found damaged or missing and was made again, and where the mended file
// is. The plan and the done record of the cut stay as they are. There is at most one for each file.
type Repair struct {
	Version int       `json:"version"`
	N       uint64    `json:"n"`     // number of the cut
	Plan    string    `json:"plan"`  // SHA-256 (hex) of its plan
	Block   int       `json:"block"` // index in the plan
	Writer  Writer    `json:"writer"`
	Time    time.Time `json:"time"` // by the writer's clock, for information only
	Name    string    `json:"name"` // of the mended file: MendedName, or the planned one where that was free
	File    File      `json:"file"` // size and sum of the mended file
}

// RepairPrefix is the beginning of the names of all repair records and mended files of a capture.
func RepairPrefix(capture string) string { return Root + capture + "/repair/" }

// RepairName is the name of the repair record of a file.
func RepairName(capture string, n uint64, block int) string {
	return fmt.Sprintf("%s%0*d-%06d.json", RepairPrefix(capture), seqDigits, n, block)
}

// MendedName is the name of the mended file of a block whose own name is taken by a damaged one. It lies among the
// records, so that a reader that lists the files of the archive does not see its messages beside those of the damaged
// file.
func MendedName(capture string, b *Block) string { return RepairPrefix(capture) + b.Name }

// EncodeRepair checks a repair record and encodes it.
func EncodeRepair(capture string, r *Repair) (Record, error) {
	name := RepairName(capture, r.N, r.Block)
	if err := r.Check(); err != nil {
		return Record{}, fmt.Errorf("encode %s: %w", name, err)
	}
	out := *r
	out.Version = Version
	out.Time = out.Time.UTC()
	return seal(name, &out)
}

// DecodeRepair reads the bytes of a stored repair record and checks it. Its errors are *CorruptError and *VersionError.
func DecodeRepair(name string, data []byte) (*Repair, error) {
	var r Repair
	if err := decodeSmall(name, data, &r, r.Check); err != nil {
		return nil, err
	}
	return &r, nil
}

// Check reports what is wrong with a repair record by itself.
func (r *Repair) Check() error {
	if r.N == 0 || r.Block < 0 || !isSum(r.Plan) || r.File.Size < 0 || !isSum(r.File.SHA256) || r.File.Missing {
		return fmt.Errorf("check repair of file %d of cut %d: number, sum of the plan (%q), "+
			"size or sum of the file is invalid", r.Block, r.N, r.Plan)
	}
	return CheckName(r.Name)
}
