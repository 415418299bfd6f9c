package command

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/stream"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/internal/digest"
	"github.com/redweave/redweave/internal/glob"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// DEBUG is what test suites reach inside a server with. To the command table it
// is one command, so its subcommands have a table of their own here.
//
// What would kill the process (SEGFAULT, PANIC, OOM, RESTART …) is not among
// them: the process belongs to whoever embeds the library.

var debugHandlers = handlers{"debug": cmdDebug}

const (
	errDebugDenied     resp.Error = `ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.`
	errPackedThreshold resp.Error = "ERR argument must be a memory value bigger than 1 and smaller than 4gb"
	errNeedsRESP3      resp.Error = "ERR RESP2 is not supported by this command"
	errProtocolType    resp.Error = "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
	errNotSDS          resp.Error = "ERR Not an sds encoded string."
	errNotListPack     resp.Error = "ERR Not a listpack encoded object."
	errNotQuickList    resp.Error = "ERR Not a quicklist encoded object."
	errDatabaseRange   resp.Error = "ERR Out of range database"
	errNotHashTable    resp.Error = "ERR The value stored at the specified key is not represented using an hash table"
)

// debugState is what DEBUG has switched.
type debugState struct {
	packedThreshold int  // DEBUG QUICKLIST-PACKED-THRESHOLD, 0 for the default
	cronPaused      bool // DEBUG PAUSE-CRON
	skipChecksum    bool // DEBUG SET-SKIP-CHECKSUM-VALIDATION
}

// A debugSub is a subcommand of DEBUG.
type debugSub struct {
	name     string // upper case
	min, max int    // arguments, DEBUG and the name among them
	run      func(c *Ctx)
	args     string
	help     string
}

const many = math.MaxInt

// debugSubs are DEBUG's subcommands, in the order of HELP. They are filled in
// by init because HELP, one of them, reads them all.
var debugSubs []debugSub

func init() {
	accepted := (*Ctx).OK
	debugSubs = []debugSub{
		{"AOF-FLUSH-SLEEP", 3, 3, accepted, "<microsec>", "Accepted: there is no append only file to flush."},
		{"CHANGE-REPL-ID", 2, 2, debugChangeReplID, "", "Give the instance a new replication ID."},
		{"CONFIG-REWRITE-FORCE-ALL", 2, 2, debugRewriteAll, "", "Like CONFIG REWRITE."},
		{"DICT-RESIZING", 3, 3, accepted, "<0|1>", "Accepted: tables grow and shrink a bucket at a time, and always."},
		{"DIGEST", 2, 2, debugDigest, "", "Reply one signature for all data there is."},
		{"DIGEST-VALUE", 2, many, debugDigestValue, "<key> [<key> ...]", "Reply a signature for the value of each key."},
		{"DROP-CLUSTER-PACKET-FILTER", 3, 3, debugInt, "<packet-type>", "Accepted: there is no cluster bus."},
		{"ERROR", 3, 3, debugError, "<string>", "Reply an error with <string> as its text."},
		{"HTSTATS", 3, 4, debugHTStats, "<dbid> [full]", "Reply statistics of the tables over a database's keys."},
		{"HTSTATS-KEY", 3, 4, debugHTStatsKey, "<key> [full]", "Like HTSTATS for the table that is the key's value."},
		{"JMAP", 2, 2, accepted, "", "Accepted, without effect."},
		{"LEAK", 3, 3, accepted, "<string>", "Accepted: nothing leaks."},
		{"LISTPACK", 3, 3, debugListpack, "<key>", "Write the elements of a listpack to the log."},
		{"LOADAOF", 2, 2, accepted, "", "Accepted: the data stays as it is."},
		{"LOG", 3, 3, debugLog, "<message>", "Write <message> to the log."},
		{"OBJECT", 3, 4, debugObject, "<key> [fast]", "Show how a value is stored; fast leaves out what takes time to find."},
		{"PAUSE-CRON", 3, 3, debugPauseCron, "<0|1>", "Stop periodic work."},
		{"POPULATE", 3, 5, debugPopulate, "<count> [<prefix>] [<size>]", "Create <count> string keys <prefix>:<number>, unless they are there."},
		{"PROTOCOL", 3, 3, debugProtocol, "<type>", "Reply a value of a type: string, integer, double, bignum, null, array, set, map, attrib, push, verbatim, true, false."},
		{"QUICKLIST", 3, 4, debugQuicklist, "<key> [<0|1>]", "Write the nodes of a quicklist to the log."},
		{"QUICKLIST-PACKED-THRESHOLD", 3, 3, debugPackedThreshold, "<size>", "Elements of <size> bytes or more get a node of their own; 0 restores the default."},
		{"RELOAD", 2, many, debugReload, "[MERGE] [NOFLUSH] [NOSAVE]", "Write all data out, forget it and read it again; with NOSAVE, read the database file."},
		{"REPLICATE", 3, many, accepted, "<string>", "Accepted: there are no replicas."},
		{"REPLYBUFFER", 4, 4, debugReplyBuffer, "PEAK-RESET-TIME <NEVER|RESET|milliseconds> | RESIZING <0|1>", "Accepted: buffers are sized by what is in them."},
		{"SDSLEN", 3, 3, debugSDSLen, "<key>", "Show the lengths of a key and its string, and the memory behind them."},
		{"SET-ACTIVE-EXPIRE", 3, 3, debugActiveExpire, "<0|1>", "With 0, delete expired keys only when somebody meets them."},
		{"SET-DISABLE-DENY-SCRIPTS", 3, 3, accepted, "<0|1>", "Accepted: what scripts may not run, they may not."},
		{"SET-SKIP-CHECKSUM-VALIDATION", 3, 3, debugSkipChecksum, "<0|1>", "With 1, RESTORE does not look at checksums."},
		{"SLEEP", 3, 3, debugSleep, "<seconds>", "Stop the keyspace for <seconds>, with decimals."},
		{"STRINGMATCH-LEN", 4, 4, debugStringMatch, "<pattern> <string>", "Reply 1 when the glob-style pattern matches the string, else 0."},
		{"STRUCTSIZE", 2, 2, debugStructSize, "", "Show the sizes of headers in memory."},
		{"HELP", 2, 2, debugHelp, "", "Print this help."},
	}
}

