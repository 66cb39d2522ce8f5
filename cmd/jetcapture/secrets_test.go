package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/natscontext"
)

const canary = "CANARY"

// userInfos are user infos with a secret where a # or the like makes another part of the URL of it.
func userInfos() (users []string) {
	for _, s := range []string{
		"me:*", "*", "me:a#*", "me:*#a", "#*", "me:a/*", "me:*/a", "/*", "me:a?*", "me:*?a", "me:a?x=*", "me:a,*", "me:*,a",
		"me:1,*",
		"me:1/*", "me:1#*", "me:1?*", "me:a@*", "me:*@a", "@*", "me:%zz*", "me:[*", "me:*]", "me:a:*",
		`me:\*`, "me:1?region=*",
	} {
		users = append(users, strings.ReplaceAll(s, "*", canary))
	}
	return users
}

// places are URLs of each kind with a user info.
func places(user string) []string {
	return []string{
		"nats://" + user + "@127.0.0.1:1",
		"nats://" + user + "@[::1",
		"nats://h," + user + "@127.0.0.1:1",
		user + "@127.0.0.1:1",
		"s3://" + user + "@b/p?region=x",
		"gs://" + user + "@b",
		"azblob://" + user + "@b?storage_account=a",
		"file://" + user + "@/x",
		"file://" + user + "@h/x",
		"http://" + user + "@h",
		user + "@s3://b",
		"s3://b?region=x&endpoint=http://" + user + "@127.0.0.1:1",
		"s3://b?region=x&" + user + "@=1",
		"azblob://b?storage_account=a&domain=" + user + "@h",
	}
}

func wantNoCanary(t *testing.T, r result, what ...string) {
	t.Helper()
	if strings.Contains(r.stdout+r.stderr, canary) {
		t.Errorf("%q prints a secret: %s%s", what, r.stdout, r.stderr)
	}
}

// TestAVariableInAWrongOptionIsNotShown: its secret may be meant for the line above.
func TestAVariableInAWrongOptionIsNotShown(t *testing.T) {
	e := environment{"PW": canary}
	for _, text := range []string{
		"max_age: ${PW}", "log_level: 'x ${PW}'", "key: ['${PW}']", "start: ${PW}",
	} {
		file := writeFile(t, "c.yaml", text+"\n")
		for _, command := range []string{"validate", "worker"} {
			wantNoCanary(t, e.run(t, command, "--config", file), command, text)
		}
	}
	r := e.run(t, "validate", "--config", writeFile(t, "c.yaml", "stream_name: S\noutput: a\nmax_age: ${PW}\n"))
	if r.code != exitUsage || !strings.Contains(r.stderr, ":3: max_age: the value that ${PW} stands for is not one") {
		t.Errorf("exit code %d, %s", r.code, r.stderr)
	}
}

// TestNoValueOfAVariableIsShown: also where it is found to be wrong when the file has been read.
func TestNoValueOfAVariableIsShown(t *testing.T) {
	shared := "stream_name: S\noutput: x\n"
	for _, value := range []string{canary, canary + " *", "a/" + canary, " " + canary + "://x:y@z#", canary + "\x1b\"x"} {
		e := environment{"PW": value}
		for _, o := range runOptions().all() {
			if o.key() == "" {
				continue
			}
			text := o.key() + ": ${PW}\n"
			if _, ok := o.value.(repeatable); ok {
				text = o.key() + ": ['${PW}', '${PW}=json:x', '${PW}=json:y']\n"
			}
			if o.envOnly {
				text += o.key() + secretSuffix + ": ${PW}\n"
			}
			begin := shared
			switch o.name {
			case "stream-name", "output":
				begin = ""
			case "column":
				begin += "format: csv\n"
			}
			file := writeFile(t, "c.yaml", begin+text)
			wantNoCanary(t, e.run(t, "validate", "--config", file), begin, text)
		}
		file := writeFile(t, "c.yaml", "room: many\nnats_creds: ${PW}\nmetrics_file: ${PW}\n")
		wantNoCanary(t, e.run(t, "worker", "--config", file), value)
	}
	r := environment{"PW": "a/" + canary}.run(t, "validate", "--config",
		writeFile(t, "c.yaml", "stream_name: S\noutput: x\nconsumer_name: 'x-${PW}'\n"))
	if r.code != exitUsage || !strings.Contains(r.stderr, `"x-${PW}" is not the name of a consumer`) {
		t.Errorf("exit code %d, %s", r.code, r.stderr)
	}
}

// isFolder reports whether a text is taken for the name of a folder, which is no secret.
func isFolder(text string) bool { return !strings.Contains(text, "://") }

func TestNoSecretOfAPlaceIsPrinted(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, user := range userInfos() {
		for _, place := range places(user) {
			if isFolder(place) || strings.HasPrefix(place, "file:///") {
				continue
			}
			for _, args := range [][]string{
				{"config", "-s", "S", "-o", place},
				{"validate", "-s", "S", "-o", place},
				{"ls", "x", place},
				{"demo", "-o", place},
				{"run", "--wait", "20ms", place},
				{"run", "-s", "S", "-o", "x", "--wait", "20ms", place},
				{place},
			} {
				wantNoCanary(t, environment{}.run(t, args...), args...)
			}
		}
	}
}

