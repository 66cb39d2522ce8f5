package jetcapture

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/capture"
)

// report is the observer of a run: it turns events into counters, log lines and calls of hooks. Any goroutine may call
// Observe.
type report struct {
	counters *counters
	log      *slog.Logger
	hooks    Hooks
	server   []any      // attributes of the log that name the server
	calls    sync.Mutex // held while a hook runs

	toldExpected atomic.Bool // this run has logged that messages are lost as the stream is made to lose them
}

// Observe implements capture.Observer.
func (r *report) Observe(e capture.Event) {
	r.counters.count(e)
	r.logProgress(e)
	r.callHook(e)
}

// callHook calls the hook of an event, if it has one.
func (r *report) callHook(e capture.Event) {
	switch e := e.(type) {
	case capture.BlockStored:
		call(r, r.hooks.BlockStored, BlockStored(e))
	case capture.CutDone:
		call(r, r.hooks.CutDone, CutDone(e))
	case capture.Lost:
		call(r, r.hooks.Lost, Lost(e))
	case capture.Diverged:
		call(r, r.hooks.Lost, Lost{Reason: "diverged", From: e.From, To: e.To, Detail: e.What})
	case capture.Refused:
		call(r, r.hooks.StoreFailed, StoreFailed{Operation: e.Operation, Err: e.Err})
	case capture.Poisoned:
		if p, ok := asPoison(e.Err); ok {
			call(r, r.hooks.Poison, PoisonMessage{Policy: PoisonPolicy(e.Policy), Err: p})
		}
	}
}

// call calls a hook, one call at a time.
func call[E any](r *report, hook func(E), e E) {
	if hook == nil {
		return
	}
	r.calls.Lock()
	defer r.calls.Unlock()
	hook(e)
}

// asPoison returns the error that Options.poisonError made.
func asPoison(err error) (p *PoisonError, ok bool) {
	ok = errors.As(err, &p)
	return p, ok
}

// logProgress logs what goes as it should and what became of single messages.
func (r *report) logProgress(e capture.Event) {
	switch e := e.(type) {
	case capture.Entered:
		if e.Archive != "" {
			r.log.Info("capturing, each message in exactly one file",
				append([]any{"archive", e.Archive, "instance", e.Instance}, r.server...)...)
		} else {
			r.log.Info("capturing, each message in at least one file", append([]any{"consumer", e.Consumer}, r.server...)...)
		}
	case capture.Positioned:
		if !e.Again {
			r.logPosition(e)
		}
	case capture.NotBegun:
		r.log.Info("waiting for the time at which the capture is to begin", "start", e.Start)
	case capture.BlockStored:
		r.log.Debug("block stored", "location", e.Location, "messages", e.Messages, "size", e.Size)
	case capture.CutDone:
		r.log.Info("cut", "n", e.N, "reason", e.Reason, "from", e.From, "to", e.To, "blocks", e.Blocks,
			"messages", e.Messages, "dead", e.Dead, "skipped", e.Skipped, "lost", e.Lost, "absent", e.Absent,
			"bytes", e.Bytes, "took", e.Took.String(), "redone", e.Redone)
	case capture.Awaiting:
		r.log.Info("another writer has planned a cut, leaving it to that one for a while",
			"cut", e.N, "writer", e.Writer, "at_most", e.AtMost.String())
	case capture.Redoing:
		r.log.Info("finishing a cut that was planned before", "cut", e.N, "writer", e.Writer, "blocks", e.Blocks)
	case capture.Poisoned:
		if p, ok := asPoison(e.Err); ok {
			r.log.Warn("poison message", "seq", p.Seq, "subject", p.Subject, "policy", e.Policy, "error", p.Err)
		}
	default:
		r.logStream(e)
	}
}

// logPosition logs where a run begins to read.
func (r *report) logPosition(e capture.Positioned) {
	behind := uint64(0)
	if e.Last > e.Stored {
		behind = e.Last - e.Stored
	}
	log := r.log.With("after_seq", e.Stored, "cut", e.Cut, "last_seq", e.Last, "behind", behind)
	if e.Stored == e.Start {
		log.Info("begins")
	} else {
		log.Info("goes on behind what is stored")
	}
	if len(e.Changes) > 0 {
		r.log.Info("what comes now differs from what is stored", "changes", strings.Join(e.Changes, "; "))
	}
}

