// Package stream is the stream type: a log of entries, each of fields and values,
// that are named and ordered by ID, and the groups of consumers who read it
// together.
//
//	s := stream.New(arena)
//	s.Add(stream.ID{Ms: 5}, fields, &limits)
//	for c := s.Range(stream.ID{}, stream.MaxID); c.Next(); {
//		… c.ID, c.Len(), c.Field() …
//	}
//	g, _ := s.AddGroup([]byte("workers"), stream.ID{}, 0)
//	w, _ := g.Consumer([]byte("ann"), nowMs)
//	g.Deliver(w, id, nowMs); g.Ack(id)
//
// # Costs
//
// Adding an entry takes constant time and no Go memory. A range starts in
// O(log n) and goes on in constant time an entry. Deleting, acknowledging and
// claiming are O(log n) each. Trimming frees whole nodes, of a hundred entries by
// default, at O(log n) a node.
//
// # What the garbage collector sees
//
// One small object a stream and one a group. Entries, consumers and what they
// have pending are blocks of the arena, named by Refs: a million pending
// entries cost it nothing.
//
// # Ownership
//
// One goroutine, or any number of readers while nobody writes. What is passed in
// is copied. What a [Cursor] or [Consumer] hands out aliases the stream and is
// good until its next change, but for this: handling groups does not disturb a
// cursor over entries.
//
// # What it does not do
//
// It knows no clock and no commands: it takes the time as a number, and IDs made
// by the caller. It tells nobody of changes, and never blocks. It is a
// [datatypes.Object] from the first entry on; there is no smaller encoding.
package stream

import (
	"unsafe"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/slab"
)

// A stream is a tree over nodes, and nodes are listpacks of consecutive entries:
//
//	                        nodes (tree.go)
//	               | 5-0 |       | 93-0 |        | 180-1 |  <─ tail
//	                  │             │               │
//	          5-0 … 92-7     93-0 … 180-0    180-1 … last        listpacks (node.go)
//
//	groups ──> Group "a" ── pending   tree: ID → whose, since when, how often
//	           Group "b"    consumers dict: name → Consumer ── pending   tree: ID
//
// The tree's key of a node is the ID its first entry had, and stays so when that
// entry is deleted. The layout of nodes, and when a new one begins, are Redis's to
// the byte: approximate trimming takes whole nodes away, so a reply depends on
// where they end. Salvatore Sanfilippo's design has a radix tree where this one
// has a B+ tree: IDs come in order, so pages are full, a search compares whole keys
// that lie side by side, and nothing needs a pointer per byte of key. How many
// nodes the radix tree would have, which XINFO tells, is counted when asked
// (radix.go).
//
// The last node is the only one that grows. It is kept at hand with its room, so an
// append finds it without the tree; its block doubles as it fills, and is cut to
// size when the next begins. The next begins with as much room as the last one came
// to need: entries of a stream are much alike.
//
// Invariants, verified by Check:
//   - nodes and groups keep theirs; each node is a valid listpack of whole entries
//   - entries ascend along a node and from node to node; the first of a node has its
//     ID, and none passes last
//   - length is the number of live entries, and each node's counts are right
//   - first is the first live entry's ID, zero when there is none
//   - tail is the last node's listpack, nil when there is none; mem is the size of
//     all nodes' blocks
type Stream struct {
	a      *slab.Arena
	nodes  tree // ID → Ref of the listpack's block
	length int64
	mem    int64 // bytes of nodes

	tail     []byte // the last node: cap is what its block has room for
	tailRef  slab.Ref
	tailID   ID
	nodeSize int    // what the node before the last came to, 0 when there was none
	shifts   uint64 // moves on when bytes within a node may have moved

	added      int64 // entries that were ever added
	first      ID
	last       ID // the greatest ID there ever was
	maxDeleted ID

	groups []*Group // by name

	radix int // nodes of the radix tree, 0 when they must be counted anew
}

var _ datatypes.Object = (*Stream)(nil)

