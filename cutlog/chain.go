package cutlog

import (
	"errors"
	"fmt"
)

// CheckChain reports whether a plan may follow a cut: its number, its link to done, and its range. The zero Head stands
// before plan 1.
func CheckChain(prev Head, p *Plan) error {
	if p.N != prev.N+1 {
		return fmt.Errorf("check chain: plan %d after cut %d, expected %d", p.N, prev.N, prev.N+1)
	}
	if prev.N == 0 {
		if p.Prev != "" || !p.Opens {
			return errors.New("check chain: plan 1 has no previous record and opens an incarnation")
		}
		return nil
	}
	if prev.Done == nil {
		return fmt.Errorf("check chain: plan %d, but cut %d is not done", p.N, prev.N)
	}
	if p.Prev != prev.DoneSum {
		return fmt.Errorf("check chain: plan %d follows a done record with SHA-256 %s, but done %d has %s",
			p.N, p.Prev, prev.N, prev.DoneSum)
	}
	return checkRange(prev.Plan, p)
}

// checkRange checks that a plan goes on where the one before it ended, in the same incarnation, or opens one.
func checkRange(prev, p *Plan) error {
	if p.Stream.Name != prev.Stream.Name {
		return fmt.Errorf("check chain: plan %d is of stream %q, plan %d of %q", p.N, p.Stream.Name, prev.N, prev.Stream.Name)
	}
	if p.Opens {
		return nil
	}
	if p.Incarnation != prev.Incarnation || p.Opened != prev.Opened || !p.Stream.Created.Equal(prev.Stream.Created) {
		return fmt.Errorf("check chain: plan %d is of incarnation %s (stream created %s), plan %d of %s (%s), "+
			"and it does not open one",
			p.N, p.Incarnation, p.Stream.Created, prev.N, prev.Incarnation, prev.Stream.Created)
	}
	if p.From != prev.To {
		return fmt.Errorf("check chain: plan %d covers (%d, %d], but plan %d ended at %d", p.N, p.From, p.To, prev.N, prev.To)
	}
	return nil
}
