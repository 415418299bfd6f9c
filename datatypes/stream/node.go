package stream

import (
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// A node is a listpack in Redis's layout, so that it goes into a dump as it is. It
// begins with a master entry, whose fields are those of the first entry; after it
// come the entries, live ones and deleted:
//
//	| live | dead | n | field 1 | … | field n | 0 |                       master entry
//	| flags | Δms | Δseq | value 1 | … | value n | pieces |                same fields
//	| flags | Δms | Δseq | m | field 1 | value 1 | … | value m | pieces |  others
//
//	flags   1: deleted, 2: the fields are the master's
//	Δ       added to the node's ID, the key under which the tree has the node;
//	        64 bits that wrap around
//	pieces  how many elements of the listpack the entry has before this one: how
//	        a walk backwards finds the entry's start. The master's 0 ends it.
//
// An entry is deleted by its flag, and stays; a node goes when its last live entry
// does. So an entry of "temp 21", the only field being that of the master, takes
// 10 bytes:
//
//	02 01  Δms 02  00 01  15 01  04 01        flags 2, Δms (two or three bytes), Δseq 0, 21, pieces 4
const (
	flagDeleted    = 1
	flagSameFields = 2

	livePos = 6 // where the first element of a listpack stands

	// headRoom is what adding to live and dead, and setting a flag, may add to a
	// node's size.
	headRoom = 3 * listpack.MaxGrowInt

	// entryRoom is the most that an entry takes beside its fields and values:
	// flags, Δms, Δseq, m, pieces, and in a new node live, dead, n and 0.
	entryRoom = 9 * listpack.MaxGrowInt

	// pieceRoom is the most that framing adds to a field or value.
	pieceRoom = 10

	// maxNode is how large a node may become, whatever the settings.
	maxNode = 1 << 30
)

// A head is a node's master entry.
type head struct {
	live, dead int64
	fields     int64
	fieldsAt   int // position of the first field
	entriesAt  int // position of the first entry, or of the end
}

func intAt(lp []byte, p int) int64 {
	v, _ := listpack.GetInt(lp, p)
	return v
}

// after is the position behind the element at p: that of the next, or the end's.
func after(lp []byte, p int) int { return p + listpack.Span(lp, p, 1) }

func readHead(lp []byte) (h head) {
	p := livePos
	h.live = intAt(lp, p)
	p = listpack.Next(lp, p)
	h.dead = intAt(lp, p)
	p = listpack.Next(lp, p)
	h.fields = intAt(lp, p)
	p = listpack.Next(lp, p)
	h.fieldsAt = p
	p = listpack.Skip(lp, p, int(h.fields)) // the 0
	h.entriesAt = after(lp, p)
	return h
}

// addCounts adds to a node's live and dead entries. The node has headRoom left.
func addCounts(lp []byte, live, dead int64) []byte {
	lp = listpack.ReplaceInt(lp, livePos, intAt(lp, livePos)+live)
	if dead != 0 {
		p := listpack.Next(lp, livePos)
		lp = listpack.ReplaceInt(lp, p, intAt(lp, p)+dead)
	}
	return lp
}

// lastStart returns the position of a node's last entry, -1 when it has none.
func lastStart(lp []byte) int { return startOf(lp, listpack.Last(lp)) }

// startOf returns the position of the entry whose pieces stand at p, -1 when that
// is the master's end.
func startOf(lp []byte, p int) int {
	n := intAt(lp, p)
	if n == 0 {
		return -1
	}
	for ; n > 0; n-- {
		p = listpack.Prev(lp, p)
	}
	return p
}

// idAt returns the ID of the entry at p of the node with the given ID.
func idAt(lp []byte, p int, node ID) ID {
	p = listpack.Next(lp, p)
	ms := intAt(lp, p)
	p = listpack.Next(lp, p)
	return ID{node.Ms + uint64(ms), node.Seq + uint64(intAt(lp, p))}
}

// node returns the listpack in block r, without room to grow.
func nodeAt(v *slab.View, r slab.Ref) []byte {
	return v.Bytes(r, listpack.Bytes(v.Bytes(r, 4)))
}

// appendEntry adds an entry at the end of a node of n live and dead ones; lp has
// room for it. fields are fields and values by turns.
func appendEntry(lp []byte, delta ID, fields [][]byte, same bool) []byte {
	n := int64(len(fields) / 2)
	flags, pieces := int64(0), 2*n+4
	if same {
		flags, pieces = flagSameFields, n+3
	}
	lp = listpack.AppendInt(lp, flags)
	lp = listpack.AppendInt(lp, int64(delta.Ms))
	lp = listpack.AppendInt(lp, int64(delta.Seq))
	if same {
		for i := 1; i < len(fields); i += 2 {
			lp = listpack.Append(lp, fields[i])
		}
	} else {
		lp = listpack.AppendInt(lp, n)
		for _, f := range fields {
			lp = listpack.Append(lp, f)
		}
	}
	return listpack.AppendInt(lp, pieces)
}

// appendMaster makes the empty listpack lp a node that is about to have one entry.
func appendMaster(lp []byte, fields [][]byte) []byte {
	lp = listpack.AppendInt(lp, 1)
	lp = listpack.AppendInt(lp, 0)
	lp = listpack.AppendInt(lp, int64(len(fields)/2))
	for i := 0; i < len(fields); i += 2 {
		lp = listpack.Append(lp, fields[i])
	}
	return listpack.AppendInt(lp, 0)
}

// sameFields reports whether an entry of these fields and values has the fields of
// the node's master entry.
func sameFields(lp []byte, fields [][]byte) bool {
	p := listpack.Skip(lp, livePos, 2)
	if intAt(lp, p) != int64(len(fields)/2) {
		return false
	}
	for i := 0; i < len(fields); i += 2 {
		p = listpack.Next(lp, p)
		if !listpack.Equal(lp, p, fields[i]) {
			return false
		}
	}
	return true
}
