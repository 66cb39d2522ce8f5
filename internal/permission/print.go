package permission

import (
	"fmt"
	"strings"
)

// ServerConfig prints rules as the permissions of a user in the configuration of nats-server. Each line says what for.
func ServerConfig(rules []Rule) string {
	var b strings.Builder
	b.WriteString("permissions: {\n")
	for _, op := range []Op{Publish, Subscribe} {
		fmt.Fprintf(&b, "  %s: [\n", op)
		for _, r := range only(rules, op) {
			fmt.Fprintf(&b, "    %q  # %s\n", r.Subject, r.comment())
		}
		b.WriteString("  ]\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// NSC prints rules as a command of nsc, which makes a user of an account with them.
func NSC(rules []Rule, account, user string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "nsc add user --account %s --name %s", account, user)
	for _, flag := range []struct {
		name string
		op   Op
	}{{"--allow-pub", Publish}, {"--allow-sub", Subscribe}} {
		for _, subject := range Subjects(rules, flag.op) {
			fmt.Fprintf(&b, " \\\n    %s '%s'", flag.name, subject)
		}
	}
	b.WriteString("\n")
	return b.String()
}

// comment is what a rule is for, on one line.
func (r Rule) comment() string {
	if r.Optional {
		return "optional: " + r.Need
	}
	return r.Need
}

// only returns the rules of an operation, each subject once.
func only(rules []Rule, op Op) (kept []Rule) {
	seen := map[string]bool{}
	for _, r := range rules {
		if r.Op == op && !seen[r.Subject] {
			kept = append(kept, r)
			seen[r.Subject] = true
		}
	}
	return kept
}
