package stream

import (
	"bytes"
	"hash/maphash"
	"slices"
	"unsafe"

	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/slab"
)

// Unknown is what Group.Read is when nobody can tell how many entries were read.
const Unknown = -1

// A Group is consumers who share the entries of a stream: each entry goes to one of
// them, and is pending until it is acknowledged.
//
//	pending    tree: ID → | owner Ref | time i64 | count u64 |
//	consumers  dict: name → block | pending tree | self | seen | active | klen | name |
//
// What is pending stands in two trees: the group's, which has all there is to say of
// it, and its consumer's, which has the ID only. So an entry changes hands, and its
// count goes up, without the names of either, and each consumer's can be listed in
// order.
//
// Invariants, verified by Stream.Check:
//   - the group's tree has the IDs of its consumers' trees, and no other; an ID's
//     owner is the consumer in whose tree it is
//   - a consumer's self is its block's Ref
type Group struct {
	Last ID    // the last entry delivered
	Read int64 // how many entries had been added up to Last, Unknown if it is

	s         *Stream
	name      []byte
	pending   tree
	consumers dict.Table
	leaving   []slab.Ref // consumers whose pages are being released

	// Where the entry after Last begins, so that reading on needs no search: see
	// [Group.Unread].
	hint struct {
		after  ID // Last, when this was noted
		node   ID
		at     int
		shifts uint64
	}
}

// A Pending is an entry that was delivered and not acknowledged.
type Pending struct {
	owner slab.Ref
	Time  int64  // of the last delivery, Unix milliseconds
	Count uint64 // of deliveries
}

// A Consumer reads for a group. It lies in the arena: a *Consumer is good until the
// consumer is deleted.
type Consumer struct {
	pending tree
	self    slab.Ref
	Seen    int64 // when it last tried to do something, Unix milliseconds
	Active  int64 // when it last got or claimed something, -1 for never
	// Its name follows, as dict has keys.
}

const (
	consumerSize = int(unsafe.Sizeof(Consumer{}))
	pendingSize  = int(unsafe.Sizeof(Pending{}))
)

// findGroup returns where in the list the group with that name is, or belongs.
func (s *Stream) findGroup(name []byte) (int, bool) {
	return slices.BinarySearchFunc(s.groups, name, func(g *Group, name []byte) int {
		return bytes.Compare(g.name, name)
	})
}

// Group returns the group with that name, nil when there is none.
func (s *Stream) Group(name []byte) *Group {
	if len(s.groups) == 1 { // most streams with groups have one
		if g := s.groups[0]; string(g.name) == string(name) {
			return g
		}
		return nil
	}
	if i, ok := s.findGroup(name); ok {
		return s.groups[i]
	}
	return nil
}

// Groups returns the groups in the order of their names. The slice is the stream's.
func (s *Stream) Groups() []*Group { return s.groups }

// AddGroup makes a group that has been delivered entries up to last; added is false
// when there is one of that name, which is returned as it is.
func (s *Stream) AddGroup(name []byte, last ID, read int64) (g *Group, added bool) {
	i, ok := s.findGroup(name)
	if ok {
		return s.groups[i], false
	}
	g = &Group{Last: last, Read: read, s: s, name: bytes.Clone(name), pending: newTree(pendingSize)}
	g.consumers.Init(s.a, consumerSize, maphash.MakeSeed())
	s.groups = slices.Insert(s.groups, i, g)
	return g, true
}

// RemoveGroup deletes a group of the stream.
func (s *Stream) RemoveGroup(g *Group) {
	i, _ := s.findGroup(g.name)
	s.groups = slices.Delete(s.groups, i, i+1)
	g.free()
}

// Name returns the group's name.
func (g *Group) Name() []byte { return g.name }

// Len returns how many entries are pending.
func (g *Group) Len() int { return int(g.pending.len) }

// Consumers returns how many consumers there are.
func (g *Group) Consumers() int { return g.consumers.Len() }

// consumer returns the consumer in a block.
func (g *Group) consumer(r slab.Ref) *Consumer { return (*Consumer)(g.s.a.Ptr(r)) }

// NameOf returns a consumer's name.
func (g *Group) NameOf(c *Consumer) []byte { return g.consumers.KeyOf(c.self) }

