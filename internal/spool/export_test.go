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
