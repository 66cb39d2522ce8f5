package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/replay"
	"github.com/jetcapture/jetcapture/internal/restore"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// askWithin is for how long restore and replay ask for what the server would find out itself, if late.
const askWithin = 2 * time.Second

// errNoConfig says that an archive has no record of how its stream was configured.
var errNoConfig = errors.New("the archive does not say how the stream was configured, because it was made by a " +
	"jetcapture of before 2026-11-28")

// recordedConfig returns how a stream was configured last in a life of it, or in the newest one. It is nil if the
// archive does not say it.
func recordedConfig(
	ctx context.Context, from *archive.Capture, incarnation string,
) (newest *cutlog.StreamConfig, err error) {
	before, err := endOfLife(ctx, from, incarnation)
	if err != nil {
		return nil, err
	}
	for c, err := range from.StreamConfigs(ctx) {
		if err != nil {
			return nil, fmt.Errorf("read how the stream was configured: %w", err)
		}
		if c.N < before {
			newest = &c
		}
	}
	return newest, nil
}

// endOfLife returns the number of the cut with which the life behind one begins.
func endOfLife(ctx context.Context, from *archive.Capture, incarnation string) (uint64, error) {
	if incarnation == "" {
		return math.MaxUint64, nil
	}
	all, i, err := findLife(ctx, from, incarnation)
	switch {
	case err != nil:
		return 0, err
	case i == len(all)-1:
		return math.MaxUint64, nil
	}
	return all[i+1].Opening.N, nil
}

// subjectsOf returns the subjects of a configuration; a mirror has none.
func subjectsOf(config restore.StreamConfig) (subjects []string, err error) {
	if text, ok := config["subjects"]; ok {
		err = json.Unmarshal(text, &subjects)
	}
	return subjects, err
}

// checkSubjects fails if another stream of the server takes a subject of one that is to be made. The server would say
// so when it has got all messages. If the user may not ask for names of streams, that is left to the server.
func checkSubjects(
	ctx context.Context, nc *nats.Conn, prefix string, config restore.StreamConfig, advice string,
) error {
	subjects, err := subjectsOf(config)
	if err != nil {
		return err
	}
	js, err := replay.JetStream(nc, prefix)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if len(subjects) == 0 || isDenied(nc, cmp.Or(prefix, "$JS.API")+".STREAM.NAMES") {
		return nil // see above
	}
	for _, subject := range subjects {
		listed := js.StreamNames(ctx, jetstream.WithStreamListSubject(subject))
		var names []string
		for name := range listed.Name() {
			if name != config.Name() {
				names = append(names, name)
			}
		}
		switch {
		case len(names) > 0:
			slices.Sort(names)
			return fmt.Errorf("make stream %s: stream %s of the server takes its subject %s: %s", config.Name(),
				strings.Join(names, ", "), subject, advice)
		case listed.Err() != nil:
			return nil // see above
		}
	}
	return nil
}

// isDenied reports whether the server refuses what is published to a subject of its API. It answers nothing then, and a
// request would wait for its timeout. What is sent here asks for no answer.
func isDenied(nc *nats.Conn, subject string) bool {
	if nc.Publish(subject, nil) != nil || nc.FlushTimeout(askWithin) != nil {
		return false // the request says what is wrong
	}
	err := nc.LastError()
	return errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), `"`+subject+`"`)
}

// checkName fails if there is a stream of that name.
func checkName(ctx context.Context, nc *nats.Conn, prefix, name string) error {
	_, err := reader.NewSource(nc, prefix, name).Info(ctx)
	switch {
	case err == nil:
		return nameTaken(name)
	case errors.Is(err, reader.ErrStreamNotFound):
		return nil
	}
	return err
}

// createStream makes a stream. It sends the configuration as it is, also what this client does not know.
func createStream(ctx context.Context, nc *nats.Conn, prefix string, config restore.StreamConfig) error {
	request, err := json.Marshal(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	m, err := nc.RequestWithContext(ctx, cmp.Or(prefix, "$JS.API")+".STREAM.CREATE."+config.Name(), request)
	if err != nil {
		return fmt.Errorf("make stream %s: %w", config.Name(), err)
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return fmt.Errorf("make stream %s: %w", config.Name(), err)
	}
	if answer.Error != nil {
		return fmt.Errorf("make stream %s: %w", config.Name(), answer.Error)
	}
	return nil
}
