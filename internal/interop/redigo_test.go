package interop

import (
	"net"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/redweave/redweave/resp/resptest"
)

func TestRedigo(t *testing.T) {
	eachModel(t, func(t *testing.T, o resptest.Options) {
		s := resptest.NewServer(t, o)
		pool := &redis.Pool{Dial: func() (redis.Conn, error) {
			return redis.Dial("tcp", "", redis.DialNetDial(func(string, string) (net.Conn, error) { return s.Dial() }),
				redis.DialClientName("redigo"), redis.DialDatabase(1))
		}}
		defer pool.Close()
		c := pool.Get()
		defer c.Close()

		equal(t, "SET", must[string](t)(redis.String(c.Do("SET", "k", "v"))), "OK")
		equal(t, "GET", must[string](t)(redis.String(c.Do("GET", "k"))), "v")
		if _, err := redis.String(c.Do("GET", "nothing")); err != redis.ErrNil {
			t.Errorf("GET of nothing: %v", err)
		}
		equal(t, "HSET", must[int](t)(redis.Int(c.Do("HSET", redis.Args{}.Add("h").AddFlat(map[string]int{"a": 1, "b": 2})...))), 2)
		equal(t, "HGETALL", must[map[string]int](t)(redis.IntMap(c.Do("HGETALL", "h"))), map[string]int{"a": 1, "b": 2})
		equal(t, "ZADD", must[int](t)(redis.Int(c.Do("ZADD", "z", 1, "a", 2.5, "b"))), 2)
		equal(t, "ZRANGE", must[map[string]float64](t)(redis.Float64Map(c.Do("ZRANGE", "z", 0, -1, "WITHSCORES"))), map[string]float64{"a": 1, "b": 2.5})
		if _, err := c.Do("LPUSH", "k", 1); err == nil || err.Error() != "WRONGTYPE Operation against a key holding the wrong kind of value" {
			t.Errorf("LPUSH to a string: %v", err)
		}

		// Pipelining by hand.
		for range 100 {
			c.Send("INCR", "n")
		}
		c.Flush()
		for i := range 100 {
			equal(t, "INCR", must[int](t)(redis.Int(c.Receive())), i+1)
		}

		// The database was selected by the dialer.
		equal(t, "keys of database 0", s.Do("DBSIZE").Int, 0)
	})
}
