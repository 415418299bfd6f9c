package threading

import (
	"sync"

	"github.com/redweave/redweave/internal/command"
)

// ThreadStats are one thread's counters: see [command.ThreadStats].
type ThreadStats = command.ThreadStats

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
