package keyspace

import (
	"unsafe"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/sharedword"
	"github.com/redweave/redweave/internal/slab"
)

// # Overwriting a string beside readers
//
// The commonest write of a cache puts a value of about the same length where one
// was. Nothing moves and no table changes: key, block, type and encoding stay. That
// need not wait until nobody reads, as long as each reader sees one value or the
// other, and not half of both. Sequence locks see to that, one for each of a few
// stripes of the keys: see [sharedword.Stripe], which also says where this is not
// done. A length is 16 bits inside an aligned word, so a reader sees the old one or
// the new one, and both are within the block, before he finds out that he has to read
// once more.
//
// Everything that hears of modifications (hooks), that may need memory, or that
// changes more than these bytes, is for the owner.

// overwriteMost is the longest value that is written this way: the writer may be
// waited for.
const overwriteMost = 512

// stripeOf returns the stripe of a key by its hash.
func (s *Shard) stripeOf(h uint64) *sharedword.Stripe { return &s.stripes[h>>40%stripes] }

const stripes = 64

// appendSettled appends to dst the value bytes of the entry at p, from voff on, as
// they are while nobody writes.
func appendSettled(q *sharedword.Stripe, dst []byte, p unsafe.Pointer, voff int) []byte {
	had := len(dst)
	for {
		seq := q.Settled()
		n := int(*(*uint16)(unsafe.Add(p, vlenOff)))
		dst = append(dst[:had], unsafe.Slice((*byte)(unsafe.Add(p, voff)), n)...)
		if q.Load() == seq {
			return dst
		}
	}
}

// OverwriteShared stores value under key, whose hash is h, in place of a string of
// about its length without a TTL. Like [Shard.AppendHashed] it may be called by any
// number of goroutines at once, as long as none owns the shard. It reports false, and
// has changed nothing, when that cannot be done, or not now: then the owner must.
// Whoever succeeds has to see to it that Stats.Dirty grows. O(1) beside the copy.
func (s *Shard) OverwriteShared(dbID int, h uint64, key, value []byte) bool {
	db := s.dbs[dbID]
	if !sharedword.Overwriting || db == nil || s.hook != nil || s.lfu || len(value) > overwriteMost || s.Over() > 0 {
		return false
	}
	enc := datatypes.Raw
	if len(value) <= embStrMax {
		enc = datatypes.EmbStr
		if _, isInt := ParseInt(value); isInt {
			return false
		}
	}
	ref := db.keys.Find(h, key)
	if ref == slab.Nil {
		return false
	}
	p := db.mem.Ptr(ref)
	word := sharedword.Load(p)
	if word&255 != uint32(datatypes.String)|uint32(enc)<<4 || *(*byte)(unsafe.Add(p, flagsOff)) != 0 {
		return false
	}
	voff := keyOff + dict.KeySize(len(key))
	if !fits(voff+len(value), db.mem.Cap(ref)) {
		return false
	}
	q := s.stripeOf(h)
	if !q.Lock() {
		return false
	}
	copy(unsafe.Slice((*byte)(unsafe.Add(p, voff)), len(value)), value)
	*(*uint16)(unsafe.Add(p, vlenOff)) = uint16(len(value))
	q.Unlock()
	if uint32(s.lruClock) != word>>8 {
		s.stampShared(p, word)
	}
	return true
}
