package jetcapture

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// effect is what an event must come to. What is zero must not happen.
type effect struct {
	event  capture.Event
	counts func(s *Stats) // changes the counters of a run that reads
	log    string         // level and message of the log line
	hook   any            // argument of the hook
}

// eventTime is a time in the events below.
var eventTime = time.Date(2026, 11, 24, 6, 15, 0, 0, time.UTC)

// effects has at least one event of each type.
func effects() []effect {
	err := errors.New("no answer")
	poison := &PoisonError{Stream: "S", Seq: 7, Subject: "s.a", Err: err}
	stored := BlockStored{Location: "here", Messages: 3, Rows: 4, Size: 5}
	done := CutDone{N: 2, Reason: "full", To: 9, Absent: 1}
	redone := CutDone{N: 2, Reason: "full", To: 1, Redone: true}
	lost := Lost{Reason: "expired", Messages: 6, From: 1, To: 8}
	dropped := Lost{Reason: "expired", Messages: 3, From: 1, To: 8, Expected: true}
	return []effect{
		{event: capture.Began{}, counts: func(s *Stats) {
			*s = Stats{
				Reasons: map[string]int64{}, RepositionsBy: s.RepositionsBy, StoreOps: s.StoreOps, CutTimes: s.CutTimes,
				State: StateStarting, Began: s.Began, Since: s.Began, Pulse: s.Began,
			}
		}},
		{
			event:  capture.Entered{Archive: "a", Instance: "i"},
			counts: func(s *Stats) { s.Archive, s.Instance = "a", "i" },
			log:    "INFO capturing, each message in exactly one file",
		},
		{
			event: capture.StreamSeen{Info: reader.StreamInfo{FirstSeq: 3, LastSeq: 9, Messages: 7, ClockOffset: 5}},
			counts: func(s *Stats) {
				s.Unread = 9 - 2
				s.Stream = StreamStats{SeenAt: s.Began, Retention: "limits", FirstSeq: 3, LastSeq: 9, Messages: 7, ClockOffset: 5}
			},
		},
		{event: capture.Entered{Consumer: "c"}, log: "INFO capturing, each message in at least one file"},
		{event: capture.NotBegun{Start: eventTime}, log: "INFO waiting for the time at which the capture is to begin"},
		{
			event:  capture.Positioned{Stored: 3, Start: 1, Cut: 2, Last: 5, Made: eventTime},
			counts: func(s *Stats) { s.StoredSeq, s.StartSeq, s.Cut, s.CutTime = 3, 1, 2, eventTime },
			log:    "INFO msg=\"goes on behind what is stored\" after_seq=3 cut=2 last_seq=5 behind=2",
		},
		{
			event:  capture.Positioned{Stored: 3, Start: 1, Cut: 2, Last: 5, Again: true},
			counts: func(s *Stats) { s.StoredSeq, s.StartSeq, s.Cut = 3, 1, 2 },
		},
		{event: capture.Targeted{Seq: 4}, counts: func(s *Stats) { s.Target = 4 }},
		{event: capture.Changed{State: capture.StateSpool}, counts: func(s *Stats) { s.State = StateSpool }},
		{event: capture.HeldUp{State: capture.StateDecoder}, counts: func(s *Stats) { s.State = StateDecoder }},
		{event: capture.FileThere{N: 2, Of: 9}, counts: func(s *Stats) { s.Storing = Storing{Cut: 2, Files: 1, Of: 9} }},
		{
			event:  capture.ReadAgain{N: 2, Read: 3, Of: 9},
			counts: func(s *Stats) { s.Storing.Read, s.Storing.ReadTo = 3, 9 },
		},
		{event: taken(), counts: func(s *Stats) {
			s.Messages, s.Bytes, s.LastSeq, s.LastTime = 2, 30, 8, eventTime
			s.Lag, s.OpenBlocks, s.Memory, s.Spooled = 5, 3, 100, 200
			s.Unread, s.OldestTime, s.OldestSeq = 5, eventTime.Add(-1), 6
			s.Stream.reach(13)
		}},
		{event: capture.Used{Memory: 1, Disk: 2, Unacked: 3, MaxUnacked: 4}, counts: func(s *Stats) {
			s.Memory, s.Spooled, s.AckPending, s.AckPendingLimit = 1, 2, 3, 4
		}},
		{event: capture.Detached{}, counts: func(s *Stats) { s.Storing.Since = s.Began }},
		{event: capture.Skipped{Seq: 7}, counts: func(s *Stats) { s.Skipped++ }},
		{
			event:  capture.Poisoned{Policy: capture.PoisonDeadLetter, Err: fmt.Errorf("wrapped: %w", poison)},
			counts: func(s *Stats) { s.Dead++ },
			log:    "WARN poison message", hook: PoisonMessage{PoisonDeadLetter, poison},
		},
		{
			event: capture.Poisoned{Policy: capture.PoisonSkip, Err: poison},
			log:   "WARN poison message", hook: PoisonMessage{PoisonSkip, poison},
		},
		{
			event:  capture.BlockStored(stored),
			counts: func(s *Stats) { s.Blocks, s.Rows, s.BytesStored, s.StoreOK = 1, 4, 5, s.Began },
			log:    "DEBUG block stored", hook: stored,
		},
		{
			event: capture.CutDone(done),
			counts: func(s *Stats) {
				s.Cuts, s.Absent, s.StoredSeq, s.Reasons = 1, 1, 9, map[string]int64{"full": 1}
				s.noted(done)
			},
			log: "INFO cut", hook: done,
		},
		{
			event: capture.CutDone(redone),
			counts: func(s *Stats) {
				s.Cuts, s.Redone, s.StoredSeq, s.Reasons = 1, 1, 2, map[string]int64{"full": 1}
				s.noted(redone)
			},
			log: "INFO cut", hook: redone,
		},
		{event: capture.CutLost{}, counts: func(s *Stats) { s.CutsLost++ }},
		{event: capture.Awaiting{N: 2}, log: "INFO another writer has planned a cut"},
		{
			event: capture.Redoing{N: 2}, counts: func(s *Stats) { s.State, s.Storing.Cut = StateRedo, 2 },
			log: "INFO finishing a cut that was planned before",
		},
		{
			event: capture.Lost(lost), counts: func(s *Stats) { s.Lost, s.LostBy = 6, map[string]int64{"expired": 6} },
			log: "WARN the source has lost messages", hook: lost,
		},
		{
			event: capture.Lost(dropped), counts: func(s *Stats) { s.Lost, s.LostBy = 3, map[string]int64{"expired": 3} },
			log: "INFO the stream has dropped messages before they were captured, as it is made to do", hook: dropped,
		},
		{
			event:  capture.Absent{Reason: "filtered", Sequences: 4},
			counts: func(s *Stats) { s.AbsentBy = map[string]int64{"filtered": 4} },
			log:    "DEBUG sequences of the cut are no messages of the capture",
		},
		{
			event: capture.Diverged{From: 9, To: 1, What: "recreated"},
			counts: func(s *Stats) {
				s.Incarnations, s.StoredSeq, s.StartSeq, s.ResumedSeq, s.LastSeq, s.Stream.LastSeq = 1, 1, 1, 1, 1, 1
			},
			log: "WARN stream was replaced", hook: Lost{Reason: "diverged", From: 9, To: 1, Detail: "recreated"},
		},
		{event: capture.Unwitnessed{Seq: 7}, log: "ERROR a consumer has passed over messages"},
		{
			event: capture.Recovered{Messages: 3}, counts: func(s *Stats) { s.Unwitnessed += 3 },
			log: "WARN messages that a consumer had passed over",
		},
		{event: capture.LookingAgain{LastSeq: 1}, log: "WARN the stream seems to be rolled back"},
		{event: capture.NotYet{Err: err}, log: "WARN reading cannot start yet"},
		{event: capture.NotYet{Err: err, Quiet: true}},
		{
			event:  capture.Repositioned{Cause: capture.CauseBehind, Reason: err},
			counts: repositioned(capture.CauseBehind), log: "WARN reading starts again at the archive's position",
		},
		{
			event:  capture.Repositioned{Cause: capture.CauseDiverged, Reason: err},
			counts: repositioned(capture.CauseDiverged), log: "WARN the stream is another one now",
		},
		{
			event:  capture.Repositioned{Cause: capture.CauseFileLost, Reason: err},
			counts: repositioned(capture.CauseFileLost), log: "WARN a writer has lost the file",
		},
		{event: capture.Repositioned{Cause: capture.CauseStart}, counts: repositioned(capture.CauseStart)},
		{
			event: capture.Refused{Operation: "put x", Err: err}, counts: refused(err),
			hook: StoreFailed{"put x", err},
			log:  "WARN store operation failed, retrying",
		},
		{
			event: capture.Refused{Operation: "put x", Err: syscall.ENOSPC}, counts: refused(syscall.ENOSPC),
			hook: StoreFailed{"put x", syscall.ENOSPC},
			log:  "WARN the disk of the store is full",
		},
		{event: capture.Refused{Err: err, Quiet: true}, counts: refused(err), hook: StoreFailed{"", err}},
		{event: capture.ForeignFiles{Names: []string{"x"}}, log: "WARN the place of this new archive holds other files"},
		{
			event: capture.StoreAsked{Op: "put", Result: "exists", Took: time.Hour},
			counts: func(s *Stats) {
				op := s.StoreOps["put"]
				op.Results[OpExists]++
				op.Times.Count, op.Times.Sum = 1, time.Hour
				s.StoreOps["put"] = op
			},
		},
		{event: capture.SpoolFull{Dir: "/tmp", Err: err}, log: "WARN the spool cannot be written"},
		{event: capture.CutsEarly{Setting: "AckWait"}, log: "WARN cuts come earlier than the window asks"},
		{event: capture.FilterOutside{Filters: []string{"a"}}, log: "WARN the filter is outside of the stream's subjects"},
		{event: capture.Postponed{Err: err}, log: "WARN no cut while the stream cannot be checked"},
		{event: capture.Postponed{Err: err, Quiet: true}},
		{event: capture.StreamUnreachable{Err: err}, log: "WARN the stream cannot be asked"},
		{event: capture.Unwitnessed{Seq: 7, To: 9}, log: "ERROR a consumer has passed over messages that the stream has"},
		{
			event: capture.Recovered{Messages: 3}, counts: func(s *Stats) { s.Unwitnessed = 3 },
			log: "WARN messages that a consumer had passed over are in this cut",
		},
		{event: capture.ConsumersUnknown{Err: err}, log: "INFO the consumers of the stream cannot be listed"},
		{event: capture.Unacknowledged{To: 9, Err: err}, log: "WARN acks are not confirmed, they are repeated"},
		{event: capture.Unacknowledged{Err: err}, log: "WARN acks are not confirmed: the messages may come again"},
		{event: capture.WithheldAcks{Was: eventTime, Is: eventTime}, log: "WARN what was stored is not acknowledged"},
		{event: capture.Unsettled{To: 9, Err: err}, log: "WARN not all that is stored is acknowledged"},
		{event: capture.SecondName{Name: "a", Second: "b"}, log: "WARN the store has another file of that name"},
	}
}

