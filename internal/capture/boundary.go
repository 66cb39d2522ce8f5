package capture

import (
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// The boundary lies in the stream, just before the first message of the newest window. The loop has a table on each
// side of it. When a window ends, everything before the boundary is cut, and what was read behind it stays open for the
// next cut. Late messages of an older window go behind the boundary, too: a cut is a range of the stream.

// collected returns what was read since the last cut.
func (l *loop) collected() engine.Collected {
	c := engine.Collected{Open: l.open.cut}
	if l.ended != nil {
		c.Ended = l.ended.cut
	}
	return c
}

// reach moves the boundary to m, which is about to be taken, if m is the first message of a later window.
func (l *loop) reach(m *reader.Message) error {
	if !l.pace.Begins(m.Time) || l.open.cut.Empty() {
		return nil
	}
	if l.rd.Ordered() { // what comes next proves that nothing lies between
		l.open.cut.Through = max(l.open.cut.Through, m.Seq-1)
	}
	return l.bound()
}

// bound moves the boundary behind everything that was read.
func (l *loop) bound() error {
	open := l.open
	if err := open.freeze(); err != nil {
		return err
	}
	if l.lastMsg != nil {
		open.cut.Last = AnchorOf(l.lastMsg)
	}
	l.open, l.lastMsg = open.next(), nil
	if l.ended == nil {
		l.ended = open
	} else {
		l.ended.join(open)
	}
	l.rd.Bound()
	return nil
}

// blocks returns the number of open blocks.
func (l *loop) blocks() int {
	n := len(l.open.blocks)
	if l.ended != nil {
		n += len(l.ended.blocks)
	}
	return n
}

// closedBytes returns how many bytes before compression the closed parts hold.
func (l *loop) closedBytes() int64 {
	n := l.open.closedBytes()
	if l.ended != nil {
		n += l.ended.closedBytes()
	}
	return n
}

// discard drops all blocks.
func (l *loop) discard() {
	l.open.Discard()
	if l.ended != nil {
		l.ended.Discard()
	}
}
