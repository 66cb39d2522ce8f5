package sim

import "time"

// Mutant takes one rule of the protocol out, to show that the simulation would notice.
type Mutant string

// The mutants.
const (
	None            Mutant = ""
	NoCreateOnly    Mutant = "no-create-only"    // the store overwrites
	NoReadBack      Mutant = "no-read-back"      // "exists" is taken for one's own earlier try
	WinByWriter     Mutant = "win-by-writer"     // a plan by the same instance is taken for one's own
	AckBeforeDone   Mutant = "ack-before-done"   // messages are acknowledged before their cut is planned
	NoRedo          Mutant = "no-redo"           // a plan without a done record is taken as carried out
	GroupByToday    Mutant = "group-by-today"    // a redo groups by today's decoder
	NoAnchor        Mutant = "no-anchor"         // anchors are never looked at
	NoConsumerCheck Mutant = "no-consumer-check" // the consumer's counts are not checked before a cut
	NoAdoption      Mutant = "no-adoption"       // a restored stream is taken for a recreated one
	AdoptBlindly    Mutant = "adopt-blindly"     // a recreated stream is taken for a restored one
	BoundaryBehind  Mutant = "boundary-behind"   // a window's cut reaches to the first message of the next window
	LateBefore      Mutant = "late-before"       // a late message goes into the block of its window, before the boundary
	AckBehind       Mutant = "ack-behind"        // messages behind the boundary are acknowledged with the cut before it
	HeadAhead       Mutant = "head-ahead"        // a head is believed to be one cut further, as if a cut were there
	HeadPosition    Mutant = "head-position"     // of a head, the position is that of the cut before
	HeadTooOld      Mutant = "head-too-old"      // an earlier head is believed to be the last one: no harm
)

// Mutants lists all mutants that break something.
func Mutants() []Mutant {
	return []Mutant{
		NoCreateOnly, NoReadBack, WinByWriter, AckBeforeDone, NoRedo, GroupByToday, NoAnchor, NoConsumerCheck,
		NoAdoption, AdoptBlindly, BoundaryBehind, LateBefore, AckBehind, HeadAhead, HeadPosition,
	}
}

// Config is what a world is made of.
type Config struct {
	Seed       uint64
	Mutant     Mutant
	Durable    bool          // a durable consumer, else ordered reading
	WorkQueue  bool          // acknowledged messages are deleted; needs Durable
	Steps      int           // of chaos
	CrashOneIn int           // a process dies at one in so many arrows
	MaxAge     time.Duration // length of a window
}

// NewConfig draws a configuration from a seed.
func NewConfig(seed uint64, m Mutant) Config {
	kind := seed % 3
	return Config{
		Seed: seed, Mutant: m, Durable: kind > 0, WorkQueue: kind == 2, Steps: 120, CrashOneIn: 25,
		MaxAge: 5 * time.Second,
	}
}
