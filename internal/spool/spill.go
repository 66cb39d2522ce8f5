package spool

import "errors"

// A pass is what one write moves to disk: bytes of many stashes, at most as many as a segment has.
type pass struct {
	buf   []byte
	moves []move
}

// A move is some of the first chunks of a stash. The stash's lock is held until the pass is written or has failed.
type move struct {
	t      *stash
	chunks int
	bytes  int64
}

// share is the part of the budget that is freed at once beyond what is needed. With less than half of it to free,
// nothing is done. So no commit pays for a pass that the next one would need again.
const share = 8

// worthAPass reports whether there is enough to spill.
func (s *Spool) worthAPass() bool {
	least := s.cfg.Memory / (2 * share)
	if s.cfg.Pool != nil {
		least = min(least, s.cfg.Pool.fairMemory.Load()/2)
	}
	return s.mem.spillable.Load() >= max(1, least)
}

// Relieve moves bytes to disk until memory is within the budget, as far as the settings allow. [Spool.Over] reports
// whether that was enough. An error means that the file cannot be written, most likely because the disk is full.
// Nothing is lost then: everything stays in memory, and the owner stops adding and calls again later. [Buffer.Commit]
// calls Relieve by itself.
func (s *Spool) Relieve() error {
	if !s.cfg.Disk || s.excess() <= 0 {
		return nil
	}
	s.spilling.Lock()
	defer s.spilling.Unlock()
	defer s.file.rest()
	for {
		over := s.excess()
		if over <= 0 || !s.worthAPass() {
			return nil
		}
		freed, err := s.spill(over + s.cfg.Memory/share)
		s.blocked.Store(err != nil)
		if errors.Is(err, errFull) {
			return nil
		}
		if err != nil || freed == 0 {
			return err
		}
	}
}

// spill frees want bytes of memory, or as many as it can. The caller holds spilling.
func (s *Spool) spill(want int64) (freed int64, err error) {
	for freed < want {
		off, room, err := s.file.room()
		if err != nil {
			return freed, err
		}
		s.gather(want-freed, room)
		if len(s.pass.moves) == 0 {
			return freed, nil
		}
		s.fill()
		err = s.file.write(s.pass.buf)
		n := s.settle(off, err)
		if err != nil {
			return freed, err
		}
		freed += n
	}
	return freed, nil
}

// gather picks stashes, the heaviest first, until they hold want bytes or fill room.
func (s *Spool) gather(want, room int64) {
	m := &s.mem
	m.mu.Lock()
	defer m.mu.Unlock()
	for r := ranks - 1; r > 0; r-- {
		for t := m.ranks[r].first; t != nil; t = t.next {
			if want <= 0 {
				return
			}
			if !t.mu.TryLock() {
				continue // a row is being written, or a frame added
			}
			mv, held := t.fit(room)
			if mv.chunks == 0 {
				t.mu.Unlock()
				return
			}
			s.pass.moves = append(s.pass.moves, mv)
			room -= headerSize + mv.bytes
			want -= held
		}
	}
}

// fit counts the first chunks of t that fit into an extent of at most room bytes.
func (t *stash) fit(room int64) (mv move, held int64) {
	mv.t = t
	room -= headerSize
	for _, c := range t.chunks {
		if mv.bytes+int64(len(c)) > room {
			break
		}
		mv.chunks++
		mv.bytes += int64(len(c))
		held += int64(cap(c)) + chunkCost
	}
	return mv, held
}

// fill lays out the pass as it will be in the file.
func (s *Spool) fill() {
	p := &s.pass
	if p.buf == nil {
		p.buf = make([]byte, 0, s.file.segment)
		s.mem.chargeFixed(s.file.segment)
	}
	p.buf = p.buf[:0]
	for _, mv := range p.moves {
		p.buf = mv.t.last.appendTo(p.buf)
		for _, c := range mv.t.chunks[:mv.chunks] {
			p.buf = append(p.buf, c...)
		}
	}
}

// settle unlocks the stashes of the pass. Unless the write failed, it first gives back the memory of what is on disk
// now.
func (s *Spool) settle(off int64, failed error) (freed int64) {
	m := &s.mem
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range s.pass.moves {
		mv := &s.pass.moves[i]
		if failed == nil {
			size := headerSize + mv.bytes
			mv.t.last = extent{off, int32(size)}
			off += size
			n := m.putLocked(mv.t.chunks[:mv.chunks])
			mv.t.moved(mv)
			if mv.t.again {
				s.again.Add(mv.bytes)
			}
			m.weigh(mv.t, -n)
			freed += n
		}
		mv.t.mu.Unlock()
		mv.t = nil
	}
	s.pass.moves = s.pass.moves[:0]
	return freed
}

// moved drops the chunks that are on disk now.
func (t *stash) moved(mv *move) {
	t.spilled += mv.bytes
	t.mem -= mv.bytes
	if mv.chunks == len(t.chunks) {
		t.chunks = nil
		return
	}
	rest := copy(t.chunks, t.chunks[mv.chunks:])
	clear(t.chunks[rest:])
	t.chunks = t.chunks[:rest]
}
