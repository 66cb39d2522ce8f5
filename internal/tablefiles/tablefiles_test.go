package tablefiles_test

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/tablefiles"
	"github.com/jetcapture/jetcapture/internal/tablefiles/tabletest"
)

func begin(t *testing.T) (*tabletest.Archive, *archive.Capture) {
	t.Helper()
	a := tabletest.New(t, bucket.NewMem(), "S")
	c, err := archive.Open(a.Bucket).Capture("S")
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

// after is the time of a cut, hours after the first.
func after(hours int) time.Time { return tabletest.Created.Add(time.Duration(hours) * time.Hour) }

func one(seqs ...uint64) tabletest.Block { return tabletest.Block{Time: after(0), Seqs: seqs} }

func firsts(t *testing.T, a *tabletest.Archive, c *archive.Capture, from uint64) (firsts []string) {
	t.Helper()
	for cut, err := range tablefiles.Cuts(t.Context(), a.Bucket, c, from) {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range cut.Files {
			firsts = append(firsts, fmt.Sprintf("%d:%d", cut.N, f.Seqs.First()))
		}
	}
	return firsts
}

func TestFilesAreThoseOfFinishedCuts(t *testing.T) {
	a, c := begin(t)
	dead, lost := one(3), one(4)
	dead.Dead, lost.Lost = true, true
	a.Cut(after(0), one(1, 2), dead, lost)
	a.Cut(after(1))
	a.Cut(after(2), one(7, 8))
	a.Plan(after(3), one(9))
	if got, want := firsts(t, a, c, 0), []string{"2:1", "4:7"}; !slices.Equal(got, want) {
		t.Errorf("files by cut: %v, want %v", got, want)
	}
	a.Finish(one(9))
	if got, want := firsts(t, a, c, 2), []string{"4:7", "5:9"}; !slices.Equal(got, want) {
		t.Errorf("files behind cut 2: %v, want %v", got, want)
	}
}

// lists are all lists of a place: their names, and the first sequences in them.
func lists(t *testing.T, b bucket.Bucket) map[string]string {
	t.Helper()
	lists := map[string]string{}
	for info, err := range b.List(t.Context(), "_manifest/", "") {
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.Open(t.Context(), info.Name, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		var text []string
		for line := range strings.Lines(string(data)) {
			var e tablefiles.Entry
			if json.Unmarshal([]byte(line), &e) == nil {
				text = append(text, fmt.Sprint(e.Cut, "/", e.First))
			} else {
				text = append(text, "path")
			}
		}
		lists[strings.TrimPrefix(info.Name, "_manifest/S/")] = strings.Join(text, " ")
	}
	return lists
}

func wantLists(t *testing.T, b bucket.Bucket, want map[string]string) {
	t.Helper()
	if got := lists(t, b); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the lists are\n%v\nwant\n%v", got, want)
	}
}

// TestListsByDay: each file is in the list of one day, lists are written when a later day has begun, and a clock that
// steps back changes no list.
func TestListsByDay(t *testing.T) {
	a, c := begin(t)
	write := func(want int) {
		t.Helper()
		days, err := tablefiles.WriteLists(t.Context(), a.Bucket, c, "/place", a.Bucket)
		if err != nil || days != want {
			t.Errorf("lists of %d days were written, %v, want %d", days, err, want)
		}
	}
	a.Cut(after(0), one(1), one(2))
	a.Cut(after(1), one(3))
	write(0)
	a.Cut(after(30), one(4))
	write(1)
	want := map[string]string{
		"files/2026-11-23.jsonl": "2/1 2/2 3/3", "symlink/cut_date=2026-11-23/files.txt": "path path path",
	}
	wantLists(t, a.Bucket, want)
	a.Cut(after(2), one(5)) // the clock of this writer is late
	a.Cut(after(80), one(6))
	a.Cut(after(200))
	write(2)
	write(0)
	want["files/2026-11-24.jsonl"], want["symlink/cut_date=2026-11-24/files.txt"] = "4/4 5/5", "path path"
	want["files/2026-11-26.jsonl"], want["symlink/cut_date=2026-11-26/files.txt"] = "6/6", "path"
	wantLists(t, a.Bucket, want)
}

// TestListsOfAnotherPlace: lists with other paths are not mixed with those that are there.
func TestListsOfAnotherPlace(t *testing.T) {
	a, c := begin(t)
	a.Cut(after(0), one(1))
	a.Cut(after(30), one(2))
	if err := a.Bucket.PutNew(t.Context(), "_manifest/S/files/2026-11-23.jsonl",
		strings.NewReader("what is this?\n"), bucket.PutOptions{Size: -1}); err != nil {
		t.Fatal(err)
	}
	_, err := tablefiles.WriteLists(t.Context(), a.Bucket, c, "/place", a.Bucket)
	if err == nil || !strings.Contains(err.Error(), "is no list of jetcapture") {
		t.Errorf("a file that is no list: %v", err)
	}
	other := bucket.NewMem()
	if err := other.PutNew(t.Context(), "_manifest/S/symlink/cut_date=2026-11-23/files.txt",
		strings.NewReader("/elsewhere/x\n"), bucket.PutOptions{Size: -1}); err != nil {
		t.Fatal(err)
	}
	_, err = tablefiles.WriteLists(t.Context(), a.Bucket, c, "/place", other)
	if err == nil || !strings.Contains(err.Error(), "has other files") {
		t.Errorf("a list with other paths: %v", err)
	}
}