// repositioned is what reading that starts again counts as.
func repositioned(cause capture.Cause) func(s *Stats) {
	return func(s *Stats) {
		s.Repositions++
		s.RepositionsBy[string(cause)]++
		s.State = StateStarting
	}
}

// noted adds a cut to the newest ones.
func (s *Stats) noted(e CutDone) {
	s.Cut, s.CutTime, s.StoreOK, s.Recent = e.N, s.Began, s.Began, []RecentCut{{e, s.Began}}
	s.CutTimes.add(e.Took)
}

// taken is an event with two messages.
func taken() capture.Taken {
	messages := []reader.Message{
		{Seq: 6, Size: 10, Time: eventTime.UnixNano() - 1},
		{Seq: 8, Size: 20, Time: eventTime.UnixNano()},
	}
	return capture.Taken{
		Messages: messages, Pending: 5, Blocks: 3, Ordered: true, Used: capture.Used{Memory: 100, Disk: 200},
	}
}

// refused is what a failed store operation changes.
func refused(err error) func(s *Stats) {
	return func(s *Stats) { s.Retries, s.StoreError, s.StoreFailing = 1, err.Error(), s.Began }
}

// observed is a report whose effects a test sees.
type observed struct {
	report
	logged bytes.Buffer
	heard  []any // arguments of hooks
}

