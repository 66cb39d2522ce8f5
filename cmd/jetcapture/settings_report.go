package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/logsum"
	"github.com/jetcapture/jetcapture/internal/urls"
)

// reportSettings say how a run reports what it does.
type reportSettings struct {
	level   slog.Level
	logJSON bool
	json    bool // the summary
	dryRun  bool
	failOn  []flaw

	onFailure failurePolicy
	standby   time.Duration // after which another process takes over; 0: none stands by
}

// failurePolicy says what becomes of a capture among several that has failed.
type failurePolicy string

// The policies.
const (
	failureRetry failurePolicy = "retry"
	failureLeave failurePolicy = "leave"
	failureEnd   failurePolicy = "end"
)

func (r *reportSettings) options() []option {
	return []option{
		{
			name: "log-level", process: true, field: "Logger", arg: "LEVEL", help: "debug, info, warn or error",
			value: logLevel(&r.level),
		},
		{
			name: "log-json", process: true, help: "log JSON lines, and show no progress line",
			value: boolean(&r.logJSON),
		},
		{
			name: "dry-run", process: true, flagOnly: true, value: boolean(&r.dryRun),
			help: "read up to 1,000 messages, print which files, rows and poison messages would come of them, and store " +
				"nothing",
		},
		{
			name: "json", process: true, help: "print the summary as JSON on the standard output",
			value: boolean(&r.json),
		},
		{
			name: "fail-on", process: true, arg: "FLAWS",
			help:  "exit with code 4 if messages were lost, or became dead letters: lost, dead, or both as in lost,dead",
			value: flaws(&r.failOn),
		},
		{
			name: "standby", process: true, arg: "DURATION", value: duration(&r.standby),
			help: "of several processes that are started alike, each capture runs in one; another takes over when that one " +
				"was silent for so long, such as 10s, and at once when it is stopped; 0 runs all here",
		},
		{
			name: "on-failure", process: true, arg: "POLICY",
			help: "what becomes of a capture among several that fails: retry tries it again, after a second at first and " +
				"after up to 5 minutes later, leave lets the others go on without it, end stops them, too. With --once, retry " +
				"is leave",
			value: choice(&r.onFailure, failureRetry, failureLeave, failureEnd),
		},
	}
}

// judge returns the error of a capture that has not failed, if it is incomplete or has a flaw that it may not have.
func (r *reportSettings) judge(ctx context.Context, once bool, s jetcapture.Stats) error {
	if once && ctx.Err() != nil {
		if err := incomplete(s); err != nil {
			return err
		}
	}
	return flawed(r.failOn, s)
}

// newLog returns the log that the settings ask for, from a level on.
func (r *reportSettings) newLog(screen *screen, level slog.Leveler) *logsum.Handler {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: withoutUsers}
	if r.logJSON {
		return logsum.New(slog.NewJSONHandler(screen, options))
	}
	return logsum.New(slog.NewTextHandler(screen, options))
}

// withoutUsers takes the user info out of URLs in the log: an error of another package may quote one.
func withoutUsers(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(urls.ShowText(v))
	case error:
		a.Value = slog.StringValue(urls.ShowText(v.Error()))
	}
	return a
}

// showsProgress reports whether the progress line belongs on the screen.
func (r *reportSettings) showsProgress(screen *screen) bool { return screen.terminal && !r.logJSON }
