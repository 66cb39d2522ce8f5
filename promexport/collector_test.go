package promexport_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/promexport"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

// zero is a capture that has not run.
func zero(name string) promexport.Capture {
	return promexport.Capture{Name: name, Stream: "S", Stats: func() jetcapture.Stats { return jetcapture.Stats{} }}
}

// gather returns the families of a registry by name.
func gather(t *testing.T, registry *prometheus.Registry) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, f := range families {
		byName[f.GetName()] = f
	}
	return byName
}

// registry returns one with a collector. It checks names, labels and consistency of what it collects.
func registry(t *testing.T, c ...prometheus.Collector) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	for _, one := range c {
		if err := r.Register(one); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// TestLint: names, help texts and units are as Prometheus wants them.
func TestLint(t *testing.T) {
	r := registry(t, promexport.NewCollector(zero("a"), zero("b")), promexport.BuildInfo("v1", "abc"))
	problems, err := testutil.GatherAndLint(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestSeriesAreThereFromTheBeginning: a capture that has not run has every series that one that runs has.
func TestSeriesAreThereFromTheBeginning(t *testing.T) {
	families := gather(t, registry(t, promexport.NewCollector(zero("a"))))
	for name, labels := range map[string]map[string][]string{
		"jetcapture_sequences_lost_total":             {"reason": constants(t, "LostReason")},
		"jetcapture_sequences_absent_total":           {"reason": constants(t, "AbsentReason")},
		"jetcapture_cuts_total":                       {"reason": constants(t, "Reason")},
		"jetcapture_repositions_total":                {"reason": jetcapture.RepositionCauses()},
		"jetcapture_store_operations_total":           {"op": jetcapture.StoreOperations(), "result": {"ok", "error"}},
		"jetcapture_store_operation_duration_seconds": {"op": jetcapture.StoreOperations()},
		"jetcapture_retention_headroom_seconds":       {"position": {"unread", "unstored"}, "limit": {"age", "bytes"}},
		"jetcapture_connected":                        {"peer": {"nats", "store"}},
		"jetcapture_messages_read_total":              {},
		"jetcapture_freshness_seconds":                {},
	} {
		f := families[name]
		if f == nil {
			t.Errorf("%s is not there", name)
			continue
		}
		for label, values := range labels {
			for _, v := range values {
				if !slices.ContainsFunc(f.GetMetric(), func(m *dto.Metric) bool { return labelOf(m, label) == v }) {
					t.Errorf("%s has no series with %s=%q", name, label, v)
				}
			}
		}
	}
}

// labelOf returns the value of a label.
func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// constants returns the values of the constants of a type in cutlog.
func constants(t *testing.T, of string) (values []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../cutlog/record.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == of {
			for _, v := range spec.Values {
				text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, text)
			}
		}
		return true
	})
	if len(values) < 3 {
		t.Fatalf("found only %v of type %s", values, of)
	}
	return values
}

// TestStatesAreEnumerated: one state is 1, all others are 0.
func TestStatesAreEnumerated(t *testing.T) {
	for _, state := range jetcapture.States() {
		c := zero("a")
		c.Stats = func() jetcapture.Stats { return jetcapture.Stats{State: state} }
		sum := 0.0
		for _, m := range gather(t, registry(t, promexport.NewCollector(c)))["jetcapture_state"].GetMetric() {
			sum += m.GetGauge().GetValue()
			if is := m.GetGauge().GetValue() == 1; is != (labelOf(m, "state") == state.Label()) {
				t.Errorf("in state %q, the series of %q is %v", state, labelOf(m, "state"), is)
			}
			if strings.Contains(labelOf(m, "state"), " ") {
				t.Errorf("label %q has a blank", labelOf(m, "state"))
			}
		}
		if sum != 1 {
			t.Errorf("in state %q, %v states are on", state, sum)
		}
	}
}

// TestRunningCapture scrapes a capture of a real server.
func TestRunningCapture(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, MaxAge: time.Hour})
	natstest.Publish(t, nc, 10, func(int) *nats.Msg { return &nats.Msg{Subject: "s.a", Data: []byte("{}")} })
	o := jetcapture.Options[*jetcapture.NatsMessage, string]{
		NATSStreamName: "S", Once: true, Compression: jetcapture.GZip, Suffix: "ndjson", TempDir: t.TempDir(),
		MessageDecoder: jetcapture.NatsToNats(jetcapture.SubjectToDestKey),
		WriterFactory: func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
			return &jetcapture.NewLineDelimitedJSON[*jetcapture.NatsMessage]{}
		},
		Archive: jetcapture.ArchiveOptions[string]{Bucket: bucket.NewMem()}, Logger: slog.New(slog.DiscardHandler),
	}
	c := o.Build()
	r := registry(t, promexport.NewCollector(promexport.Capture{Name: "S", Stream: "S", Stats: c.Stats}))
	before := gather(t, r)
	if err := c.Run(t.Context(), nc); err != nil {
		t.Fatal(err)
	}
	after := gather(t, r)
	for name, f := range after {
		if was, is := len(before[name].GetMetric()), len(f.GetMetric()); was != is {
			t.Errorf("%s has %d series after the run, and had %d before", name, is, was)
		}
	}
	for name, want := range map[string]float64{
		"jetcapture_messages_read_total": 10, "jetcapture_stored_sequence": 10, "jetcapture_cut_number": 2,
		"jetcapture_freshness_seconds": 0, "jetcapture_stream_messages": 10, "jetcapture_lag_messages": 0,
	} {
		m := after[name].GetMetric()[0]
		if got := m.GetGauge().GetValue() + m.GetCounter().GetValue(); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, m := range after["jetcapture_store_operation_duration_seconds"].GetMetric() {
		if labelOf(m, "op") == "put" && m.GetHistogram().GetSampleCount() < 4 {
			t.Errorf("%d puts were timed, want those of a plan, a file, a done record and format.json",
				m.GetHistogram().GetSampleCount())
		}
	}
}
