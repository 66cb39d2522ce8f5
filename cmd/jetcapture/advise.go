package main

import (
	"errors"
	"fmt"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// consumerNotFound is the error code of the JetStream API for a missing consumer: errors.json of nats-server.
const consumerNotFound = 10014

// advise adds to an error of a capture what can be done about it with the options of the command.
func advise(err error) error {
	var api *reader.APIError
	var mismatch *cutlog.MismatchError
	switch {
	case errors.Is(err, reader.ErrStreamNotFound):
		return fmt.Errorf("%w: check --stream-name; `nats stream ls` lists the streams of the account", err)
	case errors.Is(err, reader.ErrNoJetStream):
		return fmt.Errorf("%w: check --js-domain, --js-api-prefix and the credentials too", err)
	case errors.Is(err, reader.ErrNoAnswer):
		return fmt.Errorf("%w: give the user the permission, or check --nats-inbox-prefix and --js-domain", err)
	case errors.As(err, &api) && api.ErrCode == consumerNotFound:
		return fmt.Errorf("%w: check --consumer-name, or have it created by --create-consumer", err)
	case errors.As(err, &mismatch):
		return fmt.Errorf("%w (--capture, --output)", err)
	}
	return err
}
