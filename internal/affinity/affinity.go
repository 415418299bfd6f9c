// Package affinity keeps threads on certain processors, where the system lets it:
// what server-cpulist and bio-cpulist ask for.
//
//	cpus, err := affinity.Parse("0-7:2,9")      // 0 2 4 6 9
//	affinity.Pin(cpus)                          // this goroutine and its thread, for good
//
// A goroutine is on no thread in particular, so one that is pinned is locked to its
// thread first, and the thread ends with it. That makes each hand-over to and from the
// goroutine dearer: pin what runs alone and long, such as an event loop.
package affinity

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// maxCPU is the greatest number of a processor.
const maxCPU = 1023

// Parse reads a list as redis.conf has it: numbers, ranges "a-b" and ranges with a
// step "a-b:s", separated by commas. The result is sorted.
func Parse(list string) (cpus []int, err error) {
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		span, stepText, hasStep := strings.Cut(part, ":")
		firstText, lastText, isRange := strings.Cut(span, "-")
		first, err1 := number(firstText)
		last, step := first, 1
		var err2, err3 error
		if isRange {
			last, err2 = number(lastText)
		}
		if hasStep {
			step, err3 = number(stepText)
		}
		if err1 != nil || err2 != nil || err3 != nil || step == 0 || hasStep && !isRange {
			return nil, fmt.Errorf("affinity: %q is no list of processors", list)
		}
		for cpu := min(first, last); cpu <= max(first, last); cpu += step {
			cpus = append(cpus, cpu)
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}

func number(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err == nil && n > maxCPU {
		err = strconv.ErrRange
	}
	return int(n), err
}

// Pin locks the calling goroutine to its thread, and the thread to the processors. The
// goroutine must end without unlocking it.
func Pin(cpus []int) error {
	runtime.LockOSThread()
	return pin(cpus)
}
