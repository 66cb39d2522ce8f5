package sim

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
)

// Mutants lists all mutants.
func Mutants() []Mutant {
	return []Mutant{
		NoCreateOnly, NoReadBack, WinByWriter, AckBeforeDone, NoRedo, GroupByToday, NoAnchor, NoConsumerCheck,
		NoAdoption, AdoptBlindly,
	}
}

// Config is what a world is made of.
type Config struct {
	Seed       uint64
	Mutant     Mutant
	Durable    bool // a durable consumer, else ordered reading
	WorkQueue  bool // acknowledged messages are deleted; needs Durable
	Steps      int  // of chaos
	CrashOneIn int  // a process dies at one in so many arrows
}

// NewConfig draws a configuration from a seed.
func NewConfig(seed uint64, m Mutant) Config {
	kind := seed % 3
	return Config{Seed: seed, Mutant: m, Durable: kind > 0, WorkQueue: kind == 2, Steps: 120, CrashOneIn: 25}
}
