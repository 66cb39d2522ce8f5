// Command jetcapture-iceberg shows a capture of an archive as an Apache Iceberg table. See docs/TABLES.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/apache/iceberg-go/catalog"
	_ "github.com/apache/iceberg-go/catalog/glue"
	_ "github.com/apache/iceberg-go/catalog/hadoop"
	_ "github.com/apache/iceberg-go/catalog/rest"
	_ "github.com/apache/iceberg-go/catalog/sql"
	_ "github.com/apache/iceberg-go/io/gocloud"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/iceberg"
	"github.com/jetcapture/jetcapture/internal/buildinfo"
	"github.com/jetcapture/jetcapture/internal/parallel"
	_ "modernc.org/sqlite"
)

const usage = `jetcapture-iceberg appends the complete cuts of a capture to an Apache Iceberg table, each
once. The files stay where they are.

Usage:
  jetcapture-iceberg --archive PLACE --catalog ADDRESS --table NAMESPACE.NAME [OPTIONS]

Example:
  jetcapture-iceberg --archive /var/orders --catalog sqlite:catalog.db --table lake.orders --once

Options:
`

const exitCodes = `
Exit codes: 0 done, 1 failed, 2 wrong usage.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// settings are what the options say.
type settings struct {
	archive, capture, url, catalog, location string
	table, lost                              string
	replaceWith, replaceURL                  string
	properties                               map[string]string
	once, hours, version                     bool
	batch, keep                              int
	poll                                     time.Duration
}

func execute(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	s, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "jetcapture-iceberg: %v; see --help\n", err)
		return 2
	case s.version:
		fmt.Fprintf(stdout, "jetcapture-iceberg %s\n", buildinfo.Read())
		return 0
	}
	err = s.run(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(stderr, "jetcapture-iceberg: %v\n", err)
		return 1
	}
	return 0
}

func parse(args []string, stdout io.Writer) (*settings, error) {
	s := &settings{properties: map[string]string{}}
	f := flag.NewFlagSet("jetcapture-iceberg", flag.ContinueOnError)
	f.SetOutput(io.Discard) // of errors, which execute prints
	f.Usage = func() {}
	f.StringVar(&s.archive, "archive", "", "`PLACE` of the archive, as --output of jetcapture run names it; required")
	f.StringVar(&s.capture, "capture", "", "`NAME` of the capture; needed if the archive holds several")
	f.StringVar(&s.url, "url", "", "`URL` that readers of the table find the archive by; by default as --archive says")
	f.StringVar(&s.catalog, "catalog", "", "`ADDRESS` of the catalog: https://HOST, sqlite:FILE, warehouse:PLACE or "+
		"glue:; required")
	f.StringVar(&s.table, "table", "", "`NAMESPACE.NAME` of the table, which is made if it is missing; required")
	f.StringVar(&s.lost, "lost", "", "`NAMESPACE.NAME` of a second table, of the sequences that are lost or dead")
	f.StringVar(&s.replaceWith, "replace-with", "", "`PLACE` of an archive that jetcapture convert makes of "+
		"--archive, in larger files, which take the place of the small ones in the table")
	f.StringVar(&s.replaceURL, "replace-url", "", "`URL` that readers find --replace-with by; by default as it says")
	f.StringVar(&s.location, "location", "", "`URL` of the metadata of a new --table; by default the catalog says it")
	f.Func("property", "`NAME=VALUE` for the catalog and its files, such as warehouse=s3://lake; repeatable", s.property)
	f.BoolVar(&s.once, "once", false, "end when all complete cuts are in the table")
	f.BoolVar(&s.hours, "hourly", false, "partitions are hours, not days")
	f.IntVar(&s.batch, "batch", 100, "so many cuts are one snapshot at most, if several are waiting")
	f.IntVar(&s.keep, "keep-snapshots", 100, "so many snapshots are kept; 0: all")
	f.DurationVar(&s.poll, "poll", 10*time.Second, "how often to look for a new cut")
	f.BoolVar(&s.version, "version", false, "print the version")
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		f.SetOutput(stdout)
		fmt.Fprint(stdout, usage)
		f.PrintDefaults()
		fmt.Fprint(stdout, exitCodes)
	}
	if err != nil || s.version {
		return s, err
	}
	return s, s.check(f.Args())
}

func (s *settings) property(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("give NAME=VALUE")
	}
	s.properties[name] = value
	return nil
}

func (s *settings) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q: there are options only", rest[0])
	case s.archive == "" || s.catalog == "" || s.table == "":
		return errors.New("--archive, --catalog and --table are required")
	case len(catalog.ToIdentifier(s.table)) < 2:
		return fmt.Errorf("--table %s: give NAMESPACE.NAME", s.table)
	case s.lost != "" && len(catalog.ToIdentifier(s.lost)) < 2 || s.lost == s.table:
		return fmt.Errorf("--lost %s: give NAMESPACE.NAME, of another table than --table", s.lost)
	case s.replaceURL != "" && s.replaceWith == "":
		return errors.New("--replace-url is of --replace-with")
	case s.batch < 1 || s.keep < 0 || s.poll <= 0:
		return errors.New("--batch and --poll must be positive, --keep-snapshots must not be negative")
	}
	return nil
}

func (s *settings) run(ctx context.Context, logger *slog.Logger) (err error) {
	b, place, err := openArchive(ctx, s.archive, s.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	capture, err := theCapture(ctx, archive.Open(b), s.capture)
	if err != nil {
		return err
	}
	converted, closeConverted, err := s.converted(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeConverted()) }()
	c, err := iceberg.OpenCatalog(ctx, s.catalog, s.properties)
	if err != nil {
		return err
	}
	if closer, ok := c.(catalog.Closer); ok {
		defer func() { err = errors.Join(err, closer.Close()) }()
	}
	messages := iceberg.Projector{
		Bucket: b, Capture: capture, Place: place, Catalog: c, Table: catalog.ToIdentifier(s.table),
		Converted: converted, TableLocation: s.location, Hours: s.hours, Batch: s.batch, Keep: s.keep,
		Poll: s.poll, Logger: logger,
	}
	projectors := []*iceberg.Projector{&messages}
	if s.lost != "" {
		losses := messages
		losses.Table, losses.TableLocation, losses.Losses = catalog.ToIdentifier(s.lost), "", true
		losses.Converted = nil
		projectors = append(projectors, &losses)
	}
	return parallel.Each(ctx, len(projectors), len(projectors), func(ctx context.Context, i int) error {
		return projectors[i].Run(ctx, s.once)
	})
}

// converted opens the archive of --replace-with. It is nil without that.
func (s *settings) converted(ctx context.Context) (c *iceberg.Converted, closeIt func() error, err error) {
	if s.replaceWith == "" {
		return nil, func() error { return nil }, nil
	}
	b, place, err := openArchive(ctx, s.replaceWith, s.replaceURL)
	if err != nil {
		return nil, nil, fmt.Errorf("--replace-with: %w", err)
	}
	capture, err := theCapture(ctx, archive.Open(b), "")
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("--replace-with: %w", err), b.Close())
	}
	return &iceberg.Converted{Bucket: b, Capture: capture, Place: place}, b.Close, nil
}

// openArchive opens an archive, and returns the URL that readers find it by, if none is given. A folder is a path: of a
// file URL, some readers decode the percent signs that are in names, and some do not.
func openArchive(ctx context.Context, place, given string) (b cloud.Bucket, url string, err error) {
	if b, url, err = openPlace(ctx, place); err != nil {
		return nil, "", err
	}
	switch {
	case given != "":
		url = strings.TrimRight(given, "/")
	case strings.HasPrefix(url, "azblob://"):
		return nil, "", errors.Join(errors.New("on Azure, readers of tables want another URL, "+
			"abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX: give --url, or --replace-url"), b.Close())
	}
	return b, url, nil
}

// openPlace opens an archive, and returns its URL or path.
func openPlace(ctx context.Context, place string) (b cloud.Bucket, url string, err error) {
	scheme, path, isURL := strings.Cut(place, "://")
	if isURL && slices.Contains([]string{"s3", "gs", "azblob"}, scheme) {
		if b, err = cloud.Open(ctx, place, cloud.Options{}); err != nil {
			return nil, "", err
		}
		return b, b.String(), nil
	}
	if !isURL {
		path = place
	}
	folder, err := filepath.Abs(path)
	if err != nil {
		return nil, "", err
	}
	dir, err := bucket.OpenDirReadOnly(folder)
	if err != nil {
		return nil, "", err
	}
	return dir, filepath.ToSlash(folder), nil
}

// theCapture is the capture of a name, or the only one.
func theCapture(ctx context.Context, a *archive.Archive, name string) (only *archive.Capture, err error) {
	for capture, err := range a.Captures(ctx) {
		switch {
		case err != nil:
			return nil, err
		case name != "" && name != capture.Name():
		case only != nil:
			return nil, fmt.Errorf("%s holds several captures: --capture says which, such as %s", a, only.Name())
		default:
			only = capture
		}
	}
	if only == nil {
		return nil, fmt.Errorf("%s holds no capture %s: is it the place that --output of jetcapture run names?", a, name)
	}
	return only, nil
}
