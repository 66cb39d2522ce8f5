package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// repository is where the images of releases are.
const repository = "ghcr.io/jetcapture/jetcapture"

// user is who the image runs as: nobody with any rights, by number, so that Kubernetes can see that it is not root.
const user = 65532

// write writes the image of all processors to a file: an OCI image layout, as a tar file.
func (r *release) write(file string) (err error) {
	index, err := r.index()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp(r.dist, "image-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	err = path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": r.version,
		"io.containerd.image.name":          repository + ":" + r.version, // which docker load uses
	}))
	if err != nil {
		return err
	}
	return r.pack(folder, file)
}

// index is the image of all processors that the command was built for.
func (r *release) index() (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range r.built {
		image, err := r.image(arch)
		if err != nil {
			return nil, fmt.Errorf("linux/%s: %w", arch, err)
		}
		platform := &v1.Platform{OS: "linux", Architecture: arch}
		if arch == "arm64" {
			platform.Variant = "v8"
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: platform},
		})
	}
	annotated, ok := mutate.Annotations(index, r.labels()).(v1.ImageIndex)
	if !ok {
		return nil, errors.New("an annotated index is no index")
	}
	return annotated, nil
}

// image is the image of one processor: a layer of certificates and licences, and one of the command.
func (r *release) image(arch string) (v1.Image, error) {
	binary, err := readBinary(r.binary(arch), arch)
	if err != nil {
		return nil, err
	}
	base, err := r.base()
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	created := v1.Time{Time: r.time}
	for _, l := range []struct {
		entries []entry
		comment string
	}{
		{base, "certificates, licences, folders"},
		{[]entry{{name: "usr/bin/jetcapture", body: binary, mode: 0o755}}, "jetcapture " + r.version},
	} {
		layer, err := newLayer(l.entries, r.time)
		if err != nil {
			return nil, err
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer: layer, MediaType: types.OCILayer,
			History: v1.History{Created: created, CreatedBy: "make image", Comment: l.comment},
		})
		if err != nil {
			return nil, err
		}
	}
	return r.configure(image, arch)
}

// configure says how the image runs.
func (r *release) configure(image v1.Image, arch string) (v1.Image, error) {
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", arch, v1.Time{Time: r.time}
	if arch == "arm64" {
		file.Variant = "v8"
	}
	file.Config = v1.Config{
		User:       fmt.Sprintf("%d:%d", user, user),
		Entrypoint: []string{"/usr/bin/jetcapture"},
		Env:        []string{"PATH=/usr/bin"},
		WorkingDir: "/",
		Labels:     r.labels(),
		Volumes:    map[string]struct{}{"/tmp": {}, "/archive": {}},
	}
	return mutate.ConfigFile(image, file)
}

// labels are those of OCI, which are also the annotations of the index.
func (r *release) labels() map[string]string {
	const name = "org.opencontainers.image."
	return map[string]string{
		name + "title":         "jetcapture",
		name + "description":   "archives NATS JetStream streams in immutable files",
		name + "url":           "https://github.com/jetcapture/jetcapture",
		name + "source":        "https://github.com/jetcapture/jetcapture",
		name + "documentation": "https://github.com/jetcapture/jetcapture/blob/main/docs/INSTALL.md",
		name + "licenses":      "Apache-2.0",
		name + "version":       r.version,
		name + "revision":      r.revision,
		name + "created":       r.time.Format(time.RFC3339),
	}
}
