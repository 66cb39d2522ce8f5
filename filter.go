package jetcapture

import (
	"fmt"
	"slices"
	"strings"
)

// filter is FilterSubjects in the form in which they are compared and kept: sorted, each once.
func (o *Options[P, K]) filter() []string {
	return slices.Compact(slices.Sorted(slices.Values(o.FilterSubjects)))
}

// filterProblems says what a server would refuse of the filter subjects; it is asked only when the archive has them already.
func (o *Options[P, K]) filterProblems() (problems []error) {
	subjects := o.filter()
	for _, s := range subjects {
		if why, ok := checkSubject(s); !ok {
			problems = append(problems, fmt.Errorf("FilterSubjects: %q is no subject%s", s, why))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	for _, wide := range subjects {
		for _, narrow := range subjects {
			if wide != narrow && covers(wide, narrow) {
				problems = append(problems, fmt.Errorf("FilterSubjects: %q is part of %q: leave one of the two out", narrow, wide))
			}
		}
	}
	return problems
}

// checkSubject reports whether a text is a subject, wildcards allowed, by the rules of nats-server (sublist.go, isValidSubject), and why it is
// none where that is not plain to see.
func checkSubject(subject string) (why string, ok bool) {
	if subject == "" || strings.ContainsAny(subject, " \t\r\n\f\x00") {
		return "", false
	}
	tokens := strings.Split(subject, ".")
	for i, t := range tokens {
		switch {
		case t == "":
			return ": a part between dots is empty", false
		case t == ">" && i < len(tokens)-1:
			return ": the wildcard > can only be its last part", false
		}
	}
	return "", true
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