// logStream logs what became of the stream, and why a cut has to wait for it.
func (r *report) logStream(e capture.Event) {
	switch e := e.(type) {
	case capture.Began:
		r.toldExpected.Store(false)
	case capture.Lost:
		r.logLost(e)
	case capture.Absent:
		r.log.Debug("sequences of the cut are no messages of the capture", "reason", e.Reason, "sequences", e.Sequences)
	case capture.Diverged:
		if e.Restored {
			r.log.Warn("stream was restored: reading goes on", "from", e.From, "to", e.To, "detail", e.What)
			return
		}
		r.log.Warn("stream was replaced: sequence numbers restart", "from", e.From, "to", e.To, "detail", e.What)
	case capture.LookingAgain:
		r.log.Warn("the stream seems to be rolled back, looking again",
			"last_seq", e.LastSeq, "stored_up_to", e.Stored, "in", e.In.String())
	case capture.StreamUnreachable:
		r.log.Warn("the stream cannot be asked, waiting for it", "error", e.Err)
	case capture.NotYet:
		if !e.Quiet {
			r.log.Warn("reading cannot start yet, trying again", "error", e.Err)
		}
	case capture.Postponed:
		if !e.Quiet {
			r.log.Warn("no cut while the stream cannot be checked, trying again", "error", e.Err)
		}
	case capture.FilterOutside:
		r.log.Warn("the filter is outside of the stream's subjects: nothing that the stream takes matches it",
			"filter", e.Filters, "subjects", e.Subjects)
	case capture.Unwitnessed:
		r.log.Error("a consumer has passed over messages that the stream has: what was read since the last cut is read again",
			"seq", e.Seq, "from", e.From, "to", e.To, "missing", e.Missing, "times", e.Times, "server", e.Server,
			"advice", "find out who edits or resets the consumer, and compare the replicas of the stream")
	case capture.Recovered:
		r.log.Warn("messages that a consumer had passed over are in this cut", "messages", e.Messages)
	case capture.Repositioned:
		if e.Reason != nil {
			r.logRepositioned(e)
		}
	default:
		r.logStore(e)
	}
}

// logLost logs a loss. What a stream is made to drop is told once, and only counted from then on.
func (r *report) logLost(e capture.Lost) {
	attrs := []any{"reason", e.Reason, "messages", e.Messages, "from", e.From, "to", e.To, "detail", e.Detail}
	if !e.Expected {
		r.log.Warn("the source has lost messages before they were captured", attrs...)
	} else if !r.toldExpected.Swap(true) {
		r.log.Info("the stream has dropped messages before they were captured, as it is made to do; "+
			"from now on they are only counted", attrs...)
	}
}

// logRepositioned says why reading starts again.
func (r *report) logRepositioned(e capture.Repositioned) {
	switch e.Cause {
	case capture.CauseBehind:
		r.log.Warn("reading starts again at the archive's position", "reason", e.Reason)
	case capture.CauseDiverged:
		r.log.Warn("the stream is another one now", "reason", e.Reason)
	case capture.CauseFileLost:
		r.log.Warn("a writer has lost the file of an open block, its messages are read again", "error", e.Reason)
	}
}

// logStore logs what an operator should know about the store, the spool and the consumer.
func (r *report) logStore(e capture.Event) {
	switch e := e.(type) {
	case capture.Refused:
		if !e.Quiet {
			r.logRefused(e)
		}
	case capture.ForeignFiles:
		r.log.Warn("the place of this new archive holds other files: use a folder or prefix of its own",
			"archive", e.Archive, "such_as", e.Names)
	case capture.SpoolFull:
		r.log.Warn("the spool cannot be written, reading waits", "dir", e.Dir, "error", e.Err)
	case capture.CutsEarly:
		r.log.Warn("cuts come earlier than the window asks, because of the consumer's settings", "setting", e.Setting)
	case capture.ConsumersUnknown:
		r.log.Info("the consumers of the stream cannot be listed, so the archive does not record their configurations",
			"error", e.Err)
	case capture.Unacknowledged:
		if e.To == 0 {
			r.log.Warn("acks are not confirmed: the messages may come again and be stored again", "error", e.Err)
		} else {
			r.log.Warn("acks are not confirmed, they are repeated when the messages come again",
				"to", e.To, "error", e.Err)
		}
	case capture.WithheldAcks:
		r.log.Warn("what was stored is not acknowledged: the stream is another one now", "was", e.Was, "is", e.Is)
	case capture.Unsettled:
		r.log.Warn("not all that is stored is acknowledged, the next start does it", "up_to", e.To, "error", e.Err)
	case capture.SecondName:
		r.log.Warn("the store has another file of that name, the block gets a second name",
			"block", e.Name, "second", e.Second, "store", e.Err)
	}
}

// logRefused says why a store operation is tried again, and what an operator can do about it.
func (r *report) logRefused(e capture.Refused) {
	if errors.Is(e.Err, syscall.ENOSPC) || errors.Is(e.Err, syscall.EDQUOT) {
		r.log.Warn("the disk of the store is full, trying again: make room there, nothing is lost meanwhile but "+
			"what the stream expires",
			"operation", e.Operation, "error", e.Err, "needs_operator", true)
		return
	}
	r.log.Warn("store operation failed, retrying", "operation", e.Operation, "error", e.Err,
		"needs_operator", bucket.IsPermanent(e.Err))
}