func cmdDebug(c *Ctx) {
	for i := range debugSubs {
		sub := &debugSubs[i]
		if c.is(1, sub.name) && sub.min <= len(c.Args) && len(c.Args) <= sub.max {
			sub.run(c)
			return
		}
	}
	c.Fail(subcommandSyntax("DEBUG", c.Args[1]))
}

func debugHelp(c *Ctx) {
	c.Out.ArrayHeader(1 + 2*len(debugSubs))
	c.Out.SimpleString("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for _, sub := range debugSubs {
		c.Out.SimpleString(strings.TrimSpace(sub.name + " " + sub.args))
		c.Out.SimpleString("    " + sub.help)
	}
}

// switchedOn reads argument i as C's atoi does: anything that does not begin
// with a number is 0.
func (c *Ctx) switchedOn(i int) bool {
	digits := bytes.TrimLeft(bytes.TrimLeft(c.Args[i], " "), "+-0")
	return len(digits) > 0 && '1' <= digits[0] && digits[0] <= '9'
}

// debugSleep stops the keyspace: whoever wants it waits, as with Redis, since
// the command keeps what it owns.
//
// Only the system's clock is slept by. A clock that a test steps moves when the
// test says so; to wait for it here would wait for a goroutine that may itself
// be waiting for this command.
func debugSleep(c *Ctx) {
	seconds, _ := strconv.ParseFloat(string(c.Args[2]), 64)
	if _, system := c.clock.(*clock.System); system && seconds > 0 {
		time.Sleep(time.Duration(min(seconds, math.MaxInt32) * float64(time.Second)))
	}
	c.OK()
}

func debugActiveExpire(c *Ctx) {
	for _, s := range c.shards {
		s.ActiveExpireOff = !c.switchedOn(2)
	}
	c.OK()
}

func debugPauseCron(c *Ctx) {
	c.debug.cronPaused = c.switchedOn(2)
	c.OK()
}

func debugSkipChecksum(c *Ctx) {
	c.debug.skipChecksum = c.switchedOn(2)
	c.OK()
}

func debugPackedThreshold(c *Ctx) {
	n, ok := config.ParseMemory(string(c.Args[2]))
	if !ok || n > 1<<32-1<<20 {
		c.Fail(errPackedThreshold)
		return
	}
	c.debug.packedThreshold = int(n)
	c.configured()
	c.OK()
}

