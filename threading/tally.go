package threading

import (
	"sync"
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

// A Tally is a thread's counters. The thread advances them like any others and
// publishes them now and then, at the end of a turn; whoever asks gets what was
// published last. Nobody is stopped for that, and the thread never waits.
type Tally struct {
	ThreadStats

	mu        sync.Mutex
	published ThreadStats
}

// Publish lets others see the counters. When somebody is just looking, it is left for
// the next time.
func (t *Tally) Publish() {
	if t.mu.TryLock() {
		t.published = t.ThreadStats
		t.mu.Unlock()
	}
}

// Stats returns what was published last. Anybody may call it.
func (t *Tally) Stats() ThreadStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.published
}
