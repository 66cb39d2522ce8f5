package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// existing adds to the error of a restore into a stream that exists what that stream is. If an earlier restore was
// killed, the server keeps what it has got, be it all or a part.
func (r *restorer) existing(ctx context.Context, err error) error {
	const restoreExists, streamExists = 10130, 10058 // errors.json of nats-server
	var refused *reader.APIError
	if !errors.As(err, &refused) || refused.ErrCode != restoreExists && refused.ErrCode != streamExists {
		return err
	}
	info, asked := reader.NewSource(r.nc, r.prefix, r.name).Info(ctx)
	if asked != nil { // still being made, or removed
		return fmt.Errorf("%w: if it is what a restore has left that was killed, wait a minute and try again", err)
	}
	err = nameTaken(r.name)
	var config struct {
		Metadata map[string]string `json:"metadata"`
	}
	if json.Unmarshal([]byte(info.Config), &config) != nil || config.Metadata[reader.RestoredKey] != r.mark() {
		return err
	}
	has, want := info.Messages, r.account.Messages+r.account.Dead
	if has < want {
		return fmt.Errorf("stream %s exists: a restore of this archive is making it, or was broken off, with %s of %s "+
			"messages: if none is running, delete it (nats stream rm %[1]s) and try again",
			r.name, thousands(int64(has)), thousands(int64(want)))
	}
	return fmt.Errorf("stream %s exists: an earlier restore of this archive has made it, with as many messages: compare "+
		"them with jetcapture diff ARCHIVE --against-stream --stream-name %[1]s, or delete it (nats stream rm %[1]s) and "+
		"try again", r.name)
}

// checkRights fails if the user may not publish what a restore does: the server would not answer. What is sent to find
// that out, it refuses.
func (r *restorer) checkRights() error {
	subjects := []string{cmp.Or(r.prefix, "$JS.API") + ".STREAM.RESTORE." + r.name}
	if r.prefix == "" { // otherwise another account or domain names the subject of the messages
		subjects = append(subjects, "$JS.SNAPSHOT.RESTORE."+r.name+".try")
	}
	for _, subject := range subjects {
		if isDenied(r.nc, subject) {
			return fmt.Errorf("the user may not publish to %s: a restore needs $JS.API.STREAM.RESTORE.* and "+
				"$JS.SNAPSHOT.RESTORE.>, besides what a capture needs", subject)
		}
	}
	return nil
}

// adviseRestore adds to an error of a restore what can be done about it.
func adviseRestore(err error, nc *nats.Conn) error {
	if version := nc.ConnectedServerVersion(); olderThan(version, 2, 15) {
		return fmt.Errorf("%w: %w", err, oldServer(version))
	}
	if errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("%w: the user needs the permission to publish to $JS.API.STREAM.RESTORE.* and "+
			"$JS.SNAPSHOT.RESTORE.>, or there is no JetStream", err)
	}
	return adviseReplicas(err)
}

// oldServer is the error of a server that cannot restore messages.
func oldServer(version string) error {
	return fmt.Errorf("the server is nats-server %s, and archives of messages can be restored from 2.15 on: jetcapture "+
		"replay publishes them", version)
}

// olderThan compares a version of a server; what cannot be read is not older.
func olderThan(version string, major, minor int) bool {
	var a, b int
	if n, err := fmt.Sscanf(version, "%d.%d", &a, &b); n != 2 || err != nil {
		return false
	}
	return a < major || a == major && b < minor
}
