package hist

import "fmt"

// check recounts the histogram.
func (h *Histogram) check() error {
	var total uint64
	for k, c := range h.chunk {
		if c == nil {
			continue
		}
		var sum uint64
		for _, n := range c {
			sum += n
		}
		if sum == 0 {
			return fmt.Errorf("hist: chunk %d is empty", k)
		}
		total += sum
	}
	if total != h.total {
		return fmt.Errorf("hist: %d counted, total is %d", total, h.total)
	}
	return nil
}
