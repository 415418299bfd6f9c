package threading

import (
	"math/rand/v2"
	"runtime"
)

// Stress makes happen all the time what is rare between threads: queues that are full,
// batches of one, others who run just now. It is for tests. The zero value does nothing.
type Stress struct {
	Queue int  // things that queues between threads have room for; 0: as many as usual
	Batch int  // clients that a batch holds at most; 0: as many as usual
	Yield bool // threads let others run, at random, before and after a hand-over
}

// Hesitate lets other goroutines run, if it is asked for and chance has it. A thread
// calls it where it hands something over, or takes it.
func (s *Stress) Hesitate() {
	if s.Yield {
		for range rand.IntN(4) {
			runtime.Gosched()
		}
	}
}

// QueueLen returns how long a queue between threads is to be that has usual places.
func (s *Stress) QueueLen(usual int) int {
	if s.Queue > 0 {
		return s.Queue
	}
	return usual
}

// Stress returns what the engine's options say of it.
func (c *Core) Stress() *Stress { return &c.stress }
