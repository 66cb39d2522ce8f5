// Package cutlog is the cut log of a capture: numbered, create-only records that say what every file of an archive
// holds. They are the only truth about how far a capture has come.
//
// Safety comes from the store. For each number n exactly one plan can exist. A plan fixes which stream sequences go to
// which files, no matter which process carries it out. A done record says that all of these files are there. Ranges are
// chained and disjoint, so each message is in exactly one file. Leases, clocks and acknowledgements play no part.
// docs/FORMAT.md specifies every object byte by byte.
//
// The package is the protocol and nothing else. It knows neither NATS nor a clock, and does I/O through Store only. No
// goroutine outlives a call: EncodePlan checks a plan on one while it packs it, and waits for both. A writer goes
// through its log like this:
//
//	Birth                               what is there? if nothing, plan 1 and format.json first
//	Probe                               does the store refuse a second put?
//	Head                                the last cut; without Done, finish it by its plan first
//	EncodePlan, Put (until decided)     won: this cut is fixed. Lost: another writer's is; begin again at Head
//	                                    store every file of the plan, create-only
//	EncodeDone, Put (until decided)     the cut is visible; only now acknowledge
//
// A reader walks it with Next from the zero Head.
package cutlog
