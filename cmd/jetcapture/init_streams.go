package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// streamSeen is a stream as init shows it.
type streamSeen struct {
	name      string
	messages  uint64
	bytes     uint64
	subjects  []string
	rate      float64 // messages a second between its first and its last one
	retention jetstream.RetentionPolicy
}

// lookAtStreams lists the streams by name.
func lookAtStreams(ctx context.Context, nc *nats.Conn, prefix string) (found []streamSeen, err error) {
	js, err := jetstream.New(nc)
	if prefix != "" {
		js, err = jetstream.NewWithAPIPrefix(nc, prefix)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, followTimeout)
	defer cancel()
	listed := js.ListStreams(ctx)
	for info := range listed.Info() {
		if !strings.HasPrefix(info.Config.Name, "JETCAPTURE_FLEET") { // of our own, for workers
			found = append(found, seen(info))
		}
	}
	if err := listed.Err(); err != nil {
		return nil, fmt.Errorf("list the streams: %w; the user needs the permission to publish $JS.API.STREAM.LIST", err)
	}
	slices.SortFunc(found, func(a, b streamSeen) int { return strings.Compare(a.name, b.name) })
	return found, nil
}

// seen is what init shows of a stream.
func seen(info *jetstream.StreamInfo) streamSeen {
	s := streamSeen{
		name: info.Config.Name, messages: info.State.Msgs, bytes: info.State.Bytes, subjects: info.Config.Subjects,
		retention: info.Config.Retention,
	}
	if span := info.State.LastTime.Sub(info.State.FirstTime); span > time.Second && s.messages > 1 {
		s.rate = float64(s.messages-1) / span.Seconds()
	}
	return s
}

// chosen are the streams that the settings name.
func (s *initSettings) chosen(found []streamSeen) []streamSeen {
	return slices.DeleteFunc(slices.Clone(found), func(one streamSeen) bool {
		if !strings.Contains(s.stream, "*") {
			return one.name != s.stream
		}
		matches, err := path.Match(s.stream, one.name)
		return err != nil || !matches || fleet.OwnsStream(one.name)
	})
}

// offered are the streams to choose from: those of fleets are not for archives.
func offered(found []streamSeen) []streamSeen {
	return slices.DeleteFunc(slices.Clone(found), func(one streamSeen) bool { return fleet.OwnsStream(one.name) })
}

// printStreams shows the streams, numbered.
func printStreams(out io.Writer, found []streamSeen) {
	say(out, "%s of the server:\n", counted(int64(len(found)), "stream"))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, s := range found {
		rate := "-"
		switch {
		case s.rate >= 1000:
			rate = thousands(int64(s.rate)) + "/s"
		case s.rate > 0:
			rate = strconv.FormatFloat(s.rate, 'g', 3, 64) + "/s"
		}
		say(w, "  %d\t%s\t%s\t%s\t%s\t%s\n", i+1, printable(s.name), counted(int64(s.messages), "message"),
			byteText(int64(s.bytes)), rate, printable(strings.Join(s.subjects, " ")))
	}
	_ = w.Flush() // as say: nobody reads it then
}

// interview asks a user. Without in there is nobody to ask.
type interview struct {
	in  *bufio.Reader
	out io.Writer
}

// errNoAnswer ends an interview.
var errNoAnswer = errors.New("the input has ended before everything was answered; nothing was written")

// errInterrupted ends an interview at a signal.
var errInterrupted = errors.New("interrupted before everything was answered; nothing was written")

// ask returns the answer to a question, or what is usual if that is empty. option is what would have said it. When ctx
// ends, nothing more can be asked.
func (i *interview) ask(ctx context.Context, question, usual, option string) (string, error) {
	if i.in == nil {
		return "", usagef("--%s: is required where nobody can be asked", option)
	}
	say(i.out, "%s [%s]: ", question, usual)
	line, err := i.read(ctx)
	if ctx.Err() != nil {
		say(i.out, "\n")
		return "", errInterrupted
	}
	if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
		return "", errNoAnswer
	}
	if line = strings.TrimSpace(line); line == "" {
		return usual, nil
	}
	return line, nil
}

// read returns the next line. If ctx ends first, the goroutine that reads stays until the input ends, or the process.
func (i *interview) read(ctx context.Context) (line string, err error) {
	done := make(chan struct{})
	var typed string
	var failed error
	go func() {
		defer close(done)
		typed, failed = i.in.ReadString('\n')
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-done:
		return typed, failed
	}
}

// forStream asks for a stream, by its number or name.
func (i *interview) forStream(ctx context.Context, found []streamSeen) (string, error) {
	if len(found) == 0 {
		return "", errors.New("the server has no streams: there is nothing to capture yet")
	}
	answer, err := i.ask(ctx, "Stream, by number, name or pattern as in 'ORDERS-*'", found[0].name, "stream-name")
	if n, isNumber := strconv.Atoi(answer); isNumber == nil && n >= 1 && n <= len(found) {
		return found[n-1].name, err
	}
	return answer, err
}
