package archive

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
)

// sizes are the sizes of files as a list shows them, by a hash of their names. With Quick, they take the place of a
// request for each file. They do not change once they were listed, so that any goroutine may look them up.
type sizes struct {
	seed maphash.Seed
	all  []sized // ascending by hash
}

// sized is one file.
type sized struct {
	hash uint64
	size int64
}

// listSizes lists at most a number of files. The others are asked for.
func (a *Archive) listSizes(ctx context.Context, most int) (*sizes, error) {
	s := &sizes{seed: maphash.MakeSeed()}
	for e, err := range a.files(ctx) {
		if err != nil {
			return nil, err
		}
		if len(s.all) == most {
			break
		}
		if e.Odd == "" && !e.Link {
			s.all = append(s.all, sized{maphash.String(s.seed, e.Name), e.Size})
		}
	}
	slices.SortFunc(s.all, func(a, b sized) int { return cmp.Compare(a.hash, b.hash) })
	return s, nil
}

// of returns the size of a file. It is not known if the list lacks the file, which then may be there all the same.
func (s *sizes) of(name string) (size int64, known bool) {
	if s == nil {
		return 0, false
	}
	i, found := slices.BinarySearchFunc(s.all, maphash.String(s.seed, name),
		func(f sized, hash uint64) int { return cmp.Compare(f.hash, hash) })
	if !found {
		return 0, false
	}
	return s.all[i].size, true
}
