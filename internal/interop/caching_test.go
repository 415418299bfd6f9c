package interop

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/redweave/redweave/resp/resptest"
)

// cachingClient is a rueidis client with its cache on.
func cachingClient(t *testing.T, s *resptest.Server, tracking ...string) rueidis.Client {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{"memory:0"}, ForceSingleClient: true, ClientTrackingOptions: tracking,
		DialCtxFn: func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) { return s.Dial() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// cachedGet reads a key through the cache.
func cachedGet(t *testing.T, c rueidis.Client, key string) (value string, hit bool) {
	t.Helper()
	r := c.DoCache(t.Context(), c.B().Get().Key(key).Cache(), time.Minute)
	value, err := r.ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		t.Fatal(err)
	}
	return value, r.IsCacheHit()
}

// becomes waits until the cache knows of a change.
func becomes(t *testing.T, c rueidis.Client, key, want string) {
	t.Helper()
	got := ""
	for range 2000 {
		if got, _ = cachedGet(t, c, key); got == want {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s is still %q in the cache, want %q", key, got, want)
}

// TestRueidisCache: what is in the client's cache is there until it changes on the
// server, whoever changes it and however.
func TestRueidisCache(t *testing.T) {
	eachModel(t, func(t *testing.T, o resptest.Options) {
		for name, tracking := range map[string][]string{
			"opt in": nil, "broadcast": {"PREFIX", "k", "BCAST"}, "broadcast of all": {"BCAST"},
		} {
			t.Run(name, func(t *testing.T) {
				s := resptest.NewServer(t, o)
				c, other := cachingClient(t, s, tracking...), cachingClient(t, s)
				do := func(words ...string) {
					t.Helper()
					if err := other.Do(t.Context(), other.B().Arbitrary(words...).Build()).Error(); err != nil {
						t.Fatal(err)
					}
				}
				do("SET", "k", "1")
				becomes(t, c, "k", "1")
				for range 10 {
					if v, hit := cachedGet(t, c, "k"); v != "1" || !hit {
						t.Fatalf("%q, a hit: %v", v, hit)
					}
				}
				for i := range 50 {
					v := strconv.Itoa(2 + i)
					do("SET", "k", v)
					becomes(t, c, "k", v)
				}
				do("APPEND", "k", "x")
				becomes(t, c, "k", "51x")
				do("RENAME", "k", "k2")
				becomes(t, c, "k", "")
				becomes(t, c, "k2", "51x")
				do("FLUSHALL")
				becomes(t, c, "k2", "")
				do("SET", "k", "short", "PX", "30")
				becomes(t, c, "k", "short")
				becomes(t, c, "k", "") // its time is up
				if err := c.Do(t.Context(), c.B().Set().Key("k").Value("mine").Build()).Error(); err != nil {
					t.Fatal(err)
				}
				becomes(t, c, "k", "mine")
			})
		}
	})
}

// TestRueidisCacheOfMany: many keys at once, other types, and what goes to make room.
func TestRueidisCacheOfMany(t *testing.T) {
	eachModel(t, func(t *testing.T, o resptest.Options) {
		s := resptest.NewServer(t, o)
		c, other := cachingClient(t, s), cachingClient(t, s)
		ctx := t.Context()
		b := other.B()
		var keys []string
		for i := range 200 {
			key := "key:" + strconv.Itoa(i)
			keys = append(keys, key)
			other.Do(ctx, b.Set().Key(key).Value(strconv.Itoa(i)).Build())
		}
		other.Do(ctx, b.Hset().Key("h").FieldValue().FieldValue("a", "1").Build())
		for range 2 {
			got, err := rueidis.MGetCache(c, ctx, time.Minute, keys)
			if err != nil || len(got) != len(keys) {
				t.Fatalf("%d keys, %v", len(got), err)
			}
			for i, key := range keys {
				m := got[key]
				if v, _ := m.ToString(); v != strconv.Itoa(i) {
					t.Errorf("%s = %q", key, v)
				}
			}
		}
		field := func() string {
			v, _ := c.DoCache(ctx, c.B().Hget().Key("h").Field("a").Cache(), time.Minute).ToString()
			return v
		}
		if v := field(); v != "1" {
			t.Errorf("HGET: %q", v)
		}
		other.Do(ctx, b.Hincrby().Key("h").Field("a").Increment(41).Build())
		for i := 0; field() != "42"; i++ {
			if time.Sleep(time.Millisecond); i > 2000 {
				t.Fatalf("HGET: %q, want 42", field())
			}
		}
		// The server forgets whom to tell of all but a few keys, and says so.
		other.Do(ctx, b.ConfigSet().ParameterValue().ParameterValue("tracking-table-max-keys", "10").Build())
		for _, key := range keys[:20] {
			cachedGet(t, c, key)
		}
		other.Do(ctx, b.Set().Key("key:0").Value("new").Build())
		becomes(t, c, "key:0", "new")
	})
}

// TestRueidisPubSub: the messages of a channel, a pattern and a shard channel.
func TestRueidisPubSub(t *testing.T) {
	eachModel(t, func(t *testing.T, o resptest.Options) {
		s := resptest.NewServer(t, o)
		c, other := cachingClient(t, s), cachingClient(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		got := make(chan rueidis.PubSubMessage, 10)
		for _, subscribe := range []rueidis.Completed{
			c.B().Subscribe().Channel("a").Build(), c.B().Psubscribe().Pattern("p*").Build(),
			c.B().Ssubscribe().Channel("s").Build(),
		} {
			go c.Receive(ctx, subscribe, func(m rueidis.PubSubMessage) { got <- m })
		}
		send := func(cmd func() rueidis.Completed, want rueidis.PubSubMessage) {
			t.Helper()
			for {
				n, err := other.Do(ctx, cmd()).AsInt64()
				if err != nil {
					t.Fatal(err)
				}
				if n > 0 {
					break
				}
				time.Sleep(time.Millisecond) // it is about to subscribe
			}
			equal(t, "message", <-got, want)
		}
		b := other.B()
		send(func() rueidis.Completed { return b.Publish().Channel("a").Message("1").Build() },
			rueidis.PubSubMessage{Channel: "a", Message: "1"})
		send(func() rueidis.Completed { return b.Publish().Channel("pp").Message("2").Build() },
			rueidis.PubSubMessage{Pattern: "p*", Channel: "pp", Message: "2"})
		send(func() rueidis.Completed { return b.Spublish().Channel("s").Message("3").Build() },
			rueidis.PubSubMessage{Channel: "s", Message: "3"})
	})
}
