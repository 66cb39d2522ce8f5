package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
)

// host is the machine that builds.
func host() platform { return platform{runtime.GOOS, runtime.GOARCH} }

// modulesOf are the modules that a binary was linked from, without its own.
func modulesOf(binary string) (own debug.Module, others []debug.Module, err error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return own, nil, err
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		others = append(others, *m)
	}
	return info.Main, others, nil
}

// licencesOf returns the licences and notices of the modules that a binary was linked from, and of Go itself. A module
// without a licence is an error: it must not be shipped.
func licencesOf(ctx context.Context, source, binary string) ([]byte, error) {
	_, modules, err := modulesOf(binary)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	root, err := output(command(ctx, source, "go", "env", "GOROOT"))
	if err != nil {
		return nil, err
	}
	if err := appendLicences(&out, "The Go standard library, "+runtime.Version(), strings.TrimSpace(root)); err != nil {
		return nil, err
	}
	for _, m := range modules {
		folder, err := output(command(ctx, source, "go", "list", "-m", "-f", "{{.Dir}}", m.Path))
		if err != nil {
			return nil, err
		}
		if err := appendLicences(&out, m.Path+" "+m.Version, strings.TrimSpace(folder)); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// appendLicences writes the licences in a folder, below a title.
func appendLicences(out *bytes.Buffer, title, folder string) error {
	isLicence := regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)
	files, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	found := false
	for _, f := range files {
		if f.IsDir() || !isLicence.MatchString(f.Name()) {
			continue
		}
		found = true
		body, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n%s: %s\n\n%s\n\n", strings.Repeat("=", 80), title, f.Name(), bytes.TrimSpace(body))
	}
	if !found {
		return fmt.Errorf("%s has no licence in %s: it must not be shipped", title, folder)
	}
	return nil
}

// A bill is a software bill of materials, CycloneDX 1.6 in JSON.
type bill struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"` // of the commit
	Component component `json:"component"`
}

type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
}

// describe writes the bill of materials of a binary, made from what the Go command has recorded in it.
func (r *release) describe(binary string, p platform) error {
	own, modules, err := modulesOf(binary)
	if err != nil {
		return err
	}
	own.Version = "v" + r.version
	b := bill{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{r.time.Format("2006-01-02T15:04:05Z"), newComponent("application", own)},
		Components: []component{newComponent("library", debug.Module{
			Path: "std", Version: strings.TrimPrefix(runtime.Version(), "go"),
		})},
	}
	for _, m := range modules {
		b.Components = append(b.Components, newComponent("library", m))
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("jetcapture_%s_%s_%s.cdx.json", r.version, p.os, p.arch)
	return os.WriteFile(filepath.Join(r.out, name), append(text, '\n'), 0o644)
}

func newComponent(kind string, m debug.Module) component {
	purl := "pkg:golang/" + m.Path + "@" + strings.ReplaceAll(m.Version, "+", "%2B")
	return component{kind, purl, m.Path, m.Version, purl}
}
