package netpoll

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// # Design
//
// A Poller watches sources: connections and listeners. Those with a descriptor are the kernel's
// affair (kernel, one file per system). The others tell the Poller themselves, from the
// goroutine that changed them:
//
//	client writes ──► source.notify ── queued? ── no ──► ready list ──► Wake
//	                                      └─ yes: it is on a list already
//
//	Wait:   held (reported last time) + ready (told since)  ──►  still something there?  ── yes ──► events, held
//	                                                                      └─ no: off the lists; it will tell again
//
// The kernel tells of changes only, too:
//
//	Wait:   live (reported last time)  ──►  still something there, as far as is known?  ── yes ──► live ◄── the kernel's news ──► events
//	                                            └─ no: off the list; the kernel will tell
//
// Looking again at what was reported last time is what makes readiness a level.
//
// # Sleeping
//
//	awake ──Wait finds nothing──► asleep ──event, timeout──► awake
//	  │                             │
//	  └─────────Wake────► woken ◄───┘ Wake, which then rings the bell (the kernel's, or a channel)
//
// A waker always leaves its work first and then moves state to woken; Wait goes to sleep only
// by moving awake to asleep. So either the sleeper sees woken and stays up, or the waker sees
// asleep and rings. A Wake of a loop that runs costs one atomic load, mostly.
//
// # Invariants, verified by check
//
//   - slots[s.slot] == s for every source s that was added and not removed; free slots are
//     listed in free
//   - a source is queued exactly while it is on held or ready
//   - live[c.place-1] == c for every connection on live; place is 0 for all others, and for
//     those who have left
//   - a source's home is the Poller that holds it in a slot

// Ready is a set of conditions under which a connection interests its loop.
type Ready uint8

// The conditions.
const (
	Readable Ready = 1 << iota // there are bytes to read, or the stream ended or failed
	Writable                   // there is room to write
)

// An Event says that a listener has clients waiting, or that a connection is ready. One of the
// pointers is nil.
type Event struct {
	Conn     *Conn
	Listener *Listener
	Ready    Ready
}

// States of a Poller.
const (
	awake int32 = iota
	asleep
	woken
)

// A Poller waits for connections and listeners. Make one with [New].
type Poller struct {
	events []Event
	held   []*source // reported by the last Wait, without descriptors
	live   []*Conn   // with descriptors: ready, as far as is known
	slots  []*source
	gens   []uint32 // of each slot: grows when it becomes free
	free   []int32
	kernel kernel
	timer  *time.Timer
	bell   chan struct{}
	pumps  sync.WaitGroup // goroutines of bridged connections and listeners
	closed bool
	busy   bool  // the last Wait found something without a sleep, or several things: more are likely
	sleeps int64 // times it had nothing to report at once

	_     [64]byte // what others write stays off the loop's cache lines
	state atomic.Int32
	told  atomic.Int32 // length of ready: Wait need not lock to see that it is 0
	rings atomic.Int64 // times a Wake met a sleeper
	_     [64]byte

	mu    sync.Mutex // guards what follows
	ready []*source
}

// A source is what a Poller watches; it is part of a Conn or a Listener.
type source struct {
	home   atomic.Pointer[Poller]
	queued atomic.Bool
	slot   int32
	conn   *Conn
	ln     *Listener
}

// New returns a Poller. It makes no system call before it gets the first source with a descriptor.
func New() *Poller {
	return &Poller{bell: make(chan struct{}, 1)}
}

// Add makes the Poller watch c, which no Poller watches, for Readable.
func (p *Poller) Add(c *Conn) error {
	if p.closed || c.closed {
		return net.ErrClosed
	}
	c.want = Readable
	p.enter(&c.source)
	if c.fd >= 0 {
		c.seen, c.ended, c.broke, c.urges = 0, false, false, false // the kernel tells of what there is by now
		if err := p.kernel.add(p, &c.source, c.fd, c.want); err != nil {
			p.leave(&c.source)
			return err
		}
		return nil
	}
	c.startPumps(p)
	c.notify()
	return nil
}

