package command

import (
	"github.com/redweave/redweave/internal/latency"
	"github.com/redweave/redweave/resp"
)

// LATENCY: the monitor of slow moments, which package latency keeps, and the histograms
// of the commands' times, which timing.go fills.

var latencyHandlers = handlers{
	"latency|doctor": cmdLatencyDoctor, "latency|graph": cmdLatencyGraph, "latency|help": cmdHelp,
	"latency|histogram": cmdLatencyHistogram, "latency|history": cmdLatencyHistory,
	"latency|latest": cmdLatencyLatest, "latency|reset": cmdLatencyReset,
}

func cmdLatencyLatest(c *Ctx) {
	events := c.spikes.Latest()
	c.Out.ArrayHeader(len(events))
	for _, e := range events {
		c.Out.ArrayHeader(4)
		c.Out.BulkString(e.Name)
		c.Out.Int(e.Last.UnixSeconds)
		c.Out.Int(e.Last.Millis)
		c.Out.Int(e.MaxMillis)
	}
}

func cmdLatencyHistory(c *Ctx) {
	samples := c.spikes.History(string(c.Args[2]))
	c.Out.ArrayHeader(len(samples))
	for _, s := range samples {
		c.Out.ArrayHeader(2)
		c.Out.Int(s.UnixSeconds)
		c.Out.Int(s.Millis)
	}
}

func cmdLatencyReset(c *Ctx) { c.Out.Int(int64(c.spikes.Reset(c.textArgs(2)...))) }

func cmdLatencyGraph(c *Ctx) {
	event := string(c.Args[2])
	graph, ok := c.spikes.Graph(event, c.now()/1000)
	if !ok {
		c.Fail(resp.Error("ERR No samples available for event '" + asText(c.Args[2]) + "'"))
		return
	}
	c.Out.Verbatim("txt", graph)
}

func cmdLatencyDoctor(c *Ctx) {
	p := c.config
	c.Out.Verbatim("txt", c.spikes.Doctor(latency.Settings{
		ThresholdMillis: p.LatencyMonitorThreshold, SlowlogMicros: p.SlowlogLogSlowerThan,
		HZ: p.HZ, ActiveDefrag: p.ActiveDefrag,
		LazyfreeUserDel: p.LazyfreeLazyUserDel, LazyfreeExpire: p.LazyfreeLazyExpire,
		LazyfreeEviction: p.LazyfreeLazyEviction, LazyfreeServerDel: p.LazyfreeLazyServerDel,
	}, c.now()/1000))
}

// cmdLatencyHistogram shows the latencies of the named commands, a container
// standing for its subcommands; of all that were called when none is named.
func cmdLatencyHistogram(c *Ctx) {
	o := c.Out
	mark, n := o.ReserveMap(len(c.Args)), 0
	add := func(cmd *Command) {
		st := c.stat(cmd.id)
		if st.Latency == nil {
			return
		}
		n++
		o.BulkString(cmd.Name)
		o.MapHeader(2)
		o.BulkString("calls")
		o.Int(int64(st.Latency.Count()))
		o.BulkString("histogram_usec")
		buckets, m := o.ReserveMap(8), 0
		for us, count := range st.Latency.Buckets() {
			o.Int(us)
			o.Int(int64(count))
			m++
		}
		o.SetLen(buckets, m)
	}
	if len(c.Args) == 2 {
		for _, cmd := range commands.all {
			add(cmd)
		}
	}
	for _, name := range c.Args[2:] {
		cmd := commandNamed(name)
		if cmd == nil {
			continue
		}
		add(cmd)
		for _, sub := range cmd.Subcommands {
			if s := commands.byID[sub.ID]; s != nil {
				add(s)
			}
		}
	}
	o.SetLen(mark, n)
}
