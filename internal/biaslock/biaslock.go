// Package biaslock is a lock for what has one owner at a time or many readers: it
// costs a reader next to nothing while nobody owns, as readers on different cores
// touch different cache lines, and an owner no more than a mutex.
//
//	t := l.RLock()
//	… read …
//	l.RUnlock(t)
//
// A reader may also write, if readers know how to live with what it writes, and then
// ends with RUnlockWrite; or find that it must write otherwise, and Escalate.
//
// # Design
//
// It is BRAVO (Dice and Kogan, "BRAVO: Biased Locking for Reader-Writer Locks",
// 2019), over a mutex. While the lock is biased, a reader announces itself in one
// of a few slots, and never touches the mutex:
//
//	biased    slots  | 1 |   |   | 1 |   | … |      a reader adds itself to its slot
//	          mutex  free
//
//	revoked   slots  | 0 | 0 | 0 | 0 | 0 | … |      readers take the mutex, one at a time
//	          mutex  held by a reader or the owner
//
// Whoever takes the mutex to own revokes the bias and waits until every slot is
// empty. The bias comes back after biasAfter readers without an owner between them,
// so that an owner looks at the slots at most once for that many. Where readers and
// owners alternate it is a mutex: a read is as short as a write, and a
// reader-writer lock's own count of readers would cost more than it lets in.
//
// The slot is chosen by the address of the reader's stack, which differs from
// goroutine to goroutine and hardly changes; two readers on one slot are slower,
// not wrong. A slot also counts the reads that ended there, in the same atomic
// operation that ends them, and the writes: see [Lock.Reads] and [Lock.Writes].
//
// # Guarantees
//
// Those of sync.RWMutex, but that readers may wait for each other: nobody may lock
// who holds the lock, in whatever way. An Unlock happens before every later RLock
// returns; an RUnlock happens before a later Lock returns.
package biaslock

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

const (
	slots     = 32 // a power of two
	biasAfter = 128

	// A slot's word: readers inside in the low bits, reads ended above.
	insideBits = 16
	insideMask = 1<<insideBits - 1
	oneRead    = 1 << insideBits
)

// A Lock is a reader-writer lock. The zero value is unlocked and unbiased.
type Lock struct {
	biased atomic.Bool
	_      [127]byte // keeps what readers only read apart from what follows
	slots  [slots]slot
	mu     sync.Mutex

	// Guarded by mu.
	calm   int    // readers through mu since the last owner; biasAfter or more: biased
	reads  uint64 // through mu, ended
	writes uint64 // likewise
}

// slot has two cache lines to itself, as processors fetch lines in pairs.
type slot struct {
	word   atomic.Uint64
	writes atomic.Uint64
	_      [112]byte
}

// A Token is what RLock gives for RUnlock: the reader's slot, or nil when it holds
// the mutex.
type Token struct{ s *slot }

// RLock locks for reading.
func (l *Lock) RLock() Token {
	if l.biased.Load() {
		s := &l.slots[here()%slots]
		s.word.Add(1)
		if l.biased.Load() {
			return Token{s}
		}
		s.word.Add(^uint64(0)) // a writer came between: it may be waiting for us
	}
	l.mu.Lock()
	return Token{}
}

// here tells goroutines apart: the address of their stacks, coarsely.
func here() uintptr {
	var x byte
	a := uintptr(unsafe.Pointer(&x)) >> 11
	return a ^ a>>5
}

// RUnlock ends the read that t came from.
func (l *Lock) RUnlock(t Token) {
	if t.s != nil {
		t.s.word.Add(oneRead - 1)
		return
	}
	l.reads++
	l.calmUnlock()
}

// RUnlockWrite is RUnlock for a reader that has written.
func (l *Lock) RUnlockWrite(t Token) {
	if t.s != nil {
		t.s.writes.Add(1)
		t.s.word.Add(^uint64(0))
		return
	}
	l.writes++
	l.calmUnlock()
}

// calmUnlock ends a read through mu.
func (l *Lock) calmUnlock() {
	if l.calm++; l.calm == biasAfter {
		l.biased.Store(true) // the next owner waits for the mutex, and finds it
	}
	l.mu.Unlock()
}

// Escalate turns a read into a Lock: the read ends, uncounted, and the caller owns
// what others may have owned in between.
func (l *Lock) Escalate(t Token) {
	if t.s != nil {
		t.s.word.Add(^uint64(0))
		l.mu.Lock()
	}
	if l.calm != 0 {
		l.revoke()
	}
}

// Lock locks for writing.
func (l *Lock) Lock() {
	l.mu.Lock()
	if l.calm != 0 {
		l.revoke()
	}
}

// TryLock is Lock if nobody has to be waited for but readers, and reports whether it
// locked.
func (l *Lock) TryLock() bool {
	if !l.mu.TryLock() {
		return false
	}
	if l.calm != 0 {
		l.revoke()
	}
	return true
}

// revoke ends the bias and waits for the readers it let in.
func (l *Lock) revoke() {
	l.calm = 0
	if !l.biased.Load() {
		return
	}
	l.biased.Store(false)
	for i := range l.slots {
		for n := 0; l.slots[i].word.Load()&insideMask != 0; n++ {
			if n > 50 {
				runtime.Gosched()
			}
		}
	}
}

// Unlock ends a write.
func (l *Lock) Unlock() { l.mu.Unlock() }

// Reads returns how many reads have ended, modulo 2^48. The caller has locked for
// writing.
func (l *Lock) Reads() (n uint64) {
	n = l.reads
	for i := range l.slots {
		n += l.slots[i].word.Load() >> insideBits
	}
	return n
}

// Writes returns how many reads have ended by RUnlockWrite. The caller has locked
// for writing.
func (l *Lock) Writes() (n uint64) {
	n = l.writes
	for i := range l.slots {
		n += l.slots[i].writes.Load()
	}
	return n
}
