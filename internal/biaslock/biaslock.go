// Package biaslock is a reader-writer lock that costs a reader next to nothing
// while nobody writes: readers on different cores touch different cache lines.
//
//	t := l.RLock()
//	… read …
//	l.RUnlock(t)
//
// # Design
//
// It is BRAVO (Dice and Kogan, "BRAVO: Biased Locking for Reader-Writer Locks",
// 2019) over sync.RWMutex. While the lock is biased, a reader announces itself in
// one of a few slots, and never touches the RWMutex:
//
//	biased    slots  | 1 |   |   | 1 |   | … |      a reader adds itself to its slot
//	          rw     free
//
//	revoked   slots  | 0 | 0 | 0 | 0 | 0 | … |      readers and writers use rw
//	          rw     held by the writer
//
// A writer takes rw, and if the lock is biased revokes the bias and waits until
// every slot is empty. The bias comes back after biasAfter reads without a writer
// between them, so that a writer scans the slots at most once for that many reads.
//
// The slot is chosen by the address of the reader's stack, which differs from
// goroutine to goroutine and hardly changes; two readers on one slot are slower,
// not wrong. A slot also counts the reads that ended there, in the same atomic
// operation that ends them: see [Lock.Reads].
//
// # Guarantees
//
// Those of sync.RWMutex, but for recursion: a reader that waits for a writer must
// not hold the lock, and a reader may be overtaken by later ones while the lock is
// biased. An Unlock happens before every later RLock returns; an RUnlock happens
// before a later Lock returns.
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
	rw     sync.RWMutex
	calm   atomic.Int32  // reads through rw since the last writer
	slow   atomic.Uint64 // reads through rw that ended
}

// slot has two cache lines to itself, as processors fetch lines in pairs.
type slot struct {
	word atomic.Uint64
	_    [120]byte
}

// A Token is what RLock gives for RUnlock: the reader's slot, or nil when it went
// through the RWMutex.
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
	return l.slowRLock()
}

// here tells goroutines apart: the address of their stacks, coarsely.
func here() uintptr {
	var x byte
	a := uintptr(unsafe.Pointer(&x)) >> 11
	return a ^ a>>5
}

func (l *Lock) slowRLock() Token {
	l.rw.RLock()
	if l.calm.Add(1) == biasAfter {
		// No writer is inside, as we are, and the next one will find the bias.
		l.biased.Store(true)
	}
	return Token{}
}

// RUnlock ends the read that t came from.
func (l *Lock) RUnlock(t Token) {
	if t.s != nil {
		t.s.word.Add(oneRead - 1)
		return
	}
	l.slow.Add(1)
	l.rw.RUnlock()
}

// Lock locks for writing.
func (l *Lock) Lock() {
	l.rw.Lock()
	if l.calm.Load() != 0 {
		l.revoke()
	}
}

// revoke ends the bias and waits for the readers it let in.
func (l *Lock) revoke() {
	l.calm.Store(0)
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
func (l *Lock) Unlock() { l.rw.Unlock() }

// Reads returns how many reads have ended. It is exact when the caller has locked
// for writing, modulo 2^48.
func (l *Lock) Reads() (n uint64) {
	n = l.slow.Load()
	for i := range l.slots {
		n += l.slots[i].word.Load() >> insideBits
	}
	return n
}
