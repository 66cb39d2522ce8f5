package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// program is the smallest file that is a static program for a processor.
func program(t *testing.T, m elf.Machine) []byte {
	t.Helper()
	h := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(m), Version: uint32(elf.EV_CURRENT), Ehsize: 64,
	}
	var out bytes.Buffer
	must(t, binary.Write(&out, binary.LittleEndian, h))
	return out.Bytes()
}

// built is a folder as make release leaves it.
func built(t *testing.T) string {
	t.Helper()
	dist := t.TempDir()
	for name, body := range map[string][]byte{
		"linux_amd64/jetcapture":         program(t, elf.EM_X86_64),
		"linux_arm64/jetcapture":         program(t, elf.EM_AARCH64),
		"share/LICENSE":                  []byte("licence"),
		"share/THIRD-PARTY-LICENSES.txt": []byte("licences"),
	} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dist, name)), 0o700))
		must(t, os.WriteFile(filepath.Join(dist, name), body, 0o600))
	}
	return dist
}

// makeImage makes an image and returns the file.
func makeImage(t *testing.T, dist string) []byte {
	t.Helper()
	must(t, run([]string{"-version", "0.9.8", "-revision", "abc", "-time", "1795446000", "-dist", dist}, io.Discard))
	body, err := os.ReadFile(filepath.Join(dist, "jetcapture_0.9.8_image.tar"))
	must(t, err)
	return body
}

// TestImage: an image is as the specification of OCI says, the same every time, and has what the command needs.
func TestImage(t *testing.T) {
	body := makeImage(t, built(t))
	if !bytes.Equal(body, makeImage(t, built(t))) {
		t.Error("two images of the same files differ")
	}
	index := open(t, body)
	must(t, validate.Index(index))
	manifest, err := index.IndexManifest()
	must(t, err)
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
		image, err := index.Image(m.Digest)
		must(t, err)
		checkConfig(t, image, m.Platform.Architecture)
		checkFiles(t, image, m.Platform.Architecture)
	}
	if want := []string{"linux/amd64", "linux/arm64/v8"}; !reflect.DeepEqual(platforms, want) {
		t.Errorf("platforms %v, want %v", platforms, want)
	}
	if got := manifest.Annotations["org.opencontainers.image.revision"]; got != "abc" {
		t.Errorf("the index is of revision %q", got)
	}
}

// open unpacks an image.
func open(t *testing.T, body []byte) v1.ImageIndex {
	t.Helper()
	folder := t.TempDir()
	for name, f := range filesOf(t, bytes.NewReader(body)) {
		path := filepath.Join(folder, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, f.body, 0o600))
	}
	all, err := layout.ImageIndexFromPath(folder)
	must(t, err)
	manifest, err := all.IndexManifest()
	must(t, err)
	if len(manifest.Manifests) != 1 {
		t.Fatalf("%d images in one file", len(manifest.Manifests))
	}
	index, err := all.ImageIndex(manifest.Manifests[0].Digest)
	must(t, err)
	return index
}

type packed struct {
	header *tar.Header
	body   []byte
}

func filesOf(t *testing.T, r io.Reader) map[string]packed {
	t.Helper()
	files := map[string]packed{}
	for in := tar.NewReader(r); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		must(t, err)
		body, err := io.ReadAll(in)
		must(t, err)
		files[strings.TrimSuffix(header.Name, "/")] = packed{header, body}
	}
}

func checkConfig(t *testing.T, image v1.Image, arch string) {
	t.Helper()
	file, err := image.ConfigFile()
	must(t, err)
	c := file.Config
	if file.Architecture != arch || c.User != "65532:65532" || fmt.Sprint(c.Entrypoint) != "[/usr/bin/jetcapture]" {
		t.Errorf("%+v", file)
	}
	for _, label := range []string{"title", "licenses", "source", "version", "revision", "created"} {
		if c.Labels["org.opencontainers.image."+label] == "" {
			t.Errorf("no label %s", label)
		}
	}
}

func checkFiles(t *testing.T, image v1.Image, arch string) {
	t.Helper()
	out := mutate.Extract(image)
	files := filesOf(t, out)
	must(t, out.Close())
	command := files["usr/bin/jetcapture"]
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]
	if !bytes.Equal(command.body, program(t, machine)) || command.header.Mode != 0o755 {
		t.Errorf("the command of %s is %+v", arch, command.header)
	}
	if h := files["archive"].header; h == nil || h.Uid != user {
		t.Errorf("/archive is %+v", h)
	}
	if h := files["tmp"].header; h == nil || h.Mode != 0o1777 {
		t.Errorf("/tmp is %+v", h)
	}
	const many = 100
	roots := files["etc/ssl/certs/ca-certificates.crt"].body
	n := 0
	for block, rest := pem.Decode(roots); block != nil; block, rest = pem.Decode(rest) {
		_, err := x509.ParseCertificate(block.Bytes)
		must(t, err)
		n++
	}
	if n < many {
		t.Errorf("%d certificates", n)
	}
	if readme := string(files["usr/share/doc/ca-certificates/README"].body); !strings.Contains(readme, "Mozilla") {
		t.Errorf("the certificates are from %q", readme)
	}
}

// TestWrongBinary: the image gets static binaries of its processor only.
func TestWrongBinary(t *testing.T) {
	args := []string{"-version", "0.9.8", "-revision", "abc", "-time", "1795446000", "-dist"}
	for want, change := range map[string]func(name string) error{
		"make release first": func(name string) error {
			return errors.Join(os.Remove(name), os.Remove(strings.Replace(name, "amd64", "arm64", 1)))
		},
		"is for EM_AARCH64": func(name string) error { return os.WriteFile(name, program(t, elf.EM_AARCH64), 0o600) },
		"bad magic":         func(name string) error { return os.WriteFile(name, []byte("#!/bin/sh\necho\n\n\n"), 0o600) },
	} {
		dist := built(t)
		must(t, change(filepath.Join(dist, "linux_amd64", "jetcapture")))
		if err := run(append(args, dist), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := run([]string{"-version", "0.9.8"}, io.Discard); err == nil {
		t.Error("an image without a revision")
	}
}
