package eventloop

import (
	"runtime"
	"time"

	"github.com/redweave/redweave/internal/ring"
	"github.com/redweave/redweave/threading"
)

// A Courier is a loop whose clients' commands are executed by somebody else: it fills
// parcels with what they sent, and has them back when they are executed. How a parcel
// gets there, and who is woken for it, is the model's affair.
//
//	           Filled, Rest                       Return      Publish
//	Open ──read──> parcel ──the model's queue──> executor ──> back ──> Collect ──> Flush
//	  ▲                                                                   │
//	  └──────────────────────────── empty ────────────────────────────────┘
//
// The tokens of a parcel's clients travel with it. So a client has one parcel out at
// most, what it sends meanwhile stays in its socket, and its replies are in order.
//
// # When a parcel goes
//
// At once when it has many clients, so that the executor begins while the loop still
// reads. Else at the end of the turn, unless the executor has two of this loop's
// parcels: then he would not get to a third, and it is filled for another turn. So the
// busier he is, the larger the parcels, and the fewer the hand-overs; and he who goes
// to sleep with an unsent parcel will be woken by the return of a sent one.
//
// Invariants:
//   - out parcels are between the loop and the executor, or on the way back
//   - the clients in the open parcel are away between two turns
type Courier struct {
	*Loop
	most   int // clients: a parcel with so many goes at once
	queue  int
	spins  int
	stress *threading.Stress
	open   *Parcel
	out    int
	spare  []*Parcel
	back   *ring.SPSC[*Parcel]
}

// A Parcel is commands on their way to the executor, or their replies on the way back.
type Parcel struct {
	*threading.Batch
	From *Courier
}

const (
	// window is how many parcels the executor has before the next is filled for more
	// than one turn.
	window = 2

	// spareParcels is how many empty ones are kept.
	spareParcels = 8

	// parcelClients is how many clients make a parcel that does not wait for the end of
	// the turn.
	parcelClients = 32

	// queueLen is the usual length of a queue of parcels.
	queueLen = 64
)

// NewCourier makes a courier of a loop that starts later, and says then that it is the
// one. threads is how many the model has; see [Spins].
func NewCourier(threads int, s *threading.Stress) *Courier {
	most := parcelClients
	if s.Batch > 0 {
		most = s.Batch
	}
	q := NewQueue(s)
	return &Courier{most: most, queue: s.QueueLen(queueLen), spins: Spins(threads), stress: s, back: q}
}

// NewQueue returns a queue that takes parcels from one thread to another.
func NewQueue(s *threading.Stress) *ring.SPSC[*Parcel] {
	return ring.NewSPSC[*Parcel](s.QueueLen(queueLen))
}

// Spins is how often a thread of so many looks for what another brings before it lets
// others run: not at all where those it waits for may need its processor.
func Spins(threads int) int {
	if runtime.GOMAXPROCS(0) <= threads {
		return 0
	}
	return 50
}

// Open returns the batch to read the next client into.
func (c *Courier) Open() *threading.Batch {
	if c.open == nil {
		if n := len(c.spare); n > 0 {
			c.open, c.spare = c.spare[n-1], c.spare[:n-1]
		} else {
			c.open = &Parcel{threading.NewParcel(), c}
		}
	}
	return c.open.Batch
}

// Filled returns the open parcel, to be sent, if it has enough for it; else nil.
func (c *Courier) Filled() *Parcel {
	if c.open.Len() < c.most && !c.open.Full() {
		return nil
	}
	return c.seal()
}

// Rest returns the open parcel at the end of a turn, to be sent, or nil when there is
// nothing in it or it is filled for another turn.
func (c *Courier) Rest() *Parcel {
	if c.open == nil || c.open.Len() == 0 {
		return nil
	}
	if c.out >= window {
		c.Lend(c.open.Batch)
		return nil
	}
	return c.seal()
}

// seal readies the open parcel for its way. What has been counted is visible to the
// commands in it.
func (c *Courier) seal() *Parcel {
	p := c.open
	c.open = nil
	c.out++
	c.Lend(p.Batch)
	c.Tally.Handed += int64(p.Commands())
	c.Tally.Publish()
	return p
}

// Recall takes back a sealed parcel that was not sent. Its clients are to be closed.
func (c *Courier) Recall(p *Parcel) {
	c.out--
	p.Reset()
}

// Return gives an executed parcel back; its loop sees it after [Courier.Publish]. The
// executor calls it.
func (p *Parcel) Return() {
	p.From.stress.Hesitate()
	p.From.back.Put(p)
}

// Publish lets the loop have what was returned, and wakes it if it sleeps. The executor
// calls it.
func (c *Courier) Publish() {
	if c.back.Publish() {
		c.stress.Hesitate()
		c.Wake()
	}
}

// Returning reports whether something that was returned waits for room in the queue. The
// executor asks, and calls Publish later.
func (c *Courier) Returning() bool { return c.back.Backlog() > 0 }

// Relieved reports whether there is room for it now. An executor who can be woken in vain
// while he is about to sleep asks that last.
func (c *Courier) Relieved() bool { return c.back.Relieved() }

// Collect takes what is back. crowded says that the queue may have been full: then the
// executor is to be woken, who may have more.
func (c *Courier) Collect() (crowded bool) {
	n := 0
	for p, ok := c.back.Pop(); ok; p, ok = c.back.Pop() {
		n++
		c.out--
		c.Finish(p.Batch)
		c.keep(p)
	}
	return n >= c.queue
}

func (c *Courier) keep(p *Parcel) {
	if len(c.spare) < spareParcels {
		c.spare = append(c.spare, p)
	}
}

// Linger looks a little longer for what is back, and lets others run, before the loop goes
// to sleep: then nobody has to wake it.
func (c *Courier) Linger() {
	if c.out == 0 {
		return
	}
	for range c.spins {
		if c.back.Len() > 0 {
			return
		}
	}
	if c.spins > 0 {
		runtime.Gosched()
	}
}

// EndTurn is [Loop.EndTurn].
func (c *Courier) EndTurn() {
	c.Tally.Depth = int64(c.back.Len())
	c.Loop.EndTurn()
}

// Quit waits until everything is back. The executor goes on returning until all couriers
// have quit, but need not execute. What did not fit a queue is still kept by its producer, on
// either side: urge, which is called as long as something is out, has it move on.
// [Loop.End] is to be called then, which writes the replies to what was executed.
func (c *Courier) Quit(urge func()) {
	for c.out > 0 {
		if p, ok := c.back.Pop(); ok {
			c.out--
			c.Finish(p.Batch)
		} else {
			urge()
			time.Sleep(20 * time.Microsecond)
		}
	}
	c.open, c.spare = nil, nil
}
