package threading

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/resp"
)

// newShards returns a Core of several shards on the system's clock.
func newShards(t testing.TB, shards int, params ...string) *Core {
	t.Helper()
	conf := config.New(config.Options{})
	if err := conf.Load(config.Source{Options: config.ParseArgs(params).Options}); err != nil {
		t.Fatal(err)
	}
	c := NewCore(Options{Config: conf, Shards: shards}, nobody{})
	t.Cleanup(c.CloseCore)
	return c
}

// A caller runs commands in process.
type caller struct {
	t    testing.TB
	core *Core
	cl   *command.Client
}

func newCaller(t testing.TB, c *Core) *caller { return &caller{t, c, c.Attach()} }

func (c *caller) do(words ...string) resp.Value {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	c.cl.Out.Reset()
	if err := c.core.Do(context.Background(), c.cl, args); err != nil {
		c.t.Errorf("%v: %v", words, err)
		return resp.Value{}
	}
	v, _, err := resp.Parse(c.cl.Out.Bytes())
	if err != nil {
		c.t.Errorf("%v: %v", words, err)
	}
	return v
}

func (c *caller) int(words ...string) int64 {
	v := c.do(words...)
	if err := v.Err(); err != nil {
		c.t.Errorf("%v: %v", words, err)
	}
	return v.Int
}

// rounds is how often a concurrent test does what it does.
func rounds(n int) int {
	if testing.Short() || invariants.Enabled {
		return n / 10
	}
	return n
}

// Goroutines move what is theirs between keys of different shards, by commands on
// several keys; others add up. No sum may ever be seen to change.
func TestShardsAtomic(t *testing.T) {
	for _, shards := range []int{1, 2, 3, 8} {
		t.Run(strconv.Itoa(shards), func(t *testing.T) { testAtomic(t, newShards(t, shards)) })
	}
}

