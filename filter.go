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
		if why := subjectProblem(s); why != "" {
			problems = append(problems, fmt.Errorf("FilterSubjects: %q is no subject: %s", s, why))
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

// subjectProblem says why a text is no subject, wildcards allowed, by the rules of nats-server (sublist.go, isValidSubject), or nothing.
func subjectProblem(subject string) string {
	if strings.ContainsAny(subject, " \t\r\n\f\x00") {
		return "it has white space"
	}
	tokens := strings.Split(subject, ".")
	for i, t := range tokens {
		switch {
		case t == "":
			return "a part between dots is empty"
		case t == ">" && i < len(tokens)-1:
			return "the wildcard > can only be its last part"
		}
	}
	return ""
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
