package sim

// luck decides whatever the protocol leaves open: when processes die, what becomes of a request, how far a reader
// gets. A schedule draws it from its seed, a script says it.
type luck interface {
	// key is the key of message val.
	key(val int) int
	// crosses reports whether p dies at an arrow of the protocol.
	crosses(p *process, arrow string) (dies bool)
	// meets is called when p comes to an event that is no arrow.
	meets(p *process, e event)
	// put is what becomes of a request of p to create an object.
	put(p *process, name string) fault
	// refuses reports whether a request of p to read an object fails.
	refuses(p *process) bool
	// stale reports whether a listing misses the newest objects.
	stale() bool
	// survives reports whether a request arrives though the process that sent it has died.
	survives() bool
	// delay is how many steps a late request is on its way.
	delay() int
	// reads is how many messages p reads at most before it thinks about a cut.
	reads(p *process) int
	// cuts reports whether p makes a cut now. open says whether there is anything to cut, caughtUp whether the stream has
	// more to read.
	cuts(p *process, open, caughtUp bool) bool
	// ends reports whether a cut ends at the boundary; otherwise it takes everything that was read.
	ends() bool
	// rests reports whether p lets others go on between two messages of a redo.
	rests() bool
}

// event is something that a process meets and that is no arrow of the protocol.
type event string

// The events.
const (
	awaiting     event = "awaiting"      // it leaves a cut to the live process that planned it
	lookingAgain event = "looking-again" // the stream seems to be rolled back
	standingBy   event = "standing-by"   // another process reads from the durable consumer
)

// fault is what happens to a request to create an object.
type fault string

// The faults.
const (
	noFault       fault = ""
	faultRefused  fault = "refused"       // not carried out
	faultLate     fault = "late"          // carried out later
	faultLost     fault = "lost-response" // carried out, the caller gets an error
	faultRepeated fault = "repeated"      // carried out twice, as a proxy may do it
)

// faults are all faults.
var faults = []fault{faultRefused, faultLate, faultLost, faultRepeated}
