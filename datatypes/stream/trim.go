package stream

import "github.com/redweave/redweave/datatypes/listpack"

// References say what becomes of those to an entry that groups have pending when
// it is deleted.
type References uint8

// The ways to treat references.
const (
	KeepRefs   References = iota // they stay, and dangle
	DeleteRefs                   // they are taken out of all groups
	OnlyAcked                    // an entry goes only when all groups had it and confirmed it
)

// A Trimming says which entries Trim takes away, from the oldest on.
type Trimming struct {
	ByID   bool  // those before MinID; otherwise as many as there are beyond MaxLen
	MinID  ID    //
	MaxLen int64 //
	Nodes  bool  // only whole nodes
	Limit  int64 // at most about so many entries; 0: any number
	Refs   References
}

// Trim deletes the oldest entries as o asks for, and returns how many it deleted.
// Nothing it deletes counts for MaxDeleted.
func (s *Stream) Trim(o *Trimming) int64 {
	if len(s.groups) == 0 {
		o.Refs = KeepRefs
	}
	deleted := int64(0)
	if o.Refs == OnlyAcked {
		deleted = s.trimAcked(o)
	} else {
		deleted = s.trim(o)
	}
	if deleted > 0 || s.length == 0 {
		s.findFirst()
	}
	return deleted
}

func (s *Stream) trim(o *Trimming) (deleted int64) {
	v := &s.a.View
	for at := s.nodes.first(v); at.ok(); at = s.nodes.first(v) {
		if !o.ByID && s.length <= o.MaxLen {
			break
		}
		lp := nodeAt(v, s.ref(at))
		live := intAt(lp, livePos)
		if o.Limit != 0 && deleted+live > o.Limit {
			break
		}
		whole := s.length-live >= o.MaxLen
		if o.ByID {
			last := ID{}
			if p := lastStart(lp); p >= 0 {
				last = idAt(lp, p, at.id())
			}
			whole = last.Less(o.MinID)
		}
		if whole {
			if o.Refs == DeleteRefs {
				s.forgetNode(at)
			}
			s.length -= live
			deleted += live
			s.dropNode(at)
			continue
		}
		if !o.Nodes {
			deleted += s.trimNode(at, o)
		}
		break
	}
	return deleted
}

// trimNode is trim within a node that stays.
func (s *Stream) trimNode(at place, o *Trimming) (deleted int64) {
	lp := s.edit(at)
	n := len(lp)
	h := readHead(lp)
	for p := h.entriesAt; p != listpack.End(lp); p = s.entryAfter(lp, p, &h) {
		id := idAt(lp, p, at.id())
		if o.ByID && !id.Less(o.MinID) || !o.ByID && s.length <= o.MaxLen {
			break
		}
		if intAt(lp, p)&flagDeleted != 0 {
			continue
		}
		if o.Refs == DeleteRefs {
			s.Forget(id)
		}
		lp = markDeleted(lp, p)
		s.length--
		deleted++
	}
	s.edited(at, n, addCounts(lp, -deleted, deleted))
	return deleted
}

// entryAfter returns the position of the entry after the one at p, or of the end.
func (s *Stream) entryAfter(lp []byte, p int, h *head) int {
	pieces := h.fields + 3
	if intAt(lp, p)&flagSameFields == 0 {
		pieces = 2*intAt(lp, listpack.Skip(lp, p, 3)) + 4
	}
	return p + listpack.Span(lp, p, int(pieces)+1)
}

// trimAcked is trim that passes over entries which some group may still want. So it
// looks at entries one by one, until enough are gone or the range ends; of whole
// nodes, at those of which every entry may go.
func (s *Stream) trimAcked(o *Trimming) (deleted int64) {
	var free []ID // of one node
	v := &s.a.View
	for at := s.nodes.first(v); at.ok(); {
		node := at.id()
		lp := nodeAt(v, s.ref(at))
		h := readHead(lp)
		if !o.ByID && s.length <= o.MaxLen || o.Limit != 0 && deleted+h.live > o.Limit {
			break
		}
		free = free[:0]
		over := false
		for p := h.entriesAt; p != listpack.End(lp); p = s.entryAfter(lp, p, &h) {
			id := idAt(lp, p, node)
			if over = o.ByID && !id.Less(o.MinID) || !o.ByID && s.length-int64(len(free)) <= o.MaxLen; over {
				break
			}
			if intAt(lp, p)&flagDeleted == 0 && s.Acked(id) {
				free = append(free, id)
			}
		}
		if !o.Nodes || int64(len(free)) == h.live {
			max := s.maxDeleted
			for _, id := range free {
				s.Delete(id)
			}
			s.maxDeleted = max
			deleted += int64(len(free))
		}
		next, ok := node.Next()
		if over || !ok {
			break
		}
		at = s.nodes.seek(v, next)
	}
	return deleted
}

// forgetNode makes all groups forget the live entries of a node.
func (s *Stream) forgetNode(at place) {
	lp := nodeAt(&s.a.View, s.ref(at))
	h := readHead(lp)
	for p := h.entriesAt; p != listpack.End(lp); p = s.entryAfter(lp, p, &h) {
		if intAt(lp, p)&flagDeleted == 0 {
			s.Forget(idAt(lp, p, at.id()))
		}
	}
}

// Forget takes id out of what groups have pending.
func (s *Stream) Forget(id ID) {
	for _, g := range s.groups {
		g.Ack(id)
	}
}

// Acked reports whether every group has read the entry id, and none has it pending.
func (s *Stream) Acked(id ID) bool {
	for _, g := range s.groups {
		if g.Last.Less(id) || g.Find(id) != nil {
			return false
		}
	}
	return true
}

// A Fate is what became of an entry that was to be deleted.
type Fate int64

// The fates, by the numbers that XDELEX and XACKDEL reply.
const (
	Missing Fate = -1
	Deleted Fate = 1
	Kept    Fate = 2 // some group has not read it, or not confirmed it
)

// DeleteWith is Delete that looks after references to the entry. Those to an entry
// that is gone already are deleted too where that is asked for. Without a group
// there is nobody who could have confirmed an entry: it is kept where that counts.
func (s *Stream) DeleteWith(id ID, refs References) Fate {
	if refs == DeleteRefs {
		s.Forget(id)
	}
	if refs == OnlyAcked && (len(s.groups) == 0 || !s.Acked(id)) {
		if s.Has(id) {
			return Kept
		}
		return Missing
	}
	if s.Delete(id) {
		return Deleted
	}
	return Missing
}