func debugChangeReplID(c *Ctx) {
	c.log.Info("Changing replication IDs after receiving DEBUG change-repl-id")
	c.replID = randomHex()
	c.OK()
}

func debugRewriteAll(c *Ctx) {
	if err := c.config.Rewrite(c.users.Lines()); err != nil {
		c.Fail(resp.Error("ERR CONFIG-REWRITE-FORCE-ALL failed: " + strings.TrimPrefix(err.Error(), "ERR ")))
		return
	}
	c.OK()
}

func debugLog(c *Ctx) {
	c.log.Warn("DEBUG LOG: " + string(c.Args[2]))
	c.OK()
}

// debugError replies an error that is not one: it is in nobody's statistics.
func debugError(c *Ctx) { c.Out.Error(resp.Error(c.Args[2])) }

func debugInt(c *Ctx) {
	if _, ok := c.int(2); ok {
		c.OK()
	}
}

func debugReplyBuffer(c *Ctx) {
	switch {
	case c.is(2, "RESIZING"):
	case c.is(2, "PEAK-RESET-TIME"):
		if !c.is(3, "NEVER") && !c.is(3, "RESET") {
			if _, ok := c.int(3); !ok {
				return
			}
		}
	default:
		c.Fail(subcommandSyntax("DEBUG", c.Args[1]))
		return
	}
	c.OK()
}

func debugStringMatch(c *Ctx) {
	if glob.Match(c.Args[2], c.Args[3], false) {
		c.Out.Int(1)
		return
	}
	c.Out.Int(0)
}

// debugStructSize replies sizes under Redis's names: what stands before a
// string's bytes is one byte or five, and an entry's header is eight.
func debugStructSize(c *Ctx) {
	c.Out.BulkString("bits:" + strconv.Itoa(strconv.IntSize) +
		" robj:8 dictentry:10 sdshdr5:1 sdshdr8:1 sdshdr16:5 sdshdr32:5 sdshdr64:5 ")
}

// debugPopulate makes string keys as quickly as it can: no replies, no
// arguments to parse, nothing counted as unsaved.
func debugPopulate(c *Ctx) {
	count, ok := c.count(2)
	if !ok {
		return
	}
	prefix, size := []byte("key"), int64(0)
	if len(c.Args) > 3 {
		prefix = c.Args[3]
	}
	if len(c.Args) > 4 {
		if size, ok = c.count(4); !ok {
			return
		}
	}
	if size > c.maxBulk {
		c.Fail(errStringTooLong)
		return
	}
	e := c.entry()
	key := append(bytes.Clone(prefix), ':')
	stem, value, padded := len(key), []byte("value:"), make([]byte, size)
	for i := range count {
		key = strconv.AppendInt(key[:stem], i, 10)
		if c.lookupInto(e, key, keyspace.Write) {
			continue
		}
		value = strconv.AppendInt(value[:len("value:")], i, 10)
		stored := value
		if size > 0 {
			copy(padded, value) // numbers only get longer: nothing of the last is left
			stored = padded
		}
		db := c.db(key)
		db.SetString(e, key, keyspace.StringOf(stored), 0)
		dirty := &db.Shard().Stats.Dirty
		was := *dirty
		db.Modified(key)
		*dirty = was
		db.Event(keyspace.EventNew, "new", key)
	}
	c.OK()
}

func debugProtocol(c *Ctx) {
	o := c.Out
	switch string(lowerInto(nil, c.Args[2])) {
	case "string":
		o.BulkString("Hello World")
	case "integer":
		o.Int(12345)
	case "double":
		o.Double(3.141)
	case "bignum":
		o.BigNumber("1234567999999999999999999999999999999")
	case "null":
		o.Null()
	case "array":
		o.ArrayHeader(3)
		for i := range int64(3) {
			o.Int(i)
		}
	case "set":
		o.SetHeader(3)
		for i := range int64(3) {
			o.Int(i)
		}
	case "map":
		o.MapHeader(3)
		for i := range int64(3) {
			o.Int(i)
			o.Bool(i == 1)
		}
	case "attrib":
		if o.Proto >= 3 {
			o.AttributeHeader(1)
			o.BulkString("key-popularity")
			o.ArrayHeader(2)
			o.BulkString("key:123")
			o.Int(90)
		}
		o.BulkString("Some real reply following the attribute")
	case "push":
		if o.Proto < 3 {
			c.Fail(errNeedsRESP3)
			return
		}
		o.PushHeader(2)
		o.BulkString("server-cpu-usage")
		o.Int(42)
		o.BulkString("Some real reply following the push reply")
	case "verbatim":
		o.Verbatim("txt", "This is a verbatim\nstring")
	case "true":
		o.Bool(true)
	case "false":
		o.Bool(false)
	default:
		c.Fail(errProtocolType)
	}
}

