package threading

import (
	"time"

	"github.com/redweave/redweave/internal/command"
)

// # A script that runs too long
//
// A script owns everything. After busy-reply-threshold it gives the ownership back for a
// moment, a thousand times a second, so that others can be told so, and SCRIPT KILL can
// arrive:
//
//	script's goroutine ──owns──│ Meanwhile: release … own │──owns──│ Meanwhile │──
//	a loop, Do         waits ──┴─> BUSY                    waits ──┴─> SCRIPT KILL: OK
//
// While [command.Server.ScriptRunning] says so, Exec.Do replies BUSY, crons leave the data
// alone, and typed calls, which have no such reply, wait. If the script's goroutine is an
// event loop, nobody would listen to its sockets: the engine's Meanwhile does a turn of
// that loop in between.

// busyPause is how long others have to take ownership, if nobody is seen to wait for it.
const busyPause = 50 * time.Microsecond

// An Interlude is what an engine does while a script that runs too long owns nothing.
// The script's goroutine calls it.
type Interlude interface {
	// Interlude returns what to do, if the goroutine that owns all is one of the
	// engine's own, and what to do after that, once all is owned again; nil for nothing.
	// The caller owns everything.
	Interlude() (meanwhile, after func())
	// Ending reports whether the engine is to end: a script must not keep it.
	Ending() bool
}

// Ending implements [command.BusyHost].
func (c *Core) Ending() bool {
	if c.closing.Load() {
		return true
	}
	h, ok := c.host.(Interlude)
	return ok && h.Ending()
}

// Meanwhile implements [command.BusyHost].
func (c *Core) Meanwhile(x *command.Exec) {
	c.barred.Store(true)
	set := x.Owned()
	var do, after func()
	if h, ok := c.host.(Interlude); ok {
		do, after = h.Interlude()
	}
	if !set.Single() {
		x.EndSet()
	}
	c.unlock(set)
	if do != nil {
		do()
	}
	time.Sleep(busyPause)
	for s := set; s != 0; s = s.Without() {
		c.parts[s.First()].mu.Lock()
	}
	if set.Single() {
		x.Begin()
	} else {
		x.BeginSet(set)
	}
	if after != nil {
		after()
	}
}

// Unbusy implements [command.BusyHost].
func (c *Core) Unbusy() {
	if !c.closing.Load() {
		c.barred.Store(false)
		if c.closing.Load() { // just now
			c.barred.Store(true)
		}
	}
}

// awaitScript waits a little for a script that runs too long. Nobody is told when it
// ends, as it may go on for ever: a millisecond does not matter then.
func (c *Core) awaitScript() {
	select {
	case <-time.After(time.Millisecond):
	case <-c.done:
	}
}
