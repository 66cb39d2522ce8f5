package events

import "context"

// Untold returns how many events of the log the sink does not have, when Run has returned. It counts until ctx ends;
// all is false if there may be more, or if the sink could not be asked.
func (f *Follower) Untold(ctx context.Context) (n int64, all bool) {
	if f.finished || !f.placed {
		return 0, f.finished
	}
	projection, before := f.projection, f.before
	for {
		next, ok, err := f.Log.Next(ctx, before)
		if err != nil || !ok || next.Done == nil {
			return n, err == nil
		}
		for _, e := range projection.Cut(before, next) {
			if e.after(f.last) {
				n++
			}
		}
		before = next
	}
}
