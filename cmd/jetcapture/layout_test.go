package main

import (
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
)

// directories returns those of the data files of an archive, digits of times as D.
func directories(t *testing.T, folder string) (dirs []string) {
	t.Helper()
	for _, name := range filesBelow(t, folder, "ORDERS-") {
		if strings.HasPrefix(name, "_") {
			t.Fatalf("%s is no data", name)
		}
		dir := regexp.MustCompile(`\d{4}-\d\d-\d\d|\b\d\d\b|\d{4}`).ReplaceAllStringFunc(path.Dir(filepath.ToSlash(name)),
			func(s string) string {
				return regexp.MustCompile(`\d`).ReplaceAllString(s, "D")
			})
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

func TestLayouts(t *testing.T) {
	srv, _ := orders(t, `{"shop":"berlin","n":1}`, `{"shop":"a/b","n":2}`, `{"n":3}`)
	for _, tt := range []struct {
		name string
		args []string
		want []string
	}{
		{"default", []string{"--key", "json:shop"}, []string{
			"%5Fnone/DDDD/DD/DD/DD/DD", "a%2Fb/DDDD/DD/DD/DD/DD",
			"berlin/DDDD/DD/DD/DD/DD",
		}},
		{"hive", []string{"--layout", "hive", "--key", "shop=json:shop", "--key", "subject[1]"}, []string{
			"shop=_none/key=orders/date=DDDD-DD-DD/hour=DD", "shop=a%2Fb/key=orders/date=DDDD-DD-DD/hour=DD",
			"shop=berlin/key=orders/date=DDDD-DD-DD/hour=DD",
		}},
		{
			"dt-hr",
			[]string{"--layout", "dt-hr", "--key", "subject[1]", "--key", "subject[1]"},
			[]string{"key=orders/key2=orders/dt=DDDD-DD-DD/hr=DD"},
		},
		{"no key", []string{"--layout", "hive", "--timezone", "Europe/Berlin"}, []string{"date=DDDD-DD-DD/hour=DD"}},
		{"template", []string{"--key", "shop=json:shop", "--path", "x/{shop}-{subject[1]}/%Y/month=%m"}, []string{
			"x/%255Fnone-orders/DDDD/month=DD", "x/a%2Fb-orders/DDDD/month=DD", "x/berlin-orders/DDDD/month=DD",
		}},
		{"template of a value", []string{"--path", "{json:shop}"}, []string{"%5Fnone", "a%2Fb", "berlin"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			captureOnce(t, srv, folder, tt.args...)
			if got := directories(t, folder); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			wantSound(t, folder)
			if r := (environment{}).run(t, "ls", folder); r.code != exitDone {
				t.Errorf("ls: %s", r.stderr)
			}
			want := contents(t, folder)
			undo(t, folder)
			captureOnce(t, srv, folder) // another layout: what was planned stays where it was
			if got := contents(t, folder); !reflect.DeepEqual(got, want) {
				t.Error("the files of a cut that is finished later are elsewhere")
			}
		})
	}
}

func TestHostileValuesInTemplates(t *testing.T) {
	srv, _ := orders(t)
	for _, s := range hostile() {
		natstest.PublishRaw(t, srv.Addr(), "orders."+s, "NATS/1.0\r\n\r\n", []byte(s))
	}
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--path", "{subject[2]}/v={subject[2]}/{subject[1]}-{subject[2]}.x/%F",
		"--record", "payload")
	if got := directories(t, folder); len(got) != len(hostile()) {
		t.Errorf("%d values are in %d directories: %q", len(hostile()), len(got), got)
	}
	wantSound(t, folder)
}

func TestManyKeysShareATemplate(t *testing.T) {
	srv, nc := orders(t)
	natstest.Publish(t, nc, 100, func(i int) *nats.Msg {
		return &nats.Msg{Subject: "orders." + []string{"a-b.c", "a.b-c", "a-b-c.d", "a.b-c-d"}[i%4], Data: []byte("1")}
	})
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--path", "{subject[2]}-{subject[3]}", "--record", "payload")
	want := []string{"a%252Db%252Dc-d", "a%252Db-c", "a-b%252Dc", "a-b%252Dc%252Dd"}
	if got := directories(t, folder); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
