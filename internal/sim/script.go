package sim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// script is a world in which nothing happens but by the commands of a text. It implements luck.
type script struct {
	*World
	out    strings.Builder // of the current paragraph
	turn   turn
	faults []planned
}

// turn is what the process that runs now is to do.
type turn struct {
	p     *process
	cuts  bool   // makes a cut when it has read everything
	until string // arrow or event at which it stands still; empty: none
	over  bool
}

// noAnswer is where a process stands after a request whose answer did not come.
const noAnswer = "no-answer"

// planned is a fault to come.
type planned struct {
	process string
	kind    string // plan, done, lost or file: the next request for one of those
	fault   fault
}

// Play runs a script and returns its text with the output that its commands have by now. A script is made of
// paragraphs: lines of comment, then commands, then a line ---- and the output of the commands. The commands are
//
//	world ordered|durable|workqueue     first: how the stream is read
//	publish N                           adds N messages, numbered from m1 on
//	expire N                            drops the oldest N messages
//	delete SEQ                          deletes one message
//	rollback N                          loses the newest N messages
//	recreate                            deletes the stream and creates it again, empty
//	backup, restore                     backs the stream up; deletes it and restores the backup, without the consumer
//	reset                               resets the durable consumer
//	start P [decoder N] [until WHERE]   starts the process P, for example a2: an instance and a number
//	run P [until WHERE]                 lets P go on until it has read everything
//	cut P [until WHERE]                 lets P go on until it has read everything and made a cut
//	pause P                             stops P; run and cut wake it
//	kill P                              kills P where it stands
//	fault P plan|done|lost|file FAULT   the next such request of P is refused, late, lost-response or repeated
//	deliver                             carries out the late requests
//	stream, log, files                  print what is there
//	verify                              has the oracle judge the archive
//
// WHERE is an arrow of the protocol (see engine.BeforePlan and the next ones), an event, or no-answer: there, P stands
// still.
func Play(text string) (string, error) {
	s := &script{}
	defer func() {
		if s.World != nil {
			s.endAll()
		}
	}()
	var played []string
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		commands, _, _ := strings.Cut(part, "\n----")
		ran := false
		for line := range strings.Lines(commands) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			ran = true
			if err := s.do(strings.Fields(line)); err != nil {
				return "", fmt.Errorf("%s: %w", strings.TrimSpace(line), err)
			}
		}
		if ran {
			part = commands + "\n----\n" + strings.TrimSpace(s.out.String())
			s.out.Reset()
		}
		played = append(played, strings.TrimSpace(part))
	}
	return strings.Join(played, "\n\n") + "\n", nil
}

// do carries out one command.
func (s *script) do(words []string) error {
	command, args := words[0], words[1:]
	if s.World == nil {
		if command != "world" {
			return fmt.Errorf("a script begins with world")
		}
		return s.begin(args)
	}
	switch command {
	case "publish", "expire", "delete", "rollback", "recreate", "backup", "restore", "reset":
		return s.changeStream(command, args)
	case "start", "run", "cut", "pause", "kill":
		return s.command(command, args)
	case "fault":
		if len(args) != 3 || !slices.Contains(faults, fault(args[2])) {
			return fmt.Errorf("want: fault PROCESS plan|done|lost|file FAULT")
		}
		s.faults = append(s.faults, planned{args[0], args[1], fault(args[2])})
	case "deliver":
		s.store.flushLate(true)
	case "log":
		s.printLog()
	case "files":
		s.printFiles()
	case "stream":
		s.printStream()
	case "verify":
		s.verify()
	default:
		return fmt.Errorf("no such command")
	}
	return nil
}

// begin makes the world.
func (s *script) begin(args []string) error {
	cfg := Config{MaxAge: 1000 * time.Hour} // one window holds everything
	switch strings.Join(args, " ") {
	case "ordered":
	case "durable":
		cfg.Durable = true
	case "workqueue":
		cfg.Durable, cfg.WorkQueue = true, true
	default:
		return fmt.Errorf("want: world ordered|durable|workqueue")
	}
	s.World = newWorld(cfg, s)
	s.Trace = s.print
	return nil
}

