package keyspace

// Each entry keeps 24 bits about its use. Under an LFU policy they are
//
//	 23              8 7        0
//	+-----------------+----------+
//	| minutes, mod 2^16| log count |
//	+-----------------+----------+
//
// and under every other policy the LRU clock: seconds, mod 2^24. Both are
// Redis's (evict.c, with Antirez's "Random notes on improving the LRU
// algorithm" for the counter): the count grows with probability
// 1/((count-5)*lfu-log-factor+1) and loses one per lfu-decay-time minutes.
const (
	lfuInit  = 5
	lruTicks = 1000 // milliseconds a tick of the LRU clock
)

// freshAccess is the 24 bits a new value starts with.
func (s *Shard) freshAccess() uint64 {
	if s.lfu {
		return s.lfuMinute()<<8 | lfuInit
	}
	return s.lruClock
}

// lfuMinute is the time as the LFU bits count it.
func (s *Shard) lfuMinute() uint64 { return uint64(s.now/60000) & 0xffff }

// touch notes a use of e.
func (e *Entry) touch() {
	s := e.db.shard
	hdr := e.header()
	old := hdr >> lruShift & lruMask
	var now uint64
	if s.lfu {
		now = s.lfuTouch(old)
	} else {
		now = s.lruClock
	}
	if now != old {
		e.setHeader(hdr&^(lruMask<<lruShift) | now<<lruShift)
	}
}

func (s *Shard) lfuTouch(old uint64) uint64 {
	count := s.lfuDecayed(old)
	return s.lfuMinute()<<8 | uint64(lfuGrow(count, s.set.LFULogFactor, s.rnd.Float64()))
}

// lfuDecayed is the count after the minutes since the entry was last used.
func (s *Shard) lfuDecayed(access uint64) uint8 {
	count := uint8(access)
	if s.set.LFUDecayMinutes == 0 {
		return count
	}
	passed := (s.lfuMinute() - access>>8) & 0xffff
	if passed > 0xffff-ahead/60 {
		return count
	}
	if lost := passed / uint64(s.set.LFUDecayMinutes); lost < uint64(count) {
		return count - uint8(lost)
	}
	return 0
}

// lfuGrow is the count after one more use. draw is uniform in [0, 1).
func lfuGrow(count uint8, logFactor int, draw float64) uint8 {
	base := max(int(count)-lfuInit, 0)
	if count < 255 && draw < 1/float64(base*logFactor+1) {
		count++
	}
	return count
}

// ahead is how many seconds the clock may have been set back without keys used
// just before seeming to be the longest unused of all, as the clocks wrap around.
const ahead = 24 * 3600

// IdleMs returns the milliseconds since the entry was last used, at the LRU
// clock's resolution of a second.
func (e *Entry) IdleMs() int64 {
	idle := (e.db.shard.lruClock - e.access()) & lruMask
	if idle > lruMask-ahead {
		return 0
	}
	return int64(idle) * lruTicks
}

// Freq returns the entry's LFU count, decayed to now.
func (e *Entry) Freq() uint8 { return e.db.shard.lfuDecayed(e.access()) }

func (e *Entry) access() uint64 { return e.header() >> lruShift & lruMask }

func (e *Entry) setAccess(a uint64) {
	e.setHeader(e.header()&^(lruMask<<lruShift) | a<<lruShift)
}

// SetIdle makes the entry look unused for the given seconds (RESTORE IDLETIME).
func (e *Entry) SetIdle(seconds int64) {
	e.setAccess((e.db.shard.lruClock - uint64(seconds)) & lruMask)
}

// SetFreq sets the entry's LFU count (RESTORE FREQ).
func (e *Entry) SetFreq(count uint8) { e.setAccess(e.db.shard.lfuMinute()<<8 | uint64(count)) }
