package main

import (
	"errors"
	"fmt"

	"github.com/jetcapture/jetcapture/internal/reader"
)

// advise adds to an error of a capture what can be done about it with the options of the command.
func advise(err error) error {
	switch {
	case errors.Is(err, reader.ErrStreamNotFound):
		return fmt.Errorf("%w: check --stream-name; `nats stream ls` lists the streams of the account", err)
	case errors.Is(err, reader.ErrNoJetStream):
		return fmt.Errorf("%w: enable it, or check --js-domain, --js-api-prefix and the credentials", err)
	case errors.Is(err, reader.ErrNoAnswer):
		return fmt.Errorf("%w: give the user the permission, or check --nats-inbox-prefix and --js-domain", err)
	}
	return err
}
