// Package permission knows which subjects of NATS a capture publishes and subscribes to, and prints them as the
// permissions of a user. It is the one source of that list: the command, its documents and its tests read it here.
package permission

import "strings"

// Op is what a user may do with a subject.
type Op string

// The operations, as the server calls them.
const (
	Publish   Op = "publish"
	Subscribe Op = "subscribe"
)

// Rule is one permission.
type Rule struct {
	Op      Op
	Subject string // as the configuration of a server has it; it may have wildcards
	// Try is a subject that the rule covers, and that the capture itself uses.
	Try string
	// Need says what the capture does with it, for people.
	Need string
	// Optional: the capture works without, and Need says how it differs then.
	Optional bool
}

// Capture is what the permissions of a capture depend on.
type Capture struct {
	Stream    string
	APIPrefix string // of the JetStream API; empty means "$JS.API"
	Inbox     string // prefix of the connection's inboxes; empty means "_INBOX"
	Durable   string // the durable consumer; empty: the capture makes an ephemeral one
	Create    bool   // the durable consumer is made if it is missing
	Ephemeral string // the name of the ephemeral consumer of this process
	// AnyInstance: processes of other names run the same command line, so the rules take every name of a consumer. A
	// wildcard of NATS stands for a whole token, never for a part of one.
	AnyInstance bool
	// FromTime: a new capture begins at a time, which it finds with a second ephemeral consumer.
	FromTime bool
	// ByPattern: the streams are those that match a pattern, and Stream is "*". OptIn: their metadata count, too.
	ByPattern, OptIn bool
	// Services are subjects that the micro service of the capture listens on, besides those that all services have. None:
	// there is no service.
	Services []string
	// Events is the stream that events go to, and EventsSubject where they are published to, without the type. Empty:
	// none.
	Events, EventsSubject string
}

// Rules are the least permissions for a capture, in the order in which it needs them.
func (c Capture) Rules() []Rule {
	rules := []Rule{
		c.inbox(),
		c.api("STREAM.INFO", "", "it asks what the stream holds, at the start and at each cut"),
		c.api("STREAM.MSG.GET", "", "it proves that the stream is still the one that it captured, and has nothing more"),
		optional(c.api("CONSUMER.LIST", "", "it records the consumers for a restore; without it they are not recorded")),
	}
	rules = append(rules, c.lists()...)
	if c.Durable != "" {
		rules = append(rules, c.durable()...)
	} else {
		rules = append(rules, c.ephemeral()...)
	}
	rules = append(rules, c.services()...)
	return append(rules, c.events()...)
}

// lists are the permissions to find streams.
func (c Capture) lists() (rules []Rule) {
	list := func(verb, need string) {
		r := c.api(verb, "", need)
		r.Subject = strings.TrimSuffix(r.Subject, "."+c.Stream)
		r.Try = r.Subject
		rules = append(rules, r)
	}
	if c.ByPattern {
		list("STREAM.NAMES", "it finds the streams that match")
	}
	if c.OptIn {
		list("STREAM.LIST", "it reads the metadata of the streams")
	}
	return rules
}

// events are the permissions for events. The capture works without them.
func (c Capture) events() []Rule {
	if c.Events == "" {
		return nil
	}
	to := c
	to.Stream = c.Events
	return []Rule{
		optional(to.api("STREAM.INFO", "", "it looks up the stream of events; without it none is told")),
		optional(to.api("STREAM.MSG.GET", "", "it looks up the last event; without it none is told")),
		optional(Rule{
			Op: Publish, Subject: c.EventsSubject + ".>", Try: c.EventsSubject + ".doctor",
			Need: "it publishes events; without it none is told",
		}),
	}
}

// services are the permissions of the micro service.
func (c Capture) services() (rules []Rule) {
	if len(c.Services) == 0 {
		return nil
	}
	rules = []Rule{
		{Op: Subscribe, Subject: "$SRV.>", Try: "$SRV.PING.jetcapture.doctor", Need: "nats micro finds the capture"},
		{Op: Publish, Subject: "_INBOX.>", Try: "_INBOX.jetcapture.doctor", Need: "the service answers who asks"},
	}
	for _, subject := range c.Services {
		rules = append(rules, Rule{Op: Subscribe, Subject: subject, Try: subject, Need: "the service can be asked there"})
	}
	for i := range rules {
		rules[i] = optional(rules[i])
	}
	return rules
}

func (c Capture) inbox() Rule {
	prefix := strings.TrimSuffix(c.Inbox, ".")
	if prefix == "" {
		prefix = "_INBOX"
	}
	return Rule{
		Op: Subscribe, Subject: prefix + ".>", Try: prefix + ".jetcapture.doctor",
		Need: "answers and messages come to an inbox",
	}
}

// api is the permission to ask the JetStream API about the stream, or with a name about one of its consumers.
func (c Capture) api(verb, consumer, need string) Rule {
	prefix := c.APIPrefix
	if prefix == "" {
		prefix = "$JS.API"
	}
	subject := prefix + "." + verb + "." + c.Stream
	if consumer != "" {
		subject += "." + consumer
	}
	return Rule{Op: Publish, Subject: subject, Try: subject, Need: need}
}

func optional(r Rule) Rule {
	r.Optional = true
	return r
}

func (c Capture) durable() []Rule {
	rules := []Rule{c.api("CONSUMER.INFO", c.Durable, "it checks that the consumer fits, and that nobody moves it")}
	if c.Create {
		rules = append(rules, c.api("CONSUMER.CREATE", c.Durable, "it makes the consumer if that is missing"))
	}
	ack := "$JS.ACK." + c.Stream + "." + c.Durable + "."
	return append(
		rules,
		c.api("CONSUMER.RESET", c.Durable, "the consumer delivers again what was not stored"),
		c.api("CONSUMER.MSG.NEXT", c.Durable, "it reads messages"),
		Rule{
			// No delivery has this sequence, so that an acknowledgement on this subject acknowledges nothing.
			Op: Publish, Subject: ack + ">", Try: ack + "1.9000000000000000000.1.1.0",
			Need: "it acknowledges what is stored",
		},
	)
}

func (c Capture) ephemeral() []Rule {
	one := func(verb, need string) Rule {
		r := c.api(verb, c.Ephemeral, need)
		if c.AnyInstance {
			r.Subject = c.api(verb, "*", need).Subject
		}
		return r
	}
	rules := []Rule{
		one("CONSUMER.CREATE", "it reads through a consumer of its own"),
		one("CONSUMER.MSG.NEXT", "it reads messages"),
		optional(one("CONSUMER.DELETE", "it removes its consumer; without it the server does so after a minute")),
		optional(one("CONSUMER.INFO", "it notices when somebody edits its consumer; without it nobody watches that")),
	}
	if c.FromTime && !c.AnyInstance {
		finder := c
		finder.Ephemeral, finder.FromTime = c.Ephemeral+"-start", false
		rules = append(rules, finder.ephemeral()[0], finder.ephemeral()[2])
	}
	return rules
}

// Subjects are the subjects of the rules of an operation, each once.
func Subjects(rules []Rule, op Op) (subjects []string) {
	for _, r := range only(rules, op) {
		subjects = append(subjects, r.Subject)
	}
	return subjects
}
