package rdb

import (
	"slices"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/stream"
)

// A stream:
//
//	nodes | (ID | listpack) …               the ID as a string of 16 bytes
//	entries | last ID
//	first ID | greatest deleted ID | entries added           from 7.0 on
//	groups | group …
//
//	group      name | last ID | entries read                 the number from 7.0 on
//	           pending | (ID, 16 bytes | time u64 LE | deliveries) …
//	           consumers | consumer …
//	consumer   name | seen u64 LE | active u64 LE            active from 7.2 on
//	           pending | ID, 16 bytes …
//
// Numbers are lengths unless a width is given; an ID is two of them, but for those
// of 16 bytes, which are big-endian. All pending entries of a group stand first;
// each is then somebody's.
//
// 7.0's form is what is written: the time a consumer was last active is lost on the
// way, as that form has no place for it, and taken to be when it was last seen.

func appendID(dst []byte, id stream.ID) []byte {
	return appendLen(appendLen(dst, id.Ms), id.Seq)
}

func appendRawID(dst []byte, id stream.ID) []byte {
	return be.AppendUint64(be.AppendUint64(dst, id.Ms), id.Seq)
}

const rawIDSize = 16

func appendStream(dst []byte, s *stream.Stream) []byte {
	dst = appendLen(append(dst, typeStream2), uint64(s.Nodes()))
	s.EachNode(func(id stream.ID, lp []byte) bool {
		dst = appendRawID(appendLen(dst, rawIDSize), id)
		dst = appendBlob(dst, lp)
		return true
	})
	dst = appendLen(dst, uint64(s.Len()))
	dst = appendID(dst, s.Last())
	dst = appendID(dst, s.First())
	dst = appendID(dst, s.MaxDeleted())
	dst = appendLen(dst, uint64(s.Added()))
	groups := s.Groups()
	dst = appendLen(dst, uint64(len(groups)))
	for _, g := range groups {
		dst = appendGroup(dst, g)
	}
	return dst
}

func appendGroup(dst []byte, g *stream.Group) []byte {
	dst = appendBlob(dst, g.Name())
	dst = appendID(dst, g.Last)
	dst = appendLen(dst, uint64(g.Read))
	dst = appendLen(dst, uint64(g.Len()))
	for p := g.Pending(nil, stream.ID{}); p.Next(); {
		dst = appendRawID(dst, p.ID)
		dst = le.AppendUint64(dst, uint64(p.Time))
		dst = appendLen(dst, p.Count)
	}
	dst = appendLen(dst, uint64(g.Consumers()))
	g.EachConsumer(func(name []byte, c *stream.Consumer) {
		dst = appendBlob(dst, name)
		dst = le.AppendUint64(dst, uint64(c.Seen))
		dst = appendLen(dst, uint64(c.Len()))
		for p := g.Pending(c, stream.ID{}); p.Next(); {
			dst = appendRawID(dst, p.ID)
		}
	})
	return dst
}

func (r *reader) id() stream.ID { return stream.ID{Ms: r.number(), Seq: r.number()} }

func (r *reader) rawID() (id stream.ID) {
	if b := r.take(rawIDSize); b != nil {
		id = stream.ID{Ms: be.Uint64(b), Seq: be.Uint64(b[8:])}
	}
	return id
}

func (l *loader) stream(kind byte) {
	s := stream.New(l.s.Arena())
	l.s.SetObject(datatypes.StreamTree, s) // from here on Discard frees it
	end := l.nodes(s)
	entries := l.number()
	last := l.id()
	if l.bad || entries != uint64(s.Len()) || last.Less(end) {
		l.fail()
		return
	}
	s.SetLast(last)
	s.SetAdded(int64(entries))
	if kind != typeStream1 {
		l.id() // the first entry's, which the nodes tell
		s.SetMaxDeleted(l.id())
		added := int64(l.number())
		if added < int64(s.Len()) {
			l.fail()
			return
		}
		s.SetAdded(added)
	}
	for range l.count(4) {
		if l.bad {
			return
		}
		l.group(s, kind)
	}
}

// nodes reads the entries and returns the last one's ID.
func (l *loader) nodes(s *stream.Stream) (end stream.ID) {
	for i := range l.count(2) {
		name := l.str(0)
		lp := l.str(1)
		if l.bad || len(name) != rawIDSize {
			l.fail()
			return end
		}
		id := stream.ID{Ms: be.Uint64(name), Seq: be.Uint64(name[8:])}
		last, err := stream.ValidateNode(lp, id)
		if err != nil || i > 0 && !end.Less(id) {
			l.fail()
			return end
		}
		s.AppendNode(id, lp)
		end = last
	}
	return end
}

// A pendingEntry is one whose consumer is not known yet.
type pendingEntry struct {
	id    stream.ID
	time  int64
	count uint64
	taken bool
}

func (l *loader) group(s *stream.Stream, kind byte) {
	name, last := slices.Clone(l.str(0)), l.id()
	read := int64(stream.Unknown)
	switch {
	case kind == typeStream1:
		read = s.Rank(last)
	default:
		read = int64(l.number())
	}
	if l.bad || read < stream.Unknown {
		l.fail()
		return
	}
	g, added := s.AddGroup(name, last, read)
	if !added {
		l.fail()
		return
	}
	n := l.count(rawIDSize + 8 + 1)
	pending := make([]pendingEntry, 0, min(n, someElements))
	for range n {
		p := pendingEntry{id: l.rawID(), time: int64(l.uint64()), count: l.number()}
		if l.bad || len(pending) > 0 && !pending[len(pending)-1].id.Less(p.id) {
			l.fail()
			return
		}
		pending = append(pending, p)
	}
	owned := 0
	for range l.count(10) {
		owned += l.consumer(g, kind, pending)
		if l.bad {
			return
		}
	}
	if owned != len(pending) {
		l.fail()
	}
}

// consumer reads a consumer and gives it what it has pending.
func (l *loader) consumer(g *stream.Group, kind byte, pending []pendingEntry) (n int) {
	name, seen := slices.Clone(l.str(0)), int64(l.uint64())
	active := seen
	if kind == typeStream3 {
		active = int64(l.uint64())
	}
	if l.bad {
		return 0
	}
	c, added := g.Consumer(name, seen)
	if !added {
		l.fail()
		return 0
	}
	c.Seen, c.Active = seen, active
	n = l.count(rawIDSize)
	for range n {
		id := l.rawID()
		i, found := slices.BinarySearchFunc(pending, id, func(p pendingEntry, id stream.ID) int { return p.id.Compare(id) })
		if l.bad || !found || pending[i].taken {
			l.fail()
			return 0
		}
		pending[i].taken = true
		p, _ := g.Assign(c, id)
		p.Time, p.Count = pending[i].time, pending[i].count
	}
	return n
}
