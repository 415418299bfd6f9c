package command

import (
	"strings"
	"testing"
	"time"
)

func TestLatencyHistogram(t *testing.T) {
	b, lag := slowBench(t, 0)
	for _, us := range []time.Duration{1, 3, 3, 100} {
		lag.step = us * time.Microsecond
		b.do("SET k v")
	}
	lag.step = 5 * time.Microsecond
	b.do("CONFIG GET hz")
	lag.step = 0
	const set = "$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:4\r\n$14\r\nhistogram_usec\r\n*6\r\n:1\r\n:1\r\n:4\r\n:3\r\n:132\r\n:4\r\n"
	const get = "$10\r\nconfig|get\r\n*4\r\n$5\r\ncalls\r\n:1\r\n$14\r\nhistogram_usec\r\n*2\r\n:8\r\n:1\r\n"
	b.wantAll(
		"LATENCY HISTOGRAM set", "*2\r\n"+set,
		"LATENCY HISTOGRAM SET config nothing get", "*4\r\n"+set+get,
		"LATENCY HISTOGRAM Config|Get", "*2\r\n"+get,
		"LATENCY HISTOGRAM nothing config|nothing config| |get set|get config|get|x", "*0\r\n",
		"LATENCY NOPE", "-ERR unknown subcommand 'NOPE'. Try LATENCY HELP.\r\n",
	)
	b.cl.Out.Proto = 3
	b.want("LATENCY HISTOGRAM config|get", "%1\r\n"+strings.NewReplacer("*4", "%2", "*2", "%1").Replace(get))
	b.want("LATENCY HISTOGRAM nothing", "%0\r\n")
	all := b.ask("LATENCY HISTOGRAM")
	names := map[string]bool{}
	for name := range all.Pairs() {
		names[name.Str] = true
	}
	if !names["set"] || !names["config|get"] || !names["latency|histogram"] || names["get"] || names["config"] {
		t.Errorf("LATENCY HISTOGRAM shows %v", names)
	}
}
