package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// entry is a file, or a folder if it has no body and its name ends with a slash.
type entry struct {
	name string
	body []byte
	mode int64
	user int // who owns it, and the group
}

// base are the files of the image besides the command. The database of time zones is in the command.
func (r *release) base() ([]entry, error) {
	passwd := fmt.Sprintf("root:x:0:0:root:/:/sbin/nologin\njetcapture:x:%d:%d::/:/sbin/nologin\n", user, user)
	entries := []entry{
		{name: "archive/", mode: 0o755, user: user},
		{name: "tmp/", mode: 0o1777},
		{name: "etc/passwd", body: []byte(passwd), mode: 0o644},
		{name: "etc/group", body: fmt.Appendf(nil, "root:x:0:\njetcapture:x:%d:\n", user), mode: 0o644},
		{name: "etc/ssl/certs/ca-certificates.crt", body: certificates(), mode: 0o644},
		{name: "usr/share/doc/ca-certificates/README", body: []byte(origin()), mode: 0o644},
	}
	for _, name := range []string{"LICENSE", "THIRD-PARTY-LICENSES.txt"} {
		body, err := os.ReadFile(filepath.Join(r.dist, "share", name))
		if err != nil {
			return nil, fmt.Errorf("%w: run make release first", err)
		}
		entries = append(entries, entry{name: "usr/share/doc/jetcapture/" + name, body: body, mode: 0o644})
	}
	return entries, nil
}

// certificates are the authorities that Mozilla trusts without restrictions, in PEM.
func certificates() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil { // a PEM file cannot express one
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes all
		}
	}
	return out.Bytes()
}

// origin says where the certificates are from.
func origin() string {
	const module = "golang.org/x/crypto/x509roots/fallback"
	version := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == module {
				version = m.Version
			}
		}
	}
	return fmt.Sprintf("ca-certificates.crt has the authorities of Mozilla (MPL 2.0), as in %s %s.\n", module, version)
}

// readBinary reads the command of a processor. It must be static, since the image has no libraries.
func readBinary(name, arch string) ([]byte, error) {
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	if f.Machine != machines[arch] {
		return nil, fmt.Errorf("%s is for %v", name, f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%s is not static", name)
		}
	}
	return body, nil
}

// newLayer is a layer of files, which are as old as the commit.
func newLayer(entries []entry, modified time.Time) (v1.Layer, error) {
	var out bytes.Buffer
	if err := writeTar(&out, entries, modified); err != nil {
		return nil, err
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil }
	return tarball.LayerFromOpener(opener, tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.BestCompression))
}

func writeTar(w io.Writer, entries []entry, modified time.Time) error {
	t := tar.NewWriter(w)
	for _, e := range entries {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.body)), Mode: e.mode, Uid: e.user, Gid: e.user,
			ModTime: modified, Format: tar.FormatUSTAR,
		}
		if e.name[len(e.name)-1] == '/' {
			header.Typeflag = tar.TypeDir
		}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		if _, err := t.Write(e.body); err != nil {
			return err
		}
	}
	return t.Close()
}

// pack writes the files of a folder to a tar file.
func (r *release) pack(folder, file string) error {
	var entries []entry
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		name, relErr := filepath.Rel(folder, path)
		entries = append(entries, entry{name: filepath.ToSlash(name), body: body, mode: 0o644})
		return errors.Join(err, relErr)
	})
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(writeTar(out, entries, r.time), out.Close())
}
