package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// shard is one of several equal parts of the captures of a file. Which capture is in which part follows from its name
// alone, so processes need not agree on anything. The zero value is all of them.
type shard struct{ index, count uint64 }

// sharding is a shard as a user writes it.
func sharding(to *shard) value {
	return parsed[shard]{to, parseShard, shard.String}
}

func (s shard) String() string {
	if s.count == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.index, s.count)
}

func parseShard(text string) (s shard, err error) {
	index, count, found := strings.Cut(text, "/")
	if s.index, err = strconv.ParseUint(index, 10, 32); err == nil {
		s.count, err = strconv.ParseUint(count, 10, 32)
	}
	if err != nil || !found || s.index >= s.count {
		return shard{}, fmt.Errorf("%q is not a part I/N with I below N, write it as in 0/5, 1/5 and so on to 4/5", text)
	}
	return s, nil
}

// of returns the captures that are in the shard.
func (s shard) of(all []*settings) (mine []*settings, err error) {
	if s.count == 0 {
		return all, nil
	}
	if all[0].name == "" && !all[0].isPattern() {
		return all, errors.New("--shard: is for the captures of a file: give --config, with captures")
	}
	for _, one := range all {
		if one.isPattern() || s.has(one.name) { // of a pattern, its streams are in parts
			mine = append(mine, one)
		}
	}
	if len(mine) == 0 {
		return all, &emptyPartError{s, all}
	}
	return mine, nil
}

// emptyPartError is the error of a shard that has none of the captures of a file.
type emptyPartError struct {
	part shard
	all  []*settings // of the file
}

func (e *emptyPartError) Error() string {
	return fmt.Sprintf("--shard: none of the %s of the file is in part %d of %d; with fewer parts, or other names, there "+
		"may be one", counted(int64(len(e.all)), "capture"), e.part.index, e.part.count)
}

// runs are what a process runs: the captures that were read, or none if its part of the file is empty. process has the
// options of the process.
func runs(all []*settings, err error) (process *settings, mine []*settings, _ error) {
	var empty *emptyPartError
	switch {
	case errors.As(err, &empty) && !empty.all[0].report.dryRun:
		return empty.all[0], nil, nil
	case err != nil:
		return nil, nil, err
	}
	return all[0], all, nil
}

// idles has a process go on without captures until its context ends, or ends it at once if it is to run once. Each of
// the parts of a file is a process of its own, and one that ends would be started again and again.
func (r *runner) idles(g *captureGroup, process *settings) {
	log := r.log.With("part", process.file.shard.String())
	if process.capture.library.Once {
		log.Info("no capture of the file is in this part, nothing is to be done")
		return
	}
	log.Warn("no capture of the file is in this part: waiting, to be stopped or for another file at SIGHUP")
	g.stay()
	if g.hold() {
		context.AfterFunc(g.ctx, g.release)
	}
}

// has reports whether a capture of a name is in the shard. Every version says the same, since processes of two versions
// may run side by side.
func (s shard) has(name string) bool {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // it never fails
	sum := h.Sum64()
	return (sum^sum>>32)%s.count == s.index // the low bits alone are not well mixed
}
