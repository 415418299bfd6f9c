package threading

import "runtime"

// Threads returns how many threads a model with several gets: the first of the wishes,
// parameters in their order of precedence, that asks for more than one, or as many as
// suit this process.
func Threads(wishes ...int) int {
	for _, n := range wishes {
		if n > 1 {
			return n
		}
	}
	return defaultThreads(runtime.GOMAXPROCS(0))
}

// defaultThreads is what has proved best on so many processors, by what the makers of
// Redis and Valkey and their users publish: some are left for the kernel's side of the
// network and for everything else. On one or two a second thread does not pay.
func defaultThreads(procs int) int {
	switch {
	case procs <= 2:
		return 1
	case procs <= 4:
		return procs - 1
	case procs <= 8:
		return procs - 2
	case procs <= 16:
		return 6 + (procs-8)/2
	}
	return min(10+(procs-16)/8, 12)
}
