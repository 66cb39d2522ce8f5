package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/restore"
	"github.com/nats-io/nats.go"
)

// checkStreamName returns what is wrong with the name of a stream that an option gives. Nothing is wrong with no name.
func checkStreamName(option, name string) []error {
	if !strings.ContainsAny(name, " \t\r\n.*>/\\") {
		return nil
	}
	return []error{fmt.Errorf("--%s: %q is not the name of a stream: it must not contain blanks, slashes or any of . * >",
		option, name)}
}

// lookUp returns what the server says of a stream that an option names. advice says what to do if it has none.
func lookUp(ctx context.Context, nc *nats.Conn, prefix, name, advice string) (reader.StreamInfo, error) {
	info, err := reader.NewSource(nc, prefix, name).Info(ctx)
	if errors.Is(err, reader.ErrStreamNotFound) {
		return info, fmt.Errorf("the server has no stream %s: %s; `nats stream ls` lists those that it has", name, advice)
	}
	return info, advise(err)
}

// takenBy returns the subjects that a stream takes.
func takenBy(info reader.StreamInfo) ([]string, error) {
	config, err := restore.ParseStreamConfig([]byte(info.Config))
	if err != nil {
		return nil, err
	}
	return subjectsOf(config)
}

// nameTaken is the error of a stream that is to be made, and is there.
func nameTaken(name string) error {
	return fmt.Errorf("stream %s exists: choose another name, or delete it first (nats stream rm %[1]s)", name)
}

// adviseDenied adds to the error of a request that has got no answer what the server has said of the user's
// permissions.
func adviseDenied(nc *nats.Conn, err error) error {
	last := nc.LastError()
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(last, nats.ErrPermissionViolation) {
		return err
	}
	return fmt.Errorf("%w: allow the user that: %w", err, last)
}

// adviseReplicas adds to the error of a server that cannot make as many replicas what can be done about it. It goes by
// the words of the server, since the code is that of any stream that cannot be made.
func adviseReplicas(err error) error {
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "replicas > 1 not supported"):
		return fmt.Errorf("%w: the server is in no cluster: ask for one replica, by --replicas 1", err)
	case strings.Contains(err.Error(), "no suitable peers"):
		return fmt.Errorf("%w: the cluster has too few servers for so many replicas, or no room on them: ask for fewer, by "+
			"--replicas, or make room", err)
	}
	return err
}

// checkReplicas fails if a stream is to have replicas on a server without a cluster, which says so when it has got all
// messages. advice says what to do. With a prefix, the stream is made on another server.
func checkReplicas(nc *nats.Conn, prefix string, config restore.StreamConfig, advice string) error {
	var replicas int
	if text := config["num_replicas"]; text != nil {
		if err := json.Unmarshal(text, &replicas); err != nil {
			return fmt.Errorf("num_replicas of stream %s: %w", config.Name(), err)
		}
	}
	if replicas < 2 || nc.ConnectedClusterName() != "" || prefix != "" {
		return nil
	}
	return fmt.Errorf("stream %s is to have %d replicas, and the server %s is in no cluster: %s", config.Name(), replicas,
		nc.ConnectedUrlRedacted(), advice)
}
