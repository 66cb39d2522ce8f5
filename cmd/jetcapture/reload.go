package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// reloader brings the captures of a process in line with its configuration file, each time that a SIGHUP comes. One
// goroutine uses it.
type reloader struct {
	r       *runner
	g       *captureGroup
	u       *runUnits
	systemd *supervisor
	started *settings            // has the options that the process was started with
	now     map[string]statement // what each unit that runs was started with, by its name
}

// statement is what settings say: the texts of options by their names. Two captures with the same statement do the
// same.
type statement map[string]string

// state returns what the options say that are those of the process, or those of a capture.
func (c *choices) state(process bool) statement {
	says := statement{}
	for _, o := range c.options.all() {
		if o.flagOnly || o.process != process {
			continue
		}
		says[o.name] = o.value.String()
		if list, ok := o.value.(repeatable); ok {
			says[o.name] = strings.Join(list.texts(), "\n")
		}
		if v, ok := o.value.(ranked); ok { // it decides whether a context of the nats command is overridden
			says[o.name] += "\n" + string(rune('0'+v.to.Rank))
		}
	}
	return says
}

// differs returns the options of which another statement says something else, as keys of a file.
func (s statement) differs(other statement) (keys []string) {
	for name, text := range s {
		if other[name] != text {
			keys = append(keys, option{name: name}.key())
		}
	}
	slices.Sort(keys)
	return keys
}

// reloads starts a goroutine that reads the configuration file again at each SIGHUP, if the process has one. A signal
// that comes earlier waits until begun is closed. stop ends it and waits for it; captures that are being changed are
// waited for.
func (r *runner) reloads(
	ctx context.Context, u *runUnits, process *settings, all []*settings, systemd *supervisor, begun <-chan struct{},
) (stop func()) {
	if r.reread == nil {
		return func() {}
	}
	l := &reloader{r: r, g: u.g, u: u, systemd: systemd, started: process, now: statements(all)}
	return r.onHangUp(ctx, u.g.cancel, func() { <-begun; l.reload() })
}

// reload reads the file and changes what must change. A file that is not sound changes nothing.
func (l *reloader) reload() {
	defer l.systemd.reloading()()
	process, all, err := runs(l.r.reread())
	if err != nil {
		l.r.refused(err)
		return
	}
	if !l.g.hold() {
		return // the process is ending
	}
	defer l.g.release()
	l.r.adopt(process.report.level, l.started.state(true), process.state(true))
	l.apply(all)
	if len(all) == 0 {
		l.r.idles(l.g, process)
	}
}

// refused says that settings which were read again are not sound.
func (r *runner) refused(err error) {
	r.log.Error("the configuration file is refused, everything goes on as it was", "error",
		strings.ReplaceAll(err.Error(), "\n", "; "))
}

// adopt changes the level of the log, and says which other options of the process a reload does not change.
func (r *runner) adopt(level slog.Level, started, now statement) {
	r.level.Set(level)
	keys := slices.DeleteFunc(started.differs(now), func(key string) bool { return key == "log_level" })
	if len(keys) > 0 {
		r.log.Warn("these options are those of the process, and change when it is started again",
			"options", strings.Join(keys, ", "))
	}
}

// apply ends captures that are gone or have changed, and starts those that came or have changed. The others do not
// notice.
func (l *reloader) apply(all []*settings) {
	next := statements(all)
	var came, changed, gone []string
	for name := range l.now {
		if next[name] == nil {
			gone = append(gone, name)
		}
	}
	var begin []*settings
	for _, s := range all {
		name := s.unit()
		before, runs := l.now[name]
		switch keys := next[name].differs(before); {
		case !runs:
			came = append(came, name)
		case len(keys) == 0:
			continue
		default:
			changed = append(changed, name)
			l.r.log.Info("a capture is started again with other options", "capture", name, "options", strings.Join(keys, ", "))
		}
		begin = append(begin, s)
	}
	l.u.end(slices.Concat(gone, changed))
	l.begin(begin)
	var missing []string
	for _, s := range begin {
		if name := s.unit(); !l.u.runs(name) { // the next reload tries it again
			missing = append(missing, name)
			delete(next, name)
		}
	}
	fails := func(name string) bool { return slices.Contains(missing, name) }
	came, changed = slices.DeleteFunc(came, fails), slices.DeleteFunc(changed, fails)
	l.now = next
	l.r.log.Info("the configuration file was read again", "started", names(came), "ended", names(gone),
		"changed", names(changed), "unchanged", len(all)-len(begin), "missing", names(missing),
		"log_level", l.r.level.Level().String())
}

// begin starts units one by one, so that one which is refused keeps none of the others. Patterns come last, as at the
// start of the process, in the order of their names: no capture begins that would end at once for another one.
func (l *reloader) begin(all []*settings) {
	for _, patterns := range []bool{false, true} {
		for _, s := range slices.SortedFunc(slices.Values(all), byUnit) {
			if s.isPattern() != patterns {
				continue
			}
			if err := l.u.start(s); err != nil {
				l.r.log.Error("captures are missing", "error", err)
			}
		}
	}
}

// names are names of captures for the log.
func names(names []string) string {
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// statements are what units say, by their names.
func statements(all []*settings) map[string]statement {
	says := map[string]statement{}
	for _, s := range all {
		says[s.unit()] = s.state(false)
	}
	return says
}

// rereads returns the function that reads the settings of a command line again, or nil if there is no file in which
// they could have changed.
func rereads(cmd *cobra.Command, s *settings, getenv func(string) string) func() ([]*settings, error) {
	if s.file.path == "" {
		return nil
	}
	return func() ([]*settings, error) { return readSettings(cmd, nil, getenv, readAgain) }
}
