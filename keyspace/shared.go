package keyspace

import (
	"encoding/binary"
	"math/rand/v2"
	"unsafe"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/sharedword"
	"github.com/redweave/redweave/internal/slab"
)

// A Shared is the answer of [DB.AppendShared].
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

// AppendShared appends the string at key to dst. Unlike everything else here
// it may be called by any number of goroutines at once, as long as none owns the
// shard: it changes nothing but the entry's time of use, which may stay some seconds
// behind where no policy goes by it. now is asked only
// for a key that has a TTL. It counts neither hits nor misses. O(1) beside the
// copy.
func (s *Shard) AppendShared(dst []byte, dbID int, key []byte, now interface{ UnixMilli() int64 }) ([]byte, Shared) {
	db := s.dbs[dbID]
	if db == nil {
		return dst, SharedMiss
	}
	ref := db.keys.Find(db.keys.Hash(key), key)
	if ref == slab.Nil {
		return dst, SharedMiss
	}
	p := db.mem.Ptr(ref)
	word := sharedword.Load(p)
	if datatypes.Type(word&15) != datatypes.String {
		return dst, SharedWrongType
	}
	// The rest of the header and the value are constant while the shard is
	// shared; block and offsets are in range as in Entry.bind.
	flags := *(*byte)(unsafe.Add(p, flagsOff))
	vlen := int(binary.LittleEndian.Uint16(unsafe.Slice((*byte)(unsafe.Add(p, vlenOff)), 2)))
	voff := keyOff + dict.KeySize(len(key))
	if flags&flagTTL != 0 {
		at := int64(binary.LittleEndian.Uint64(unsafe.Slice((*byte)(unsafe.Add(p, voff)), 8)))
		if now.UnixMilli() > at {
			return dst, SharedVolatile
		}
		voff += 8
	}
	s.stampShared(p, word)
	value := unsafe.Slice((*byte)(unsafe.Add(p, voff)), vlen)
	switch {
	case datatypes.Encoding(word>>4&15) == datatypes.Int:
		dst = AppendInt(dst, int64(binary.LittleEndian.Uint64(value)))
	case flags&flagOutline != 0:
		r, n := slab.Ref(binary.LittleEndian.Uint64(value)), int(binary.LittleEndian.Uint64(value[8:]))
		dst = append(dst, db.mem.Bytes(r, n)...)
	default:
		dst = append(dst, value...)
	}
	return dst, SharedHit
}

// sharedStampTicks is how much staler than now, in seconds, a stamp of last use
// must be for a shared read to renew it, where no policy goes by it. Every stamp
// dirties a cache line that was only read, and most reads of a busy key would bring
// one each second.
const sharedStampTicks = 8

// stampShared notes a use of the entry at p, whose first word was word.
func (s *Shard) stampShared(p unsafe.Pointer, word uint32) {
	now, old := uint32(s.lruClock), word>>8
	switch {
	case s.lfu:
		count := s.lfuDecayed(uint64(old))
		now = uint32(s.lfuMinute())<<8 | uint32(lfuGrow(count, s.set.LFULogFactor, rand.Float64()))
	case !s.lru && (now-old)&lruMask < sharedStampTicks:
		return
	}
	if now != old {
		sharedword.Store(p, word&255|now<<8)
	}
}