// The rest of the file looks at values.

// debugged finds the key a subcommand asks about, without a trace.
func (c *Ctx) debugged() (*keyspace.Entry, bool) {
	e, found := c.lookup(c.Args[2], keyspace.Peek)
	if !found {
		c.Fail(errNoSuchKey)
	}
	return e, found
}

// debugObject replies Redis's line about a value. serializedlength is that of a
// dump without compression.
func debugObject(c *Ctx) {
	e, ok := c.debugged()
	if !ok {
		return
	}
	fast := len(c.Args) == 4 && c.is(3, "FAST")
	idle := e.IdleMs() / 1000
	b := fmt.Appendf(nil, "Value at:%s refcount:%d encoding:%s", address(e), c.refCount(e), e.Encoding())
	if !fast {
		b = fmt.Appendf(b, " serializedlength:%d", serializedLen(e, c.now()))
	}
	b = fmt.Appendf(b, " lru:%d lru_seconds_idle:%d", (c.now()/1000-idle)&(1<<24-1), idle)
	if e.Encoding() == datatypes.QuickList {
		l := list.Open(e)
		b = fmt.Appendf(b, " ql_nodes:%d ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:%d",
			l.Nodes(), float64(l.Len())/float64(l.Nodes()), c.limits.list.MaxListpackSize, min(c.limits.list.CompressDepth, 1))
		if !fast {
			size := 0
			l.EachNode(func(_ bool, content []byte) bool {
				size += len(content)
				return true
			})
			b = fmt.Appendf(b, " ql_uncompressed_size:%d", size)
		}
	}
	c.Out.SimpleString(string(b))
}

// address is where a value lies in memory.
func address(e *keyspace.Entry) string {
	if e.Encoding().IsObject() {
		return fmt.Sprintf("%p", e.Object())
	}
	return fmt.Sprintf("%p", e.View())
}

// serializedLen is the length of a value in Redis's dump format: strings that
// spell a small integer take 2, 3 or 5 bytes, others their bytes and a length;
// a listpack or intset is one such string.
func serializedLen(e *keyspace.Entry, now int64) int {
	n := 0
	str := func(v listpack.Value) { n += dumpedString(v.Append(nil)) }
	switch enc := e.Encoding(); {
	case enc == datatypes.Int:
		n = dumpedString(keyspace.AppendInt(nil, e.Int()))
	case e.Type() == datatypes.String:
		n = dumpedString(e.View())
	case e.Type() == datatypes.List:
		l := list.Open(e)
		n = dumpedLen(l.Nodes())
		l.EachNode(func(_ bool, content []byte) bool {
			n += 1 + dumpedLen(len(content)) + len(content)
			return true
		})
	case !enc.IsObject():
		n = dumpedLen(len(e.View())) + len(e.View())
	case e.Type() == datatypes.Set:
		s := set.Open(e)
		n = dumpedLen(s.Len())
		s.ForEach(func(v set.Value) bool { str(v); return true })
	case e.Type() == datatypes.ZSet:
		z := zset.Open(e)
		n = dumpedLen(z.Len())
		z.ForEach(func(v zset.Value, _ float64) bool { str(v); n += 8; return true })
	case e.Type() == datatypes.Hash:
		h := hash.Open(e)
		n = dumpedLen(h.Len())
		h.ForEach(now, func(field, value listpack.Value, _ int64) bool { str(field); str(value); return true })
	case e.Type() == datatypes.Stream:
		n = dumpedStream(streamOf(e))
	}
	return n
}