func newObserved() *observed {
	o := &observed{}
	hear := func(e any) { o.heard = append(o.heard, e) }
	o.counters = &counters{}
	o.log = slog.New(slog.NewTextHandler(&o.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.hooks = Hooks{
		BlockStored: func(e BlockStored) { hear(e) }, CutDone: func(e CutDone) { hear(e) },
		Poison: func(e PoisonMessage) { hear(e) }, Lost: func(e Lost) { hear(e) },
		StoreFailed: func(e StoreFailed) { hear(e) },
	}
	o.Observe(capture.Began{})
	o.Observe(capture.Positioned{Stored: 2})
	o.Observe(capture.Changed{State: capture.StateReading})
	o.logged.Reset()
	return o
}

func TestEventEffects(t *testing.T) {
	for _, c := range effects() {
		t.Run(fmt.Sprintf("%T %+v", c.event, c.event), inBubble(func(t *testing.T) {
			o := newObserved()
			want := o.counters.snapshot()
			o.Observe(c.event)
			if c.counts != nil {
				c.counts(&want)
			}
			if got := o.counters.snapshot(); !reflect.DeepEqual(got, want) {
				t.Errorf("counters\n%+v, want\n%+v", got, want)
			}
			level, message, _ := strings.Cut(c.log, " ")
			switch line := o.logged.String(); {
			case c.log == "" && line != "":
				t.Errorf("the log says %q, want nothing", line)
			case !strings.Contains(line, "level="+level) && c.log != "", !strings.Contains(line, message):
				t.Errorf("the log says %q, want %q", line, c.log)
			case strings.Count(line, "\n") > 1:
				t.Errorf("the log has several lines: %q", line)
			}
			var hooks []any
			if c.hook != nil {
				hooks = append(hooks, c.hook)
			}
			if !reflect.DeepEqual(o.heard, hooks) {
				t.Errorf("hooks heard %+v, want %+v", o.heard, hooks)
			}
		}))
	}
}

// inBubble runs a test while the clock stands still.
func inBubble(test func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) { synctest.Test(t, test) }
}

// TestEventsHaveEffects: each type of event is above, and at least one event of it has an effect.
func TestEventsHaveEffects(t *testing.T) {
	some := map[string]bool{}
	for _, c := range effects() {
		name := reflect.TypeOf(c.event).Name()
		some[name] = some[name] || c.counts != nil || c.log != "" || c.hook != nil
	}
	for _, name := range eventTypes(t) {
		if !some[name] {
			t.Errorf("event %s has no effect: give it a case in counters.go or report.go, and a line in effects", name)
		}
		delete(some, name)
	}
	if len(some) > 0 {
		t.Errorf("effects of %v, which are no events", slices.Collect(maps.Keys(some)))
	}
}

// eventTypes returns the names of all types in internal/capture with the method isEvent.
func eventTypes(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "internal/capture/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "isEvent" {
			names = append(names, f.Recv.List[0].Type.(*ast.Ident).Name)
		}
	}
	if len(names) < 20 {
		t.Fatalf("found the events %v only", names)
	}
	return names
}

