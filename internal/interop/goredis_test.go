package interop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redweave/redweave/resp/resptest"
)

// eachGoRedis runs f with a client in memory and one over TCP, in both protocols,
// under every model.
func eachGoRedis(t *testing.T, f func(t *testing.T, ctx context.Context, c *redis.Client)) {
	eachModel(t, func(t *testing.T, options resptest.Options) {
		for _, proto := range []int{2, 3} {
			for _, network := range []string{"memory", "tcp"} {
				t.Run(fmt.Sprintf("resp%d/%s", proto, network), func(t *testing.T) {
					s := resptest.NewServer(t, options)
					o := &redis.Options{Protocol: proto, ClientName: "interop"}
					if network == "memory" {
						o.Dialer = s.DialContext
					} else {
						o.Addr = s.Addr()
					}
					c := redis.NewClient(o)
					t.Cleanup(func() { c.Close() })
					f(t, t.Context(), c)
				})
			}
		}
	})
}

// must fails the test unless a call went well, and returns what it returned.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want); g != w {
		t.Errorf("%s = %s, want %s", what, g, w)
	}
}

// TestGoRedisHandshake: HELLO, CLIENT SETNAME and CLIENT SETINFO must succeed, and
// the server must know the client by them.
func TestGoRedisHandshake(t *testing.T) {
	eachGoRedis(t, func(t *testing.T, ctx context.Context, c *redis.Client) {
		equal(t, "PING", must[string](t)(c.Ping(ctx).Result()), "PONG")
		equal(t, "CLIENT GETNAME", must[string](t)(c.ClientGetName(ctx).Result()), "interop")
		info := must[*redis.ClientInfo](t)(c.ClientInfo(ctx).Result())
		if info.LibName == "" || info.LibVer == "" || info.Resp != c.Options().Protocol {
			t.Errorf("CLIENT INFO: %+v", info)
		}
	})
}

func TestGoRedisStrings(t *testing.T) {
	eachGoRedis(t, func(t *testing.T, ctx context.Context, c *redis.Client) {
		equal(t, "SET", must[string](t)(c.Set(ctx, "k", "v", time.Minute).Result()), "OK")
		equal(t, "GET", must[string](t)(c.Get(ctx, "k").Result()), "v")
		if ttl := must[time.Duration](t)(c.TTL(ctx, "k").Result()); ttl <= 50*time.Second || ttl > time.Minute {
			t.Errorf("TTL = %v", ttl)
		}
		equal(t, "SET NX", must[bool](t)(c.SetNX(ctx, "k", "w", 0).Result()), false)
		if _, err := c.Get(ctx, "nothing").Result(); !errors.Is(err, redis.Nil) {
			t.Errorf("GET of nothing: %v", err)
		}
		equal(t, "INCRBY", must[int64](t)(c.IncrBy(ctx, "n", 5).Result()), 5)
		equal(t, "INCRBYFLOAT", must[float64](t)(c.IncrByFloat(ctx, "f", 1.25).Result()), 1.25)
		equal(t, "MGET", must[[]any](t)(c.MGet(ctx, "k", "nothing", "n").Result()), []any{"v", nil, "5"})
		equal(t, "GETRANGE", must[string](t)(c.GetRange(ctx, "k", 0, -1).Result()), "v")
		if err := c.Incr(ctx, "k").Err(); err == nil || err.Error() != "ERR value is not an integer or out of range" {
			t.Errorf("INCR of a word: %v", err)
		}
		equal(t, "GETDEL", must[string](t)(c.GetDel(ctx, "k").Result()), "v")
		equal(t, "EXISTS", must[int64](t)(c.Exists(ctx, "k", "n", "n").Result()), 2)
	})
}

func TestGoRedisLists(t *testing.T) {
	eachGoRedis(t, func(t *testing.T, ctx context.Context, c *redis.Client) {
		equal(t, "RPUSH", must[int64](t)(c.RPush(ctx, "l", "a", "b", "c").Result()), 3)
		equal(t, "LRANGE", must[[]string](t)(c.LRange(ctx, "l", 0, -1).Result()), []string{"a", "b", "c"})
		equal(t, "LPOS", must[int64](t)(c.LPos(ctx, "l", "b", redis.LPosArgs{}).Result()), 1)
		equal(t, "LMOVE", must[string](t)(c.LMove(ctx, "l", "m", "LEFT", "RIGHT").Result()), "a")
		key, vals, err := c.LMPop(ctx, "RIGHT", 2, "l", "m").Result()
		if err != nil || key != "l" || !slices.Equal(vals, []string{"c", "b"}) {
			t.Errorf("LMPOP = %s %v %v", key, vals, err)
		}
		if err := c.LPop(ctx, "l").Err(); !errors.Is(err, redis.Nil) {
			t.Errorf("LPOP of nothing: %v", err)
		}
	})
}

