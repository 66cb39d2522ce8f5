package atleastonce

import "github.com/jetcapture/jetcapture/internal/reader"

// replies are the reply subjects of the messages of one cut, by which they are acknowledged: the newest of each message.
type replies struct {
	at  map[delivered]int // place in all
	all []string
}

// delivered is a message, whatever stream it is of: a stream that was recreated gives its messages the same sequences, at
// other times.
type delivered struct {
	seq  uint64
	time int64
}

// add notes a delivery, and reports whether the message is in the cut already.
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