// TestExpectedLossesAreToldOnce: what a stream is made to drop is logged once in a run, and counted each time.
func TestExpectedLossesAreToldOnce(t *testing.T) {
	o := newObserved()
	for range 3 {
		o.Observe(capture.Lost{Reason: "expired", Messages: 2, Expected: true})
	}
	if lines := strings.Count(o.logged.String(), "expired"); lines != 1 || o.counters.snapshot().Lost != 6 {
		t.Errorf("%d lines, %d messages lost, want 1 and 6", lines, o.counters.snapshot().Lost)
	}
	o.Observe(capture.Lost{Reason: "removed", Messages: 1})
	o.Observe(capture.Began{})
	o.Observe(capture.Lost{Reason: "expired", Messages: 2, Expected: true})
	if text := o.logged.String(); strings.Count(text, "expired") != 2 || !strings.Contains(text, "removed") {
		t.Errorf("logged:\n%s", text)
	}
}

// TestCountersCountOnce: messages that are read again are counted once, unless they come from a shared consumer.
func TestCountersCountOnce(t *testing.T) {
	for _, ordered := range []bool{true, false} {
		c := &counters{}
		c.count(capture.Began{})
		e := taken()
		e.Ordered = ordered
		c.count(e)
		c.count(e)
		want := map[bool]int64{true: 2, false: 4}[ordered]
		if got := c.snapshot().Messages; got != want {
			t.Errorf("ordered %v: %d messages, want %d", ordered, got, want)
		}
	}
	c := &counters{}
	c.count(capture.Began{})
	c.count(taken())
	c.count(capture.Diverged{To: 0}) // the new stream uses the same sequences for other messages
	c.count(taken())
	if got := c.snapshot().Messages; got != 4 {
		t.Errorf("%d messages of two streams, want 4", got)
	}
}

