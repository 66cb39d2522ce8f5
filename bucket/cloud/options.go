package cloud

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Defaults of Options.
const (
	DefaultPartSize     = 8 << 20
	DefaultConcurrency  = 4
	DefaultUploadMemory = 64 << 20
	DefaultTimeout      = time.Minute
)

// minPartSize is the least size of all parts but the last on S3 (docs.aws.amazon.com, "Amazon S3 multipart upload
// limits").
const minPartSize = 5 << 20

// Options say how objects are put and read. All have useful zero values. The parameters of a URL override them.
type Options struct {
	// PartSize is the size in bytes of a part, at least 5 MiB. Objects of this size and more are put in parts. It grows by
	// itself for an object of known size that would have more parts than the store allows. Zero: DefaultPartSize. URL:
	// part_size.
	PartSize int64

	// Concurrency is how many parts of one object are sent at the same time on S3 and Azure. GCS takes one after the
	// other. Zero: DefaultConcurrency. URL: concurrency.
	Concurrency int

	// UploadMemory bounds the bytes that all uploads of the bucket hold together. It must be at least two parts. Zero:
	// DefaultUploadMemory. URL: upload_memory.
	UploadMemory int64

	// Timeout ends an attempt of a request when no byte has moved for this time. Stores answer some requests late, so less
	// than a minute is for tests only. Zero: DefaultTimeout. URL: timeout.
	Timeout time.Duration

	// StorageClass of new objects: the storage class of S3 or GCS, or the access tier of Azure. Zero: the bucket's. URL:
	// storage_class.
	StorageClass string

	// Tags of new objects, on S3 and Azure only. They need a permission of their own. URL: tag=NAME:VALUE, repeatable.
	Tags map[string]string
}

// setDefaults fills in what is zero.
func (o *Options) setDefaults() {
	setDefault(&o.PartSize, DefaultPartSize)
	setDefault(&o.Concurrency, DefaultConcurrency)
	setDefault(&o.UploadMemory, DefaultUploadMemory)
	setDefault(&o.Timeout, DefaultTimeout)
}

func setDefault[T int | int64 | time.Duration](value *T, def T) {
	if *value == 0 {
		*value = def
	}
}

// check returns everything that is wrong, joined.
func (o *Options) check() error {
	var errs []error
	if o.PartSize < minPartSize {
		errs = append(errs, fmt.Errorf("part_size is %d bytes, at least %d are needed", o.PartSize, minPartSize))
	}
	if o.Concurrency < 1 {
		errs = append(errs, fmt.Errorf("concurrency is %d, at least 1 is needed", o.Concurrency))
	}
	if o.UploadMemory < 2*o.PartSize {
		errs = append(errs, fmt.Errorf("upload_memory is %d bytes, at least two parts of %d are needed",
			o.UploadMemory, o.PartSize))
	}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout is %v, it must be positive", o.Timeout))
	}
	return errors.Join(errs...)
}

// take moves our parameters from a URL's query into o. The others are left for the store.
func (o *Options) take(query url.Values) error {
	var errs []error
	for name, set := range o.parameters() {
		values, given := query[name]
		if !given {
			continue
		}
		query.Del(name)
		for _, text := range values {
			if err := set(text); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	return errors.Join(errs...)
}

func (o *Options) parameters() map[string]func(string) error {
	return map[string]func(string) error{
		"part_size":     func(s string) error { return parse(&o.PartSize, s, parseSize) },
		"concurrency":   func(s string) error { return parse(&o.Concurrency, s, strconv.Atoi) },
		"upload_memory": func(s string) error { return parse(&o.UploadMemory, s, parseSize) },
		"timeout":       func(s string) error { return parse(&o.Timeout, s, time.ParseDuration) },
		"storage_class": func(s string) error { o.StorageClass = s; return nil },
		"tag":           o.addTag,
	}
}

func parse[T any](to *T, text string, f func(string) (T, error)) error {
	value, err := f(text)
	if err == nil {
		*to = value
	}
	return err
}

// parseSize reads bytes, or a number with a binary or decimal unit, such as 64MiB and 128MB.
func parseSize(text string) (int64, error) {
	for _, unit := range []struct {
		suffix string
		bytes  int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"", 1}} {
		digits, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 || n > (1<<62)/unit.bytes {
			break
		}
		return n * unit.bytes, nil
	}
	return 0, fmt.Errorf("%q is not a size, write it as in 16MiB", text)
}

// addTag adds a tag that was given as NAME:VALUE.
func (o *Options) addTag(text string) error {
	name, value, ok := strings.Cut(text, ":")
	if !ok || name == "" {
		return fmt.Errorf("%q is not a tag, write it as in team:orders", text)
	}
	tags := map[string]string{name: value}
	for n, v := range o.Tags { // a copy: the map is the caller's
		if _, given := tags[n]; !given {
			tags[n] = v
		}
	}
	o.Tags = tags
	return nil
}