// AddListener makes the Poller watch l, which no Poller watches.
func (p *Poller) AddListener(l *Listener) error {
	if p.closed || l.closed {
		return net.ErrClosed
	}
	p.enter(&l.source)
	if l.fd >= 0 {
		if err := p.kernel.add(p, &l.source, l.fd, Readable); err != nil {
			p.leave(&l.source)
			return err
		}
		return nil
	}
	l.startPump(p)
	l.notify()
	return nil
}

// Remove makes the Poller forget c, which stays open: another Poller may Add it.
func (p *Poller) Remove(c *Conn) {
	if c.home.Load() != p {
		return
	}
	if c.fd >= 0 {
		p.kernel.remove(c.fd)
	}
	p.leave(&c.source)
}

// Len returns the number of connections and listeners watched.
func (p *Poller) Len() int { return len(p.slots) - len(p.free) }

// enter gives s a slot.
func (p *Poller) enter(s *source) {
	if s.home.Load() != nil {
		panic("netpoll: added to a second Poller")
	}
	if k := len(p.free); k > 0 {
		s.slot, p.free = p.free[k-1], p.free[:k-1]
		p.slots[s.slot] = s
	} else {
		s.slot = int32(len(p.slots))
		p.slots, p.gens = append(p.slots, s), append(p.gens, 0)
	}
	s.home.Store(p)
}

// leave frees its slot. Events of the kernel that still name the slot carry the old generation
// and are dropped.
func (p *Poller) leave(s *source) {
	if s.conn != nil {
		p.delist(s.conn)
	}
	s.home.Store(nil)
	p.slots[s.slot] = nil
	p.gens[s.slot]++
	p.free = append(p.free, s.slot)
}

// notify puts s on its Poller's ready list and wakes it. Any goroutine may call it.
func (s *source) notify() {
	p := s.home.Load()
	if p == nil || s.queued.Load() || s.queued.Swap(true) {
		return
	}
	p.mu.Lock()
	p.ready = append(p.ready, s)
	p.told.Store(int32(len(p.ready)))
	p.mu.Unlock()
	p.Wake()
}

// Wake makes Wait return, now or as soon as it is called. Any goroutine may call it, at any time.
func (p *Poller) Wake() {
	if p.state.Load() == woken {
		return
	}
	if p.state.Swap(woken) == asleep {
		p.rings.Add(1)
		p.ring()
	}
}

// Rouse is Wake if the Poller sleeps although something is ready. That happens while Go has no
// processor to spare: its scheduler asks the kernel when it finds nothing to run, and otherwise
// every 10 milliseconds. Who has not slept for a while does that for those who do, and then
// yields. Any goroutine may call it.
func (p *Poller) Rouse() {
	if p.state.Load() == asleep && p.kernel.pending() {
		p.Wake()
	}
}

// Sleeps returns how often Wait found nothing at once and went to sleep, or nearly so.
func (p *Poller) Sleeps() int64 { return p.sleeps }

// Rings returns how often a Wake ended such a sleep. Any goroutine may ask.
func (p *Poller) Rings() int64 { return p.rings.Load() }

// ring interrupts the sleep. A bell that is rung too late is heard by a later Wait, which
// returns with nothing: harmless.
func (p *Poller) ring() {
	select {
	case p.bell <- struct{}{}:
	default:
	}
	p.kernel.ring()
}

// Wait returns what is ready. When nothing is, it sleeps until something is, Wake is called, or
// timeout is over (negative: never; zero: it does not sleep); it may then return no events,
// also before its time. They are valid until the next Wait. What Wake announced is the caller's
// to look for after every Wait, also one that returned events.
func (p *Poller) Wait(timeout time.Duration) ([]Event, error) {
	clear(p.events)
	p.events = p.events[:0]
	p.collect()
	p.winnow()
	var err error
	if timeout == 0 || p.busy || p.found() {
		err = p.kernel.poll(p)
	}
	slept := !p.found() && timeout != 0 && err == nil
	if slept {
		p.sleeps++
		err = p.sleep(timeout)
		p.collect()
	}
	for _, c := range p.live {
		p.events = append(p.events, Event{Conn: c, Ready: c.level()})
	}
	p.busy = len(p.events) > 1 || len(p.events) == 1 && !slept
	p.state.Store(awake)
	return p.events, err
}

