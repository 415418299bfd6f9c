package command

import (
	"encoding/binary"
	"hash/maphash"
	"math/rand/v2"

	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/slab"
)

// trackedKeys are the keys of one shard that clients may have cached, and which
// clients those are. It belongs to the shard's owner.
//
// There may be a million of them, each with a client or two, so they are blocks of an
// arena of their own under a dict: nothing for the garbage collector to walk, and
// nothing to walk either when all are forgotten at once. A block:
//
//	| klen, key | n u32 | id u64 | id u64 | …      ids ascending
//
//	"user:7" of clients 3 and 12:  06 "user:7" 02000000 0300000000000000 0c00…
//
// Clients are named by their IDs and not looked after: one that is gone, or does not
// track any more, is found out when the key changes.
//
// Invariants, verified by check: the dict's own; each block's ids ascend and are at
// least one; items is the number of ids in all blocks.
type trackedKeys struct {
	table dict.Table
	mem   *slab.Arena // nil while empty
	items int
}

const (
	trackCount = 4 // bytes of n
	trackID    = 8 // bytes of an id
)

// len returns the number of keys.
func (t *trackedKeys) len() int {
	if t.mem == nil {
		return 0
	}
	return t.table.Len()
}

// bytes returns the memory taken.
func (t *trackedKeys) bytes() int64 {
	if t.mem == nil {
		return 0
	}
	return t.mem.Used()
}

// block returns the block of a key, as long as it may be.
func (t *trackedKeys) block(r slab.Ref) []byte { return t.mem.Bytes(r, t.mem.Cap(r)) }

// ids returns a block's n ids, and where they begin.
func blockIDs(b []byte) (n, at int) {
	_, at = dict.Key(b)
	return int(binary.LittleEndian.Uint32(b[at:])), at + trackCount
}

// searchID returns where id stands among the ids in b, or would.
func searchID(b []byte, id uint64) (at int, found bool) {
	lo, hi := 0, len(b)/trackID
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if v := binary.LittleEndian.Uint64(b[mid*trackID:]); v < id {
			lo = mid + 1
		} else if v > id {
			hi = mid
		} else {
			return mid, true
		}
	}
	return lo, false
}

// add notes that a client has read key.
func (t *trackedKeys) add(key []byte, id uint64) {
	if t.mem == nil {
		t.mem = slab.New(slab.Options{NoHugePages: true})
		t.table.Init(t.mem, 0, maphash.MakeSeed())
	}
	h := t.table.Hash(key)
	r := t.table.Find(h, key)
	if r == slab.Nil {
		head := dict.KeySize(len(key))
		r = t.mem.Alloc(head + trackCount + trackID)
		b := t.block(r)
		dict.PutKey(b, key)
		binary.LittleEndian.PutUint32(b[head:], 1)
		binary.LittleEndian.PutUint64(b[head+trackCount:], id)
		t.table.Insert(h, r)
		t.items++
		return
	}
	b := t.block(r)
	n, at := blockIDs(b)
	i, found := searchID(b[at:at+n*trackID], id)
	if found {
		return
	}
	if size := at + n*trackID; size+trackID > len(b) {
		moved := t.mem.Alloc(size + trackID)
		copy(t.block(moved), b[:size])
		t.table.Replace(h, r, moved)
		t.mem.Free(r)
		b = t.block(moved)
	}
	ids := b[at : at+(n+1)*trackID]
	copy(ids[(i+1)*trackID:], ids[i*trackID:])
	binary.LittleEndian.PutUint64(ids[i*trackID:], id)
	binary.LittleEndian.PutUint32(b[at-trackCount:], uint32(n+1))
	t.items++
}

// take appends the clients that may have key to ids, and forgets the key.
func (t *trackedKeys) take(key []byte, ids []uint64) []uint64 {
	if t.mem == nil {
		return ids
	}
	h := t.table.Hash(key)
	r := t.table.Find(h, key)
	if r == slab.Nil {
		return ids
	}
	b := t.block(r)
	n, at := blockIDs(b)
	for ; n > 0; n-- {
		ids = append(ids, binary.LittleEndian.Uint64(b[at:]))
		at += trackID
		t.items--
	}
	t.table.Remove(h, r)
	t.mem.Free(r)
	return ids
}

// random appends a key drawn at random to dst. There must be one.
func (t *trackedKeys) random(rnd *rand.Rand, dst []byte) []byte {
	return append(dst, t.table.KeyOf(t.table.Random(rnd))...)
}

// forget forgets everything.
func (t *trackedKeys) forget() {
	if t.mem != nil {
		t.mem.Close()
	}
	*t = trackedKeys{}
}
