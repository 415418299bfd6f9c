// Package clock is the one clock of an engine: TTLs, TIME, stream IDs, idle
// times and scripts all ask it, so that a test can own time.
//
//	c := clock.NewSystem()
//	expireAtMs := c.UnixMilli() + 1500
//	t := c.AfterFunc(time.Second, cron)   // t.Stop, t.Reset
//
// # Two times
//
// Wall time (Now, UnixMilli, UnixMicro) says when something happens in the
// world: it can be set, and may run backwards. Monotonic time (Nanos) only
// measures: its zero means nothing, and it never runs backwards. What a user sees
// as a date is wall time, what is a duration is the difference of two Nanos.
//
// # Two clocks
//
// [System] reads package time, and therefore also works inside a testing/synctest
// bubble when it was made there. [Manual] stands still until a test moves it, and
// then fires timers in order, on the goroutine that moved it.
//
// All methods of both may be called from any goroutine.
package clock

import "time"

// A Clock tells the time and arms timers.
type Clock interface {
	// Now is the wall time.
	Now() time.Time
	// UnixMilli is the wall time in milliseconds since 1970.
	UnixMilli() int64
	// UnixMicro is the wall time in microseconds since 1970.
	UnixMicro() int64
	// Nanos is a monotonic reading in nanoseconds. Only differences mean anything.
	Nanos() int64
	// AfterFunc calls f once, d from now. f must not assume which goroutine
	// it runs on.
	AfterFunc(d time.Duration, f func()) Timer
}

// A Timer is a call that AfterFunc has armed. *time.Timer is one.
type Timer interface {
	// Stop disarms the timer and reports whether that prevented the call.
	Stop() bool
	// Reset arms the timer anew, d from now, and reports whether it was armed.
	Reset(d time.Duration) bool
}
