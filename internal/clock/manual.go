package clock

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"
)

// A Manual clock moves only when told to.
//
//	Advance(10s)  now ──●───────●──●──────────●──▶ now+10s
//	                    └ each timer runs when its moment is reached, and sees that
//	                      moment as now; what it arms before the end runs too
//
// Timers run on the goroutine that called Advance or Set, one at a time, by
// deadline and, among equal deadlines, in the order they were armed. When Advance
// has returned, all that was due has happened: tests need no sleep and no polling.
//
// A callback may read the clock and arm or stop timers, but must not call
// Advance or Set: that would wait for itself.
type Manual struct {
	mono   atomic.Int64 // nanoseconds the clock has been advanced in all
	offset atomic.Int64 // wall nanoseconds since 1970 when mono was 0

	stepping sync.Mutex // held while time moves; taken before mu

	mu     sync.Mutex
	timers timerHeap
	armed  uint64 // timers armed so far: breaks ties of deadline
	onStep map[*stepCall]struct{}
}

// A stepCall is a call that OnStep has asked for.
type stepCall struct{ f func() }

// NewManual returns a clock that stands at start.
func NewManual(start time.Time) *Manual {
	c := new(Manual)
	c.offset.Store(start.UnixNano())
	return c
}

// Now returns the wall time the clock stands at, in UTC.
func (c *Manual) Now() time.Time { return time.Unix(0, c.wallNanos()).UTC() }

// Nanos returns by how much the clock has been advanced since it was made.
func (c *Manual) Nanos() int64 { return c.mono.Load() }

// UnixMilli returns the wall time in milliseconds since 1970.
func (c *Manual) UnixMilli() int64 { return c.wallNanos() / 1e6 }

// UnixMicro returns the wall time in microseconds since 1970.
func (c *Manual) UnixMicro() int64 { return c.wallNanos() / 1e3 }

func (c *Manual) wallNanos() int64 { return c.offset.Load() + c.mono.Load() }

// Advance moves the clock by d (not at all when d is negative) and runs the
// timers due by then, those due already included.
func (c *Manual) Advance(d time.Duration) {
	c.stepping.Lock()
	defer c.stepping.Unlock()
	c.advance(max(d, 0))
	c.stepped()
}

// Set moves the wall time to t. Forwards it is an Advance; backwards it is
// what an administrator does to a wall clock: monotonic time and timers are left
// as they are.
func (c *Manual) Set(t time.Time) {
	c.stepping.Lock()
	defer c.stepping.Unlock()
	if d := t.UnixNano() - c.wallNanos(); d < 0 {
		c.offset.Add(d)
	} else {
		c.advance(time.Duration(d))
	}
	c.stepped()
}

// OnStep has f called at the end of every Advance and Set, on the goroutine that
// moved the clock, when the timers have run: f sees the time moved to. It is for
// work that real time would do now and then, and that a clock which jumps would
// otherwise have to do for every now and then it passed. stop ends it.
func (c *Manual) OnStep(f func()) (stop func()) {
	call := &stepCall{f}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.onStep == nil {
		c.onStep = map[*stepCall]struct{}{}
	}
	c.onStep[call] = struct{}{}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.onStep, call)
	}
}

// stepped calls what OnStep asked for.
func (c *Manual) stepped() {
	c.mu.Lock()
	calls := make([]*stepCall, 0, len(c.onStep))
	for call := range c.onStep {
		calls = append(calls, call)
	}
	c.mu.Unlock()
	for _, call := range calls {
		call.f()
	}
}

// Next returns how far away the earliest armed timer is (0 when it is due), and
// whether there is one.
func (c *Manual) Next() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 {
		return 0, false
	}
	return time.Duration(max(c.timers[0].at-c.mono.Load(), 0)), true
}

// AfterFunc has f called by the Advance that reaches d from now. When d is
// not positive that is the next one, be it by 0: f never runs inside AfterFunc.
func (c *Manual) AfterFunc(d time.Duration, f func()) Timer {
	t := &manualTimer{clock: c, f: f, index: -1}
	t.Reset(d)
	return t
}

func (c *Manual) advance(d time.Duration) {
	goal := c.mono.Load() + int64(d)
	for {
		f := c.takeDue(goal)
		if f == nil {
			break
		}
		f()
	}
	c.mono.Store(goal)
}

// takeDue disarms the earliest timer that is due by goal, moves the clock to
// its deadline, and returns what to call; nil when there is none.
func (c *Manual) takeDue(goal int64) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 || c.timers[0].at > goal {
		return nil
	}
	t := heap.Pop(&c.timers).(*manualTimer)
	c.mono.Store(max(c.mono.Load(), t.at))
	return t.f
}

type manualTimer struct {
	clock *Manual
	f     func()

	// Guarded by clock.mu.
	at    int64  // deadline, as mono counts
	order uint64 // which arming of the clock this is
	index int    // place in clock.timers, -1 when not armed
}

func (t *manualTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.disarm()
}

func (t *manualTimer) Reset(d time.Duration) bool {
	c := t.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	was := t.disarm()
	c.armed++
	t.at, t.order = c.mono.Load()+int64(max(d, 0)), c.armed
	heap.Push(&c.timers, t)
	return was
}

func (t *manualTimer) disarm() bool {
	if t.index < 0 {
		return false
	}
	heap.Remove(&t.clock.timers, t.index)
	return true
}

// timerHeap is a heap by deadline, then by order of arming. Each timer knows
// its own index, so that it can be removed from the middle.
type timerHeap []*manualTimer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].order < h[j].order
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*manualTimer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	n := len(old) - 1
	t := old[n]
	old[n] = nil
	*h = old[:n]
	t.index = -1
	return t
}
