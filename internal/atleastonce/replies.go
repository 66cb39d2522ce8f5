package atleastonce

import "github.com/jetcapture/jetcapture/internal/reader"

// replies has the reply subject of each message of one cut, by which it is acknowledged. If a message was delivered
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

// add notes a delivery and reports whether the message is in the cut already.
func (r *replies) add(m *reader.Message) (again bool) {
	if r.at == nil {
		r.at = map[delivered]int{}
	}
	id := delivered{m.Seq, m.Time}
	i, again := r.at[id]
	if again {
		r.all[i] = m.Msg.Reply
		return true
	}
	r.at[id] = len(r.all)
	r.all = append(r.all, m.Msg.Reply)
	return false
}
