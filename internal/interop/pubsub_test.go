package interop

import (
	"context"
	"testing"

	"github.com/gomodule/redigo/redis"
	goredis "github.com/redis/go-redis/v9"

	"github.com/redweave/redweave/resp/resptest"
)

func TestGoRedisPubSub(t *testing.T) {
	eachGoRedis(t, func(t *testing.T, ctx context.Context, c *goredis.Client) {
		sub := c.Subscribe(ctx, "a", "b")
		defer sub.Close()
		for range 2 {
			if _, err := sub.Receive(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := sub.PSubscribe(ctx, "n*"); err != nil {
			t.Fatal(err)
		}
		if _, err := sub.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		shard := c.SSubscribe(ctx, "s")
		defer shard.Close()
		if _, err := shard.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		if err := sub.Ping(ctx, "hello"); err != nil {
			t.Fatal(err)
		}
		pong, err := sub.Receive(ctx)
		if p, ok := pong.(*goredis.Pong); err != nil || !ok || p.Payload != "hello" {
			t.Errorf("PING: %v, %v", pong, err)
		}
		equal(t, "PUBLISH", must[int64](t)(c.Publish(ctx, "a", "1").Result()), 1)
		equal(t, "PUBLISH", must[int64](t)(c.Publish(ctx, "news", "2").Result()), 1)
		equal(t, "PUBLISH", must[int64](t)(c.Publish(ctx, "nobody", "3").Result()), 1)
		equal(t, "SPUBLISH", must[int64](t)(c.SPublish(ctx, "s", "4").Result()), 1)
		for _, want := range []goredis.Message{
			{Channel: "a", Payload: "1"}, {Channel: "news", Pattern: "n*", Payload: "2"}, {Channel: "nobody", Pattern: "n*", Payload: "3"},
		} {
			equal(t, "message", *must[*goredis.Message](t)(sub.ReceiveMessage(ctx)), want)
		}
		equal(t, "message", *must[*goredis.Message](t)(shard.ReceiveMessage(ctx)), goredis.Message{Channel: "s", Payload: "4"})
		equal(t, "PUBSUB CHANNELS", must[[]string](t)(c.PubSubChannels(ctx, "*").Result()), []string{"a", "b"})
		equal(t, "PUBSUB NUMSUB", must[map[string]int64](t)(c.PubSubNumSub(ctx, "a", "c").Result()), map[string]int64{"a": 1, "c": 0})
		equal(t, "PUBSUB NUMPAT", must[int64](t)(c.PubSubNumPat(ctx).Result()), 1)
		equal(t, "PUBSUB SHARDCHANNELS", must[[]string](t)(c.PubSubShardChannels(ctx, "*").Result()), []string{"s"})
	})
}

func TestRedigoPubSub(t *testing.T) {
	eachModel(t, func(t *testing.T, o resptest.Options) {
		s := resptest.NewServer(t, o)
		dial := func() redis.Conn {
			c, err := s.Dial()
			if err != nil {
				t.Fatal(err)
			}
			return redis.NewConn(c, 0, 0)
		}
		sub, c := redis.PubSubConn{Conn: dial()}, dial()
		defer sub.Close()
		defer c.Close()
		if err := sub.Subscribe("a"); err != nil {
			t.Fatal(err)
		}
		if err := sub.PSubscribe("p*"); err != nil {
			t.Fatal(err)
		}
		equal[any](t, "SUBSCRIBE", sub.Receive(), redis.Subscription{Kind: "subscribe", Channel: "a", Count: 1})
		equal[any](t, "PSUBSCRIBE", sub.Receive(), redis.Subscription{Kind: "psubscribe", Channel: "p*", Count: 2})
		for _, channel := range []string{"a", "pp"} {
			if n, err := redis.Int(c.Do("PUBLISH", channel, "x")); n != 1 || err != nil {
				t.Errorf("PUBLISH: %d, %v", n, err)
			}
		}
		equal[any](t, "message", sub.Receive(), redis.Message{Channel: "a", Data: []byte("x")})
		equal[any](t, "message", sub.Receive(), redis.Message{Channel: "pp", Pattern: "p*", Data: []byte("x")})
		if err := sub.Ping("hi"); err != nil {
			t.Fatal(err)
		}
		equal[any](t, "PING", sub.Receive(), redis.Pong{Data: "hi"})
		if err := sub.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
		equal[any](t, "UNSUBSCRIBE", sub.Receive(), redis.Subscription{Kind: "unsubscribe", Channel: "a", Count: 1})
	})
}
