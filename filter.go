package jetcapture

import (
	"slices"

	"github.com/jetcapture/jetcapture/internal/wire"
)

// filter returns FilterSubjects in the form in which they are compared and kept: sorted, without repetitions.
func (o *Options[P, K]) filter() []string {
	return slices.Compact(slices.Sorted(slices.Values(o.FilterSubjects)))
}

// checkFilter refuses the filter subjects that a server would refuse. The server would object only after plan 1 had
// fixed them. It refuses two filters of which one is part of the other, but not two that only have subjects in common
// (nats-server, consumer.go, checkConsumerCfg).
func (o *Options[P, K]) checkFilter(p *problems) {
	subjects, sound := o.filter(), true
	for _, s := range subjects {
		if err := wire.CheckSubject(s); err != nil {
			sound = false
			p.add("FilterSubjects", "%v", err)
		}
	}
	if !sound {
		return
	}
	for _, wide := range subjects {
		for _, narrow := range subjects {
			p.addIf(wide != narrow && wire.Covers(wide, narrow), "FilterSubjects",
				"%q is part of %q: leave one of the two out", narrow, wide)
		}
	}
}
