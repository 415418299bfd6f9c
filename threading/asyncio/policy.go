package asyncio

import (
	"time"

	"github.com/redweave/redweave/threading/eventloop"
)

// # How many I/O loops
//
// The main loop measures over spans of time how busy it and the I/O loops are, and how many
// clients have something to say at the same time; the policy makes a number of it:
//
//	0 ──── main is half busy, with several clients at once ────> 1
//	n ──── the I/O loops are busy, and main is not ────────────> n+1     for two spans
//	n ──── one loop less would do, at half its time ───────────> n-1     for a second
//	1 ──── little to do, or one client at a time ──────────────> 0       for a second
//
// Thresholds for more and for less lie apart, and a fall back to none makes the policy
// twice as reluctant for a while: so a load that looks different from either side does not
// drive clients back and forth. There are never more I/O loops than processors beside the
// main loop's: on a machine with two, or in a container that may use two, a second
// one would only take turns with the first.

// A load is what was measured over a span.
type load struct {
	main  float64 // the part of the time that the main loop was not asleep
	io    float64 // the I/O loops' likewise, summed up
	crowd float64 // clients served at once
}

// A policy decides how many I/O loops serve clients.
type policy struct {
	active int
	above  int           // spans in a row that asked for more
	since  time.Duration // when they began to ask for less; 0: they do not
	rose   time.Duration // when active became 1
	wary   time.Duration // no I/O loop before that time
	grudge time.Duration // how long it was wary last
}

const (
	span       = 50 * time.Millisecond
	spansAbove = 2
	calm       = time.Second
	leastWary  = 2 * time.Second
	mostWary   = time.Minute

	mainBusy  = 0.5 // from here on the main loop wants help
	mainFull  = 0.9 // from here on more I/O loops are of no use
	ioBusy    = 0.75
	ioIdle    = 0.5
	allIdle   = 0.3
	crowdUp   = 4
	crowdDown = 2
)

// decide returns how many I/O loops there should be, of at most that many, given the load
// of the last span, which ends now.
func (p *policy) decide(now time.Duration, most int, l load) int {
	if p.active > most {
		p.set(now, most)
		return p.active
	}
	if p.wantsMore(now, most, l) {
		if p.above++; p.above >= spansAbove {
			p.set(now, p.active+1)
		}
	} else {
		p.above = 0
	}
	switch {
	case !p.wantsLess(l):
		p.since = 0
	case p.since == 0:
		p.since = max(now, 1)
	case now-p.since >= calm:
		p.set(now, p.active-1)
	}
	return p.active
}

func (p *policy) wantsMore(now time.Duration, most int, l load) bool {
	switch {
	case p.active >= most:
		return false
	case p.active == 0:
		return l.main > mainBusy && l.crowd >= crowdUp && now >= p.wary
	}
	return l.io > ioBusy*float64(p.active) && l.main < mainFull
}

func (p *policy) wantsLess(l load) bool {
	switch p.active {
	case 0:
		return false
	case 1:
		return l.main+l.io < allIdle || l.crowd < crowdDown
	}
	return l.io < ioIdle*float64(p.active-1)
}

func (p *policy) set(now time.Duration, active int) {
	switch {
	case active == 1 && p.active == 0:
		p.rose = now
	case active == 0 && p.active > 0:
		p.grudge = min(max(2*p.grudge, leastWary), mostWary)
		if now-p.rose > 10*p.grudge {
			p.grudge = leastWary
		}
		p.wary = now + p.grudge
	}
	p.active, p.above, p.since = active, 0, 0
}

// A meter measures the load for the policy, from what the threads count.
type meter struct {
	at           time.Duration
	mainWorked   time.Duration
	ioWorked     time.Duration
	reads, turns int64
	served, sets int64
}

// retune is what the main loop does at the end of a turn: once a span it has the policy
// decide, starts the loops that are new, and gives clients away that others are to serve.
func (e *Engine) retune(lp *eventloop.Loop) {
	most := int(e.wanted.Load()) - 1
	if lp.Draining() {
		return
	}
	if e.always {
		if e.policy.active != most {
			e.policy.active = most
			e.engage(lp)
		}
	} else {
		now := lp.Now()
		if now-e.meter.at < span && e.policy.active <= most {
			return
		}
		most = max(min(most, e.procs-1), 0)
		was := e.policy.active
		if e.policy.decide(now, most, e.measure(lp, now)) != was {
			e.engage(lp)
		}
	}
	if e.policy.active > 0 {
		e.giveAway(&e.mover, lp, e.Homes(), lp.Load())
	}
}

// engage has new clients go to as many I/O loops as the policy says.
func (e *Engine) engage(lp *eventloop.Loop) {
	n := e.policy.active
	for e.started < n {
		i := e.started
		e.spins = eventloop.Spins(n + 1)
		t := &thread{Courier: eventloop.NewCourier(n+1, e.Stress()), e: e, ring: eventloop.NewQueue(e.Stress())}
		e.threads[i] = t
		if _, err := e.Grow(threadName(i + 1)); err != nil {
			e.policy.active = i // it is being closed
			return
		}
		e.started++
	}
	homes := e.Loops()[:1]
	if n > 0 {
		homes = e.Loops()[1 : n+1]
	}
	e.SetHomes(homes)
	e.active.Store(int32(n))
	e.deals.Add(1)
	e.Log().Debug("I/O threads", "active", n)
	for _, home := range e.Loops()[1:] {
		home.Wake() // those who have more than their share give it away
	}
}

// measure returns the load since it was called last.
func (e *Engine) measure(lp *eventloop.Loop, now time.Duration) (l load) {
	m, s := &e.meter, &lp.Tally.ThreadStats
	worked := time.Duration(0)
	for _, t := range e.threads[:e.started] {
		worked += time.Duration(t.worked.Load())
	}
	if passed := float64(now - m.at); passed > 0 {
		l.main = float64(now-s.Idle-m.mainWorked) / passed
		l.io = float64(worked-m.ioWorked) / passed
	}
	if e.policy.active == 0 {
		l.crowd = float64(s.Reads-m.reads) / float64(max(s.Turns-m.turns, 1))
	} else {
		l.crowd = float64(e.served-m.served) / float64(max(s.Batches-m.sets, 1))
	}
	*m = meter{now, now - s.Idle, worked, s.Reads, s.Turns, e.served, s.Batches}
	return l
}