// Len returns how many entries the consumer has pending.
func (c *Consumer) Len() int { return int(c.pending.len) }

// Lookup returns the consumer with that name, nil when there is none.
func (g *Group) Lookup(name []byte) *Consumer {
	r := g.consumers.Find(g.consumers.Hash(name), name)
	if r == slab.Nil {
		return nil
	}
	return g.consumer(r)
}

// Consumer returns the consumer with that name, made at the given time if there was
// none.
func (g *Group) Consumer(name []byte, now int64) (c *Consumer, added bool) {
	h := g.consumers.Hash(name)
	if r := g.consumers.Find(h, name); r != slab.Nil {
		return g.consumer(r), false
	}
	n := consumerSize + dict.KeySize(len(name))
	r := g.s.a.Alloc(n)
	dict.PutKey(g.s.a.Bytes(r, n)[consumerSize:], name)
	c = g.consumer(r)
	*c = Consumer{pending: newTree(0), self: r, Seen: now, Active: -1}
	g.consumers.Insert(h, r)
	return c, true
}

// RemoveConsumer deletes a consumer, and forgets what it has pending.
func (g *Group) RemoveConsumer(c *Consumer) {
	v := &g.s.a.View
	for at := c.pending.first(v); at.ok(); at = c.pending.next(v, at) {
		g.pending.delete(g.s.a, at.id())
	}
	c.pending.free(g.s.a)
	r := c.self
	g.consumers.Remove(g.consumers.Hash(g.NameOf(c)), r)
	g.s.a.Free(r)
}

// EachConsumer calls yield for the consumers in the order of their names. It sorts
// them first.
func (g *Group) EachConsumer(yield func(name []byte, c *Consumer)) {
	list := make([]slab.Ref, 0, g.consumers.Len())
	g.consumers.ForEach(func(r slab.Ref) bool {
		list = append(list, r)
		return true
	})
	slices.SortFunc(list, func(a, b slab.Ref) int {
		return bytes.Compare(g.consumers.KeyOf(a), g.consumers.KeyOf(b))
	})
	for _, r := range list {
		yield(g.consumers.KeyOf(r), g.consumer(r))
	}
}

// Find returns what is known of the pending entry id, nil when it is not pending.
// It is good until something is added to or taken from what is pending.
func (g *Group) Find(id ID) *Pending { return (*Pending)(g.pending.find(&g.s.a.View, id)) }

// Owner returns whose a pending entry is.
func (g *Group) Owner(p *Pending) *Consumer { return g.consumer(p.owner) }

// Assign makes the entry id one of c's pending entries, whoever had it before, and
// returns what is known of it: nothing yet but whose it is when added is true.
func (g *Group) Assign(c *Consumer, id ID) (p *Pending, added bool) {
	v, added := g.pending.put(g.s.a, id)
	p = (*Pending)(v)
	switch {
	case added:
		*p = Pending{}
	case p.owner == c.self:
		return p, false
	default:
		g.consumer(p.owner).pending.delete(g.s.a, id)
	}
	p.owner = c.self
	c.pending.put(g.s.a, id)
	return p, added
}

// Deliver notes that the entry id goes to c, for the first time.
func (g *Group) Deliver(c *Consumer, id ID, now int64) {
	p, _ := g.Assign(c, id)
	p.Time, p.Count = now, 1
}

// Ack takes the entry id from what is pending, and reports whether it was.
func (g *Group) Ack(id ID) bool {
	p := g.Find(id)
	if p == nil {
		return false
	}
	g.consumer(p.owner).pending.delete(g.s.a, id)
	g.pending.delete(g.s.a, id)
	return true
}

// A PendingCursor goes over pending entries in order. What is pending may change
// meanwhile, by the cursor's user too: it then goes on behind the last ID.
type PendingCursor struct {
	ID ID
	*Pending

	g      *Group
	t      *tree
	at     place
	stamp  uint32
	from   ID
	begun  bool
	mapped bool // t is a consumer's: what is known is in the group's tree
}

// Pending returns a cursor before the first pending entry that is not before from.
// With a consumer it goes over that one's only.
func (g *Group) Pending(c *Consumer, from ID) PendingCursor {
	if c != nil {
		return PendingCursor{g: g, t: &c.pending, from: from, mapped: true}
	}
	return PendingCursor{g: g, t: &g.pending, from: from}
}

