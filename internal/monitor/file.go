package monitor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// WriteFile writes metrics into a file for the textfile collector of the node exporter. The file appears whole: a
// reader sees the old or the new one.
func WriteFile(name string, g prometheus.Gatherer) error {
	if err := prometheus.WriteToTextfile(name, g); err != nil {
		return fmt.Errorf("write the metrics: %w", err)
	}
	return nil
}

// verifySuccess is when a verification has found no problem for the last time.
const verifySuccess = "jetcapture_verify_last_success_timestamp_seconds"

// WriteVerified writes what a verification of an archive has found at the time now. problems is how many, and complete
// is false if it could not be carried out. The time of the last success is kept from the file before.
func WriteVerified(name, archive string, now time.Time, problems int64, complete bool) error {
	before, err := lastSuccess(name)
	if err != nil {
		return err
	}
	if complete && problems == 0 {
		before = float64(now.Unix())
	}
	r := prometheus.NewRegistry()
	labels := prometheus.Labels{"archive": archive}
	for _, m := range []struct {
		name, help string
		value      float64
	}{
		{verifySuccess, "When a verification of the archive has found no problem for the last time; 0: never.", before},
		{"jetcapture_verify_last_run_timestamp_seconds", "When the archive was last verified.", float64(now.Unix())},
		{"jetcapture_verify_problems", "Problems that the last verification of the archive has found.", float64(problems)},
		{"jetcapture_verify_complete", "1 if the last verification could be carried out to its end.", one(complete)},
	} {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: m.name, Help: m.help, ConstLabels: labels})
		g.Set(m.value)
		r.MustRegister(g)
	}
	return WriteFile(name, r)
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// lastSuccess reads the time of the last success from a file that WriteVerified has written; 0 if there is none.
func lastSuccess(name string) (float64, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the earlier metrics: %w", err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		line, found := strings.CutPrefix(lines.Text(), verifySuccess+"{")
		if !found {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		return strconv.ParseFloat(line[at+1:], 64)
	}
	return 0, nil
}
