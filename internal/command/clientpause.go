package command

import "github.com/redweave/redweave/internal/command/spec"

// pauseState is CLIENT PAUSE: until a time, commands (all, or those that may
// write) wait.
type pauseState struct {
	until int64 // monotonic nanoseconds, 0 when not paused
	all   bool  // not only writes
}

// holds reports whether cmd must wait. The first command after the time ends
// the pause.
func (p *pauseState) holds(x *Exec, cl *Client, cmd *Command) bool {
	if p.until == 0 {
		return false
	}
	if x.clock.Nanos() >= p.until {
		x.pauseEnded()
		return false
	}
	return p.all || cl.flagsOf(cmd)&(spec.Write|spec.MayReplicate) != 0
}

// pauseClients begins or extends a pause of ms milliseconds.
func (x *Exec) pauseClients(ms int64, all bool) {
	until := x.clock.Nanos() + ms*nanosPerMs
	if x.pause.until == 0 {
		x.pause = pauseState{until: until, all: all}
		return
	}
	x.pause.until = max(x.pause.until, until)
	x.pause.all = x.pause.all || all
}

// Pausing reports whether clients are paused, or were when last somebody looked.
func (x *Exec) Pausing() bool { return x.pause.until != 0 }

// pauseEnded is unpause when the time is over. Who does not own everything leaves it
// to somebody who does: that it is over anybody can see.
func (x *Exec) pauseEnded() {
	if x.ownsAll() {
		x.unpause()
	}
}

func (x *Exec) unpause() {
	if x.pause.until == 0 {
		return
	}
	x.pause = pauseState{}
	x.host.Unpaused()
}

// PausedFor returns the nanoseconds until the pause of clients ends, 0 when
// there is none.
func (x *Exec) PausedFor() int64 {
	if x.pause.until == 0 {
		return 0
	}
	if left := x.pause.until - x.clock.Nanos(); left > 0 {
		return left
	}
	x.pauseEnded()
	return 0
}