// collect turns sources without descriptors into events.
func (p *Poller) collect() {
	if len(p.held) == 0 && p.told.Load() == 0 {
		return
	}
	list := p.held
	if p.told.Load() != 0 {
		p.mu.Lock()
		list = append(list, p.ready...)
		clear(p.ready)
		p.ready = p.ready[:0]
		p.told.Store(0)
		p.mu.Unlock()
	}
	keep := list[:0]
	for _, s := range list {
		s.queued.Store(false) // from here on, a change puts it on ready again
		if s.home.Load() != p {
			s.notify() // it moved on while it was on our list: tell its new home
			continue
		}
		ready := s.level()
		if ready == 0 {
			continue
		}
		p.events = append(p.events, Event{Conn: s.conn, Listener: s.ln, Ready: ready})
		if !s.queued.Swap(true) {
			keep = append(keep, s)
		}
	}
	clear(list[len(keep):])
	p.held = keep
}

// found reports whether there is something to report.
func (p *Poller) found() bool { return len(p.events)+len(p.live) > 0 }

// enlist notes that c, which has a descriptor, is ready, if it is.
func (p *Poller) enlist(c *Conn) {
	if c.place == 0 && c.level() != 0 {
		p.live = append(p.live, c)
		c.place = len(p.live)
	}
}

// delist ends what enlist began.
func (p *Poller) delist(c *Conn) {
	if c.place == 0 {
		return
	}
	last := len(p.live) - 1
	p.live[c.place-1] = p.live[last]
	p.live[c.place-1].place = c.place
	p.live[last], p.live = nil, p.live[:last]
	c.place = 0
}

// winnow keeps of those who were ready who still are.
func (p *Poller) winnow() {
	keep := p.live[:0]
	for _, c := range p.live {
		if c.place = 0; c.level() != 0 {
			keep = append(keep, c)
			c.place = len(keep)
		}
	}
	clear(p.live[len(keep):])
	p.live = keep
}

// level returns what s is ready for, among what its loop wants.
func (s *source) level() Ready {
	if s.ln != nil {
		return s.ln.level()
	}
	return s.conn.level()
}

// fallAsleep is the last step before a sleep: from here on, Wake rings. It fails when Wake has
// been called.
func (p *Poller) fallAsleep() bool {
	return p.state.Load() == asleep || p.state.CompareAndSwap(awake, asleep)
}

// sleep waits for the kernel or the bell.
func (p *Poller) sleep(timeout time.Duration) error {
	if p.kernel.open() {
		return p.kernel.sleep(p, timeout)
	}
	runtime.Gosched() // whoever has work for us may bring it now: then nobody has to ring
	if !p.fallAsleep() {
		return nil
	}
	if timeout < 0 {
		<-p.bell
		return nil
	}
	if p.timer == nil {
		p.timer = time.NewTimer(timeout)
	} else {
		p.timer.Reset(timeout)
	}
	select {
	case <-p.bell:
		p.timer.Stop()
	case <-p.timer.C:
	}
	return nil
}

// Close closes the connections and listeners that are still watched, and waits for the
// goroutines of bridged ones. It may be called twice.
func (p *Poller) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	for _, s := range p.slots {
		switch {
		case s == nil:
		case s.ln != nil:
			s.ln.Close()
		default:
			s.conn.Close()
		}
	}
	p.pumps.Wait()
	p.kernel.close()
	clear(p.events)
	clear(p.held)
	p.events, p.held, p.live = p.events[:0], p.held[:0], p.live[:0]
	return nil
}
