package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/doctor"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// TestDoctorExaminesLanes: captures that split a stream are examined together, in the order of what is worse.
func TestDoctorExaminesLanes(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}})
	for _, subject := range []string{"orders.eu", "orders.us", "orders.fr"} {
		natstest.PublishN(t, nc, subject, 1)
	}
	e := environment{"NATS_URL": srv.URL()}
	output := "output: " + t.TempDir() + "\nstream_name: ORDERS\ncaptures:\n"
	for _, tt := range []struct {
		lanes []string
		state doctor.State
		seen  string
	}{
		{[]string{"orders.*", "orders.us"}, doctor.Warning, "each is stored twice"},
		{[]string{"orders.eu", "orders.us"}, doctor.Warning, "no capture takes 1 message of 1 subject, such as orders.fr"},
		{[]string{"orders.eu", "orders.us", "orders.fr"}, doctor.Note, "may store orders.*, which no single filter covers"},
	} {
		text := output
		for i, filter := range tt.lanes {
			text += fmt.Sprintf("  lane-%d: {filter_subject: [%q]}\n", i, filter)
		}
		r := e.run(t, "doctor", "--json", "--config", writeFile(t, "c.yaml", text))
		var found []doctor.Check
		for line := range strings.Lines(r.stdout) {
			var check doctor.Check
			must(t, json.Unmarshal([]byte(line), &check))
			if check.Number == "N10" {
				found = append(found, check)
			}
		}
		if r.code != exitDone || len(found) != 1 || found[0].State != tt.state || !strings.Contains(found[0].Seen, tt.seen) {
			t.Errorf("%v: exit code %d, %+v\n%s", tt.lanes, r.code, found, r.stderr)
		}
	}
	whole := writeFile(t, "c.yaml", output+"  a: {filter_subject: [orders.*]}\n  b: {filter_subject: [payments.*]}\n")
	if r := e.run(t, "doctor", "--config", whole); !strings.Contains(r.stdout,
		"lanes of stream ORDERS\nN10 ok       lanes: the filters and ranges of 2 captures overlap nowhere") {
		t.Errorf("lanes that cover the stream:\n%s%s", r.stdout, r.stderr)
	}
}

// TestStoredSubjects: lanes are of the subjects that a mapping gives.
func TestStoredSubjects(t *testing.T) {
	for _, tt := range []struct {
		source, destination string
		want                []string
	}{
		{"orders.*", "orders.{{partition(3,1)}}.{{wildcard(1)}}", []string{"orders.0.*", "orders.1.*", "orders.2.*"}},
		{"", "x.$1", []string{"x.*"}},
		{"orders.eu", "eu", []string{"eu", "orders.*"}},
		{"other", "x", []string{"orders.*"}},
		{"orders.*", "{{split(1,-)}}.x", []string{">"}},
	} {
		cfg := &jetstream.StreamConfig{
			Subjects:         []string{"orders.*"},
			SubjectTransform: &jetstream.SubjectTransformConfig{Source: tt.source, Destination: tt.destination},
		}
		if got := storedSubjects(cfg); !slices.Equal(got, tt.want) {
			t.Errorf("%s to %s: %q, want %q", tt.source, tt.destination, got, tt.want)
		}
	}
	mirror := &jetstream.StreamConfig{Mirror: &jetstream.StreamSource{Name: "S"}}
	if got := storedSubjects(mirror); !slices.Equal(got, []string{">"}) {
		t.Errorf("a mirror stores %q", got)
	}
}
