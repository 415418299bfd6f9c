package latency

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The graph is a sparkline in letters, after Salvatore Sanfilippo's aspark:
//
//	command - high 500 ms, low 10 ms (all time high 500 ms)
//	---------------------------------------------------------…
//	  #        a column is a sample, four rows of three steps each:
//	 o|        _ o # is how far it reaches into its topmost row,
//	 ||        | is below that
//	_||#
//
//	5320       how long ago it was, from top to bottom: 5s 3s 2s 0s
//	ssss
const (
	graphColumns = 80 // more samples go into another graph below
	graphRows    = 4
	graphSteps   = "_o#"
)

// Graph draws the history of an event. ok is false when it has none.
func (m *Monitor) Graph(event string, nowUnix int64) (graph string, ok bool) {
	s := m.events[event]
	if s == nil {
		return "", false
	}
	history := s.history()
	high, low := history[0].Millis, history[0].Millis
	for _, sample := range history {
		high, low = max(high, sample.Millis), min(low, sample.Millis)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s - high %d ms, low %d ms (all time high %d ms)\n", event, high, low, s.maxMillis)
	b.WriteString(strings.Repeat("-", graphColumns) + "\n")
	first := true
	for part := range slices.Chunk(history, graphColumns) {
		if !first {
			b.WriteByte('\n')
		}
		first = false
		drawColumns(&b, part, low, high)
		b.WriteString(strings.Repeat(" ", len(part)) + "\n")
		drawLabels(&b, part, nowUnix)
	}
	return b.String(), true
}

func drawColumns(b *strings.Builder, part []Sample, low, high int64) {
	const steps = graphRows * len(graphSteps)
	for row := range graphRows {
		floor := (graphRows - 1 - row) * len(graphSteps) // the first step of this row
		for _, sample := range part {
			step := int(min((sample.Millis-low)*int64(steps)/max(high-low, 1), int64(steps-1)))
			switch {
			case step < floor:
				b.WriteByte(' ')
			case step >= floor+len(graphSteps):
				b.WriteByte('|')
			default:
				b.WriteByte(graphSteps[step-floor])
			}
		}
		b.WriteByte('\n')
	}
}

func drawLabels(b *strings.Builder, part []Sample, nowUnix int64) {
	labels := make([]string, len(part))
	height := 0
	for i, sample := range part {
		labels[i] = ago(nowUnix - sample.UnixSeconds)
		height = max(height, len(labels[i]))
	}
	for row := range height {
		for _, label := range labels {
			if row < len(label) {
				b.WriteByte(label[row])
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
}

// ago writes a number of seconds in its largest whole unit.
func ago(seconds int64) string {
	switch {
	case seconds < 60:
		return strconv.FormatInt(seconds, 10) + "s"
	case seconds < 3600:
		return strconv.FormatInt(seconds/60, 10) + "m"
	case seconds < 24*3600:
		return strconv.FormatInt(seconds/3600, 10) + "h"
	}
	return strconv.FormatInt(seconds/(24*3600), 10) + "d"
}
