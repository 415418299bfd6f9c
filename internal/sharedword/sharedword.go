// Package sharedword is the one place where those who share a shard write to it:
// the word of an entry that says when the entry was last used, and the bytes of a
// string that another takes the place of ([Stripe]).
//
//	w := sharedword.Load(p)
//	sharedword.Store(p, w&0xff|now<<8)
//
// A shard has one owner who may do anything, or any number of readers who may
// change nothing, with these exceptions. A reader stamps the use of an entry by an
// atomic store to an aligned 32-bit word. Readers of that word under shared
// ownership load it here too. The owner, who is alone, needs no atomics: the lock
// that made it alone ordered all stamps before it.
//
// The word is little-endian on every machine, as the rest of an entry is.
package sharedword

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// Load reads the word at p, which must be 4-byte aligned.
func Load(p unsafe.Pointer) uint32 { return order(atomic.LoadUint32((*uint32)(p))) }

// Store writes the word at p, which must be 4-byte aligned. Of two readers that
// stamp at once the later wins; both stamps say much the same.
func Store(p unsafe.Pointer, w uint32) { atomic.StoreUint32((*uint32)(p), order(w)) }

// order turns a word of the machine's byte order into one of ours, and back.
func order(w uint32) uint32 {
	if bigEndian {
		return bits.ReverseBytes32(w)
	}
	return w
}
