package spool_test

import (
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// A spool that holds much does not take the part of one that wakes up: the first one goes to disk and has to make cuts,
// the second one stays in memory and is never over. When the first one has stored what it held, it may go on.
func TestPoolIsFair(t *testing.T) {
	const memory, disk = 4 << 20, 16 << 20
	pool := spool.NewPool(memory, disk, 1)
	noisy := newSpool(t, spool.Config{Disk: true, Pool: pool})
	quiet := newSpool(t, spool.Config{Disk: true, Pool: pool})
	var noise []*spool.Buffer
	for _, line := range rows(1, 60_000) {
		if len(noise) == 0 || noise[len(noise)-1].Len() > 200<<10 { // no frame: what is plain is spilled
			noise = append(noise, noisy.NewBuffer(newCodec(t, codec.Gzip)))
		}
		add(t, noise[len(noise)-1], line)
		if noisy.Over() {
			break
		}
	}
	await(t, "the noisy spool to be over", noisy.Over)
	if u := noisy.Usage(); u.Memory > memory*5/4 || u.Disk > disk/2 {
		t.Errorf("the noisy spool holds %+v", u)
	}

	b := quiet.NewBuffer(newCodec(t, codec.Gzip))
	for _, line := range rows(2, 1000) {
		add(t, b, line)
		if quiet.Over() {
			t.Fatal("the quiet spool is over")
		}
	}
	if u := quiet.Usage(); u.Disk > 0 {
		t.Errorf("the quiet spool was spilled: %+v", u)
	}
	for _, n := range noise {
		n.Discard()
	}
	await(t, "room for the noisy spool", func() bool { return !noisy.Over() })
	seal(t, b).Discard()
}

// A spool that holds what others need is told, although nothing is written to it, and spills down to its fair part.
func TestPoolPokesWhoHoldsMuch(t *testing.T) {
	const memory = 2 << 20
	pool := spool.NewPool(memory, 0, 1)
	full := newSpool(t, spool.Config{Disk: true, Pool: pool})
	b := full.NewBuffer(nil)
	for line := rows(1, 1)[0]; b.Len() < 200<<10; {
		add(t, b, line)
	}
	held := int64(memory * 7 / 8)
	full.Charge(held) // as a writer that is fed early holds it
	other := newSpool(t, spool.Config{Disk: true, Pool: pool})
	c, line := other.NewBuffer(nil), rows(2, 1)[0]
	await(t, "the poke", func() bool {
		add(t, c, line)
		select {
		case <-full.Poked():
			return true
		default:
			return false
		}
	})
	if err := full.Relieve(); err != nil {
		t.Fatal(err)
	}
	if full.Usage().Disk == 0 {
		t.Errorf("nothing was spilled: %+v", full.Usage())
	}
	full.Charge(-held)
	b.Discard()
	c.Discard()
}

// await waits for a condition, but not for ever.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