func TestGoRedisHashes(t *testing.T) {
	eachGoRedis(t, func(t *testing.T, ctx context.Context, c *redis.Client) {
		equal(t, "HSET", must[int64](t)(c.HSet(ctx, "h", "a", 1, "b", 2).Result()), 2)
		equal(t, "HGETALL", must[map[string]string](t)(c.HGetAll(ctx, "h").Result()), map[string]string{"a": "1", "b": "2"})
		equal(t, "HMGET", must[[]any](t)(c.HMGet(ctx, "h", "b", "x").Result()), []any{"2", nil})
		var scanned struct {
			A int `redis:"a"`
			B int `redis:"b"`
		}
		if err := c.HGetAll(ctx, "h").Scan(&scanned); err != nil || scanned.A != 1 || scanned.B != 2 {
			t.Errorf("%+v %v", scanned, err)
		}
		equal(t, "HEXPIRE", must[[]int64](t)(c.HExpire(ctx, "h", time.Minute, "a", "x").Result()), []int64{1, -2})
		equal(t, "HTTL", must[[]int64](t)(c.HTTL(ctx, "h", "a", "b").Result()), []int64{60, -1})
		equal(t, "HINCRBYFLOAT", must[float64](t)(c.HIncrByFloat(ctx, "h", "b", .5).Result()), 2.5)
		kv := must[[]redis.KeyValue](t)(c.HRandFieldWithValues(ctx, "h", 5).Result())
		if len(kv) != 2 {
			t.Errorf("HRANDFIELD = %v", kv)
		}
	})
}

func TestGoRedisSets(t *testing.T) {
	eachGoRedis(t, func(t *testing.T, ctx context.Context, c *redis.Client) {
		equal(t, "SADD", must[int64](t)(c.SAdd(ctx, "s", "a", "b", "c").Result()), 3)
		c.SAdd(ctx, "t", "b", "c", "d")
		got := must[[]string](t)(c.SInter(ctx, "s", "t").Result())
		sort.Strings(got)
		equal(t, "SINTER", got, []string{"b", "c"})
		equal(t, "SMISMEMBER", must[[]bool](t)(c.SMIsMember(ctx, "s", "a", "x").Result()), []bool{true, false})
		equal(t, "SMEMBERS", len(must[map[string]struct{}](t)(c.SMembersMap(ctx, "s").Result())), 3)
		equal(t, "SPOP", len(must[[]string](t)(c.SPopN(ctx, "s", 5).Result())), 3)
	})
}

func TestGoRedisSortedSets(t *testing.T) {
	eachGoRedis(t, func(t *testing.T, ctx context.Context, c *redis.Client) {
		equal(t, "ZADD", must[int64](t)(c.ZAdd(ctx, "z", redis.Z{Score: 1.5, Member: "a"}, redis.Z{Score: 2, Member: "b"}).Result()), 2)
		equal(t, "ZRANGE", must[[]redis.Z](t)(c.ZRangeWithScores(ctx, "z", 0, -1).Result()),
			[]redis.Z{{Score: 1.5, Member: "a"}, {Score: 2, Member: "b"}})
		equal(t, "ZRANGE BYSCORE", must[[]string](t)(c.ZRangeArgs(ctx, redis.ZRangeArgs{
			Key: "z", Start: "(1.5", Stop: "+inf", ByScore: true, Count: 10}).Result()), []string{"b"})
		equal(t, "ZSCORE", must[float64](t)(c.ZScore(ctx, "z", "a").Result()), 1.5)
		equal(t, "ZINCRBY", must[float64](t)(c.ZIncrBy(ctx, "z", 3, "a").Result()), 4.5)
		rank := must[redis.RankScore](t)(c.ZRankWithScore(ctx, "z", "a").Result())
		equal(t, "ZRANK", rank, redis.RankScore{Rank: 1, Score: 4.5})
		equal(t, "ZUNION", must[[]redis.Z](t)(c.ZUnionWithScores(ctx, redis.ZStore{Keys: []string{"z", "z"}}).Result()),
			[]redis.Z{{Score: 4, Member: "b"}, {Score: 9, Member: "a"}})
		key, popped, err := c.ZMPop(ctx, "max", 1, "z").Result()
		if err != nil || key != "z" || popped[0].Member != "a" {
			t.Errorf("ZMPOP = %s %v %v", key, popped, err)
		}
		equal(t, "ZPOPMIN", must[[]redis.Z](t)(c.ZPopMin(ctx, "z").Result()), []redis.Z{{Score: 2, Member: "b"}})
	})
}

func TestGoRedisPipeline(t *testing.T) {
	eachGoRedis(t, func(t *testing.T, ctx context.Context, c *redis.Client) {
		cmds := must[[]redis.Cmder](t)(c.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range 1000 {
				p.Set(ctx, fmt.Sprint("k", i), i, 0)
				p.Get(ctx, fmt.Sprint("k", i))
			}
			return nil
		}))
		for i := range 1000 {
			if got := cmds[2*i+1].(*redis.StringCmd).Val(); got != fmt.Sprint(i) {
				t.Fatalf("reply %d is %q", i, got)
			}
		}
	})
}

