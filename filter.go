package jetcapture

import (
	"fmt"
	"slices"
	"strings"
)

// filter is FilterSubjects as they are compared and kept: sorted, without repetition.
func (o *Options[P, K]) filter() []string {
	return slices.Compact(slices.Sorted(slices.Values(o.FilterSubjects)))
}

// checkFilter refuses what a server would refuse of the filter subjects. A server would do so only after plan 1 had fixed them.
func (o *Options[P, K]) checkFilter(p *problems) {
	subjects, sound := o.filter(), true
	for _, s := range subjects {
		if err := checkSubject(s); err != nil {
			sound = false
			p.add("FilterSubjects", "%v", err)
		}
	}
	if !sound {
		return
	}
	for _, wide := range subjects {
		for _, narrow := range subjects {
			p.addIf(wide != narrow && covers(wide, narrow), "FilterSubjects",
				"%q is part of %q: leave one of the two out", narrow, wide)
		}
	}
}

// checkSubject returns why a text is not a subject, wildcards allowed, by the rules of nats-server (sublist.go, isValidSubject).
func checkSubject(subject string) error {
	if subject == "" || strings.ContainsAny(subject, " \t\r\n\f\x00") {
		return fmt.Errorf("%q is not a subject: it is empty or contains blanks", subject)
	}
	tokens := strings.Split(subject, ".")
	for i, t := range tokens {
		switch {
		case t == "":
			return fmt.Errorf("%q is not a subject: a part between dots is empty", subject)
		case t == ">" && i < len(tokens)-1:
			return fmt.Errorf("%q is not a subject: the wildcard > can only be its last part", subject)
		}
	}
	return nil
}

// covers reports whether wide matches every subject that narrow matches. Servers refuse two such filters of one consumer, but not two that
// only have some subjects in common (consumer.go, checkConsumerCfg).
func covers(wide, narrow string) bool {
	w, n := strings.Split(wide, "."), strings.Split(narrow, ".")
	for i, t := range w {
		switch {
		case i == len(n):
			return false
		case t == ">":
			return true
		case n[i] == ">" || t != "*" && t != n[i]:
			return false
		}
	}
	return len(w) == len(n)
}
