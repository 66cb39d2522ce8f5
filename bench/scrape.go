package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// runScrape is the part "scrape": it asks for the metrics of a capture once a second, as a busy Prometheus does, until
// its standard input ends. It prints how often it got them. It is a process of its own, so that its CPU time does not
// count as that of the capture.
func runScrape(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench scrape", flag.ContinueOnError)
	flags.SetOutput(stderr)
	address := flags.String("address", "", "where the capture serves its metrics")
	if err := flags.Parse(args); err != nil {
		return usage(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin) // only its end matters
	}()
	times := 0
	for ctx.Err() == nil {
		pause := 50 * time.Millisecond // the capture is starting, or has ended
		if scrape(ctx, "http://"+*address+"/metrics") == nil {
			times++
			pause = time.Second
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	_, err := fmt.Fprintln(stdout, times)
	return err
}

// scrape asks for metrics once.
func scrape(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return errors.Join(err, res.Body.Close())
}

// scraper is a running part "scrape".
type scraper struct {
	cmd    *exec.Cmd
	end    io.Closer // its standard input
	stdout io.Reader
}

// startScraper starts self as a scraper of the metrics at an address. The end of ctx kills it.
func startScraper(ctx context.Context, self, address string) (*scraper, error) {
	cmd, stdin, stdout, err := startPart(ctx, self, "scrape", "-address", address)
	if err != nil {
		return nil, err
	}
	return &scraper{cmd, stdin, stdout}, nil
}

// stop ends the scraper, and returns how often it got the metrics.
func (s *scraper) stop() (times int, err error) {
	err = s.end.Close()
	_, scanErr := fmt.Fscan(s.stdout, &times)
	if err := errors.Join(err, scanErr, s.cmd.Wait()); err != nil {
		return 0, fmt.Errorf("stop the scraper: %w", err)
	}
	return times, nil
}

// freeAddress returns an address that is not in use at the moment.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
