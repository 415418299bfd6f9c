package command

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/redweave/redweave/resp"
)

func TestMemoryUsage(t *testing.T) {
	b := newBench(t)
	b.do("SET k v")
	const notInteger = "-ERR value is not an integer or out of range\r\n"
	b.wantAll(
		"MEMORY USAGE nokey", "$-1\r\n",
		"MEMORY USAGE nokey SAMPLES x", notInteger,
		"MEMORY USAGE k SAMPLES", "-ERR syntax error\r\n",
		"MEMORY USAGE k SAMPLES -1", "-ERR syntax error\r\n",
		"MEMORY USAGE k NOPE 1", "-ERR syntax error\r\n",
		"MEMORY USAGE", "-ERR wrong number of arguments for 'memory|usage' command\r\n",
		"MEMORY NOPE", "-ERR unknown subcommand 'NOPE'. Try MEMORY HELP.\r\n",
		// A block of 24 bytes, and alone in an index of one bucket.
		"MEMORY USAGE k", ":80\r\n",
		"MEMORY USAGE k SAMPLES 0 SAMPLES 3", ":80\r\n",
	)
	b.cl.Out.Proto = 3
	b.want("MEMORY USAGE nokey", "_\r\n")
}

// TestMemoryUsageAddsUp weighs every key: together they are what is in use.
func TestMemoryUsageAddsUp(t *testing.T) {
	b := newBench(t)
	for i := range 500 {
		b.do(fmt.Sprintf("SET str%d %s", i, strings.Repeat("x", i*11)))
		b.do(fmt.Sprintf("SET ttl%d %d EX 100", i, i))
	}
	for i := range 300 {
		b.do(fmt.Sprintf("HSET small%d f v g w", i%7))
		b.do(fmt.Sprintf("HSET large f%d %d", i, i))
		b.do(fmt.Sprintf("RPUSH list %0100d", i))
	}
	sum := int64(0)
	for _, key := range b.ask("KEYS *").Strings() {
		n, ok := b.ask("MEMORY USAGE " + key + " SAMPLES 0").Int64()
		if !ok || n < int64(len(key)) {
			t.Fatalf("MEMORY USAGE %s: %d", key, n)
		}
		sum += n
	}
	if used := b.x.usedMemory(); sum < used*98/100 || sum > used*102/100 {
		t.Errorf("the keys weigh %d, in use are %d", sum, used)
	}
}

func TestMemoryStats(t *testing.T) {
	b := newBench(t)
	b.do("SET a 1")
	b.do("SELECT 3")
	b.do("SET b 1 EX 10")
	b.run([]byte("EVAL"), []byte("return 1"), []byte("0"))
	b.run([]byte("FUNCTION"), []byte("LOAD"), []byte("#!lua name=l\nredis.register_function('f', function() end)"))
	for _, proto := range []int{2, 3} {
		b.cl.Out.Proto = proto
		v := b.ask("MEMORY STATS")
		stats := map[string]resp.Value{}
		for name, value := range v.Pairs() {
			stats[name.Str] = value
		}
		if kind := map[int]resp.Kind{2: resp.Array, 3: resp.Map}[proto]; v.Kind != kind {
			t.Errorf("protocol %d: a %c", proto, v.Kind)
		}
		for name := range strings.FieldsSeq(`peak.allocated total.allocated startup.allocated replication.backlog
			clients.slaves clients.normal cluster.links aof.buffer lua.caches functions.caches overhead.total
			keys.count keys.bytes-per-key dataset.bytes allocator.allocated allocator.active allocator.resident
			allocator-fragmentation.bytes allocator-rss.bytes rss-overhead.bytes fragmentation.bytes`) {
			if stats[name].Kind != resp.Integer {
				t.Errorf("protocol %d: %s is %v", proto, name, stats[name])
			}
		}
		if stats["lua.caches"].Int == 0 || stats["functions.caches"].Int == 0 {
			t.Errorf("protocol %d: scripts take %d bytes, functions %d", proto, stats["lua.caches"].Int, stats["functions.caches"].Int)
		}
		for name := range strings.FieldsSeq(`dataset.percentage peak.percentage allocator-fragmentation.ratio
			allocator-rss.ratio rss-overhead.ratio fragmentation`) {
			if kind := map[int]resp.Kind{2: resp.BulkString, 3: resp.Double}[proto]; stats[name].Kind != kind {
				t.Errorf("protocol %d: %s is %v", proto, name, stats[name])
			}
		}
		if stats["keys.count"].Int != 2 || stats["total.allocated"].Int != b.x.usedMemory() {
			t.Errorf("%v keys, %v bytes", stats["keys.count"], stats["total.allocated"])
		}
		for db, want := range map[string]string{"db.0": "main:64 expires:0 ", "db.3": "main:64 expires:64 "} {
			got := ""
			for name, value := range stats[db].Pairs() {
				got += strings.TrimPrefix(name.Str, "overhead.hashtable.") + ":" + strconv.FormatInt(value.Int, 10) + " "
			}
			if got != want {
				t.Errorf("%s is %q, want %q", db, got, want)
			}
		}
		if _, ok := stats["db.1"]; ok {
			t.Error("there is a db.1")
		}
	}
}