func testAtomic(t *testing.T, core *Core) {
	const accounts, goroutines, total = 12, 4, 1200
	name := func(kind string, i int) string { return kind + ":" + strconv.Itoa(i) }
	init := newCaller(t, core)
	mget := []string{"MGET"}
	union, lengths := []string{"SUNION"}, []string{}
	for i := range accounts {
		init.do("SET", name("money", i), strconv.Itoa(total/accounts))
		mget = append(mget, name("money", i))
		for j := range 5 {
			init.do("SADD", name("set", i), fmt.Sprintf("m%d-%d", i, j))
			init.do("RPUSH", name("list", i), fmt.Sprintf("e%d-%d", i, j))
		}
		union = append(union, name("set", i))
		lengths = append(lengths, name("list", i))
	}
	init.do("SET", "wanderer:0", "x")

	var wg sync.WaitGroup
	var mu sync.Mutex // of those who move money: MSET overwrites what it has not seen
	for g := range goroutines {
		wg.Go(func() {
			c := newCaller(t, core)
			defer core.Detach(c.cl)
			rnd := rand.New(rand.NewPCG(uint64(g), 7))
			for range rounds(3000) {
				i, j := rnd.IntN(accounts), rnd.IntN(accounts)
				switch rnd.IntN(8) {
				case 0, 1:
					if i == j {
						continue
					}
					mu.Lock()
					v := c.do("MGET", name("money", i), name("money", j))
					a, _ := strconv.Atoi(v.Elems[0].Str)
					b, _ := strconv.Atoi(v.Elems[1].Str)
					n := rnd.IntN(a + 1)
					c.do("MSET", name("money", i), strconv.Itoa(a-n), name("money", j), strconv.Itoa(b+n))
					mu.Unlock()
				case 2:
					sum := 0
					for _, e := range c.do(mget...).Elems {
						n, _ := strconv.Atoi(e.Str)
						sum += n
					}
					if sum != total {
						t.Errorf("MGET adds up to %d, want %d", sum, total)
						return
					}
				case 3:
					m := c.do("SRANDMEMBER", name("set", i)).Str
					c.do("SMOVE", name("set", i), name("set", j), m)
				case 4:
					if n := len(c.do(union...).Elems); n != 5*accounts {
						t.Errorf("SUNION has %d members, want %d", n, 5*accounts)
						return
					}
				case 5:
					c.do("LMOVE", name("list", i), name("list", j), "LEFT", "RIGHT")
				case 6:
					from := name("wanderer", i)
					c.do("RENAME", from, name("wanderer", j))
				case 7:
					all := []string{"EXISTS"}
					for k := range accounts {
						all = append(all, name("wanderer", k))
					}
					if n := c.int(all...); n != 1 {
						t.Errorf("%d wanderers", n)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	n := int64(0)
	for _, l := range lengths {
		n += init.int("LLEN", l)
	}
	if n != 5*accounts {
		t.Errorf("lists have %d elements, want %d", n, 5*accounts)
	}
}

// RENAME takes values of every type and encoding to another shard and back: nothing
// may be lost on the way, TTLs included, nor any memory left behind.
func TestShardsRename(t *testing.T) {
	core := newShards(t, 5, "--enable-debug-command", "yes")
	c := newCaller(t, core)
	before := core.memory()
	long := strings.Repeat("x", 100)
	add := func(n int, words ...string) {
		for i := range n {
			line := slices.Clone(words)
			for k, w := range line {
				line[k] = strings.ReplaceAll(w, "#", strconv.Itoa(i))
			}
			if err := c.do(line...).Err(); err != nil {
				t.Fatalf("%v: %v", line, err)
			}
		}
	}
	add(1, "SET", "k:int", "42")
	add(1, "SET", "k:string", long, "EX", "1000")
	add(1, "SET", "k:huge", strings.Repeat(long, 1000))
	add(3, "RPUSH", "k:list", "#")
	add(300, "RPUSH", "k:biglist", long+"#")
	add(3, "SADD", "k:intset", "#")
	add(3, "SADD", "k:set", "m#")
	add(300, "SADD", "k:bigset", "m#")
	add(3, "ZADD", "k:zset", "#", "m#")
	add(300, "ZADD", "k:bigzset", "#", "m#")
	add(3, "HSET", "k:hash", "f#", "v")
	add(300, "HSET", "k:bighash", "f#", "v")
	add(1, "HPEXPIRE", "k:bighash", "1000000", "FIELDS", "1", "f7")
	add(1, "PEXPIRE", "k:bigzset", "1000000")
	names := c.do("KEYS", "k:*").Elems
	for _, e := range names {
		key := e.Str
		digest := c.do("DEBUG", "DIGEST-VALUE", key).Elems[0].Str
		encoding := c.do("OBJECT", "ENCODING", key).Str
		at := c.int("PEXPIRETIME", key)
		visited := map[int]bool{}
		for i := range 20 {
			to := fmt.Sprintf("away:%d", i)
			visited[core.server.ShardOf([]byte(to))] = true
			if i%2 == 0 {
				c.do("RENAME", key, to)
			} else {
				c.do("COPY", key, to)
				c.do("DEL", key)
			}
			if got := c.do("DEBUG", "DIGEST-VALUE", to).Elems[0].Str; got != digest {
				t.Errorf("%s is another value on shard %d", e.Str, core.server.ShardOf([]byte(to)))
			}
			key = to
		}
		if len(visited) != 5 {
			t.Errorf("only %d shards visited", len(visited))
		}
		if got := c.do("OBJECT", "ENCODING", key).Str; got != encoding {
			t.Errorf("%s came back as %s, was %s", e.Str, got, encoding)
		}
		if got := c.int("PEXPIRETIME", key); got != at {
			t.Errorf("%s expires at %d, was %d", e.Str, got, at)
		}
		c.do("RENAME", key, e.Str)
	}
	if n := c.int("DBSIZE"); n != int64(len(names)) {
		t.Errorf("%d keys, want %d", n, len(names))
	}
	c.do("FLUSHALL")
	deadline := time.Now().Add(2 * time.Minute)
	for core.memory() > before && time.Now().Before(deadline) {
		x := core.Own()
		x.Cron()
		core.Release()
	}
	if after := core.memory(); after > before {
		t.Errorf("%d bytes in use, %d before", after, before)
	}
	core.check(t)
}

// memory returns the bytes that all shards use.
func (c *Core) memory() (n int64) {
	c.Own()
	for _, p := range c.parts {
		n += p.shard.Used()
	}
	c.Release()
	return n
}

func (c *Core) check(t testing.TB) {
	t.Helper()
	c.Own()
	for i, p := range c.parts {
		if err := p.shard.Check(); err != nil {
			t.Errorf("shard %d: %v", i, err)
		}
	}
	c.Release()
}

// SCAN must find every key once, and RANDOMKEY draw each as often as any other.
func TestShardsKeyspaceWide(t *testing.T) {
	core := newShards(t, 7)
	c := newCaller(t, core)
	const keys = 500
	for i := range keys {
		c.do("SET", "key:"+strconv.Itoa(i), "v")
	}
	for i := range 3000 { // on one shard alone
		c.do("SET", "{crowd}:"+strconv.Itoa(i), "v")
	}
	for _, count := range []string{"1", "10", "100000"} {
		seen := map[string]int{}
		cursor := "0"
		for {
			v := c.do("SCAN", cursor, "COUNT", count)
			cursor = v.Elems[0].Str
			for _, e := range v.Elems[1].Elems {
				seen[e.Str]++
			}
			if cursor == "0" {
				break
			}
		}
		if len(seen) != keys+3000 {
			t.Errorf("COUNT %s: SCAN found %d keys, want %d", count, len(seen), keys+3000)
		}
	}
	if n := c.int("DBSIZE"); n != keys+3000 {
		t.Errorf("DBSIZE %d", n)
	}
	crowd := 0
	const draws = 7000
	for range draws {
		if strings.HasPrefix(c.do("RANDOMKEY").Str, "{crowd}") {
			crowd++
		}
	}
	if want := draws * 3000 / (keys + 3000); crowd < want*95/100 || crowd > want*105/100 {
		t.Errorf("the crowd was drawn %d times of %d, want about %d", crowd, draws, want)
	}
	if n := len(c.do("KEYS", "key:*").Elems); n != keys {
		t.Errorf("KEYS found %d", n)
	}
	c.do("SWAPDB", "0", "1")
	if n := c.int("DBSIZE"); n != 0 {
		t.Errorf("after SWAPDB %d keys are left", n)
	}
	c.do("SELECT", "1")
	if n := c.int("DBSIZE"); n != keys+3000 {
		t.Errorf("after SWAPDB %d keys are there", n)
	}
	c.do("FLUSHDB")
	if n := c.int("DBSIZE"); n != 0 {
		t.Errorf("after FLUSHDB %d keys are left", n)
	}
	core.check(t)
}

// What all shards use together stays below maxmemory, and each has its share.
func TestShardsMemory(t *testing.T) {
	core := newShards(t, 4, "--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru")
	c := newCaller(t, core)
	value := strings.Repeat("v", 1000)
	fill := func(prefix string, n int) {
		for i := range n {
			if err := c.do("SET", prefix+strconv.Itoa(i), value).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill("key:", 20_000)
	const limit = 8 << 20
	if n := core.memory(); n > limit+64<<10 || n < limit*9/10 {
		t.Errorf("%d bytes are used, want %d", n, limit)
	}
	for i, p := range core.parts {
		if n := p.shard.Used(); n < limit/8 || n > limit/2 {
			t.Errorf("shard %d uses %d", i, n)
		}
	}
	// One that grows alone may have what others leave, and takes what they have above
	// their share, but not more.
	c.do("FLUSHALL")
	fill("{a}", 4000)
	if n := c.int("DBSIZE"); n != 4000 {
		t.Errorf("a shard alone has %d keys of 4000, though all would fit", n)
	}
	fill("{a}", 20_000)
	fill("{b}", 20_000)
	if core.server.ShardOf([]byte("{a}")) == core.server.ShardOf([]byte("{b}")) {
		t.Fatal("the test needs two shards")
	}
	for _, tag := range []string{"{a}", "{b}"} {
		p := core.partOf([]byte(tag))
		if n := p.shard.Used(); n < limit/5 {
			t.Errorf("%s has %d bytes", tag, n)
		}
	}
	if n := core.memory(); n > limit+limit/16+64<<10 {
		t.Errorf("%d bytes are used, want %d", n, limit)
	}
	c.do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	for i := 0; ; i++ {
		if err := c.do("SET", "more:"+strconv.Itoa(i), value).Err(); err != nil {
			if !strings.HasPrefix(err.Error(), "OOM") {
				t.Error(err)
			}
			break
		}
		if i > 20_000 {
			t.Fatal("there is no end to memory")
		}
	}
	// What is freed on one shard is room on another, at once.
	for i := range 20_000 {
		c.do("DEL", "{a}"+strconv.Itoa(i))
	}
	if err := c.do("SET", "{b}again", value).Err(); err != nil {
		t.Error(err)
	}
}

// Keys of all shards expire by themselves, also where nobody calls.
func TestShardsExpire(t *testing.T) {
	m := clock.NewManual(time.UnixMilli(1_700_000_000_000))
	core := NewCore(Options{Clock: m, Shards: 3}, nobody{})
	t.Cleanup(core.CloseCore)
	c := newCaller(t, core)
	for i := range 300 {
		c.do("SET", "k"+strconv.Itoa(i), "v", "PX", "100")
	}
	m.Advance(99 * time.Millisecond)
	if n := c.int("DBSIZE"); n != 300 {
		t.Errorf("%d keys", n)
	}
	m.Advance(2 * time.Millisecond)
	if n := c.int("DBSIZE"); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

// What INFO counts is the sum over the shards.
func TestShardsStatistics(t *testing.T) {
	core := newShards(t, 4, "--slowlog-log-slower-than", "0")
	c := newCaller(t, core)
	for i := range 100 {
		c.do("SET", "k"+strconv.Itoa(i), "v")
		c.do("INCR", "k"+strconv.Itoa(i))
		c.do("GET", "k"+strconv.Itoa(i))
		c.do("GET", "none"+strconv.Itoa(i))
	}
	info := c.do("INFO", "everything").Str
	for _, want := range []string{
		"total_commands_processed:400", "total_error_replies:100", "keyspace_hits:100", "keyspace_misses:100",
		"cmdstat_set:calls=100,", "cmdstat_incr:calls=100,", "failed_calls=100", "errorstat_ERR:count=100", "db0:keys=100,",
	} {
		if !strings.Contains(info, want) {
			t.Errorf("INFO lacks %s", want)
		}
	}
	if n := c.int("SLOWLOG", "LEN"); n != 128 {
		t.Errorf("the slow log has %d entries", n)
	}
	c.do("CONFIG", "RESETSTAT")
	if info := c.do("INFO", "everything").Str; strings.Contains(info, "cmdstat_set") || strings.Contains(info, "errorstat_ERR") {
		t.Error("RESETSTAT left something")
	}
}

// A pause of writers holds those of every shard, and typed writes, until its end.
func TestShardsPause(t *testing.T) {
	m := clock.NewManual(time.UnixMilli(1_700_000_000_000))
	core := NewCore(Options{Clock: m, Shards: 3}, nobody{})
	t.Cleanup(core.CloseCore)
	c := newCaller(t, core)
	c.do("CLIENT", "PAUSE", "1000", "WRITE")
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			mine := newCaller(t, core)
			if i%2 == 0 {
				mine.do("SET", "k"+strconv.Itoa(i), "v")
				return
			}
			if err := core.Set(0, []byte("k"+strconv.Itoa(i)), []byte("v")); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	if n := c.int("DBSIZE"); n != 0 {
		t.Errorf("%d keys written in a pause", n)
	}
	m.Advance(time.Second)
	wg.Wait()
	if n := c.int("DBSIZE"); n != 6 {
		t.Errorf("%d keys after the pause", n)
	}
}

// Each key's typed and untyped calls must meet on the same shard.
func TestShardsTyped(t *testing.T) {
	core := newShards(t, 6)
	c := newCaller(t, core)
	for i := range 200 {
		key := "k" + strconv.Itoa(i)
		if err := core.Set(0, []byte(key), []byte(key)); err != nil {
			t.Fatal(err)
		}
		if got := c.do("GET", key).Str; got != key {
			t.Fatalf("GET %s: %q", key, got)
		}
		b, ok, err := core.AppendGet(nil, 0, []byte(key))
		if !ok || err != nil || !bytes.Equal(b, []byte(key)) {
			t.Fatalf("AppendGet %s: %q, %v, %v", key, b, ok, err)
		}
		x := core.OwnTyped([]byte("n"+key), true)
		x.Incr(0, []byte("n"+key), 5)
		core.ReleaseSet(x)
		if got := c.do("GET", "n"+key).Str; got != "5" {
			t.Fatalf("GET n%s: %q", key, got)
		}
	}
	x := core.OwnKeys([]string{"k1", "k2", "k3", "k4"}, true)
	for _, key := range []string{"k1", "k2", "k3", "k4"} {
		if !x.Delete(0, []byte(key)) {
			t.Errorf("no %s", key)
		}
	}
	core.ReleaseSet(x)
	if n := c.int("DBSIZE"); n != 396 {
		t.Errorf("%d keys", n)
	}
}
