package interop

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/redweave/redweave/resp/resptest"
)

// eachCluster runs f with a cluster of one node, under every model. Clients of clusters
// go where its answers send them, so it has a port.
func eachCluster(t *testing.T, f func(t *testing.T, addr string)) {
	eachModel(t, func(t *testing.T, o resptest.Options) {
		o.Keyspace.Config["cluster-enabled"] = "yes"
		f(t, resptest.NewServer(t, o).Addr())
	})
}

// TestGoRedisCluster: the client learns the slots, and spreads what it is told over them.
func TestGoRedisCluster(t *testing.T) {
	eachCluster(t, func(t *testing.T, addr string) {
		c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}})
		defer c.Close()
		ctx := t.Context()
		_, port, _ := net.SplitHostPort(addr)
		slots := must[[]redis.ClusterSlot](t)(c.ClusterSlots(ctx).Result())
		// A node that never met another does not know its address: the client does.
		if len(slots) != 1 || slots[0].Start != 0 || slots[0].End != 16383 || slots[0].Nodes[0].Addr != ":"+port {
			t.Errorf("CLUSTER SLOTS: %+v", slots)
		}
		shards := must[[]redis.ClusterShard](t)(c.ClusterShards(ctx).Result())
		if len(shards) != 1 || shards[0].Nodes[0].Role != "master" || fmt.Sprint(shards[0].Nodes[0].Port) != port {
			t.Errorf("CLUSTER SHARDS: %+v", shards)
		}
		cmds := must[[]redis.Cmder](t)(c.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range 300 {
				p.Set(ctx, fmt.Sprint("k", i), i, 0)
				p.Get(ctx, fmt.Sprint("k", i))
			}
			return nil
		}))
		for i := range 300 {
			equal(t, "GET", cmds[2*i+1].(*redis.StringCmd).Val(), fmt.Sprint(i))
		}
		must[[]redis.Cmder](t)(c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Incr(ctx, "{n}:a")
			p.Incr(ctx, "{n}:b")
			return nil
		}))
		equal(t, "MGET", must[[]any](t)(c.MGet(ctx, "{n}:a", "{n}:b").Result()), []any{"1", "1"})
		if err := c.Do(ctx, "MGET", "k1", "k2").Err(); err == nil || !strings.HasPrefix(err.Error(), "CROSSSLOT ") {
			t.Errorf("MGET over slots: %v", err)
		}
		equal(t, "DBSIZE", must[int64](t)(c.DBSize(ctx).Result()), 302)
		slot := must[int64](t)(c.ClusterKeySlot(ctx, "k7").Result())
		if keys := must[[]string](t)(c.ClusterGetKeysInSlot(ctx, int(slot), 10).Result()); len(keys) == 0 {
			t.Errorf("slot %d has no keys", slot)
		}

		sub := c.SSubscribe(ctx, "news")
		defer sub.Close()
		must[any](t)(sub.Receive(ctx))
		equal(t, "SPUBLISH", must[int64](t)(c.SPublish(ctx, "news", "1").Result()), 1)
		equal(t, "message", must[*redis.Message](t)(sub.ReceiveMessage(ctx)).Payload, "1")

		script := redis.NewScript(`return redis.call('INCRBY', KEYS[1], ARGV[1])`)
		equal(t, "EVALSHA", must[int64](t)(script.Run(ctx, c, []string{"{n}:a"}, 5).Int64()), 6)
	})
}

// TestRueidisCluster: with client-side caching, as it does by default.
func TestRueidisCluster(t *testing.T) {
	eachCluster(t, func(t *testing.T, addr string) {
		c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, ShuffleInit: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx := t.Context()
		var cmds rueidis.Commands
		for i := range 300 {
			cmds = append(cmds, c.B().Set().Key(fmt.Sprint("k", i)).Value(fmt.Sprint(i)).Build())
		}
		for _, r := range c.DoMulti(ctx, cmds...) {
			if err := r.Error(); err != nil {
				t.Fatal(err)
			}
		}
		var keys []string
		for i := range 300 {
			keys = append(keys, fmt.Sprint("k", i))
		}
		for range 2 {
			got, err := rueidis.MGetCache(c, ctx, time.Minute, keys)
			if err != nil || len(got) != len(keys) {
				t.Fatal(len(got), err)
			}
			for i, k := range keys {
				m := got[k]
				equal(t, k, must[string](t)(m.ToString()), fmt.Sprint(i))
			}
		}
		if err := c.Do(ctx, c.B().Set().Key("k5").Value("changed").Build()).Error(); err != nil {
			t.Fatal(err)
		}
		becomes(t, c, "k5", "changed")
	})
}
