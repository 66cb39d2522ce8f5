package main

import (
	"context"
	"slices"
	"sync"
)

// sharing is what the captures of a process share, such as connections: one V for most users of the same K. Its methods
// may be called from any goroutine.
type sharing[K comparable, V any] struct {
	most   int // users of one; 0: any number
	open   func(ctx context.Context, k K) (V, error)
	close  func(v V) error
	closed func(v V) bool // v is of no use any more; nil: never

	mu  sync.Mutex // guards all, and users of each
	all []*shared[K, V]
}

// shared is a V, or the attempt to open it.
type shared[K comparable, V any] struct {
	key    K
	users  int
	cancel func() // ends the attempt

	opened chan struct{} // closed when the following is known, which then does not change
	value  V
	err    error
}

// take returns a V, which it opens if there is none with room for another user. The caller calls leave in the end; that
// of the last user closes it and returns the error of that.
func (c *sharing[K, V]) take(ctx context.Context, k K) (v V, leave func() error, err error) {
	s := c.join(k)
	select {
	case <-s.opened:
		err = s.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		_ = c.leave(s) // there is a better error
		return v, nil, err
	}
	return s.value, func() error { return c.leave(s) }, nil
}

// join adds a user, and begins to open what is not there.
func (c *sharing[K, V]) join(k K) *shared[K, V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.all {
		if s.key == k && (c.most == 0 || s.users < c.most) && c.usable(s) {
			s.users++
			return s
		}
	}
	ctx, cancel := context.WithCancel(context.Background()) // those who wait for it come and go
	s := &shared[K, V]{key: k, opened: make(chan struct{}), users: 1, cancel: cancel}
	c.all = append(c.all, s)
	go func() { // leave of the last user waits for it
		defer close(s.opened)
		s.value, s.err = c.open(ctx, k)
	}()
	return s
}

// usable reports whether s is being opened, or is open.
func (c *sharing[K, V]) usable(s *shared[K, V]) bool {
	select {
	case <-s.opened:
		return s.err == nil && (c.closed == nil || !c.closed(s.value))
	default:
		return true
	}
}

// leave ends a use. The last one ends the attempt to open it, or closes it.
func (c *sharing[K, V]) leave(s *shared[K, V]) error {
	c.mu.Lock()
	s.users--
	last := s.users == 0
	if last {
		c.all = slices.DeleteFunc(c.all, func(other *shared[K, V]) bool { return other == s })
	}
	c.mu.Unlock()
	if !last {
		return nil
	}
	s.cancel()
	if <-s.opened; s.err == nil {
		return c.close(s.value)
	}
	return nil
}
