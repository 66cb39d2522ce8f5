package spool

import "unsafe"

// BufferCost is what an empty buffer costs.
const BufferCost = unsafe.Sizeof(Buffer{})

// FileSize returns the size of the spool file.
func (s *Spool) FileSize() int64 {
	info, err := s.file.f.Stat()
	if err != nil {
		return -1
	}
	return info.Size()
}

// TruncateFile damages the spool file.
func (s *Spool) TruncateFile(n int64) error { return s.file.f.Truncate(n) }

// Held returns what blocks still hold: bytes of memory, and bytes on disk that wait to be written again.
func (s *Spool) Held() (memory, again int64) {
	return s.mem.used.Load() - s.mem.fixed.Load(), s.again.Load()
}