// Limits say when a node is full.
type Limits struct {
	NodeBytes   int // stream-node-max-bytes; 0: no limit
	NodeEntries int // stream-node-max-entries; 0: no limit
}

// DefaultLimits are those of an unchanged redis.conf.
func DefaultLimits() Limits { return Limits{NodeBytes: 4096, NodeEntries: 100} }

// New returns an empty stream over a.
func New(a *slab.Arena) *Stream {
	return &Stream{a: a, nodes: newTree(int(unsafe.Sizeof(slab.Nil)))}
}

// Len returns the number of entries.
func (s *Stream) Len() int { return int(s.length) }

// Nodes returns the number of listpacks.
func (s *Stream) Nodes() int { return int(s.nodes.len) }

// Added returns how many entries have been added since the stream was made.
func (s *Stream) Added() int64 { return s.added }

// First returns the ID of the first entry, zero when there is none.
func (s *Stream) First() ID { return s.first }

// Last returns the greatest ID an entry has had, or that SetLast set.
func (s *Stream) Last() ID { return s.last }

// MaxDeleted returns the greatest ID deleted by other means than trimming.
func (s *Stream) MaxDeleted() ID { return s.maxDeleted }

// SetLast sets the ID that entries to come must be greater than. It must not be
// less than an entry's.
func (s *Stream) SetLast(id ID) { s.last = id }

// SetAdded sets the count of entries ever added.
func (s *Stream) SetAdded(n int64) { s.added = n }

// SetMaxDeleted sets the greatest ID deleted.
func (s *Stream) SetMaxDeleted(id ID) { s.maxDeleted = id }

// MaxEntry is the most bytes that the fields and values of an entry may have.
const MaxEntry = maxNode

// Add appends an entry of fields and values by turns. id is greater than Last, and
// they are no more than MaxEntry bytes: the caller has seen to that.
func (s *Stream) Add(id ID, fields [][]byte, lim *Limits) {
	total := 0
	for _, f := range fields {
		total += len(f)
	}
	if s.tail != nil && s.full(total, lim) {
		s.closeTail()
	}
	room := total + len(fields)*pieceRoom + entryRoom
	if s.tail == nil {
		for i := 0; i < len(fields); i += 2 {
			room += len(fields[i]) + pieceRoom
		}
		s.openTail(id, room)
		s.tail = appendMaster(s.tail, fields)
		s.tail = appendEntry(s.tail, ID{}, fields, true)
	} else {
		if cap(s.tail)-len(s.tail) < room {
			s.growTail(room)
		}
		n := len(s.tail)
		s.tail = addCounts(s.tail, 1, 0)
		s.shifts += uint64(len(s.tail) - n)
		delta := ID{id.Ms - s.tailID.Ms, id.Seq - s.tailID.Seq}
		s.tail = appendEntry(s.tail, delta, fields, sameFields(s.tail, fields))
	}
	s.length++
	s.added++
	s.last = id
	if s.length == 1 {
		s.first = id
	}
	if invariants.Enabled {
		s.verify()
	}
}

// full reports whether an entry of total bytes must begin a new node.
func (s *Stream) full(total int, lim *Limits) bool {
	most := lim.NodeBytes
	if most <= 0 || most > maxNode {
		most = maxNode
	}
	if len(s.tail)+total >= most {
		return true
	}
	if lim.NodeEntries <= 0 {
		return false
	}
	live := intAt(s.tail, livePos)
	return live+intAt(s.tail, listpack.Next(s.tail, livePos)) >= int64(lim.NodeEntries)
}

// closeTail cuts the last node to size.
func (s *Stream) closeTail() {
	s.nodeSize = len(s.tail)
	s.moveTail(len(s.tail))
	s.tail = nil
}

// openTail makes a node with the given ID and room for at least so many bytes.
func (s *Stream) openTail(id ID, room int) {
	room = max(room+listpack.EmptySize, s.nodeSize+s.nodeSize/32)
	s.tailRef, s.tailID = s.a.Alloc(room), id
	room = s.a.Cap(s.tailRef)
	s.mem += int64(room)
	s.tail = listpack.AppendEmpty(s.a.Bytes(s.tailRef, room)[:0])
	v, _ := s.nodes.put(s.a, id)
	*(*slab.Ref)(v) = s.tailRef
	s.radix = 0
}

