package threading

import "github.com/redweave/redweave/internal/affinity"

// PinThread keeps the calling goroutine, which must be about to begin its work and end
// after it, on the processors that a parameter such as server-cpulist names. An empty
// list leaves it alone; so does one that makes no sense, with a word in the log.
func (c *Core) PinThread(list string) {
	if list == "" {
		return
	}
	cpus, err := affinity.Parse(list)
	if err == nil {
		err = affinity.Pin(cpus)
	}
	if err != nil {
		c.log.Warn("keeping a thread on its processors failed", "processors", list, "error", err)
	}
}
