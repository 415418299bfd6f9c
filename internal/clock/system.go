package clock

import (
	"sync/atomic"
	"time"
)

// resyncNanos is how old the wall offset of a System may grow: a wall clock
// that is set anew is believed after this long.
const resyncNanos = int64(50 * time.Millisecond)

// A System is the clock of the operating system, read the cheap way.
//
// time.Now asks the kernel for two clocks, time.Since(base) only for the
// monotonic one, in about half the time. So wall time is derived:
//
//	wall = offset + time.Since(base)     offset = wall - mono, as read by the last resync
//
// The offset is read again when it is 50 ms old. NTP slews a clock by at
// most 0.5 ms a second, so in between it is off by 25 µs at worst.
type System struct {
	base time.Time // where Nanos counts from; has a monotonic reading

	offset   atomic.Int64 // wall nanoseconds since 1970, minus Nanos, when last read
	syncedAt atomic.Int64 // Nanos of that reading
}

// NewSystem returns a clock that starts at the time of the call. Inside a
// testing/synctest bubble it follows the bubble's time.
func NewSystem() *System {
	c := &System{base: time.Now()}
	c.offset.Store(c.base.UnixNano())
	return c
}

// Now returns the wall time, as time.Now does.
func (c *System) Now() time.Time { return time.Now() }

// Nanos returns the nanoseconds since the clock was made.
func (c *System) Nanos() int64 { return int64(time.Since(c.base)) }

// UnixMilli returns the wall time in milliseconds since 1970.
func (c *System) UnixMilli() int64 { return c.wallNanos() / 1e6 }

// UnixMicro returns the wall time in microseconds since 1970.
func (c *System) UnixMicro() int64 { return c.wallNanos() / 1e3 }

// AfterFunc calls f on its own goroutine, d from now.
func (c *System) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

func (c *System) wallNanos() int64 {
	n := c.Nanos()
	if n-c.syncedAt.Load() < resyncNanos {
		return c.offset.Load() + n
	}
	return c.resync()
}

// resync reads both clocks at once. Several goroutines may do so together: any
// of their readings will do.
func (c *System) resync() int64 {
	now := time.Now()
	n := int64(now.Sub(c.base))
	c.offset.Store(now.UnixNano() - n)
	c.syncedAt.Store(n)
	return now.UnixNano()
}
