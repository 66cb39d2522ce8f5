package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/urls"
)

// outputPlace is a value that names a folder, plain or as a file URL, or an object store by its URL.
func outputPlace(to *string) value {
	return parsed[string]{to, parsePlace, func(s string) string { return s }}
}

// isStore reports whether a place is in an object store; otherwise it is a folder.
func isStore(place string) bool {
	scheme, _, isURL := strings.Cut(place, "://")
	return isURL && slices.Contains([]string{"s3", "gs", "azblob"}, scheme)
}

// parsePlace returns the folder, or the URL of a store as it is. Its errors do not show URLs, which may hold keys.
func parsePlace(s string) (string, error) {
	scheme, _, isURL := strings.Cut(s, "://")
	switch {
	case isStore(s):
		return s, cloud.CheckURL(s)
	case isURL && scheme != "file":
		return "", fmt.Errorf("%s:// is not a store: give a path, file:///PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX "+
			"or azblob://CONTAINER/PREFIX", urls.Show(scheme))
	}
	return parseFolder(s)
}

// hasScheme reports whether a path begins as the URL of a store or of a folder does.
func hasScheme(path string) bool {
	scheme, _, found := strings.Cut(path, ":")
	return found && slices.Contains([]string{"s3", "gs", "azblob", "file"}, scheme)
}

// parseFolder returns the folder that a path or file URL names. Its errors do not show other URLs.
func parseFolder(s string) (string, error) {
	scheme, _, isURL := strings.Cut(s, "://")
	switch {
	case s == "":
		return "", fmt.Errorf("%q is not a folder", s)
	case !isURL && hasScheme(s):
		return "", fmt.Errorf("%s://: both slashes are needed; ./%[1]s: is a folder of that name", s[:strings.Index(s, ":")])
	case !isURL:
		return s, nil
	case scheme != "file":
		return "", fmt.Errorf("%s:// is not a folder: give a path, or file:///PATH", urls.Show(scheme))
	}
	u, err := url.Parse(s)
	if err != nil || u.Host != "" && u.Host != "localhost" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is not a file URL of this machine, write it as in file:///var/archive",
			urls.Show(s))
	}
	return u.Path, nil
}

// openOutput opens the archive at a place; a folder is made if it is missing. The caller closes it.
func openOutput(ctx context.Context, place string) (cloud.Bucket, error) {
	if isStore(place) {
		return cloud.Open(ctx, place, cloud.Options{})
	}
	dir, err := bucket.OpenDir(place)
	if err == nil {
		return dir, nil
	}
	var refused *fs.PathError // our error names the folder, so leave it out of the cause
	if errors.As(err, &refused) {
		err = refused.Err
	}
	return nil, fmt.Errorf("--output %s cannot be used: %w: give a folder that this user may create and write", place, err)
}

// newOutputs returns the archives of captures, by place. Those of the same place share it.
func newOutputs() *sharing[string, cloud.Bucket] {
	return &sharing[string, cloud.Bucket]{open: openOutput, close: cloud.Bucket.Close}
}

// openReadOnly opens an archive for readers. The caller closes it.
func openReadOnly(ctx context.Context, place string) (cloud.Bucket, error) {
	if isStore(place) {
		return cloud.Open(ctx, place, cloud.Options{})
	}
	dir, err := bucket.OpenDirReadOnly(place)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no folder %s", place)
	}
	if err != nil {
		return nil, err
	}
	return dir, nil
}
