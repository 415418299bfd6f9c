package main

import (
	"fmt"
	"time"

	"github.com/redweave/redweave/threading"
)

// What crosses from one processor's cache to another's is not measured but reckoned
// from what is counted. A hand-over moves three lines: the queue's slot, the client's
// token and the batch's head; a wake-up two, the sleeper's flag and the bell. And where
// a thread executes what another has read, and a third may write, every 64 bytes of
// commands and replies are a line.
const (
	linesPerHandOver = 3
	linesPerWakeUp   = 2
	lineBytes        = 64
)

// count puts the difference of a server's counters into r.
func (r *result) count(before, after counters) {
	r.CPU = after.CPU - before.CPU
	r.Threads = max(len(after.Threads), 1)
	r.Allocs = -1
	if after.Mallocs > 0 && r.Commands > 0 {
		r.Allocs = float64(after.Mallocs-before.Mallocs) / float64(r.Commands)
	}
	d := difference(before.Threads, after.Threads)
	n := max(float64(r.Commands), 1)
	r.HandOver = float64(d.HandOvers) / n
	r.WakeUps = float64(d.WakeUps) / n
	lines := float64(linesPerHandOver*d.HandOvers + linesPerWakeUp*d.WakeUps)
	lines += r.crossing(d) * float64(d.BytesIn+d.BytesOut) / lineBytes
	r.Lines = lines / n
	r.Waited = d.Waited.Seconds() / (r.Seconds * float64(r.Threads))
	if d.Batches > 0 {
		r.Batch = float64(d.Commands) / float64(d.Batches)
	}
}

// seldom is so few for each command that it tells nothing: what a connection costs once.
const seldom = 0.001

// crossing returns the share of commands that are executed on another thread than the
// one that reads them.
func (r *result) crossing(d threading.ThreadStats) float64 {
	switch {
	case d.Handed > 0: // a model that counts them
		return float64(d.Handed) / max(float64(d.Commands), 1)
	case r.HandOver < seldom:
		return 0
	}
	return 1 // clients are handed over, with all they sent
}

// difference sums up what all threads counted in between.
func difference(before, after []threading.ThreadStats) (d threading.ThreadStats) {
	add := func(sign int64, all []threading.ThreadStats) {
		for _, t := range all {
			d.BytesIn += sign * t.BytesIn
			d.BytesOut += sign * t.BytesOut
			d.Commands += sign * t.Commands
			d.Batches += sign * t.Batches
			d.HandOvers += sign * t.HandOvers
			d.Handed += sign * t.Handed
			d.WakeUps += sign * t.WakeUps
			d.Waits += sign * t.Waits
			d.Waited += time.Duration(sign) * t.Waited
		}
	}
	add(-1, before)
	add(1, after)
	return d
}

// explain says in a line why the model did as it did, by what it counted.
func (r *result) explain() {
	switch {
	case r.Model == redisName:
		r.Why = "the reference: C, one loop, jemalloc"
	case r.Where == "in-process" && r.Threads <= 1:
		r.Why = "callers own the keyspace themselves, one at a time"
	case r.Where == "in-process" && r.HandOver < seldom:
		r.Why = "callers own what their keys need, and wait only for those who need the same"
	case r.Waited > 0.2:
		r.Why = fmt.Sprintf("threads spend %.0f %% of their time waiting for each other", 100*r.Waited)
	case r.HandOver >= 0.5:
		r.Why = fmt.Sprintf("%.1f hand-overs and %.1f cache lines a command: moving work costs more than doing it", r.HandOver, r.Lines)
	case r.WakeUps >= 0.1:
		r.Why = fmt.Sprintf("%.2f wake-ups a command: a system call each", r.WakeUps)
	case r.HandOver >= seldom:
		r.Why = fmt.Sprintf("a hand-over serves %.0f commands, so that it costs little", 1/r.HandOver)
	case r.Threads > 1 && r.Batch > 0:
		r.Why = fmt.Sprintf("no hand-overs: each loop owns the keyspace for %.1f commands at a time", r.Batch)
	default:
		r.Why = "nothing is handed over and nobody waits: one thread does it all"
	}
}
