package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/wire"
)

// copied is the source of Convert.
type copied struct {
	capture *archive.Capture
	format  cutlog.Format
}

// Convert is Run with the messages of an archive in place of those of a stream: it makes another capture of them, in
// the form that the options say, with each message in exactly one file. Dead letters are decoded again. What the source
// has lost, skipped or not had stays so, with its reasons, and each plan names the cuts that it was made from.
//
// It follows the source until ctx is cancelled. With Options.Once it ends where the newest finished cut ended at the
// start. Like Run it may be interrupted anywhere and called again, also by several processes at a time.
//
// Files of Parquet and Avro are read by what archive.Capture.WithFormats gives from. If one of them has times in
// microseconds only, the error is archive.ErrRounded.
//
// The options need an archive that is not the source. NATSStreamName is that of the source, and Archive.Capture and
// FilterSubjects are those of the source if they are empty. What is about the server must be zero.
func (c *Capture[P, K]) Convert(ctx context.Context, from *archive.Capture) error {
	format, err := from.Format(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("convert capture %s: there is no such capture, or it has just begun: %w", from.Name(), err)
	}
	if err != nil {
		return fmt.Errorf("convert capture %s: %w", from.Name(), err)
	}
	opts := c.opts
	opts.NATSStreamName = format.Stream
	if opts.Archive.Capture == "" {
		if opts.Archive.Capture, err = cutlog.UnescapeSegment(from.Name()); err != nil {
			return err
		}
	}
	if len(opts.FilterSubjects) == 0 {
		opts.FilterSubjects = format.Filter
	}
	if err := checkConvert(&opts, format); err != nil {
		return fmt.Errorf("invalid options: %w", err)
	}
	return c.run(ctx, nil, opts, &copied{from, format})
}

// checkConvert reports what cannot be said about an archive, or not of this one.
func checkConvert[P Payload, K DestKey](o *Options[P, K], source cutlog.Format) error {
	p := &problems{}
	p.addIf(o.Store != nil, "Store", "a conversion keeps its log in an archive")
	p.addIf(o.NATSConsumerName != "", "NATSConsumerName", "an archive is read without a consumer")
	p.addIf(o.Start != Start{}, "Start", "a conversion begins where its source does")
	p.addIf(o.Sample > 0, "Sample", "there are no rehearsals of conversions")
	for _, f := range o.FilterSubjects {
		held := len(source.Filter) == 0 ||
			slices.ContainsFunc(source.Filter, func(wide string) bool { return wire.Covers(wide, f) })
		p.addIf(!held, "FilterSubjects", "%q is not in the source, whose filter is %q", f, source.Filter)
	}
	return errors.Join(p.all...)
}
