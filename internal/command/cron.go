package command

import "github.com/redweave/redweave/keyspace"

// Cron does the periodic work of a keyspace: it expires, evicts what a command
// had no time for, takes back freed memory, and measures rates. The owner calls
// it hz times a second, or as often as there is something to do. It reports
// whether expiry ran out of time, so that [Exec.BeforeSleep] should go on.
func (x *Exec) Cron() (restless bool) {
	if x.debug.cronPaused {
		return false
	}
	paused := x.PausedFor() > 0 || x.ScriptRunning() // then nothing may change
	for _, s := range x.owned {
		s.Collect()
		if !paused {
			restless = s.ExpireCycle(false) || restless
			if x.maxMemory > 0 && s.Over() > 0 {
				s.Evict()
			}
			s.DefragCycle()
		}
		s.Arena().Purge(keepFree(s, len(x.shards)))
		s.Publish()
	}
	if x.broadcasts {
		x.broadcast()
	}
	for s := x.set; s != 0; s = s.Without() {
		y := x.execs[s.First()]
		y.toldCalls.Store(y.calls)
	}
	if x.set.Has(0) {
		x.peakMemory = max(x.peakMemory, x.toldMemory())
		x.rates.sample(x)
	}
	x.serveIfAny()
	return restless
}

// BeforeSleep does what is due before an owner waits for events, when expiry ran
// out of time or the reclaimer is at work.
func (x *Exec) BeforeSleep() {
	for _, s := range x.owned {
		s.Collect()
		if x.pause.until == 0 && !x.ScriptRunning() {
			s.ExpireCycle(true)
		}
	}
	x.serveIfAny()
}

// Collectable reports whether there is freed memory that Cron and BeforeSleep,
// which do a bounded piece of that work, did not take back yet.
func (x *Exec) Collectable() bool {
	for _, s := range x.owned {
		if s.Collectable() {
			return true
		}
	}
	return false
}

// CatchUp does what Cron would have done while a stepped clock jumped: whatever
// has expired by now is deleted, and not only the greater part of it, as far as
// a bounded effort goes.
func (x *Exec) CatchUp() {
	x.Cron()
	if x.debug.cronPaused || x.PausedFor() > 0 || x.ScriptRunning() {
		return
	}
	for _, s := range x.owned {
		// A cycle looks at twenty keys of every database, in their order.
		for range min(s.Volatile()/16+16, 1<<14) {
			s.ExpireCycle(false)
		}
	}
	x.serveIfAny()
}

// keepFree is how much free memory one of several shards keeps in hand: a tenth of what
// it uses, so that a keyspace that breathes does not return to the system for every
// breath.
func keepFree(s *keyspace.Shard, shards int) int64 { return 4<<20/int64(shards) + s.Used()/10 }

// usedMemory is used_memory: all shards, which the caller owns.
func (s *Server) usedMemory() int64 {
	var n int64
	for _, sh := range s.shards {
		n += sh.Used()
	}
	return n
}

// toldMemory is usedMemory as the shards' owners told it last.
func (s *Server) toldMemory() int64 {
	if s.budget == nil {
		return s.usedMemory()
	}
	return s.budget.Used()
}

// toldCalls is the number of commands that ran, likewise.
func (s *Server) toldCalls() (n int64) {
	for _, x := range s.execs {
		n += x.toldCalls.Load()
	}
	return n
}

// ExpireIfDue deletes key if its time has passed.
func (x *Exec) ExpireIfDue(db int, key []byte) {
	var e keyspace.Entry
	x.shardOf(key).DB(db).Lookup(&e, key, keyspace.Peek)
}

// rates are the instantaneous figures of INFO: means over the last sixteen
// samples, taken a hundred milliseconds apart or more.
type rates struct {
	at            int64 // monotonic nanoseconds of the last sample
	ops, in, out  int64 // totals then
	opsSec        ring
	inSec, outSec ring
}

const rateSamples = 16

type ring struct {
	v [rateSamples]float64
	n int
}

func (r *ring) add(v float64) { r.v[r.n%rateSamples] = v; r.n++ }

func (r *ring) mean() float64 {
	n := min(r.n, rateSamples)
	if n == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range r.v[:n] {
		sum += v
	}
	return sum / float64(n)
}

func (r *rates) sample(x *Exec) {
	now := x.clock.Nanos()
	passed := now - r.at
	if passed < 100*nanosPerMs {
		return
	}
	net, calls := x.host.Net(), x.Server.toldCalls()
	if r.at != 0 {
		sec := float64(passed) / 1e9
		r.opsSec.add(float64(calls-r.ops) / sec)
		r.inSec.add(float64(net.BytesIn-r.in) / sec)
		r.outSec.add(float64(net.BytesOut-r.out) / sec)
	}
	r.at, r.ops, r.in, r.out = now, calls, net.BytesIn, net.BytesOut
}
