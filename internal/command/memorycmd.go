package command

import (
	"math"
	"strconv"
	"strings"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/internal/process"
	"github.com/redweave/redweave/keyspace"
)

// MEMORY, and the figures that INFO memory shows as well. They add up: what is used is
// exact, and every key's part of it too.

var memoryHandlers = handlers{
	"memory|doctor": cmdMemoryDoctor, "memory|help": cmdHelp, "memory|malloc-stats": cmdMemoryMallocStats,
	"memory|purge": cmdMemoryPurge, "memory|stats": cmdMemoryStats, "memory|usage": cmdMemoryUsage,
}

// memoryFigures are what INFO and MEMORY report.
type memoryFigures struct {
	used, peak, startup int64 // bytes, by our own accounting
	held, rss           int64 // bytes held from the system; resident in memory
	blocks              int64 // bytes of blocks in use: used without what is outside the arena
	clients             int64 // bytes of clients' buffers
	index, expires      int64 // bytes of the tables over keys
	idle                int64 // bytes held that a purge could give back
	tracked             int64 // bytes of the tables of tracked keys
	keys                int
}

// overhead is what does not hold data: start-up, indexes, and who has cached which
// keys. Clients' buffers are ordinary Go memory, outside of what used counts, and so
// outside of this.
func (m *memoryFigures) overhead() int64 { return m.startup + m.index + m.expires + m.tracked }

// dataset is the rest: used = overhead + dataset.
func (m *memoryFigures) dataset() int64 { return max(m.used-m.overhead(), 0) }

// active is what is held and cannot be given back.
func (m *memoryFigures) active() int64 { return m.held - m.idle }

// grown is what is used beyond the memory of an empty keyspace, at least 1.
func (m *memoryFigures) grown() int64 { return max(m.used-m.startup, 1) }

// measure gathers the figures. O(clients + databases).
func (c *Ctx) measure() memoryFigures {
	m := memoryFigures{used: c.usedMemory(), rss: process.RSS(), startup: c.startupMemory, keys: c.keys()}
	for _, s := range c.shards {
		m.blocks += s.Arena().Used()
		m.held += s.Arena().Held()
		m.idle += s.Arena().Idle()
	}
	c.databases(func(_ int, dbs []*keyspace.DB) {
		keys, expires := indexBytes(dbs)
		m.index, m.expires = m.index+keys, m.expires+expires
	})
	for _, in := range c.interests {
		m.tracked += in.trackedBytes
	}
	for cl := c.first; cl != nil; cl = cl.next {
		m.clients += cl.MemoryBytes()
	}
	c.peakMemory = max(c.peakMemory, m.used)
	m.peak = c.peakMemory
	return m
}

// indexBytes sums up the tables over the keys of one database.
func indexBytes(dbs []*keyspace.DB) (keys, expires int64) {
	for _, db := range dbs {
		k, e := db.IndexBytes()
		keys, expires = keys+k, expires+e
	}
	return keys, expires
}

// cmdMemoryUsage weighs a key: its own blocks, the value's, and its share of
// the tables that find it.
func cmdMemoryUsage(c *Ctx) {
	samples := 5
	for i := 3; i < len(c.Args); i++ {
		if !c.is(i, "SAMPLES") || i+1 == len(c.Args) {
			c.Fail(errSyntax)
			return
		}
		i++
		n, ok := c.int(i)
		if !ok {
			return
		}
		if n < 0 {
			c.Fail(errSyntax)
			return
		}
		samples = int(min(n, math.MaxInt)) // 0 weighs all, here as there
	}
	e, found := c.lookup(c.Args[2], keyspace.Peek)
	if !found {
		c.Out.Null()
		return
	}
	c.Out.Int(memoryUsage(e, samples))
}

// goObject is what a large value takes outside the arena, as keyspace estimates
// it for used_memory.
const goObject = 192

func memoryUsage(e *keyspace.Entry, samples int) int64 {
	db := e.DB()
	n := int64(e.Size())
	keys, expires := db.IndexBytes()
	n += share(keys, db.Len())
	if _, volatile := e.ExpireAt(); volatile {
		n += share(expires, db.Volatile())
	}
	if !e.Encoding().IsObject() {
		return n // the value is in the entry's own block
	}
	n += goObject
	switch e.Type() {
	case datatypes.List:
		n += list.Open(e).MemoryUsage(samples)
	case datatypes.Set:
		n += set.Open(e).MemoryUsage(samples)
	case datatypes.ZSet:
		n += zset.Open(e).MemoryUsage(samples)
	case datatypes.Hash:
		n += hash.Open(e).MemoryUsage(samples)
	case datatypes.Stream:
		n += streamOf(e).Bytes()
	}
	return n
}

// share is one part of n, rounded up.
func share(n int64, parts int) int64 {
	return (n + int64(parts) - 1) / max(int64(parts), 1)
}

func cmdMemoryPurge(c *Ctx) {
	for _, s := range c.shards {
		s.Collect()
		s.Arena().Purge(0)
	}
	c.OK()
}

// cmdMemoryMallocStats reports on our own allocator, shard by shard.
func cmdMemoryMallocStats(c *Ctx) {
	var b strings.Builder
	for i, s := range c.shards {
		b.WriteString("___ shard " + strconv.Itoa(i) + " ___\n")
		b.WriteString(s.Arena().Stats().String())
	}
	c.Out.Verbatim("txt", b.String())
}