func TestMemoryDoctor(t *testing.T) {
	const mb = 1 << 20
	for _, test := range []struct {
		name    string
		m       memoryFigures
		clients int
		want    []string // beginnings of lines
	}{
		{"empty", memoryFigures{used: 4 * mb}, 1, []string{"Hi Sam, this instance is empty or is using very little memory"}},
		{"fine", memoryFigures{used: 50 * mb, blocks: 50 * mb, held: 55 * mb, peak: 51 * mb, rss: 60 * mb}, 1, []string{"Hi Sam, I can't find any memory issue"}},
		{"no rss known", memoryFigures{used: 50 * mb, blocks: 50 * mb, held: 55 * mb, peak: 51 * mb}, 0, []string{"Hi Sam, I can't find any"}},
		{"peak", memoryFigures{used: 50 * mb, blocks: 50 * mb, held: 50 * mb, peak: 80 * mb, rss: 50 * mb}, 1, []string{"Sam, I detected a few issues", " * Peak memory: "}},
		{"all", memoryFigures{used: 50 * mb, blocks: 50 * mb, held: 150 * mb, idle: 50 * mb, peak: 80 * mb, rss: 300 * mb, clients: 10 * mb}, 2,
			[]string{"Sam, I detected", " * Peak", " * High fragmentation", " * Unused", " * The process", " * Big client"}},
	} {
		text := test.m.diagnosis(test.clients)
		var lines []string
		for line := range strings.Lines(text) {
			if line != "\n" {
				lines = append(lines, line)
			}
		}
		if len(lines) != len(test.want) {
			t.Errorf("%s: %q, want %q", test.name, lines, test.want)
			continue
		}
		for i, want := range test.want {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("%s: %q, want it to begin %q", test.name, lines[i], want)
			}
		}
	}
	b := newBench(t)
	if v := b.ask("MEMORY DOCTOR"); !strings.HasPrefix(v.Str, sayMemoryEmpty) {
		t.Errorf("an empty keyspace: %s", v.Str)
	}
}

func TestMemoryPurge(t *testing.T) {
	b := newBench(t)
	for i := range 100 {
		b.do(fmt.Sprintf("SET k%d %s", i, strings.Repeat("x", 100_000)))
	}
	b.do("FLUSHALL SYNC")
	c := b.x.typed(0)
	if c.measure().idle == 0 {
		t.Fatal("nothing to purge")
	}
	b.want("MEMORY PURGE", "+OK\r\n")
	if m := c.measure(); m.idle != 0 {
		t.Errorf("%d bytes are still idle", m.idle)
	}
	if text := b.ask("MEMORY MALLOC-STATS").Text(); !strings.HasPrefix(text, "___ shard 0 ___\nheld ") {
		t.Errorf("MALLOC-STATS: %q", text)
	}
	b.cl.Out.Proto = 3
	for _, line := range []string{"MEMORY MALLOC-STATS", "MEMORY DOCTOR"} {
		if v := b.ask(line); v.Kind != resp.Verbatim {
			t.Errorf("%s: a %c", line, v.Kind)
		}
	}
}
