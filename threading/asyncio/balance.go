package asyncio

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/redweave/redweave/threading/eventloop"
)

// # Who has which clients
//
// A new client goes to the loop with the fewest. Later a loop may give clients away, at the
// end of a turn, those that wait for nothing but input:
//
//	all                 when it is not to serve any
//	those beyond its    when loops were added, so that all have as many
//	share
//	one that is heavy   when it works much more than another loop, and that one client
//	                    makes up for no more than half of the difference
//
// Nobody takes. Heavy is by the bytes that went in and out.
//
// Who gives may go by a number of loops that has just changed, and two may give to the same
// loop at once. So whoever gave clients says so ([Engine.deals]) when it has, and all look
// again whether they have more than their share: who got them at the latest in the turn
// that takes them in, or in its next.

// A mover gives clients of a loop away. It looks for those that may go only now and then, as
// there may be many who may not.
type mover struct{ next time.Duration }

const (
	// movesPerTurn is how many clients a loop gives away in a turn.
	movesPerTurn = 64

	// moveInterval is how long a mover rests that found too few.
	moveInterval = 10 * time.Millisecond
)

// giveAway gives up to n of a loop's clients to those of the homes that have the fewest.
func (e *Engine) giveAway(m *mover, lp *eventloop.Loop, homes []*eventloop.Loop, n int) {
	if n <= 0 || lp.Now() < m.next {
		return
	}
	n = min(n, movesPerTurn)
	left := n
	for c := range lp.Clients() {
		if left == 0 {
			break
		}
		if !lp.Movable(c) {
			continue
		}
		to := slices.MinFunc(homes, func(a, b *eventloop.Loop) int { return a.Load() - b.Load() })
		if to == lp {
			break
		}
		lp.Move(c, to)
		left--
	}
	if left < n {
		e.deals.Add(1)
	}
	if left > 0 {
		m.next = lp.Now() + moveInterval
	}
}

// A scale is what an I/O loop weighs its work with.
type scale struct {
	worked atomic.Int64 // nanoseconds that it has not slept; for others
	busy   atomic.Int64 // of the last interval, in thousandths; for others

	mover  mover
	dealt  uint64 // deals, when it looked last
	owes   bool   // it had more than its share then
	at     time.Duration
	before time.Duration // worked, then
}

const (
	// weighInterval is how often a loop compares its work with that of others.
	weighInterval = 200 * time.Millisecond

	// unequal is by how many thousandths of its time a loop works more that gives
	// work away.
	unequal = 250
)

// balance gives clients to other loops, if they should have them.
func (t *thread) balance() {
	if n := t.e.deals.Load(); n != t.dealt { // before it asks for the homes
		t.dealt, t.owes = n, true
	}
	homes := t.e.Homes()
	if t.owes {
		surplus := t.Load() - share(homes, t.Loop)
		t.owes = surplus > 0
		t.e.giveAway(&t.mover, t.Loop, homes, surplus)
	}
	if passed := t.Now() - t.at; passed >= weighInterval {
		worked := t.Now() - t.Tally.Idle
		t.busy.Store(int64(1000 * (worked - t.before) / passed))
		t.at, t.before = t.Now(), worked
		t.relieve(homes)
	}
}

// share returns how many clients a loop has when those that serve have about as many each.
func share(homes []*eventloop.Loop, lp *eventloop.Loop) int {
	if !slices.Contains(homes, lp) {
		return 0
	}
	all := 0
	for _, home := range homes {
		all += home.Load()
	}
	return (all + len(homes) - 1) / len(homes)
}

// relieve gives a heavy client to the loop that works least, if that evens things out.
func (t *thread) relieve(homes []*eventloop.Loop) {
	var all int64
	for c := range t.Clients() {
		all += c.Weigh()
	}
	to, least := t.Loop, t.busy.Load()
	for _, home := range homes {
		if i := home.Index(); i > 0 && t.e.threads[i-1].busy.Load() < least {
			to, least = home, t.e.threads[i-1].busy.Load()
		}
	}
	difference := t.busy.Load() - least
	if difference < unequal || all == 0 {
		return
	}
	var heavy *eventloop.Client
	most := all * difference / 2 / t.busy.Load()
	for c := range t.Clients() {
		if h := c.Heft(); h > 0 && h <= most && (heavy == nil || h > heavy.Heft()) && t.Movable(c) {
			heavy = c
		}
	}
	if heavy != nil {
		t.Move(heavy, to)
		if !slices.Contains(t.e.Homes(), to) { // sent away meanwhile; where it has not been yet, it will look
			t.e.deals.Add(1)
		}
	}
}