// dumpedStream is the length of a stream in a dump.
func dumpedStream(s *stream.Stream) int {
	id := func(id stream.ID) int { return dumpedLen(int(id.Ms)) + dumpedLen(int(id.Seq)) }
	const rawID, rawTime = 16, 8
	n := dumpedLen(s.Nodes())
	s.EachNode(func(_ stream.ID, lp []byte) bool {
		n += 1 + rawID + dumpedLen(len(lp)) + len(lp)
		return true
	})
	n += dumpedLen(s.Len()) + id(s.Last()) + id(s.First()) + id(s.MaxDeleted()) + dumpedLen(int(s.Added()))
	n += dumpedLen(len(s.Groups()))
	for _, g := range s.Groups() {
		n += dumpedString(g.Name()) + id(g.Last) + dumpedLen(int(g.Read)) + dumpedLen(g.Len())
		for p := g.Pending(nil, stream.ID{}); p.Next(); {
			n += rawID + rawTime + dumpedLen(int(p.Count))
		}
		n += dumpedLen(g.Consumers())
		g.EachConsumer(func(name []byte, w *stream.Consumer) {
			n += dumpedString(name) + 2*rawTime + dumpedLen(w.Len()) + rawID*w.Len()
		})
	}
	return n
}

// dumpedLen is the size of a length in a dump.
func dumpedLen(n int) int {
	switch {
	case n < 1<<6:
		return 1
	case n < 1<<14:
		return 2
	case uint64(n) <= math.MaxUint32:
		return 5
	}
	return 9
}

func dumpedString(b []byte) int {
	if i, ok := keyspace.ParseInt(b); ok && len(b) <= 11 {
		switch {
		case i == int64(int8(i)):
			return 2
		case i == int64(int16(i)):
			return 3
		case i == int64(int32(i)):
			return 5
		}
	}
	return dumpedLen(len(b)) + len(b)
}

func debugSDSLen(c *Ctx) {
	e, ok := c.debugged()
	if !ok {
		return
	}
	if e.Type() != datatypes.String || e.Encoding() == datatypes.Int {
		c.Fail(errNotSDS)
		return
	}
	value := e.Bytes()
	c.Out.SimpleString(fmt.Sprintf("key_sds_len:%d, key_sds_avail:0, key_zmalloc: %d, val_sds_len:%d, val_sds_avail:%d, val_zmalloc: %d",
		len(e.Key()), e.Size()-cap(value), len(value), cap(value)-len(value), cap(value)))
}

// debugListpack describes a listpack in the log, as an embedded library has no
// standard output of its own. The reply is Redis's.
func debugListpack(c *Ctx) {
	e, ok := c.debugged()
	if !ok {
		return
	}
	if enc := e.Encoding(); enc != datatypes.ListPack && enc != datatypes.ListPackEx {
		c.Fail(errNotListPack)
		return
	}
	c.log.Info("listpack", "key", string(c.Args[2]), "elements", describeListpack(e.View()))
	c.Out.SimpleString("Listpack structure printed on stdout")
}

func describeListpack(lp []byte) string {
	b := fmt.Appendf(nil, "%d bytes, %d elements:", len(lp), listpack.Len(lp))
	for p := listpack.First(lp); p >= 0; p = listpack.Next(lp, p) {
		b = fmt.Appendf(b, " %d:%q", p, listpack.Get(lp, p).Append(nil))
	}
	return string(b)
}

func debugQuicklist(c *Ctx) {
	e, ok := c.debugged()
	if !ok {
		return
	}
	if e.Encoding() != datatypes.QuickList {
		c.Fail(errNotQuickList)
		return
	}
	full := len(c.Args) == 4 && c.switchedOn(3)
	l := list.Open(e)
	c.log.Info("quicklist", "key", string(c.Args[2]), "nodes", l.Nodes(), "elements", l.Len())
	l.EachNode(func(plain bool, content []byte) bool {
		switch {
		case plain:
			c.log.Info("node", "plain", true, "bytes", len(content))
		case full:
			c.log.Info("node", "listpack", describeListpack(content))
		default:
			c.log.Info("node", "bytes", len(content), "elements", listpack.Len(content))
		}
		return true
	})
	c.Out.SimpleString("Quicklist structure printed on stdout")
}

// debugHTStats describes the two tables over the keys of a database, under
// Redis's headings. A table has no chains to tell of; it has bytes.
func debugHTStats(c *Ctx) {
	id, ok := c.int(2)
	if !ok {
		return
	}
	if id < 0 || id >= int64(c.shards[0].Databases()) {
		c.Fail(errDatabaseRange)
		return
	}
	var keys, volatile int
	var keyBytes, volatileBytes int64
	c.databases(func(i int, dbs []*keyspace.DB) {
		if int64(i) != id {
			return
		}
		keyBytes, volatileBytes = indexBytes(dbs)
		for _, db := range dbs {
			keys, volatile = keys+db.Len(), volatile+db.Volatile()
		}
	})
	c.Out.Verbatim("txt", "[Dictionary HT]\n"+tableStats(keys, keyBytes)+"[Expires HT]\n"+tableStats(volatile, volatileBytes))
}