// TestCountersHeldUp: what holds up reading shows only while the run would read, and until nothing does.
func TestCountersHeldUp(t *testing.T) {
	c := &counters{}
	for _, step := range []struct {
		event capture.Event
		want  State
	}{
		{capture.Began{}, StateStarting},
		{capture.Changed{State: capture.StateReading}, StateReading},
		{capture.HeldUp{State: capture.StateWriter}, StateWriter},
		{capture.Changed{State: capture.StateLastCut}, StateLastCut},
		{capture.Changed{State: capture.StateReading}, StateWriter},
		{capture.HeldUp{}, StateReading},
	} {
		c.count(step.event)
		if got := c.snapshot().State; got != step.want {
			t.Errorf("after %T %+v: state %q, want %q", step.event, step.event, got, step.want)
		}
	}
}

// TestSnapshotIsACopy: changes of a snapshot do not reach the counters.
func TestSnapshotIsACopy(t *testing.T) {
	c := &counters{}
	c.count(capture.Began{})
	c.snapshot().Reasons["mine"] = 1
	if got := c.snapshot().Reasons; len(got) != 0 {
		t.Errorf("reasons %v, want none", got)
	}
}

// TestStatesAreTheSame: the states that users know have the texts of those that the machinery reports.
func TestStatesAreTheSame(t *testing.T) {
	for ours, theirs := range map[State]capture.State{
		StateStarting: capture.StateStarting, StateReading: capture.StateReading, StateRedo: capture.StateRedo,
		StateStore: capture.StateStore, StateSpool: capture.StateSpool, StateServer: capture.StateServer,
		StateDecoder: capture.StateDecoder, StateWriter: capture.StateWriter, StateLastCut: capture.StateLastCut,
	} {
		if string(ours) != string(theirs) {
			t.Errorf("state %q is %q in internal/capture", ours, theirs)
		}
	}
}
