package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// report is the result of a run.
type report struct {
	Machine string      `json:"machine"`
	Rounds  int         `json:"rounds"`
	Jobs    []jobReport `json:"jobs"`
}

// spread is the median of the rounds, and their range.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// jobReport is one line of the table.
type jobReport struct {
	Name      string   `json:"name"`
	About     string   `json:"about"`
	Stream    string   `json:"stream"`
	Messages  int      `json:"messages"`
	Bytes     int64    `json:"payload_bytes"`
	Reference bool     `json:"reference"` // the bare consumer that the stream's jobs are compared with
	Rate      spread   `json:"messages_per_second"`
	MBps      float64  `json:"megabytes_per_second"` // of payloads, 10^6 bytes, median
	CPU       spread   `json:"cpu_seconds_per_million"`
	Peak      int64    `json:"peak_resident_bytes"` // the largest of the rounds
	Ratio     spread   `json:"ratio_to_reference"`  // of rates, each to the reference in the same round
	CPURatio  spread   `json:"cpu_ratio_to_reference"`
	Files     spread   `json:"files_per_key_and_window"`
	Samples   []sample `json:"samples"`
}

// newReport computes the figures of all jobs.
func newReport(results []result) report {
	rep := report{Machine: machine()}
	for i := range results {
		r := &results[i]
		rep.Rounds = len(r.samples)
		reference := referenceOf(r.job.stream, results)
		rep.Jobs = append(rep.Jobs, r.report(reference))
	}
	return rep
}

// referenceOf returns the bare consumer of the stream with the highest median rate; nil if there is none.
func referenceOf(stream string, results []result) *result {
	var best *result
	for i := range results {
		r := &results[i]
		if r.job.bare && r.job.stream == stream && (best == nil || r.rates().Median > best.rates().Median) {
			best = r
		}
	}
	return best
}

// report computes the figures of a job. reference is nil for a stream without a bare consumer.
func (r *result) report(reference *result) jobReport {
	jr := jobReport{
		Name: r.job.name, About: r.job.about, Stream: r.job.stream, Messages: r.messages, Bytes: r.bytes,
		Reference: r == reference,
		Rate:      r.rates(), Samples: r.samples,
		CPU: r.spread(func(_ int, s sample) float64 { return s.CPU.Seconds() / float64(r.messages) * 1e6 }),
	}
	jr.MBps = jr.Rate.Median * float64(r.bytes) / float64(r.messages) / 1e6
	for _, s := range r.samples {
		jr.Peak = max(jr.Peak, s.Peak)
	}
	if len(r.samples) > 0 && r.samples[0].Pairs > 0 {
		jr.Files = r.spread(func(_ int, s sample) float64 { return float64(s.Files) / float64(max(1, s.Pairs)) })
	}
	if reference != nil {
		jr.Ratio = r.spread(func(round int, s sample) float64 { return r.rate(s) / reference.rate(reference.samples[round]) })
		jr.CPURatio = r.spread(func(round int, s sample) float64 {
			return s.CPU.Seconds() / reference.samples[round].CPU.Seconds()
		})
	}
	return jr
}

// rate returns the messages per second of one run.
func (r *result) rate(s sample) float64 { return float64(r.messages) / s.Wall.Seconds() }

// rates returns the messages per second of the rounds.
func (r *result) rates() spread {
	return r.spread(func(_ int, s sample) float64 { return r.rate(s) })
}

// spread summarises a figure of the rounds. The median of an even number is the mean of the two in the middle.
func (r *result) spread(figure func(round int, s sample) float64) spread {
	figures := make([]float64, len(r.samples))
	for i, s := range r.samples {
		figures[i] = figure(i, s)
	}
	slices.Sort(figures)
	n := len(figures)
	return spread{Median: (figures[(n-1)/2] + figures[n/2]) / 2, Min: figures[0], Max: figures[n-1]}
}

func (rep report) writeJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(rep)
}

// writeTable prints medians, with the range of the rounds in parentheses. The reference of a stream is marked with *.
func (rep report) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "%s; %d rounds, median (min-max); * what the jobs of the stream are compared with\n\n",
		rep.Machine, rep.Rounds)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "job\tmessages/s\t\tMB/s\tCPU s/million\tof bare\tpeak MB\tfiles\trate of bare\t\t")
	for _, j := range rep.Jobs {
		name := j.Name
		if j.Reference {
			name += "*"
		}
		files := "-"
		if j.Files.Median > 0 {
			files = fmt.Sprintf("%.2f", j.Files.Median)
		}
		fmt.Fprintf(tw, "%s\t%.0f\t(%.0f-%.0f)\t%.0f\t%.2f\t%.2f\t%.0f\t%s\t%.2f\t(%.2f-%.2f)\t\n",
			name, j.Rate.Median, j.Rate.Min, j.Rate.Max,
			j.MBps, j.CPU.Median, j.CPURatio.Median, float64(j.Peak)/1e6, files, j.Ratio.Median, j.Ratio.Min, j.Ratio.Max)
	}
	return tw.Flush()
}