func (s *script) print(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

// changeStream lets something happen to the stream.
func (s *script) changeStream(command string, args []string) error {
	n := 1
	if len(args) > 0 {
		var err error
		if n, err = strconv.Atoi(args[0]); err != nil {
			return err
		}
	}
	switch command {
	case "publish":
		s.stream.publish(n)
	case "expire":
		s.stream.expire(n)
	case "delete":
		s.stream.remove(uint64(n))
	case "rollback":
		s.stream.rollBack(n)
	case "recreate":
		s.stream.recreate()
	case "backup":
		s.stream.back()
	case "restore":
		s.stream.restore(false)
	case "reset":
		s.stream.reset()
	}
	return nil
}

// command starts a process, lets it run, or stops it. Its instance is its name without the digits at the end.
func (s *script) command(command string, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("want the name of a process")
	}
	name, until := args[0], ""
	args = args[1:]
	if n := len(args); n >= 2 && args[n-2] == "until" {
		until, args = args[n-1], args[:n-2]
	}
	i := slices.IndexFunc(s.procs, func(p *process) bool { return p.name == name && !p.over })
	if i < 0 && command != "start" {
		return fmt.Errorf("%s does not run", name)
	}
	switch command {
	case "start":
		version := 0
		if len(args) == 2 && args[0] == "decoder" {
			version, _ = strconv.Atoi(args[1])
		}
		p := s.start(strings.TrimRight(name, "0123456789"), name, version)
		return s.run(turn{p: p, until: until})
	case "pause":
		s.procs[i].paused = math.MaxInt
	case "kill":
		s.procs[i].end()
	default:
		return s.run(turn{p: s.procs[i], cuts: command == "cut", until: until})
	}
	return nil
}

// run lets a process go on until its turn is over: it has read everything, stands where it should, or ends.
func (s *script) run(t turn) error {
	const limit = 10_000
	s.turn = t
	t.p.paused = 0
	for range limit {
		t.p.advance()
		if t.p.over {
			s.print("%s gives up: %v", t.p.name, t.p.err)
			return nil
		}
		if s.turn.over {
			return s.turn.missed()
		}
	}
	return fmt.Errorf("%s is still busy after %d steps", t.p.name, limit)
}

// missed is the error of a turn that did not come to where it should.
func (t *turn) missed() error {
	if t.until == "" {
		return nil
	}
	return fmt.Errorf("%s does not come to %s", t.p.name, t.until)
}

// stop ends the turn of p if it has come to where it should stand.
func (s *script) stop(p *process, where string) bool {
	if where != s.turn.until {
		return false
	}
	s.turn.over, s.turn.until = true, ""
	s.print("%s stands at %s", p.name, where)
	return true
}

// The methods below implement luck.

func (s *script) key(val int) int { return (val + 1) % 2 }

func (s *script) crosses(p *process, arrow string) bool {
	if s.stop(p, arrow) {
		p.stand()
	}
	return false
}

func (s *script) meets(p *process, e event) {
	switch {
	case s.stop(p, string(e)):
		p.stand()
	case e == standingBy:
		s.print("%s stands by, as another process reads from the consumer", p.name)
		s.turn.over = true
	}
}

// put takes the next fault that was planned for such a request.
func (s *script) put(p *process, name string) fault {
	o := object(name)
	i := slices.IndexFunc(s.faults, func(f planned) bool { return f.process == p.name && f.kind == o.kind() })
	if i < 0 {
		return noFault
	}
	f := s.faults[i].fault
	s.faults = slices.Delete(s.faults, i, i+1)
	s.print("%s gets no answer to its request for %s (%s)", p.name, o, f)
	s.stop(p, noAnswer)
	return f
}

func (s *script) refuses(*process) bool { return false }

func (s *script) stale() bool { return false }

func (s *script) survives() bool { return false }

func (s *script) delay() int { return math.MaxInt }

func (s *script) reads(*process) int { return math.MaxInt }

func (s *script) cuts(_ *process, open, caughtUp bool) bool {
	if !caughtUp {
		return false
	}
	if s.turn.cuts && open {
		s.turn.cuts = false
		return true
	}
	s.turn.over = true
	return false
}

func (s *script) ends() bool { return false }

func (s *script) rests() bool { return false }