func TestGoRedisScan(t *testing.T) {
	eachGoRedis(t, func(t *testing.T, ctx context.Context, c *redis.Client) {
		const n = 1000
		p := c.Pipeline()
		for i := range n {
			p.Set(ctx, fmt.Sprint("key:", i), i, 0)
			p.SAdd(ctx, "set", i)
			p.HSet(ctx, "hash", i, i)
			p.ZAdd(ctx, "zset", redis.Z{Score: float64(i), Member: i})
		}
		must[[]redis.Cmder](t)(p.Exec(ctx))
		for name, c := range map[string]struct {
			it   *redis.ScanIterator
			want int
		}{
			"SCAN":      {c.Scan(ctx, 0, "key:*", 100).Iterator(), n},
			"SCAN TYPE": {c.ScanType(ctx, 0, "", 100, "zset").Iterator(), 1},
			"SSCAN":     {c.SScan(ctx, "set", 0, "", 100).Iterator(), n},
			"HSCAN":     {c.HScan(ctx, "hash", 0, "", 100).Iterator(), 2 * n},
			"ZSCAN":     {c.ZScan(ctx, "zset", 0, "", 100).Iterator(), 2 * n},
		} {
			got := 0
			for c.it.Next(ctx) {
				got++
			}
			if err := c.it.Err(); err != nil || got != c.want {
				t.Errorf("%s found %d of %d, %v", name, got, c.want, err)
			}
		}
	})
}

// TestGoRedisIntrospection: replies that the library takes apart.
func TestGoRedisIntrospection(t *testing.T) {
	eachGoRedis(t, func(t *testing.T, ctx context.Context, c *redis.Client) {
		cmds := must[map[string]*redis.CommandInfo](t)(c.Command(ctx).Result())
		if get := cmds["get"]; get == nil || get.Arity != 2 || !get.ReadOnly || get.FirstKeyPos != 1 {
			t.Errorf("COMMAND of get: %+v", get)
		}
		equal(t, "COMMAND GETKEYS", must[[]string](t)(c.CommandGetKeys(ctx, "mset", "a", "1", "b", "2").Result()), []string{"a", "b"})
		if list := must[[]string](t)(c.CommandList(ctx, &redis.FilterBy{ACLCat: "hash"}).Result()); !slices.Contains(list, "hset") {
			t.Errorf("COMMAND LIST: %v", list)
		}
		equal(t, "CONFIG GET", must[map[string]string](t)(c.ConfigGet(ctx, "maxmemory").Result()), map[string]string{"maxmemory": "0"})
		equal(t, "CONFIG SET", must[string](t)(c.ConfigSet(ctx, "maxmemory", "100mb").Result()), "OK")
		if m := must[map[string]map[string]string](t)(map2(c.InfoMap(ctx, "server"))); m["Server"]["redis_version"] == "" {
			t.Errorf("INFO: %v", m)
		}
		equal(t, "SLOWLOG GET", len(must[[]redis.SlowLog](t)(c.SlowLogGet(ctx, 10).Result())), 0)
		if at := must[time.Time](t)(c.Time(ctx).Result()); time.Since(at).Abs() > time.Minute {
			t.Errorf("TIME = %v", at)
		}
		c.Set(ctx, "k", "v", 0)
		equal(t, "OBJECT ENCODING", must[string](t)(c.ObjectEncoding(ctx, "k").Result()), "embstr")
		if n := must[int64](t)(c.MemoryUsage(ctx, "k").Result()); n <= 0 {
			t.Errorf("MEMORY USAGE = %d", n)
		}
		equal(t, "DBSIZE", must[int64](t)(c.DBSize(ctx).Result()), 1)
		equal(t, "FLUSHALL", must[string](t)(c.FlushAll(ctx).Result()), "OK")
	})
}

func map2(cmd *redis.InfoCmd) (map[string]map[string]string, error) { return cmd.Val(), cmd.Err() }

// TestGoRedisExpiryUnderAStoppedClock: a client sees the time that the test sets.
func TestGoRedisExpiryUnderAStoppedClock(t *testing.T) {
	eachModel(t, func(t *testing.T, o resptest.Options) {
		o.Stopped = true
		s := resptest.NewServer(t, o)
		c := redis.NewClient(&redis.Options{Dialer: s.DialContext})
		defer c.Close()
		ctx := t.Context()
		c.Set(ctx, "k", "v", time.Hour)
		s.Advance(59 * time.Minute)
		equal(t, "TTL", must[time.Duration](t)(c.TTL(ctx, "k").Result()), time.Minute)
		s.Advance(time.Minute + time.Millisecond)
		equal(t, "EXISTS", must[int64](t)(c.Exists(ctx, "k").Result()), 0)
	})
}