// growTail makes room for n bytes more in the last node.
func (s *Stream) growTail(n int) {
	s.moveTail(max(len(s.tail)+n, min(2*len(s.tail), len(s.tail)+4096)))
}

// moveTail gives the last node a block of n bytes, if that is of another class.
func (s *Stream) moveTail(n int) {
	was := s.a.Cap(s.tailRef)
	r := s.a.Realloc(s.tailRef, len(s.tail), n)
	if r != s.tailRef {
		s.tailRef = r
		s.mem += int64(s.a.Cap(r) - was)
		*(*slab.Ref)(s.nodes.find(&s.a.View, s.tailID)) = r
	}
	s.tail = s.a.Bytes(r, s.a.Cap(r))[:len(s.tail)]
}

// findTail makes the last node, if any, the tail.
func (s *Stream) findTail() {
	at := s.nodes.last(&s.a.View)
	if !at.ok() {
		s.tail, s.tailRef, s.tailID = nil, slab.Nil, ID{}
		return
	}
	s.tailRef, s.tailID = s.ref(at), at.id()
	n := len(nodeAt(&s.a.View, s.tailRef))
	s.tail = s.a.Bytes(s.tailRef, s.a.Cap(s.tailRef))[:n]
}

// ref returns the block of the node at a place of the tree.
func (s *Stream) ref(at place) slab.Ref { return *(*slab.Ref)(s.nodes.val(at)) }

// edit returns the node at a place with the room that deleting entries may need, in
// another block if it must; what is made of it goes to edited. As long as live and dead
// entries together are no more than a byte can tell, no room is needed.
func (s *Stream) edit(at place) []byte {
	r := s.ref(at)
	lp := nodeAt(&s.a.View, r)
	n, room := len(lp), s.a.Cap(r)
	if all := intAt(lp, livePos) + intAt(lp, listpack.Next(lp, livePos)); room-n < headRoom && all > 127 {
		to := s.a.Realloc(r, n, n+headRoom)
		s.mem += int64(s.a.Cap(to) - room)
		*(*slab.Ref)(s.nodes.val(at)) = to
		if r == s.tailRef {
			s.tailRef = to
		}
		r, room = to, s.a.Cap(to)
	}
	return s.a.Bytes(r, room)[:n]
}

// edited notes that the node at a place, of n bytes before, is now lp.
func (s *Stream) edited(at place, n int, lp []byte) {
	if len(lp) != n {
		s.shifts++
	}
	if s.ref(at) == s.tailRef {
		s.tail = lp
	}
}

// dropNode takes away the node at a place. Its entries have been accounted for.
func (s *Stream) dropNode(at place) {
	id, r := at.id(), s.ref(at)
	s.mem -= int64(s.a.Cap(r))
	s.a.Free(r)
	s.nodes.delete(s.a, id)
	s.shifts++
	s.radix = 0
	if r == s.tailRef {
		s.findTail()
	}
}

// find returns the node that has the entry id and the entry's position there.
func (s *Stream) find(id ID) (at place, p int, ok bool) {
	c := s.Range(id, id)
	if !c.Next() {
		return place{}, 0, false
	}
	return c.at, c.start, true
}

// Has reports whether there is an entry id.
func (s *Stream) Has(id ID) bool {
	c := s.Range(id, id)
	return c.Next()
}

// LastEntry returns the ID of the last entry; ok is false when there is none.
func (s *Stream) LastEntry() (id ID, ok bool) {
	if s.tail == nil {
		return ID{}, false
	}
	if p := lastStart(s.tail); p >= 0 && intAt(s.tail, p)&flagDeleted == 0 {
		return idAt(s.tail, p, s.tailID), true
	}
	c := s.RangeBack(ID{}, MaxID)
	ok = c.Next()
	return c.ID, ok
}

