// Package mailbox is where bytes for a client wait that come from somebody else: a
// message on a channel it subscribed to, the reply to a command that blocked.
//
//	owner of the keyspace ──Post──> Box ──Take──> owner of the client's output
//
// Whoever runs commands must not append to the output of a client other than the
// one whose command it is: that belongs to the client's loop, which may be writing
// it to a socket at this moment. So he posts a copy. Whoever posted into an empty box
// tells the loop; whoever has the client next takes everything in the order it was
// posted.
//
// A Box is safe for all. Nobody waits while its lock is held.
package mailbox

import (
	"sync"
	"sync/atomic"
)

// A Box holds the bytes posted to one client. The zero value is empty.
type Box struct {
	waiting atomic.Bool // there is something to take

	mu        sync.Mutex
	b         []byte
	unblocked bool
	shut      bool
	fullSince int64 // see FullSince
}

// Post appends a copy of b. unblocked says that with it the client's blocked command
// has been answered. first reports that the box was empty: the client's loop must be
// told. waiting is the number of bytes that wait now.
func (x *Box) Post(b []byte, unblocked bool) (first bool, waiting int) {
	x.mu.Lock()
	if x.shut {
		x.mu.Unlock()
		return false, 0
	}
	x.b = append(x.b, b...)
	waiting = len(x.b)
	x.unblocked = x.unblocked || unblocked
	if !x.waiting.Load() {
		x.waiting.Store(true)
		first = true
	}
	x.mu.Unlock()
	return first, waiting
}

// Shut drops what waits, and all that is posted later. It reports false when the box
// was shut already.
func (x *Box) Shut() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	was := x.shut
	x.shut, x.b = true, nil
	return !was
}

// IsShut reports whether the box was shut.
func (x *Box) IsShut() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.shut
}

// FullSince returns the time at which it was first called since the box was last
// emptied, now being the present: a box that holds too much is asked, and so remembers
// since when it does.
func (x *Box) FullSince(now int64) int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fullSince == 0 {
		x.fullSince = now
	}
	return x.fullSince
}

// keep is the largest buffer that an empty box keeps.
const keep = 4 << 10

// Take appends to dst what was posted, and empties the box. unblocked reports that a
// reply to a blocked command was among it. It costs an atomic load when there is
// nothing.
func (x *Box) Take(dst []byte) (b []byte, unblocked bool) {
	if !x.waiting.Load() {
		return dst, false
	}
	x.mu.Lock()
	dst = append(dst, x.b...)
	unblocked, x.unblocked = x.unblocked, false
	x.fullSince = 0
	x.b = x.b[:0]
	if cap(x.b) > keep {
		x.b = nil
	}
	x.waiting.Store(false)
	x.mu.Unlock()
	return dst, unblocked
}

// Waiting reports whether there is something to take.
func (x *Box) Waiting() bool { return x.waiting.Load() }

// Len returns the number of bytes that wait.
func (x *Box) Len() int {
	if !x.waiting.Load() {
		return 0
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.b)
}
