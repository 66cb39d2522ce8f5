package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/storetest"
)

// Tests of several processes run this test binary again, as a child that does one thing to one bucket.
const (
	childEnv = "STORETEST_CHILD" // what to do; empty: be the test
	urlEnv   = "STORETEST_URL"
	idEnv    = "STORETEST_ID"
	orderEnv = "STORETEST_ORDER"
)

func child(do string) error {
	switch do {
	case "race":
		return raceChild(os.Getenv(urlEnv), os.Getenv(idEnv))
	case "capture":
		return captureChild(os.Getenv(orderEnv))
	case "rights":
		return rightsChild(os.Getenv(urlEnv))
	case "upload":
		return uploadChild(os.Getenv(orderEnv))
	}
	return fmt.Errorf("no child %q", do)
}

const (
	raceProcesses = 4
	raceObjects   = 12
	raceLarge     = 3 // every so many objects, one that is put in parts
	largeObject   = 6 << 20
)

func raceObject(i int, id string) (name, content string) {
	size := 20_000
	if i%raceLarge == 0 {
		size = largeObject
	}
	return fmt.Sprintf("race/%d/object", i), strings.Repeat(id+"\n", size/(len(id)+1))
}

// raceChild puts its own content under each of the names that the other processes want, too, and prints which names it
// won.
func raceChild(url, id string) error {
	b, err := storetest.TryOpen(context.Background(), url, cloud.Options{PartSize: 5 << 20})
	if err != nil {
		return err
	}
	for i := range raceObjects {
		name, content := raceObject(i, id)
		won, err := putUntilDecided(context.Background(), b, name, content)
		if err != nil {
			return err
		}
		if won {
			fmt.Println("won", name)
		}
	}
	return b.Close()
}

// putUntilDecided repeats a put whose outcome is not known, and then reads back, as the contract asks.
func putUntilDecided(ctx context.Context, b bucket.Bucket, name, content string) (won bool, err error) {
	repeated := false
	for {
		err := b.PutNew(ctx, name, strings.NewReader(content), bucket.PutOptions{Size: int64(len(content))})
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, bucket.ErrExists):
			if !repeated {
				return false, nil
			}
			got, err := readAll(ctx, b, name)
			return err == nil && string(got) == content, err
		case bucket.IsPermanent(err):
			return false, err
		}
		repeated = true
	}
}

func TestRaceOfProcesses(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			url := storetest.Start(t, kind).NewBucket(t)
			winners := raceProcessesFor(t, url)
			b := storetest.Open(t, url, cloud.Options{})
			for i := range raceObjects {
				name, _ := raceObject(i, "")
				if len(winners[name]) != 1 {
					t.Fatalf("%s was won by %q, want one winner", name, winners[name])
				}
				_, want := raceObject(i, winners[name][0])
				if got, err := readAll(t.Context(), b, name); err != nil || string(got) != want {
					t.Errorf("%s holds %d bytes %.20q, %v, want those of %s", name, len(got), got, err, winners[name][0])
				}
			}
		})
	}
}

// raceProcessesFor returns who won each name.
func raceProcessesFor(t *testing.T, url string) map[string][]string {
	t.Helper()
	outputs := make(map[string]*bytes.Buffer)
	children := make(map[string]*exec.Cmd)
	for p := range raceProcesses {
		id := fmt.Sprintf("process %d", p)
		outputs[id] = new(bytes.Buffer)
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"=race", urlEnv+"="+url, idEnv+"="+id)
		cmd.Stdout, cmd.Stderr = outputs[id], outputs[id]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		children[id] = cmd
	}
	winners := make(map[string][]string)
	for id, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", id, err, outputs[id])
		}
		for line := range strings.Lines(outputs[id].String()) {
			name := strings.TrimSpace(strings.TrimPrefix(line, "won "))
			winners[name] = append(winners[name], id)
		}
	}
	return winners
}