// Next moves on, and reports whether there is a pending entry.
func (c *PendingCursor) Next() bool {
	v := &c.g.s.a.View
	switch {
	case !c.begun:
		c.at, c.begun = c.t.seek(v, c.from), true
	case !c.at.ok():
		return false
	case c.stamp == c.t.stamp:
		c.at = c.t.next(v, c.at)
	default:
		next, ok := c.ID.Next()
		c.at = place{}
		if ok {
			c.at = c.t.seek(v, next)
		}
	}
	c.stamp = c.t.stamp
	if !c.at.ok() {
		return false
	}
	c.ID = c.at.id()
	if c.mapped {
		c.Pending = c.g.Find(c.ID)
	} else {
		c.Pending = (*Pending)(c.t.val(c.at))
	}
	return true
}

// Ends returns the first and the last pending ID; there is one.
func (g *Group) Ends() (first, last ID) {
	v := &g.s.a.View
	return g.pending.first(v).id(), g.pending.last(v).id()
}

// Unread returns a cursor before the first entry that has not been delivered. After
// the entries that it gave were noted as delivered, [Group.Remember] spares the next
// call the search.
func (g *Group) Unread() Cursor {
	s := g.s
	from, ok := g.Last.Next()
	if !ok {
		return Cursor{}
	}
	c := s.Range(from, MaxID)
	h := &g.hint
	if h.at == 0 || h.after != g.Last || h.shifts != s.shifts {
		return c
	}
	at := s.nodes.seekBack(&s.a.View, from)
	if !at.ok() || at.id() != h.node || !c.enter(at) {
		return s.Range(from, MaxID)
	}
	c.next, c.left = h.at, -1
	return c
}

// Remember notes where a cursor made by Unread stands: at the entry Last.
func (g *Group) Remember(c *Cursor) {
	if c.lp == nil || c.ID != g.Last {
		g.hint.at = 0
		return
	}
	g.hint.after, g.hint.node, g.hint.shifts = g.Last, c.node, g.s.shifts
	g.hint.at = c.restAt()
}

// Bytes returns the memory of the group, its consumers and what they have pending.
func (g *Group) Bytes() int64 {
	n := int64(unsafe.Sizeof(*g)) + int64(cap(g.name)) + g.pending.bytes + g.consumers.Bytes()
	g.consumers.ForEach(func(r slab.Ref) bool {
		n += int64(g.s.a.Cap(r)) + g.consumer(r).pending.bytes
		return true
	})
	return n
}

func (g *Group) free() {
	g.pending.free(g.s.a)
	g.consumers.ForEach(func(r slab.Ref) bool {
		g.consumer(r).pending.free(g.s.a)
		g.s.a.Free(r)
		return true
	})
	g.consumers.Free()
}

// release gives the group's blocks back through b, about budget at a time.
func (g *Group) release(b *slab.Batch, budget int) (done bool) {
	stop := b.Len() + budget
	if !g.pending.release(b, budget, nil) {
		return false
	}
	for b.Len() < stop {
		for len(g.leaving) > 0 {
			r := g.leaving[len(g.leaving)-1]
			if !(*Consumer)(b.View().Ptr(r)).pending.release(b, stop-b.Len(), nil) {
				return false
			}
			b.Free(r)
			g.leaving = g.leaving[:len(g.leaving)-1]
		}
		// A few at a time, as each may have pages to give back.
		if g.consumers.Release(b, 1, func(r slab.Ref) { g.leaving = append(g.leaving, r) }) && len(g.leaving) == 0 {
			return true
		}
	}
	return false
}

// clone returns a copy of the group for the stream s, a copy of the group's.
func (g *Group) clone(s *Stream) *Group {
	c, _ := (&Stream{a: s.a}).AddGroup(g.name, g.Last, g.Read)
	c.s = s
	g.consumers.ForEach(func(r slab.Ref) bool {
		was := g.consumer(r)
		now, _ := c.Consumer(g.NameOf(was), was.Seen)
		now.Active = was.Active
		return true
	})
	for p := g.Pending(nil, ID{}); p.Next(); {
		q, _ := c.Assign(c.Lookup(g.NameOf(g.Owner(p.Pending))), p.ID)
		q.Time, q.Count = p.Time, p.Count
	}
	return c
}
