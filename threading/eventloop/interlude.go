package eventloop

import (
	"slices"

	"github.com/redweave/redweave/threading"
)

// Interlude implements [threading.Interlude]: a script that runs too long may keep one of
// the loops from its sockets. That loop executes nothing meanwhile: who owns all then is
// somebody else.
func (g *Group) Interlude() (meanwhile, after func()) {
	for _, lp := range g.Loops() {
		if lp.executing {
			lp.executing = false
			return lp.Interlude, func() { lp.executing = true }
		}
	}
	return nil, nil
}

// Ending implements [threading.Interlude]. Close waits for the loops before it closes the
// Core, and a loop for its script.
func (g *Group) Ending() bool {
	for _, lp := range g.Loops() {
		if lp.stopping.Load() {
			return true
		}
	}
	return g.Core.Closing()
}

// Interlude is a turn inside a turn: the loop executes a client's script, which has run
// for too long and owns nothing at the moment. Other clients are read from, answered
// (BUSY, mostly) and written to. What the outer turn is in the middle of stays as it is:
// its events, some of which may be over by then (see [Loop.Greet]), its batch, and the
// clients in that, who are busy.
func (lp *Loop) Interlude() {
	events, began := lp.Events, lp.began
	saved := slices.Clone(events)
	if lp.aside == nil {
		lp.aside = threading.NewBatch()
	}
	now, err := lp.poller.Wait(0)
	if err == nil {
		if lp.told.Load() {
			lp.takeMessages()
		}
		for _, ev := range now {
			c := lp.Greet(ev)
			if c == nil || !lp.Read(c, lp.aside) {
				continue
			}
			x := lp.Own()
			if x == nil {
				lp.aside.Reset()
				break
			}
			lp.aside.Execute(x, lp.Limits())
			lp.Release(x)
			lp.Finish(lp.aside)
		}
	}
	lp.flushIdle()
	copy(events, saved) // the poller has one list of them
	lp.Events, lp.began = events, began
}

// Aside has do done in the middle of what the loop executes, which owns nothing at the
// moment, as if that were not.
func (lp *Loop) Aside(do func()) {
	began := lp.began
	do()
	lp.began = began
}

// flushIdle is Flush but for clients whose output is being made.
func (lp *Loop) flushIdle() {
	outputs := lp.outputs
	lp.outputs = nil
	for _, c := range outputs {
		if c.busy {
			lp.outputs = append(lp.outputs, c)
			continue
		}
		c.queued = false
		if !c.closed && !c.away {
			lp.write(c)
		}
	}
}
