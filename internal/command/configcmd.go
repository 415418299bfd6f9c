package command

import (
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/resp"
)

// CONFIG. Which parameters there are, and what their values may be, is told in package
// config; who keeps a copy of one is told of changes in settings.go.

var configHandlers = handlers{
	"config|get": cmdConfigGet, "config|help": cmdHelp, "config|resetstat": cmdConfigResetStat,
	"config|rewrite": cmdConfigRewrite, "config|set": cmdConfigSet,
}

func cmdConfigGet(c *Ctx) {
	pairs := c.config.Get(c.textArgs(2)...)
	c.Out.MapHeader(len(pairs))
	for _, p := range pairs {
		c.Out.BulkString(p.Name)
		c.Out.BulkString(p.Value)
	}
}

// cmdConfigSet changes parameters, all of them or none. Who keeps a copy of one
// hears of it before the reply.
func cmdConfigSet(c *Ctx) {
	if err := c.config.Set(c.textArgs(2), config.Access{Local: c.Client.local()}); err != nil {
		c.Fail(resp.Error(err.Error()))
		return
	}
	c.configured()
	c.host.Applied()
	c.OK()
}

func cmdConfigRewrite(c *Ctx) {
	if err := c.config.Rewrite(c.users.Lines()); err != nil {
		c.log.Warn("CONFIG REWRITE failed", "error", err)
		c.Fail(resp.Error(err.Error()))
		return
	}
	c.log.Info("CONFIG REWRITE executed with success.")
	c.OK()
}

func cmdConfigResetStat(c *Ctx) {
	c.resetStats()
	c.OK()
}

// resetStats begins anew with what INFO counts. Peaks of memory and the number
// of unsaved changes stay, as in Redis.
func (x *Exec) resetStats() {
	x.host.CountShared()
	x.netBase = x.host.Net()
	for _, s := range x.shards {
		s.ResetStats()
	}
	x.reclaimer.ResetFreed()
	for _, y := range x.execs {
		clear(y.stats)
		clear(y.errors)
		y.calls, y.totalErrors = 0, 0
		y.toldCalls.Store(0)
	}
	x.denied = [len(x.denied)]int64{}
	x.rates = rates{}
}

// netStats returns the counters of the network side since the last reset.
func (x *Exec) netStats() NetStats {
	n, base := x.host.Net(), &x.netBase
	n.Connections -= base.Connections
	n.Rejected -= base.Rejected
	n.BytesIn -= base.BytesIn
	n.BytesOut -= base.BytesOut
	n.Reads -= base.Reads
	n.Writes -= base.Writes
	n.IOThreadReads -= base.IOThreadReads
	n.IOThreadWrites -= base.IOThreadWrites
	n.EvictedClients -= base.EvictedClients
	n.QueryLimitCloses -= base.QueryLimitCloses
	n.OutputLimitCloses += x.outputCloses.Load() - base.OutputLimitCloses
	n.Cycles -= base.Cycles
	return n
}

// textArgs copies the arguments from i on as strings.
func (c *Ctx) textArgs(i int) []string {
	text := make([]string, 0, len(c.Args)-i)
	for _, a := range c.Args[i:] {
		text = append(text, string(a))
	}
	return text
}
