package command

import (
	"fmt"
	"time"
)

// ThreadStats are one thread's counters since the start, and a few gauges. What a
// model has no use for stays zero.
type ThreadStats struct {
	Name string // "main", "io-1", "shard-3", …

	Clients  int64 // connected to it now
	Reads    int64 // of sockets, that brought something
	Writes   int64 // to sockets, that took something
	BytesIn  int64
	BytesOut int64
	Commands int64 // of its clients; calls of this process run on their own threads
	Turns    int64 // of its event loop

	Batches   int64         // of commands that it executed, owning the keyspace once for each
	HandOvers int64         // clients given to another thread: to execute, to read or to write; of a model with shards, messages
	Handed    int64         // commands in those messages
	Depth     int64         // hand-overs that wait for it now
	WakeUps   int64         // by another thread, while it slept
	Waits     int64         // for another thread, at a barrier or for the ownership
	Waited    time.Duration // in all of them
	Owning    time.Duration
	Idle      time.Duration // asleep
}

// threads is INFO threads: the lines that Redis 8 has for I/O threads, of every thread.
func (w *infoWriter) threads() {
	for i, t := range w.c.host.Threads() {
		w.text(fmt.Sprintf("io_thread_%d", i), fmt.Sprintf("clients=%d,reads=%d,writes=%d", t.Clients, t.Reads, t.Writes))
	}
}

// threading is a section of our own: all that the threads count. Times
// are in microseconds.
func (w *infoWriter) threading() {
	_, n := w.c.host.Model()
	w.int("threading_threads", int64(n))
	for i, t := range w.c.host.Threads() {
		w.text(fmt.Sprintf("thread_%d", i), fmt.Sprintf("name=%s,clients=%d,reads=%d,writes=%d,bytes_in=%d,bytes_out=%d,"+
			"commands=%d,turns=%d,batches=%d,hand_overs=%d,handed=%d,depth=%d,wake_ups=%d,waits=%d,waited_us=%d,owning_us=%d,idle_us=%d",
			t.Name, t.Clients, t.Reads, t.Writes, t.BytesIn, t.BytesOut, t.Commands, t.Turns, t.Batches, t.HandOvers, t.Handed,
			t.Depth, t.WakeUps, t.Waits, t.Waited.Microseconds(), t.Owning.Microseconds(), t.Idle.Microseconds()))
	}
}