func debugHTStatsKey(c *Ctx) {
	e, ok := c.debugged()
	if !ok {
		return
	}
	var n int
	var size int64
	switch enc := e.Encoding(); {
	case enc == datatypes.SkipList:
		z := zset.Open(e)
		n, size = z.Len(), z.MemoryUsage(0)
	case enc == datatypes.HashTable && e.Type() == datatypes.Set:
		s := set.Open(e)
		n, size = s.Len(), s.MemoryUsage(0)
	case enc == datatypes.HashTable:
		h := hash.Open(e)
		n, size = h.Len(), h.MemoryUsage(0)
	default:
		c.Fail(errNotHashTable)
		return
	}
	c.Out.Verbatim("txt", tableStats(n, size))
}

func tableStats(n int, size int64) string {
	const heading = "Hash table 0 stats (main hash table):\n"
	if n == 0 {
		return heading + "No stats available for empty dictionaries\n"
	}
	return fmt.Sprintf("%s number of elements: %d\n bytes: %d\n bytes per element: %.2f\n", heading, n, size, float64(size)/float64(n))
}

// debugDigest replies one number for all data: Redis's for the same data.
func debugDigest(c *Ctx) {
	var all digest.Sum
	e := c.entry()
	c.databases(func(i int, dbs []*keyspace.DB) {
		started := false
		for _, db := range dbs {
			if db.Len() > 0 && !started {
				all.StartDB(i)
				started = true
			}
			db.ForEach(e, func(e *keyspace.Entry) bool {
				var part digest.Sum
				part.Mix(e.Key())
				digestValue(&part, e, c.now())
				all.Add(part)
				return true
			})
		}
	})
	c.Out.SimpleString(all.String())
}

func debugDigestValue(c *Ctx) {
	keys := c.Args[2:]
	c.Out.ArrayHeader(len(keys))
	e := c.entry()
	for _, key := range keys {
		var sum digest.Sum
		if c.lookupInto(e, key, keyspace.Peek) {
			digestValue(&sum, e, c.now())
		}
		c.Out.SimpleString(sum.String())
	}
}

// digestValue adds a value, and whether its key expires. TTLs of a hash's fields
// leave no trace.
func digestValue(d *digest.Sum, e *keyspace.Entry, now int64) {
	var buf, buf2 []byte
	switch e.Type() {
	case datatypes.String:
		d.StartValue(digest.String)
		if e.Encoding() == datatypes.Int {
			d.Mix(keyspace.AppendInt(nil, e.Int()))
		} else {
			d.Mix(e.View())
		}
	case datatypes.List:
		d.StartValue(digest.List)
		list.Open(e).ForEach(func(v list.Value) bool {
			buf = v.Append(buf[:0])
			d.Mix(buf)
			return true
		})
	case datatypes.Set:
		d.StartValue(digest.Set)
		set.Open(e).ForEach(func(v set.Value) bool {
			buf = v.Append(buf[:0])
			d.Xor(buf)
			return true
		})
	case datatypes.ZSet:
		d.StartValue(digest.ZSet)
		zset.Open(e).ForEach(func(v zset.Value, score float64) bool {
			buf = v.Append(buf[:0])
			d.ZSetMember(buf, score)
			return true
		})
	case datatypes.Hash:
		d.StartValue(digest.Hash)
		hash.Open(e).ForEach(now, func(field, value listpack.Value, _ int64) bool {
			buf, buf2 = field.Append(buf[:0]), value.Append(buf2[:0])
			d.HashField(buf, buf2)
			return true
		})
	case datatypes.Stream:
		d.StartValue(digest.Stream)
		for cur := streamOf(e).Range(stream.ID{}, stream.MaxID); cur.Next(); {
			d.StreamID(cur.ID.Ms, cur.ID.Seq)
			for range cur.Len() {
				field, value := cur.Field()
				buf, buf2 = field.Append(buf[:0]), value.Append(buf2[:0])
				d.Mix(buf)
				d.Mix(buf2)
			}
		}
	}
	if _, volatile := e.ExpireAt(); volatile {
		d.Expires()
	}
}
