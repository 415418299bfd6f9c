// Package latency is the latency monitor behind LATENCY LATEST, HISTORY, GRAPH,
// DOCTOR and RESET: for each kind of event, when it took long and how long.
//
//	var m latency.Monitor
//	if tookMs >= threshold && threshold > 0 {
//		m.Add("command", tookMs, clock.Now().Unix())
//	}
//	graph, ok := m.Graph("command", clock.Now().Unix())
//
// # What is kept
//
// Of each event the worst of a second, for the latest 160 seconds that had any, and
// the worst ever. So a busy minute fills a third of the history, and a quiet week none.
//
// A Monitor has one owner at a time. It reads no clock: the time is passed in, as
// seconds since 1970.
package latency

import (
	"maps"
	"slices"
	"strings"
)

// HistoryLen is how many samples of an event are kept.
const HistoryLen = 160

// The events that this program adds. Any other name will do too.
const (
	EventCommand           = "command"
	EventFastCommand       = "fast-command"
	EventExpireCycle       = "expire-cycle"
	EventExpireDel         = "expire-del"
	EventEvictionCycle     = "eviction-cycle"
	EventEvictionDel       = "eviction-del"
	EventActiveDefragCycle = "active-defrag-cycle"
)

// A Monitor holds the histories of events. The zero value has none.
type Monitor struct {
	events map[string]*series
}

// A Sample is the worst of one second.
type Sample struct {
	UnixSeconds int64
	Millis      int64
}

// A series is the history of one event.
//
//	samples | 7s 20ms | 9s 3ms | – | – |    next: where the next one goes, over the oldest
//	                             ^next      len = 2 of them are there
//
// Invariant: the len places before next, around the ring, are in the order they
// were added.
type series struct {
	samples   [HistoryLen]Sample
	next      int
	len       int
	maxMillis int64 // the worst ever, also of samples long gone
}

// Add notes that event took millis.
func (m *Monitor) Add(event string, millis, nowUnix int64) {
	s := m.events[event]
	if s == nil {
		if m.events == nil {
			m.events = make(map[string]*series)
		}
		s = new(series)
		m.events[event] = s
	}
	s.maxMillis = max(s.maxMillis, millis)
	if last := s.last(); s.len > 0 && last.UnixSeconds == nowUnix {
		last.Millis = max(last.Millis, millis)
		return
	}
	s.samples[s.next] = Sample{nowUnix, millis}
	s.next = (s.next + 1) % HistoryLen
	s.len = min(s.len+1, HistoryLen)
}

func (s *series) last() *Sample { return &s.samples[(s.next+HistoryLen-1)%HistoryLen] }

func (s *series) history() []Sample {
	h := make([]Sample, s.len)
	for i := range h {
		h[i] = s.samples[(s.next-s.len+i+HistoryLen)%HistoryLen]
	}
	return h
}

// An Event is the state of one event.
type Event struct {
	Name      string
	Last      Sample
	MaxMillis int64
}

// Latest returns the events there are, by name.
func (m *Monitor) Latest() []Event {
	events := make([]Event, 0, len(m.events))
	for _, name := range slices.Sorted(maps.Keys(m.events)) {
		s := m.events[name]
		events = append(events, Event{name, *s.last(), s.maxMillis})
	}
	return events
}

// History returns the samples of an event, the oldest first. An event that never
// was has none.
func (m *Monitor) History(event string) []Sample {
	if s := m.events[event]; s != nil {
		return s.history()
	}
	return nil
}

// Reset forgets the named events, in whatever case they are written; all, when none
// is named. It returns how many it forgot.
func (m *Monitor) Reset(events ...string) int {
	before := len(m.events)
	if len(events) == 0 {
		clear(m.events)
		return before
	}
	maps.DeleteFunc(m.events, func(name string, _ *series) bool {
		return slices.ContainsFunc(events, func(event string) bool { return strings.EqualFold(event, name) })
	})
	return before - len(m.events)
}
