package command

import (
	"time"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/hist"
)

// Every command is timed, for commandstats, latencystats, the slow log and the
// latency monitor. A command begins when the one before it ended, so that one
// reading of the clock serves two; and quick ones share a reading:
//
//	GET   GET   GET   GET   ZRANGE   GET   GET  |
//	 ·     ·     ·     │      │       ·     │   end of batch
//	└── a quarter each ┘└ all ┘└─ half each ┘
//
// Quick is what the table calls fast, with little to read and little to reply:
// a reading of the clock would cost it a tenth of its own time. What happens to
// such a run as a whole, such as a page fault or a lost time slice, is shared by
// its members; when the run is slow enough for the slow log, its last command is
// entered. When the thresholds ask for more precision, nothing is shared.

const (
	quickMost  = 8       // commands that share a reading
	quickReply = 1 << 10 // bytes
	quickArg   = 1 << 10 // bytes of the last argument
	quickSlow  = 1_000_000
)

// quickRun is the commands since the last reading of the clock.
type quickRun struct {
	n        int
	commands [quickMost]*Command
	client   *Client
	args     [][]byte // of the last
}

// account notes that a command ran and replied so many bytes.
func (x *Exec) account(c *Ctx, cmd *Command, replied int) {
	x.calls++
	st := &x.stats[cmd.id]
	st.Calls++
	if c.failed {
		st.Failed++
	}
	q := &x.quick
	q.commands[q.n] = cmd
	q.n++
	q.client, q.args = c.Client, c.Args
	if q.n < quickMost && cmd.flags&spec.Fast != 0 && replied <= quickReply &&
		len(c.Args[len(c.Args)-1]) <= quickArg && x.slowNanos >= quickSlow {
		c.Client.LastNanos = x.nanos // the next may be another's
		return
	}
	x.settle()
}

// Settle ends a batch: it reads the clock for the commands that have not been timed
// yet, and tells of the keys that were changed who tracks them by prefix. The owner
// calls it while the arguments of the last command are still there.
func (x *Exec) Settle() {
	x.settleQuick()
	if x.broadcasts {
		x.broadcast()
		if cl := x.ctx.Client; cl != nil && x.owes() {
			x.pushOwn(cl)
		}
	}
}

// NextClient is what Settle is, between the commands of two clients in a batch: quick
// ones of both may share a reading of the clock.
func (x *Exec) NextClient() {
	if x.broadcasts {
		x.Settle()
	}
}

func (x *Exec) settleQuick() {
	if x.quick.n > 0 {
		x.settle()
	}
}

func (x *Exec) settle() {
	q := &x.quick
	now := x.clock.Nanos()
	all := now - x.nanos
	took := all / int64(q.n)
	x.nanos = now
	for _, cmd := range q.commands[:q.n] {
		st := &x.stats[cmd.id]
		st.Nanos += took
		if x.trackLatency {
			if st.Latency == nil {
				st.Latency = new(hist.Histogram)
			}
			st.Latency.Record(time.Duration(took))
		}
	}
	q.client.LastNanos = now
	if now >= x.tickEnds && !x.ctx.inScript { // time stands still in a script
		x.tick()
	}
	if all >= x.slowNanos {
		x.noteSlow(q.client, q.commands[q.n-1], q.args, all)
	}
	q.n, q.client, q.args = 0, nil, nil
}