// Delete removes the entry id and reports whether it was there.
func (s *Stream) Delete(id ID) bool {
	at, p, ok := s.find(id)
	if !ok {
		return false
	}
	s.length--
	if intAt(nodeAt(&s.a.View, s.ref(at)), livePos) == 1 {
		s.dropNode(at)
	} else {
		lp := s.edit(at)
		n := len(lp)
		lp = markDeleted(lp, p)
		s.edited(at, n, addCounts(lp, -1, 1))
	}
	if s.maxDeleted.Less(id) {
		s.maxDeleted = id
	}
	if id == s.first {
		s.findFirst()
	}
	if invariants.Enabled {
		s.verify()
	}
	return true
}

// markDeleted sets the flag of the entry at p, which keeps its size.
func markDeleted(lp []byte, p int) []byte {
	return listpack.ReplaceInt(lp, p, intAt(lp, p)|flagDeleted)
}

// findFirst sets first anew.
func (s *Stream) findFirst() {
	c := s.Range(ID{}, MaxID)
	c.Next()
	s.first = c.ID
}

// EachNode calls yield with the ID and the listpack of each node, in order, until
// it returns false: what a dump of the stream is made of.
func (s *Stream) EachNode(yield func(id ID, lp []byte) bool) {
	v := &s.a.View
	for at := s.nodes.first(v); at.ok(); at = s.nodes.next(v, at) {
		if !yield(at.id(), nodeAt(v, s.ref(at))) {
			return
		}
	}
}

// AppendNode adds a copy of a node behind all others. lp has passed [ValidateNode]
// with that ID, which is greater than every entry's so far. Last and Added are for
// the caller to set.
func (s *Stream) AppendNode(id ID, lp []byte) {
	s.openTail(id, len(lp)-listpack.EmptySize)
	s.tail = append(s.tail[:0], lp...)
	s.length += readHead(lp).live
	if s.first.IsZero() {
		s.findFirst()
	}
}

// Bytes returns the memory of the stream: its nodes, its tables and its groups.
func (s *Stream) Bytes() int64 {
	n := int64(unsafe.Sizeof(*s)) + s.mem + s.nodes.bytes + int64(cap(s.groups))*8
	for _, g := range s.groups {
		n += g.Bytes()
	}
	return n
}

// Effort implements [datatypes.Object] with Redis's estimate: a unit a node of the
// radix tree, and one for each group and what it has pending, taking them all to be
// like the first. Past the number that matters it is not exact.
func (s *Stream) Effort() int {
	n := s.Nodes()
	if n <= 128 {
		n = s.RadixNodes()
	}
	if len(s.groups) > 0 {
		n += len(s.groups) * (1 + s.groups[0].Len())
	}
	return n
}

// Clone returns a copy of the stream over a.
func (s *Stream) Clone(a *slab.Arena) *Stream {
	c := New(a)
	s.EachNode(func(id ID, lp []byte) bool {
		c.AppendNode(id, lp)
		return true
	})
	c.length, c.added = s.length, s.added
	c.first, c.last, c.maxDeleted = s.first, s.last, s.maxDeleted
	for _, g := range s.groups {
		c.groups = append(c.groups, g.clone(c))
	}
	return c
}

// Release implements [datatypes.Object].
func (s *Stream) Release(b *slab.Batch, budget int) (done bool) {
	stop := b.Len() + budget
	if !s.nodes.release(b, budget, func(v unsafe.Pointer) { b.Free(*(*slab.Ref)(v)) }) {
		return false
	}
	for len(s.groups) > 0 {
		g := s.groups[len(s.groups)-1]
		if !g.release(b, stop-b.Len()) {
			return false
		}
		s.groups[len(s.groups)-1] = nil
		s.groups = s.groups[:len(s.groups)-1]
	}
	return true
}

// verify checks small streams after each change in builds that ask for it.
func (s *Stream) verify() {
	if s.length < 50 {
		if err := s.Check(); err != nil {
			panic(err)
		}
	}
}
