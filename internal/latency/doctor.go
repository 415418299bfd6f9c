package latency

import (
	"fmt"
	"slices"
	"strings"
)

// Settings are the parameters that the doctor's advice depends on.
type Settings struct {
	ThresholdMillis   int64 // latency-monitor-threshold
	SlowlogMicros     int64 // slowlog-log-slower-than
	HZ                int
	ActiveDefrag      bool
	LazyfreeUserDel   bool // lazyfree-lazy-user-del
	LazyfreeExpire    bool // lazyfree-lazy-expire
	LazyfreeEviction  bool // lazyfree-lazy-eviction
	LazyfreeServerDel bool // lazyfree-lazy-server-del
}

// Redis's own first words, which people look for.
const (
	sayDisabled = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. " +
		"You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it."
	sayNothing  = "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit."
	sayObserved = "Dave, I have observed latency spikes in this Redis instance. You don't mind talking about it, do you Dave?"
	sayAdvice   = "I have a few advices for you:"
)

// Doctor reports in sentences what the samples show, and what could be done.
func (m *Monitor) Doctor(set Settings, nowUnix int64) string {
	if len(m.events) == 0 {
		if set.ThresholdMillis == 0 {
			return sayDisabled + "\n"
		}
		return sayNothing + "\n"
	}
	var b strings.Builder
	b.WriteString(sayObserved + "\n\n")
	var advice []string
	for i, e := range m.Latest() {
		st := m.events[e.Name].stats(nowUnix)
		fmt.Fprintf(&b, "%d. %s: %d latency spikes (average %dms, mean deviation %dms, period %.2f sec). Worst all time event %dms.\n",
			i+1, e.Name, st.samples, st.average, st.deviation, float64(st.seconds)/float64(st.samples), e.MaxMillis)
		for _, a := range set.advise(e.Name) {
			if !slices.Contains(advice, a) {
				advice = append(advice, a)
			}
		}
	}
	if len(advice) == 0 {
		b.WriteString("\nNone of this points to something that a setting could mend.\n")
		return b.String()
	}
	b.WriteString("\n" + sayAdvice + "\n\n")
	for _, a := range advice {
		b.WriteString("- " + a + "\n")
	}
	return b.String()
}

// advise returns what helps against spikes of an event.
func (set Settings) advise(event string) []string {
	var a []string
	lazy := func(on bool, param string) {
		if !on {
			a = append(a, "Freeing a large value takes as long as it has elements. With 'CONFIG SET "+param+" yes' that is done in the background.")
		}
	}
	switch event {
	case EventCommand:
		if wish := set.ThresholdMillis * 1000; set.SlowlogMicros < 0 {
			a = append(a, fmt.Sprintf("The Slow Log is off. 'CONFIG SET slowlog-log-slower-than %d' makes it name the commands behind these spikes.", wish))
		} else if set.SlowlogMicros/1000 > set.ThresholdMillis {
			a = append(a, fmt.Sprintf("The Slow Log misses commands that count as spikes here. 'CONFIG SET slowlog-log-slower-than %d' lets both agree.", wish))
		}
		a = append(a, "SLOWLOG GET shows which commands are slow. Those that visit every element of a large value, or every key, can be replaced by the SCAN family.")
		lazy(set.LazyfreeUserDel, "lazyfree-lazy-user-del")
		lazy(set.LazyfreeServerDel, "lazyfree-lazy-server-del")
	case EventFastCommand:
		a = append(a, "Commands that do next to nothing were slow, so something else had the processor: another process, another virtual machine, "+
			"a limit on CPU time, swapping, or this program itself between two batches. 'redis-cli --intrinsic-latency 100' measures what the machine alone adds.")
	case EventExpireCycle:
		if set.HZ < 100 {
			a = append(a, "Many keys expire at once. With 'CONFIG SET hz 100' that is done in smaller pieces, and times to live that differ a little spread it.")
		}
		lazy(set.LazyfreeExpire, "lazyfree-lazy-expire")
	case EventExpireDel:
		lazy(set.LazyfreeExpire, "lazyfree-lazy-expire")
	case EventEvictionCycle:
		a = append(a, "Much had to be evicted at once. A lower maxmemory that is approached in steps, or less memory asked for by one command "+
			"(a STORE of a large result, a RESTORE of a large key), keeps these rounds short.")
		lazy(set.LazyfreeEviction, "lazyfree-lazy-eviction")
	case EventEvictionDel:
		lazy(set.LazyfreeEviction, "lazyfree-lazy-eviction")
	case EventActiveDefragCycle:
		if set.ActiveDefrag {
			a = append(a, "Defragmentation takes its share of the processor. 'CONFIG SET active-defrag-cycle-max' lowers it.")
		}
	}
	return a
}

// stats is what a history comes down to.
type stats struct {
	samples   int
	average   int64 // ms
	deviation int64 // mean absolute deviation from the average, ms
	seconds   int64 // since the oldest sample, at least 1
}

func (s *series) stats(nowUnix int64) stats {
	history := s.history()
	n := int64(len(history))
	oldest, sum := nowUnix, int64(0)
	for _, sample := range history {
		sum += sample.Millis
		oldest = min(oldest, sample.UnixSeconds)
	}
	st := stats{samples: len(history), average: sum / n, seconds: max(nowUnix-oldest, 1)}
	sum = 0
	for _, sample := range history {
		sum += max(sample.Millis-st.average, st.average-sample.Millis)
	}
	st.deviation = sum / n
	return st
}
