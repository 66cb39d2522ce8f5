package atleastonce

import "github.com/jetcapture/jetcapture/internal/reader"

// replies has the reply subject of each message of some blocks, by which it is acknowledged. If a message was delivered
// several times, that is the one of the last delivery. It belongs to one goroutine at a time.
type replies struct {
	at  map[delivered]int // place of a message in all
	all []string
}

// delivered identifies a message. The sequence alone would not do, because a recreated stream uses the same sequences
// again, at other times.
type delivered struct {
	seq  uint64
	time int64 // nanoseconds since 1970
}

// add notes a delivery and reports whether the message is there already.
func (r *replies) add(m *reader.Message) (again bool) {
	if r.renew(m) {
		return true
	}
	if r.at == nil {
		r.at = map[delivered]int{}
	}
	r.at[delivered{m.Seq, m.Time}] = len(r.all)
	r.all = append(r.all, m.Msg.Reply)
	return false
}

// renew notes another delivery of a message that is there, and reports whether it is.
func (r *replies) renew(m *reader.Message) bool {
	i, ok := r.at[delivered{m.Seq, m.Time}]
	if ok {
		r.all[i] = m.Msg.Reply
	}
	return ok
}

// join adds those of other messages.
func (r *replies) join(more replies) {
	if len(r.all) == 0 {
		*r = more
		return
	}
	for id, i := range more.at {
		r.at[id] = len(r.all) + i
	}
	r.all = append(r.all, more.all...)
}
