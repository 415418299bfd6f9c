package sharedword

import (
	"runtime"
	"sync/atomic"
)

// A Stripe is a sequence lock: of those who share a shard it lets one at a time
// overwrite bytes, and lets the others find out whether they read some that were
// being overwritten.
//
//	writer   Lock: even → odd       change bytes      Unlock: → even
//	reader   Load (odd: not now)    copy bytes        Load again: the same? else once more
//
// A reader writes nothing, so readers share the stripe's cache line, which it has to
// itself. What a reader copies beside a writer is thrown away, but it has been read:
// that is a data race, which the memory model of Go leaves to the processor. So it is
// done only where the processor orders loads as well as stores, and not in checked
// builds: see [Overwriting].
type Stripe struct {
	seq atomic.Uint32 // odd while somebody writes
	_   [60]byte
}

// Lock makes the caller the stripe's writer. It reports false if there is one who does
// not end soon: his thread may not be running.
func (q *Stripe) Lock() bool {
	for range lockTries {
		if seq := q.seq.Load(); seq&1 == 0 && q.seq.CompareAndSwap(seq, seq+1) {
			return true
		}
	}
	return false
}

// lockTries is for how many looks a writer waits for another: longer than it takes to
// copy what is written, as going the owner's way instead stops everybody.
const lockTries = 100

// Unlock ends what Lock began.
func (q *Stripe) Unlock() { q.seq.Add(1) }

// Load returns a number that is odd while somebody writes, and another one after.
func (q *Stripe) Load() uint32 {
	if !Overwriting {
		return 0
	}
	return q.seq.Load()
}

// Settled is Load that waits until nobody writes.
func (q *Stripe) Settled() uint32 {
	for n := 1; ; n++ {
		if seq := q.Load(); seq&1 == 0 {
			return seq
		}
		if n%32 == 0 {
			runtime.Gosched() // the writer is not running
		}
	}
}