// cmdMemoryStats replies the figures under Redis's names. What a lone server
// without replicas and scripts does not have is there, and 0.
func cmdMemoryStats(c *Ctx) {
	m := c.measure()
	o := c.Out
	n := 0
	mark := o.ReserveMap(40)
	num := func(name string, v int64) {
		o.BulkString(name)
		o.Int(v)
		n++
	}
	double := func(name string, v float64) {
		o.BulkString(name)
		o.Double(v)
		n++
	}
	num("peak.allocated", m.peak)
	num("total.allocated", m.used)
	num("startup.allocated", m.startup)
	num("replication.backlog", 0)
	num("clients.slaves", 0)
	num("clients.normal", m.clients)
	num("cluster.links", 0)
	num("aof.buffer", 0)
	num("lua.caches", c.scripts.bytes)
	num("functions.caches", c.scripts.functions.bytes)
	c.databases(func(i int, dbs []*keyspace.DB) {
		keys, expires := indexBytes(dbs)
		if keys+expires == 0 {
			return
		}
		o.BulkString("db." + strconv.Itoa(i))
		o.MapHeader(2)
		o.BulkString("overhead.hashtable.main")
		o.Int(keys)
		o.BulkString("overhead.hashtable.expires")
		o.Int(expires)
		n++
	})
	num("overhead.db.hashtable.lut", m.index+m.expires)
	num("overhead.db.hashtable.rehashing", 0) // no table is ever there twice
	num("db.dict.rehashing.count", 0)
	num("overhead.total", m.overhead())
	num("keys.count", int64(m.keys))
	perKey := int64(0)
	if m.keys > 0 {
		perKey = (m.used - m.startup) / int64(m.keys)
	}
	num("keys.bytes-per-key", perKey)
	num("dataset.bytes", m.dataset())
	double("dataset.percentage", 100*ratio(m.dataset(), m.grown()))
	double("peak.percentage", 100*ratio(m.used, m.peak))
	num("allocator.allocated", m.blocks)
	num("allocator.active", m.active())
	num("allocator.resident", m.held)
	num("allocator.muzzy", 0)
	double("allocator-fragmentation.ratio", ratio(m.active(), m.blocks))
	num("allocator-fragmentation.bytes", m.active()-m.blocks)
	double("allocator-rss.ratio", ratio(m.held, m.active()))
	num("allocator-rss.bytes", m.idle)
	double("rss-overhead.ratio", ratio(m.rss, m.held))
	num("rss-overhead.bytes", m.rss-m.held)
	double("fragmentation", ratio(m.rss, m.used))
	num("fragmentation.bytes", m.rss-m.used)
	o.SetLen(mark, n)
}

func cmdMemoryDoctor(c *Ctx) {
	m := c.measure()
	c.Out.Verbatim("txt", m.diagnosis(len(c.clients)))
}

// Redis's own first words, which people look for.
const (
	sayMemoryEmpty = "Hi Sam, this instance is empty or is using very little memory, " +
		"my issues detector can't be used in these conditions."
	sayMemoryFine   = "Hi Sam, I can't find any memory issue in your instance."
	sayMemoryIssues = "Sam, I detected a few issues in this Redis instance memory implants:"
)

// diagnosis says in sentences what is odd about the figures. Below five
// megabytes, as in Redis, ratios mean nothing.
func (m *memoryFigures) diagnosis(clients int) string {
	const mb = 1 << 20
	if m.used < 5*mb {
		return sayMemoryEmpty + " Please come back when it holds some data.\n"
	}
	var issues []string
	add := func(what, text string) { issues = append(issues, " * "+what+": "+text) }
	if m.peak > m.used*3/2 {
		add("Peak memory", "At its peak the keyspace used more than half as much again as now ("+
			humanBytes(m.peak)+"). If the process seems large for what it holds, that is why: MEMORY PURGE gives back what is left of it.")
	}
	if slack := m.active() - m.blocks; slack > 10*mb && ratio(m.active(), m.blocks) > 1.4 {
		add("High fragmentation inside the allocator", humanBytes(slack)+" lie free between blocks in use, "+
			"usually after many keys were deleted or changed their size. New data fills them; MEMORY MALLOC-STATS shows which sizes are affected.")
	}
	if m.idle > 10*mb && ratio(m.held, m.active()) > 1.1 {
		add("Unused memory is kept", humanBytes(m.idle)+" are held from the system and hold nothing. "+
			"They go back little by little, or at once by MEMORY PURGE.")
	}
	if m.rss > 0 && m.rss-m.held > 10*mb && ratio(m.rss, m.held) > 1.4 {
		add("The process is larger than the keyspace", "Of "+humanBytes(m.rss)+" resident, "+humanBytes(m.held)+
			" belong to the keyspace. The rest is the program around it: its Go heap, its code and its stacks.")
	}
	if clients > 0 && m.clients/int64(clients) > 200<<10 {
		add("Big client buffers", "On average a client has more than 200 kilobytes of input or replies waiting. "+
			"CLIENT LIST tells which (qbuf, omem, tot-mem): a reader too slow, a pipeline too long, or replies too large.")
	}
	if len(issues) == 0 {
		return sayMemoryFine + " As far as the figures go, all is well.\n"
	}
	return sayMemoryIssues + "\n\n" + strings.Join(issues, "\n\n") + "\n"
}
