package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// held returns the children of a task, once for each of two holders, which have looked.
func held(t *testing.T, f *Fleet, parent string) (one, other *Children) {
	t.Helper()
	task, err := f.Task(t.Context(), parent)
	if err != nil {
		t.Fatal(err)
	}
	one, other = f.Children(task), f.Children(task)
	for _, c := range []*Children{one, other} {
		if err := c.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return one, other
}

// put puts a child, which must come to that.
func put(t *testing.T, c *Children, name, body string, want Change) {
	t.Helper()
	got, err := c.Put(t.Context(), name, []byte(body))
	if err != nil || got != want {
		t.Errorf("%s is %s, %v; want %s", name, got, err, want)
	}
}

func TestTwoHoldersOfOneTaskDoNoHarm(t *testing.T) {
	ctx := t.Context()
	f := begin(t, natstest.Start(t), "pattern", "own")
	a, b := held(t, f, "pattern")
	put(t, a, "x", "1", Added)
	put(t, a, "y", "1", Added)
	if _, err := b.Put(ctx, "x", []byte("2")); !errors.Is(err, ErrConflict) {
		t.Errorf("what the other holder has added is added again: %v", err)
	}
	for _, c := range []*Children{a, b} {
		if err := c.Look(ctx); err != nil || len(c.Names()) != 2 {
			t.Errorf("the children are %v, %v", c.Names(), err)
		}
	}
	put(t, a, "x", "1", Unchanged)
	put(t, a, "x", "2", Changed)
	if err := b.Remove(ctx, "x", "y", "own"); err != nil { // it knows the first x
		t.Error(err)
	}
	if err := a.Remove(ctx, "y"); err != nil { // which the other one has removed
		t.Error(err)
	}
	if err := a.Look(ctx); err != nil || !slices.Equal(a.Names(), []string{"x"}) {
		t.Errorf("the children are %v, %v; want x, which was changed meanwhile", a.Names(), err)
	}
}

func TestChildrenLeaveOtherTasksAlone(t *testing.T) {
	ctx := t.Context()
	f := begin(t, natstest.Start(t), "pattern", "other pattern", "own")
	if _, err := f.js.Publish(ctx, f.subject("task")+".foreign", nil); err != nil {
		t.Fatal(err)
	}
	other, _ := held(t, f, "other pattern")
	put(t, other, "x", "1", Added)
	c, _ := held(t, f, "pattern")
	for name, want := range map[string]string{
		"own": "a capture of that name already", "x": "one of other pattern already", "foreign": "that is no task",
	} {
		if _, err := c.Put(ctx, name, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is taken: %v, want %s", name, err, want)
		}
	}
	put(t, c, "y", "1", Added)
	put(t, c, "z", "2", Added)
	not2 := func(child Task) bool { return string(child.Body) != "2" }
	if names, err := f.RemoveChildren(ctx, "pattern", not2); err != nil || !slices.Equal(names, []string{"y"}) {
		t.Errorf("removed are %v, %v; want y", names, err)
	}
}

// TestTheParentThatComesFirstHasAChild, whichever has made it.
func TestTheParentThatComesFirstHasAChild(t *testing.T) {
	ctx := t.Context()
	f := begin(t, natstest.Start(t), "a", "b")
	late, _ := held(t, f, "b")
	put(t, late, "x", "of b", Added)
	early, _ := held(t, f, "a")
	put(t, early, "x", "of a", Changed)
	if _, err := late.Put(ctx, "x", []byte("of b")); err != nil && !errors.Is(err, ErrConflict) {
		t.Errorf("before it has looked: %v", err)
	}
	if err := late.Look(ctx); err != nil || len(late.Names()) != 0 {
		t.Errorf("b has the children %v, %v", late.Names(), err)
	}
	var taken *TakenError
	if _, err := late.Put(ctx, "x", []byte("of b")); !errors.As(err, &taken) || taken.By.Parent != "a" {
		t.Errorf("it is taken back: %v", err)
	}
	if now, err := f.Task(ctx, "x"); err != nil || now.Parent != "a" || string(now.Body) != "of a" {
		t.Errorf("the task is %+v, %v", now, err)
	}
}

// TestManyChildrenAtOnceCostAFewRequestsEach: when they come, and at the next looks.
func TestManyChildrenAtOnceCostAFewRequestsEach(t *testing.T) {
	const children = 300
	f := begin(t, natstest.Start(t), "pattern")
	c, _ := held(t, f, "pattern")
	sent := func(what string, most uint64, do func()) {
		t.Helper()
		before := f.nc.Stats().OutMsgs
		do()
		if n := f.nc.Stats().OutMsgs - before; n > most {
			t.Errorf("%s: %d requests for %d children, want %d at most", what, n, children, most)
		}
	}
	look := func() {
		if err := c.Look(t.Context()); err != nil {
			t.Error(err)
		}
	}
	sent("they come", children+1, func() {
		for i := range children {
			put(t, c, fmt.Sprintf("x-%d", i), "1", Added)
		}
	})
	sent("the look after a change", children+10, look)
	sent("a look after that", 10, look)
	sent("they go", children+1, func() {
		if err := c.Remove(t.Context(), c.Names()...); err != nil {
			t.Error(err)
		}
	})
	sent("the look after they are gone", 10, look)
}

func TestAHolderWhoseTaskWasReplacedLooksNoMore(t *testing.T) {
	f := begin(t, natstest.Start(t), "pattern")
	first, err := f.Task(t.Context(), "pattern")
	if err != nil {
		t.Fatal(err)
	}
	c, _ := held(t, f, "pattern")
	apply(t, f, "pattern", "2")
	if err := c.Look(t.Context()); !errors.Is(err, ErrReplaced) {
		t.Errorf("it looks: %v", err)
	}
	if now, err := f.Task(t.Context(), "pattern"); err != nil || !now.Since.Equal(first.Since) {
		t.Errorf("the task is there since %v, %v; want since %v, its first revision", now.Since, err, first.Since)
	}
}
