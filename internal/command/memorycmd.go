package command

import "github.com/redweave/redweave/internal/process"

var memoryHandlers = handlers{}

// memoryFigures are what INFO and MEMORY report.
type memoryFigures struct {
	used, peak, startup int64 // bytes, by our own accounting
	held, rss           int64 // bytes held from the system; resident in memory
	clients             int64 // bytes of clients' buffers
	index, expires      int64 // bytes of the tables over keys
}

// overhead is what does not hold data: start-up, clients, indexes.
func (m *memoryFigures) overhead() int64 { return m.startup + m.clients + m.index + m.expires }

// dataset is the rest.
func (m *memoryFigures) dataset() int64 { return m.used - m.overhead() }

// measure gathers the figures. O(clients + databases).
func (c *Ctx) measure() memoryFigures {
	m := memoryFigures{used: c.usedMemory(), rss: process.RSS(), startup: c.startupMemory}
	for _, s := range c.shards {
		m.held += s.Arena().Held()
		for i := range s.Databases() {
			if db := s.Peek(i); db != nil {
				keys, expires := db.IndexBytes()
				m.index, m.expires = m.index+keys, m.expires+expires
			}
		}
	}
	for cl := c.first; cl != nil; cl = cl.next {
		m.clients += cl.MemoryBytes()
	}
	c.peakMemory = max(c.peakMemory, m.used)
	m.peak = c.peakMemory
	return m
}
