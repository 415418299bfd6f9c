package latency_test

import (
	"fmt"

	"github.com/redweave/redweave/internal/latency"
)

func ExampleMonitor() {
	var m latency.Monitor
	m.Add(latency.EventCommand, 12, 1_700_000_000)
	m.Add(latency.EventCommand, 40, 1_700_000_000) // the same second: only the worst counts
	m.Add(latency.EventCommand, 15, 1_700_000_007)
	for _, s := range m.History(latency.EventCommand) {
		fmt.Println(s.UnixSeconds, s.Millis)
	}
	// Output:
	// 1700000000 40
	// 1700000007 15
}
