package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/jetcapture/jetcapture/internal/doctor"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/permission"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/nats-io/nats.go"
)

// printChecks prints the checks of a capture, or of several together, below a title. Its name is empty if there are not
// several.
func printChecks(out io.Writer, title, capture string, checks []doctor.Check, asJSON bool) error {
	if asJSON {
		return printJSONChecks(out, capture, checks)
	}
	var b strings.Builder
	if title != "" {
		fmt.Fprintf(&b, "%s\n", title)
	}
	for _, c := range checks {
		fmt.Fprintf(&b, "%s %-8s %s: %s\n", c.Number, c.State, c.Name, oneLine(c.Seen))
		for _, more := range []struct{ title, text string }{{"why", c.Why}, {"mend", c.Mend}} {
			if more.text != "" {
				fmt.Fprintf(&b, "%12s%s: %s\n", "", more.title, oneLine(more.text))
			}
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// oneLine is a text on one line of a terminal: an error may quote anything.
func oneLine(text string) string {
	return printable(urls.ShowText(strings.Join(strings.Fields(text), " ")))
}

func printJSONChecks(out io.Writer, capture string, checks []doctor.Check) error {
	e := json.NewEncoder(printableJSON{out})
	e.SetEscapeHTML(false)
	for _, c := range checks {
		c.Seen = urls.ShowText(c.Seen)
		line := struct {
			Capture string `json:"capture,omitempty"`
			doctor.Check
		}{capture, c}
		if err := e.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// printPermissions prints what the user of the captures must be allowed. A context of the nats command may have a
// domain and a prefix of inboxes, so it is read, but no server has to be there.
func printPermissions(out io.Writer, all []*settings) error {
	var rules []permission.Rule
	for _, s := range all {
		access, err := s.permissions()
		if err != nil {
			return err
		}
		nc, prefix, err := natsconn.Connect(s.nats.named("jetcapture doctor"), slog.New(slog.DiscardHandler),
			nats.RetryOnFailedConnect(true))
		if err != nil {
			return err
		}
		access.APIPrefix, access.Inbox = prefix, nc.Opts.InboxPrefix
		nc.Close()
		rules = append(rules, access.Rules()...)
	}
	const format = "# In the configuration of nats-server, for the user of this command line:\n%s\n" +
		"# With nsc (write your account):\n%s"
	_, err := fmt.Fprintf(out, format, permission.ServerConfig(rules), permission.NSC(rules, "ACCOUNT", "jetcapture"))
	return err
}