// TestNoSecretOfAnOptionIsPrinted: whatever somebody takes an option for.
func TestNoSecretOfAnOptionIsPrinted(t *testing.T) {
	const place = "nats://me:a/" + canary + "@h?x=y"
	for _, o := range runOptions().all() {
		if o.envOnly || o.isSwitch() {
			continue
		}
		for _, args := range [][]string{
			{"--" + o.name, place}, {"---" + o.name + "=" + place}, {"--" + o.name + "z=" + place}, {"-" + o.name + "=" + place},
		} {
			wantNoCanary(t, environment{}.run(t, append([]string{"validate", "-s", "S", "-o", "x"}, args...)...), args...)
		}
		if o.key() != "" {
			file := writeFile(t, "c.yaml", o.key()+": '"+place+"'\n")
			wantNoCanary(t, environment{}.run(t, "validate", "--config", file), o.key())
		}
	}
}

func TestNoSecretOfAServerIsPrinted(t *testing.T) {
	for _, user := range userInfos() {
		for _, place := range places(user) {
			for _, command := range []string{"config", "validate"} {
				wantNoCanary(t, environment{"NATS_URL": place}.run(t, command, "-s", "S", "-o", "x"), command, place)
				file := writeFile(t, "c.yaml", "stream_name: S\noutput: x\nnats_server: '"+place+"'\n")
				wantNoCanary(t, environment{}.run(t, command, "--config", file), command, place)
			}
		}
		for _, place := range places(user)[:4] {
			args := []string{
				"run", "-s", "S", "-o", filepath.Join(t.TempDir(), "x"), "--wait", "20ms", "--nats-server", place,
			}
			wantNoCanary(t, environment{}.run(t, args...), args...)
			writeContext(t, natscontext.Settings{URL: place})
			wantNoCanary(t, environment{"NATS_CONTEXT": "test"}.run(t, args[:7]...), place, "in a context")
		}
	}
}

// TestNoSecretOfAFileIsPrinted: passwords that YAML or the replacement of variables take for something else, and
// secrets in place of the names of their files.
func TestNoSecretOfAFileIsPrinted(t *testing.T) {
	for _, value := range []string{
		"*", "'*'", "\\*", "@*", "%*", "&*", "!*", "!!*", "${x*", "${ * }", "a${*-}", "[*", "{a: *}", "|*", "- *", "a: *",
		"?*",
		"`*",
		"'*", "\"*", "\"\\*\"", "<<: *", "**",
	} {
		value := strings.ReplaceAll(value, "*", canary)
		if value == canary+canary {
			value = "*" + canary
		}
		for _, key := range []string{"nats_password", "nats_token", "nats_server: nats://x:", "nats_password_file"} {
			if key == "nats_password_file" && !strings.HasPrefix(value, "*") {
				continue // the name of a file is printed
			}
			file := writeFile(t, "c.yaml", "stream_name: S\noutput: x\n"+key+": "+value+"\n")
			for _, command := range []string{"config", "validate"} {
				wantNoCanary(t, environment{}.run(t, command, "--config", file), command, key, value)
			}
		}
	}
	seed := "SUA" + canary + strings.Repeat("A", 55-len(canary))
	for _, secret := range []string{seed, "-----BEGIN PRIVATE KEY-----" + canary, "eyJ" + canary} {
		for _, o := range []string{"creds", "nkey", "tls-cert", "tls-key", "tls-ca"} {
			r := environment{}.run(t, "validate", "-s", "S", "-o", "x", "--nats-"+o, secret)
			wantNoCanary(t, r, o, secret)
			if !strings.Contains(r.stderr, "give the name of a file") {
				t.Errorf("--nats-%s: got %s", o, r.stderr)
			}
		}
	}
}

// TestNoSecretIsStored: neither log nor archive has one.
func TestNoSecretIsStored(t *testing.T) {
	srv := natstest.Start(t, func(o *server.Options) { o.Username, o.Password = "me", "a#"+canary })
	nc := srv.Connect(nats.UserInfo("me", "a#"+canary))
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS"})
	natstest.PublishN(t, nc, "orders.x", 10)
	folder := t.TempDir()
	for _, e := range []environment{
		{"NATS_URL": "nats://me:a%23" + canary + "@" + srv.Addr()},
		{"NATS_URL": srv.URL(), "NATS_USER": "me", "NATS_PASSWORD": "a#" + canary},
	} {
		for _, args := range [][]string{{"--log-json"}, {"--json"}, {"--log-level", "debug"}} {
			r := e.run(t, append([]string{"run", "-s", "ORDERS", "-o", folder, "--once", "--wait", "2s"}, args...)...)
			if r.code != exitDone {
				t.Fatalf("exit code %d: %s", r.code, r.stderr)
			}
			wantNoCanary(t, r, args...)
		}
	}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(canary)) {
			t.Errorf("%s holds a secret", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
