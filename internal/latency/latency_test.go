package latency

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// spikes is what redis-server 7.0.15 had seen when it drew the graph of the test
// below.
func spikes() *Monitor {
	m := new(Monitor)
	for _, s := range []Sample{{1795159055, 10}, {1795159057, 300}, {1795159058, 20}, {1795159058, 500}, {1795159060, 100}} {
		m.Add("command", s.Millis, s.UnixSeconds)
	}
	return m
}

func TestHistory(t *testing.T) {
	m := spikes()
	if got, want := m.History("command"), []Sample{{1795159055, 10}, {1795159057, 300}, {1795159058, 500}, {1795159060, 100}}; !slices.Equal(got, want) {
		t.Errorf("History = %v, want %v", got, want)
	}
	m.Add("a", 3, 1)
	want := []Event{{"a", Sample{1, 3}, 3}, {"command", Sample{1795159060, 100}, 500}}
	if got := m.Latest(); !slices.Equal(got, want) {
		t.Errorf("Latest = %v, want %v", got, want)
	}
	if got := m.History("COMMAND"); got != nil {
		t.Errorf("History of another case = %v", got)
	}
}

func TestReset(t *testing.T) {
	var m Monitor
	if got := m.Reset(); got != 0 {
		t.Errorf("Reset of nothing = %d", got)
	}
	for _, e := range []string{"a", "b", "c", "d"} {
		m.Add(e, 1, 1)
	}
	if got := m.Reset("A", "x", "b", "a"); got != 2 {
		t.Errorf("Reset = %d, want 2", got)
	}
	if got := m.Reset(); got != 2 || len(m.Latest()) != 0 {
		t.Errorf("Reset of all = %d, want 2", got)
	}
	m.Add("a", 1, 1)
}

// TestHistoryAgainstSlice plays time forward at random, beside a slice of
// everything.
func TestHistoryAgainstSlice(t *testing.T) {
	const seed = 4
	rnd := rand.New(rand.NewPCG(seed, seed))
	var m Monitor
	var model []Sample
	now, worst := int64(1), int64(0)
	for i := range 3000 {
		now += int64(rnd.IntN(3))
		ms := int64(rnd.IntN(1000))
		m.Add("e", ms, now)
		worst = max(worst, ms)
		if n := len(model); n > 0 && model[n-1].UnixSeconds == now {
			model[n-1].Millis = max(model[n-1].Millis, ms)
		} else {
			model = append(model, Sample{now, ms})
		}
		want := model[max(len(model)-HistoryLen, 0):]
		if got := m.History("e"); !slices.Equal(got, want) {
			t.Fatalf("seed %d, step %d: %v, want %v", seed, i, got, want)
		}
		if got, want := m.Latest()[0], (Event{"e", model[len(model)-1], worst}); got != want {
			t.Fatalf("seed %d, step %d: %v, want %v", seed, i, got, want)
		}
	}
}

func TestGraph(t *testing.T) {
	m := spikes()
	got, ok := m.Graph("command", 1795159060)
	want := "command - high 500 ms, low 10 ms (all time high 500 ms)\n" + strings.Repeat("-", 80) + `
  # 
 o| 
 || 
_||#
    
5320
ssss
`
	if got != want || !ok {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, ok := m.Graph("COMMAND", 0); ok {
		t.Error("a graph of nothing")
	}
}

func TestGraphOfOneValue(t *testing.T) {
	var m Monitor
	m.Add("e", 7, 0) // a stepped clock may well begin at 0
	got, _ := m.Graph("e", 3*24*3600+5)
	if want := "-\n \n \n \n_\n \n3\nd\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant at the end\n%s", got, want)
	}
}

func TestGraphOfMoreThanOneLine(t *testing.T) {
	var m Monitor
	for i := range int64(100) {
		m.Add("e", 1+i, 1+i)
	}
	got, _ := m.Graph("e", 101)
	lines := strings.Split(got, "\n")
	// A title and a rule; rows, a margin and labels of 80 samples; nothing; the same of 20.
	want := []int{len("e - high 100 ms, low 1 ms (all time high 100 ms)"), 80,
		80, 80, 80, 80, 80, 80, 80, 80, 0,
		20, 20, 20, 20, 20, 20, 20, 20, 0}
	var widths []int
	for _, line := range lines {
		widths = append(widths, len(line))
	}
	if !slices.Equal(widths, want) {
		t.Fatalf("lines of %v columns, want %v:\n%s", widths, want, got)
	}
	if first, last := lines[5][0], lines[11][19]; first != '_' || last != '#' {
		t.Errorf("the least is %q, the most %q:\n%s", first, last, got)
	}
}

func TestAgo(t *testing.T) {
	for seconds, want := range map[int64]string{0: "0s", 59: "59s", 60: "1m", 3599: "59m", 3600: "1h", 86399: "23h", 86400: "1d", 86400 * 400: "400d"} {
		if got := ago(seconds); got != want {
			t.Errorf("ago(%d) = %q, want %q", seconds, got, want)
		}
	}
}

func TestDoctor(t *testing.T) {
	var none Monitor
	if got := none.Doctor(Settings{}, 1); !strings.HasPrefix(got, "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance.") {
		t.Errorf("off: %s", got)
	}
	if got := none.Doctor(Settings{ThresholdMillis: 1}, 1); !strings.HasPrefix(got, "Dave, no latency spike was observed during the lifetime of this Redis instance") {
		t.Errorf("nothing seen: %s", got)
	}
	m := spikes()
	got := m.Doctor(Settings{ThresholdMillis: 1, SlowlogMicros: 10000, HZ: 10}, 1795159060)
	for _, want := range []string{
		"Dave, I have observed latency spikes in this Redis instance. You don't mind talking about it, do you Dave?\n\n",
		// The line of redis-server for the same samples.
		"1. command: 4 latency spikes (average 227ms, mean deviation 172ms, period 1.25 sec). Worst all time event 500ms.\n",
		"\n\nI have a few advices for you:\n\n- ",
		"CONFIG SET slowlog-log-slower-than 1000",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwithout\n%s", got, want)
		}
	}
	for _, tt := range []struct {
		event string
		set   Settings
		want  string
	}{
		{EventCommand, Settings{SlowlogMicros: -1, ThresholdMillis: 5}, "slowlog-log-slower-than 5000"},
		{EventFastCommand, Settings{}, "--intrinsic-latency"},
		{EventExpireCycle, Settings{HZ: 10}, "CONFIG SET hz 100"},
		{EventExpireDel, Settings{}, "lazyfree-lazy-expire yes"},
		{EventEvictionCycle, Settings{}, "maxmemory"},
		{EventEvictionDel, Settings{}, "lazyfree-lazy-eviction yes"},
		{EventActiveDefragCycle, Settings{ActiveDefrag: true}, "active-defrag-cycle-max"},
		{EventExpireDel, Settings{LazyfreeExpire: true}, "None of this points"},
		{"something-else", Settings{}, "None of this points"},
	} {
		var m Monitor
		m.Add(tt.event, 9, 100)
		if got := m.Doctor(tt.set, 100); !strings.Contains(got, tt.want) || !strings.Contains(got, "1. "+tt.event+": 1 latency spikes (average 9ms, mean deviation 0ms, period 1.00 sec)") {
			t.Errorf("%s, %+v:\n%s\nwithout %q", tt.event, tt.set, got, tt.want)
		}
	}
}
