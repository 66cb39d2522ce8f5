package engine

import (
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
)

// marks keeps the anchors of some messages at regular intervals. Its messages are counted through from one Cut to the
// next, so that the marks of neighbouring cuts lie on one grid, and can be joined without a gap.
type marks struct {
	at     int // messages delivered so far, those of earlier cuts included
	stride int // a power of two; a message whose number is a multiple of it has a mark
	kept   []numbered
}

// numbered is the anchor of the message with the number at.
type numbered struct {
	at     int
	anchor cutlog.Anchor
}

// next returns empty marks for the messages that follow.
func (m *marks) next() marks { return marks{at: m.at, stride: 1} }

// add keeps the anchor of the message that was just counted. When there are too many, every second one is dropped.
func (m *marks) add(a cutlog.Anchor) {
	m.kept = append(m.kept, numbered{m.at, a})
	m.limit()
}

// limit drops every second mark if there are too many.
func (m *marks) limit() {
	for len(m.kept) > cutlog.MaxAnchors {
		m.thin(2 * m.stride)
	}
}

// thin keeps the marks that lie on a grid with a wider stride. It makes a new list, since a copy may use the old one.
func (m *marks) thin(stride int) {
	if stride <= m.stride {
		return
	}
	m.stride = stride
	m.kept = slices.DeleteFunc(slices.Clone(m.kept), func(k numbered) bool { return k.at%stride != 0 })
}

// join adds the marks of the messages that follow.
func (m *marks) join(next marks) {
	stride := max(m.stride, next.stride)
	m.thin(stride)
	next.thin(stride)
	m.at, m.kept = next.at, append(m.kept, next.kept...)
	m.limit()
}

// before returns the anchors of the marks before a stream sequence.
func (m *marks) before(seq uint64) (anchors []cutlog.Anchor) {
	for _, k := range m.kept {
		if k.anchor.Seq < seq {
			anchors = append(anchors, k.anchor)
		}
	}
	return anchors
}
