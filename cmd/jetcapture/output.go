package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
)

// outputFolder is a value that names a folder, plain or as a file URL.
func outputFolder(to *string) value {
	return parsed[string]{to, parseOutput, func(s string) string { return s }}
}

// parseOutput returns the folder. Its errors do not show URLs, which may hold keys.
func parseOutput(s string) (string, error) {
	scheme, _, isURL := strings.Cut(s, "://")
	switch {
	case s == "":
		return "", fmt.Errorf("%q is no folder", s)
	case !isURL:
		return s, nil
	case scheme != "file":
		return "", fmt.Errorf("%s:// is not supported yet, only folders are: give a path, or file:///PATH", scheme)
	}
	u, err := url.Parse(s)
	if err != nil || u.Host != "" && u.Host != "localhost" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is no file URL of this machine, write it as in file:///var/archive", s)
	}
	return u.Path, nil
}

// openOutput opens the archive, which is made if it is missing. The caller closes it.
func openOutput(folder string) (*bucket.Dir, error) {
	dir, err := bucket.OpenDir(folder)
	if err == nil {
		return dir, nil
	}
	var refused *fs.PathError // it says what is wrong without repeating the folder
	if errors.As(err, &refused) {
		err = refused.Err
	}
	return nil, fmt.Errorf("--output %s cannot be used: %w: give a folder that this user may create and write", folder, err)
}
