package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// entry is a file of an archive.
type entry struct {
	text
	mode int64
}

// archive writes the archive of a platform: a zip file for Windows, else a compressed tar file. All of it is in one
// folder, and as old as the commit.
func (r *release) archive(binary string, p platform, texts []text) error {
	code, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	folder := fmt.Sprintf("jetcapture_%s_%s_%s", r.version, p.os, p.arch)
	entries := []entry{{text{folder + "/" + filepath.Base(binary), code}, 0o755}}
	for _, t := range texts {
		entries = append(entries, entry{text{folder + "/" + t.name, t.body}, 0o644})
	}
	write, suffix := writeTar, ".tar.gz"
	if p.os == "windows" {
		write, suffix = writeZip, ".zip"
	}
	var out bytes.Buffer
	if err := write(&out, entries, r.time); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, folder+suffix), out.Bytes(), 0o644)
}

func writeTar(w io.Writer, entries []entry, modified time.Time) error {
	packed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(packed)
	for _, e := range entries {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.body)), Mode: e.mode,
			ModTime: modified, Format: tar.FormatUSTAR,
		}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		if _, err := t.Write(e.body); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), packed.Close())
}

func writeZip(w io.Writer, entries []entry, modified time.Time) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: modified}
		header.SetMode(os.FileMode(e.mode))
		body, err := z.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := body.Write(e.body); err != nil {
			return err
		}
	}
	return z.Close()
}

// sumsName is the file of the checksums, for sha256sum --check.
const sumsName = "SHA256SUMS"

// writeSums writes the checksums of all files of a folder; those in folders of it are parts of archives.
func writeSums(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, e := range entries {
		if e.IsDir() || e.Name() == sumsName {
			continue
		}
		body, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(body), e.Name())
	}
	return os.WriteFile(filepath.Join(folder, sumsName), []byte(sums.String()), 0o644)
}
