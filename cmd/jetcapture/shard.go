package main

import (
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
	return parsed[shard]{to, parseShard, func(s shard) string {
		if s.count == 0 {
			return ""
		}
		return fmt.Sprintf("%d/%d", s.index, s.count)
	}}
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
		return all, fmt.Errorf("--shard: none of the %s of the file is in part %d of %d: start no process for it, or give "+
			"fewer parts", counted(int64(len(all)), "capture"), s.index, s.count)
	}
	return mine, nil
}

// has reports whether a capture of a name is in the shard. Every version says the same, since processes of two versions
// may run side by side.
func (s shard) has(name string) bool {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // it never fails
	sum := h.Sum64()
	return (sum^sum>>32)%s.count == s.index // the low bits alone are not well mixed
}
