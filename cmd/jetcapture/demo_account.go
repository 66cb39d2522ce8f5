package main

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture"
)

// account is what the demo prints in the end.
type account struct {
	folder string // as the user named it
	root   string // as the store names it
	self   string // what starts this program again
	files  []jetcapture.BlockStored
	poison []*jetcapture.PoisonError
}

// print prints the files, the dead letters, and what to try next.
func (a *account) print(w io.Writer) {
	say(w, "They were captured, each message in exactly one file, as this does with a server of yours:\n\n"+
		"  jetcapture run --stream-name %s --output %s --key %s --record payload --once\n\n",
		demoStream, shellText(a.folder), demoKey)
	a.sort()
	a.printFiles(w)
	a.printPoison(w)
	a.printNext(w)
}

// sort puts the files in the order of their names, the dead letters last.
func (a *account) sort() {
	slices.SortFunc(a.files, func(x, y jetcapture.BlockStored) int {
		if x.Dead != y.Dead {
			if y.Dead {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.name(x), a.name(y))
	})
}

// name returns the path of a file below the folder.
func (a *account) name(f jetcapture.BlockStored) string {
	return strings.TrimPrefix(strings.TrimPrefix(f.Location, a.root), "/")
}

// printFiles prints the tree.
func (a *account) printFiles(w io.Writer) {
	say(w, "%s/\n", strings.TrimSuffix(a.folder, "/"))
	for i := 0; i < len(a.files); {
		dir := path.Dir(a.name(a.files[i]))
		end := i + 1
		for end < len(a.files) && path.Dir(a.name(a.files[end])) == dir {
			end++
		}
		trunk, rest := "├── ", "│   "
		if end == len(a.files) {
			trunk, rest = "└── ", "    "
		}
		say(w, "%s%s/\n", trunk, dir)
		for j, f := range a.files[i:end] {
			a.printFile(w, rest, f, i+j == end-1)
		}
		i = end
	}
	say(w, "\n")
}

func (a *account) printFile(w io.Writer, indent string, f jetcapture.BlockStored, last bool) {
	branch := "├── "
	if last {
		branch = "└── "
	}
	what := "message"
	if f.Dead {
		what = "dead letter"
	}
	say(w, "%s%s%s   %s, %s\n", indent, branch, path.Base(a.name(f)), counted(f.Messages, what), byteText(f.Size))
}

// printPoison prints what happened to the broken orders.
func (a *account) printPoison(w io.Writer) {
	if len(a.poison) == 0 {
		return
	}
	say(w, "%d broken orders are dead letters: kept whole, with the error.\n\n", len(a.poison))
	for _, p := range a.poison {
		say(w, "  sequence %-5d %-20s %v\n", p.Seq, p.Subject, p.Err)
	}
	say(w, "\nThe order without a store is in %s=%s.\n\n", demoKeyName, "_none")
}

// printNext prints commands that work as they stand.
func (a *account) printNext(w io.Writer) {
	say(w, "Try next:\n")
	for _, f := range []struct {
		dead    bool
		comment string
		command string
	}{
		{false, "the first orders of a store", "gunzip -c %s | head -n 3"},
		{true, "the first dead letter; its payload is in base64", "gunzip -c %s | head -n 1"},
	} {
		if file, ok := a.largest(f.dead); ok {
			say(w, "  # %s\n  %s\n", f.comment, fmt.Sprintf(f.command, shellText(path.Join(a.folder, a.name(file)))))
		}
	}
	say(w, "  # what the folder holds, and is it all there?\n  %s ls %s\n  %[1]s verify %[2]s\n",
		a.self, shellText(a.folder))
	say(w, "  # a stream of yours, in place of STREAM, on the selected NATS context or on this machine\n"+
		"  %s run --stream-name STREAM --output jetcapture-stream --dry-run\n", a.self)
	say(w, "  # everything else that it can do\n  %s run --help\n", a.self)
}

// largest returns the file with the most messages, or dead letters.
func (a *account) largest(dead bool) (most jetcapture.BlockStored, ok bool) {
	for _, f := range a.files {
		if f.Dead == dead && f.Messages > most.Messages {
			most, ok = f, true
		}
	}
	return most, ok
}

// shellText quotes a path for a shell if it needs to be.
func shellText(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._=-%+,:@", r)
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
