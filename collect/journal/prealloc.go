package journal

// zeros is what room ahead is filled with; it is never written to.
var zeros [256 << 10]byte

// extend fills the file ahead with zeros, so that the fsyncs of the blocks that follow have
// no change of the file's length or extents to write, which halves what they cost. Those
// zeros are part of no block: readers end at them, recovery and seal cut them off. It is
// only an attempt. The writing goroutine calls it.
func (s *segment) extend(need, ahead, limit int64) {
	if s.exact || s.off+need <= s.alloc {
		return
	}
	from := max(s.alloc, s.off)
	to := min(s.off+need+ahead, limit)
	if to < s.off+need {
		return
	}
	if err := fill(s.file, from, to); err != nil {
		s.exact = true
		// What was filled does no harm where it cannot be cut off.
		_ = s.file.Truncate(from)
		return
	}
	s.alloc = to
}

// fill writes zeros to [from, to).
func fill(f file, from, to int64) error {
	for from < to {
		n := min(to-from, int64(len(zeros)))
		if _, err := f.WriteAt(zeros[:n], from); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// clear takes back what a failed write of n bytes left behind the last block. Room that
// was filled ahead is kept, for on a full disk it is all there is.
func (s *segment) clear(n int64) error {
	if s.alloc > s.off && fill(s.file, s.off, min(s.off+n, s.alloc)) == nil && s.file.Truncate(s.alloc) == nil {
		return nil
	}
	s.alloc = s.off
	return s.file.Truncate(s.off)
}
