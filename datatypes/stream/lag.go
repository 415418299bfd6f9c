package stream

// How far a group has read is told by two counters: the entries ever added to the
// stream, and how many of these had been added when the group's last one was (Read).
// Their difference is the lag, as long as nothing between them was deleted. These are
// Redis's rules of when that is known, which XINFO shows; they are not the best ones
// imaginable (up to 7.4.1: later versions count better after trimming).

// deletedFrom reports whether an entry that is not before id may have been deleted.
// Trimming takes entries from the front, and need not be counted.
func (s *Stream) deletedFrom(id ID) bool {
	if s.length == 0 || s.maxDeleted.IsZero() || s.maxDeleted.Less(s.first) {
		return false
	}
	return !s.maxDeleted.Less(id)
}

// Advance notes that the entry id, after Last, was delivered.
func (g *Group) Advance(id ID) {
	s := g.s
	switch {
	case g.Read != Unknown && !s.deletedFrom(id):
		g.Read++
	case s.added != 0:
		g.Read = s.Rank(id)
	}
	g.Last = id
}

// Rank returns how many entries had been added when id was, that one included, or
// Unknown. It is known at the ends of the stream only.
func (s *Stream) Rank(id ID) int64 {
	switch {
	case s.added == 0:
		return 0
	case s.length == 0 && !s.last.Less(id), id == s.last:
		return s.added
	case s.last.Less(id), !s.maxDeleted.IsZero() && !s.maxDeleted.Less(s.first):
		return Unknown
	case id.Less(s.first):
		return s.added - s.length
	case id == s.first:
		return s.added - s.length + 1
	}
	return Unknown
}

// Lag returns how many entries the group has not been delivered; ok is false when
// nobody can tell.
func (g *Group) Lag() (n int64, ok bool) {
	s := g.s
	switch {
	case s.added == 0:
		return 0, true
	case g.Read != Unknown && !s.deletedFrom(g.Last):
		return s.added - g.Read, true
	}
	if read := s.Rank(g.Last); read != Unknown {
		return s.added - read, true
	}
	return 0, false
}
