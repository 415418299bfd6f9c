package interop

import (
	"context"
	"crypto/tls"
	"net"
	"testing"

	"github.com/redis/rueidis"

	"github.com/redweave/redweave/resp/resptest"
)

// TestRueidis runs the library without its client-side cache; caching_test.go has that.
func TestRueidis(t *testing.T) {
	eachModel(t, func(t *testing.T, o resptest.Options) {
		for name, resp2 := range map[string]bool{"resp2": true, "resp3": false} {
			t.Run(name, func(t *testing.T) {
				s := resptest.NewServer(t, o)
				c, err := rueidis.NewClient(rueidis.ClientOption{
					InitAddress: []string{"memory:0"}, DisableCache: true, ForceSingleClient: true, AlwaysRESP2: resp2,
					DialCtxFn: func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) { return s.Dial() },
				})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				ctx := t.Context()
				b := c.B()

				if err := c.Do(ctx, b.Set().Key("k").Value("v").Build()).Error(); err != nil {
					t.Fatal(err)
				}
				equal(t, "GET", must[string](t)(c.Do(ctx, b.Get().Key("k").Build()).ToString()), "v")
				if err := c.Do(ctx, b.Get().Key("nothing").Build()).Error(); !rueidis.IsRedisNil(err) {
					t.Errorf("GET of nothing: %v", err)
				}
				c.Do(ctx, b.Hset().Key("h").FieldValue().FieldValue("a", "1").FieldValue("b", "2").Build())
				equal(t, "HGETALL", must[map[string]string](t)(c.Do(ctx, b.Hgetall().Key("h").Build()).AsStrMap()), map[string]string{"a": "1", "b": "2"})
				c.Do(ctx, b.Zadd().Key("z").ScoreMember().ScoreMember(1.5, "a").ScoreMember(2, "b").Build())
				equal(t, "ZRANGE", must[[]rueidis.ZScore](t)(c.Do(ctx, b.Zrange().Key("z").Min("0").Max("-1").Withscores().Build()).AsZScores()),
					[]rueidis.ZScore{{Member: "a", Score: 1.5}, {Member: "b", Score: 2}})
				scan := must[rueidis.ScanEntry](t)(c.Do(ctx, b.Scan().Cursor(0).Count(100).Build()).AsScanEntry())
				equal(t, "SCAN", len(scan.Elements), 3)

				// Its own pipelining: many at once on one connection.
				var cmds rueidis.Commands
				for range 500 {
					cmds = append(cmds, b.Incr().Key("n").Build())
				}
				for i, r := range c.DoMulti(ctx, cmds...) {
					equal(t, "INCR", must[int64](t)(r.AsInt64()), int64(i+1))
				}
			})
		}
	})
}
