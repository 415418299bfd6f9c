package keyspace

import (
	"encoding/binary"
	"hash/maphash"
	"math/rand/v2"
	"unsafe"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/sharedword"
	"github.com/redweave/redweave/internal/slab"
)

// A Shared is the answer of [Shard.AppendHashed].
type Shared uint8

const (
	// SharedHit: the value was appended.
	SharedHit Shared = iota
	// SharedMiss: there is no such key.
	SharedMiss
	// SharedWrongType: the key holds no string.
	SharedWrongType
	// SharedVolatile: the key has a TTL that passed nowMs; only the owner can
	// delete it.
	SharedVolatile
)

// Hash returns the hash of a key. Any goroutine may ask at any time.
func (s *Shard) Hash(key []byte) uint64 { return maphash.Bytes(s.seed, key) }

// AppendHashed appends the string at key, whose hash is h, to dst. Unlike everything
// else here but OverwriteShared it may be called by any number of goroutines at once, as
// long as none owns the shard: it changes nothing but the entry's time of use, which may
// stay some seconds behind where no policy goes by it. now is asked only for a key that
// has a TTL. It counts neither hits nor misses. O(1) beside the copy.
func (s *Shard) AppendHashed(dst []byte, dbID int, h uint64, key []byte, now interface{ UnixMilli() int64 }) ([]byte, Shared) {
	db := s.dbs[dbID]
	if db == nil {
		return dst, SharedMiss
	}
	ref := db.keys.Find(h, key)
	if ref == slab.Nil {
		return dst, SharedMiss
	}
	p := db.mem.Ptr(ref)
	word := sharedword.Load(p)
	flags := *(*byte)(unsafe.Add(p, flagsOff))
	if word&15 != uint32(datatypes.String) || word>>4&15 == uint32(datatypes.Int) || flags != 0 {
		return s.appendUnusual(dst, db, p, word, h, len(key), now)
	}
	// The usual string: its bytes are here. All but they and their number is
	// constant while the shard is shared, and they when nobody overwrites them;
	// offsets are in range as in Entry.bind.
	q := s.stripeOf(h)
	seq := q.Load()
	n := int(binary.LittleEndian.Uint16(unsafe.Slice((*byte)(unsafe.Add(p, vlenOff)), 2)))
	had := len(dst)
	if seq&1 != 0 || n > cap(dst)-had {
		return s.appendUnusual(dst, db, p, word, h, len(key), now)
	}
	dst = dst[:had+n]
	copy(dst[had:], unsafe.Slice((*byte)(unsafe.Add(p, keyOff+dict.KeySize(len(key)))), n))
	if q.Load() != seq {
		return s.appendUnusual(dst[:had], db, p, word, h, len(key), now)
	}
	if s.stale(word) {
		s.stampShared(p, word)
	}
	return dst, SharedHit
}

// appendUnusual is AppendHashed for what is no string, an integer, a string with a
// TTL or a block of its own, or one that is being overwritten or has no room.
func (s *Shard) appendUnusual(dst []byte, db *DB, p unsafe.Pointer, word uint32, h uint64, klen int, now interface{ UnixMilli() int64 }) ([]byte, Shared) {
	if datatypes.Type(word&15) != datatypes.String {
		return dst, SharedWrongType
	}
	flags := *(*byte)(unsafe.Add(p, flagsOff))
	vlen := int(binary.LittleEndian.Uint16(unsafe.Slice((*byte)(unsafe.Add(p, vlenOff)), 2)))
	voff := keyOff + dict.KeySize(klen)
	if flags&flagTTL != 0 {
		at := int64(binary.LittleEndian.Uint64(unsafe.Slice((*byte)(unsafe.Add(p, voff)), 8)))
		if now.UnixMilli() > at {
			return dst, SharedVolatile
		}
		voff += 8
	}
	if s.stale(word) {
		s.stampShared(p, word)
	}
	value := unsafe.Slice((*byte)(unsafe.Add(p, voff)), vlen)
	switch {
	case datatypes.Encoding(word>>4&15) == datatypes.Int:
		dst = AppendInt(dst, int64(binary.LittleEndian.Uint64(value)))
	case flags&flagOutline != 0:
		r, n := slab.Ref(binary.LittleEndian.Uint64(value)), int(binary.LittleEndian.Uint64(value[8:]))
		dst = append(dst, db.mem.Bytes(r, n)...)
	default:
		dst = appendSettled(s.stripeOf(h), dst, p, voff)
	}
	return dst, SharedHit
}

// sharedStampTicks is how much staler than now, in seconds, a stamp of last use
// must be for a shared read to renew it, where no policy goes by it. Every stamp
// dirties a cache line that was only read, and most reads of a busy key would bring
// one each second.
const sharedStampTicks = 8

// stale reports whether a shared read must note the use of an entry whose first
// word is word.
func (s *Shard) stale(word uint32) bool {
	return s.lfu || (uint32(s.lruClock)-word>>8)&lruMask >= s.staleTicks
}

// stampShared notes a use of the entry at p, whose first word was word.
func (s *Shard) stampShared(p unsafe.Pointer, word uint32) {
	now, old := uint32(s.lruClock), word>>8
	if s.lfu {
		count := s.lfuDecayed(uint64(old))
		now = uint32(s.lfuMinute())<<8 | uint32(lfuGrow(count, s.set.LFULogFactor, rand.Float64()))
	}
	if now != old {
		sharedword.Store(p, word&255|now<<8)
	}
}
