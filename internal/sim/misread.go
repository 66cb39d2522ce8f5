package sim

import "context"

// misread is how the mutants of the head have a process believe a wrong one, in every other of its lives. What it
// reads of the log later is right.
func (p *process) misread(ctx context.Context) {
	head := &p.entry.Head
	p.lives++
	if p.lives%2 == 0 || head.N < 2 {
		return
	}
	switch p.w.cfg.Mutant {
	case HeadAhead:
		head.N++
	case HeadPosition:
		if before, err := p.entry.Log.At(ctx, head.N-1); err == nil {
			head.Plan = before.Plan
		}
	case HeadTooOld:
		if old, err := p.entry.Log.At(ctx, (head.N+1)/2); err == nil {
			*head = old
			p.w.misread++
		}
	}
}
