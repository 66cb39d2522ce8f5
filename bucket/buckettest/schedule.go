package buckettest

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Kind is a kind of fault.
type Kind int

// The kinds of faults, and the methods that they apply to.
const (
	None         Kind = iota
	ErrorBefore       // all: fails, and nothing was done
	LostResponse      // PutNew: stores, and fails all the same
	LatePut           // PutNew: fails, and stores during a later call (Faulty.LateBy)
	Partial           // PutNew: fails when half of the body was read, stores nothing; Open, List: breaks halfway
	Truncated         // PutNew: stores half of the body and succeeds
	Overwrite         // PutNew: replaces an object and succeeds; counted only if there was one
	Slow              // all: waits before it begins (Faulty.Delay), or until the context ends
	StaleList         // List: the names put last are missing (Faulty.StaleBy)
)

// Kinds returns all kinds but None.
func Kinds() []Kind {
	return []Kind{ErrorBefore, LostResponse, LatePut, Partial, Truncated, Overwrite, Slow, StaleList}
}

// String returns the name of the kind.
func (k Kind) String() string {
	names := []string{
		"None", "ErrorBefore", "LostResponse", "LatePut", "Partial", "Truncated", "Overwrite", "Slow", "StaleList",
	}
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return names[k]
}

// appliesTo reports whether a method can have a fault of this kind.
func (k Kind) appliesTo(op Op) bool {
	switch k {
	case ErrorBefore, Slow:
		return true
	case LostResponse, LatePut, Truncated, Overwrite:
		return op == OpPutNew
	case Partial:
		return op != OpStat
	case StaleList:
		return op == OpList
	default:
		return false
	}
}

// Op is a method of a Bucket.
type Op string

// The methods.
const (
	OpPutNew Op = "PutNew"
	OpOpen   Op = "Open"
	OpStat   Op = "Stat"
	OpList   Op = "List"
)

// Call is a call of a Faulty bucket.
type Call struct {
	N    int // calls before this one, of all methods
	Op   Op
	Name string // for List, the prefix
}

// Schedule chooses the fault of each call. It is called once at a time, so it may keep state. A kind that does not
// apply to the method counts as None.
type Schedule func(Call) Kind

// Script gives the kinds to the calls of one method, in their order. All other calls, and those after the last kind,
// have no fault.
func Script(op Op, kinds ...Kind) Schedule {
	return func(c Call) Kind {
		if c.Op != op || len(kinds) == 0 {
			return None
		}
		kind := kinds[0]
		kinds = kinds[1:]
		return kind
	}
}

// Seeded draws the fault of each call at random: kind k with probability rates[k] where it applies, so that the rates
// of the kinds that apply to one method should not sum to more than 1. Equal seeds and equal calls give equal faults.
func Seeded(seed uint64, rates map[Kind]float64) Schedule {
	source := rand.New(rand.NewPCG(seed, 0))
	return func(c Call) Kind {
		draw := source.Float64()
		i := slices.IndexFunc(Kinds(), func(k Kind) bool {
			if k.appliesTo(c.Op) {
				draw -= rates[k]
			}
			return draw < 0
		})
		if i < 0 {
			return None
		}
		return Kinds()[i]
	}
}
