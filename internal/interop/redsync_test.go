package interop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redsync/redsync/v4"
	redsyncredis "github.com/go-redsync/redsync/v4/redis"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"

	"github.com/redweave/redweave/resp/resptest"
)

// newQuorum returns redsync over so many servers, and the servers.
func newQuorum(t *testing.T, o resptest.Options, n int) (*redsync.Redsync, []*resptest.Server) {
	var pools []redsyncredis.Pool
	var servers []*resptest.Server
	for range n {
		s := resptest.NewServer(t, o)
		c := redis.NewClient(&redis.Options{Dialer: s.DialContext})
		t.Cleanup(func() { c.Close() })
		pools = append(pools, goredis.NewPool(c))
		servers = append(servers, s)
	}
	return redsync.New(pools...), servers
}

// TestRedsyncExcludes: of many who want the lock, one has it at a time.
func TestRedsyncExcludes(t *testing.T) {
	eachModel(t, func(t *testing.T, o resptest.Options) {
		for _, n := range []int{1, 3} {
			t.Run(fmt.Sprintf("servers=%d", n), func(t *testing.T) {
				rs, _ := newQuorum(t, o, n)
				var inside, entered atomic.Int64
				var g sync.WaitGroup
				for range 8 {
					g.Go(func() {
						m := rs.NewMutex("lock", redsync.WithTries(1000), redsync.WithRetryDelay(2*time.Millisecond))
						for range 5 {
							if err := m.Lock(); err != nil {
								t.Error(err)
								return
							}
							if inside.Add(1) != 1 {
								t.Error("two have the lock")
							}
							entered.Add(1)
							inside.Add(-1)
							if ok, err := m.Unlock(); !ok || err != nil {
								t.Errorf("unlocking: %v, %v", ok, err)
							}
						}
					})
				}
				g.Wait()
				if entered.Load() != 40 {
					t.Errorf("the lock was had %d times, want 40", entered.Load())
				}
			})
		}
	})
}

// TestRedsyncExtendsAndExpires: a lock lives as long as it is extended, and then
// somebody else may have it, and the first may not unlock it.
func TestRedsyncExtendsAndExpires(t *testing.T) {
	eachModel(t, func(t *testing.T, o resptest.Options) {
		rs, servers := newQuorum(t, o, 3)
		ctx := context.Background()
		a := rs.NewMutex("lock", redsync.WithExpiry(200*time.Millisecond), redsync.WithTries(1))
		b := rs.NewMutex("lock", redsync.WithExpiry(time.Minute), redsync.WithTries(1))
		if err := a.LockContext(ctx); err != nil {
			t.Fatal(err)
		}
		var taken *redsync.ErrTaken
		if err := b.LockContext(ctx); !errors.As(err, &taken) {
			t.Errorf("a second lock: %v", err)
		}
		for range 3 {
			time.Sleep(100 * time.Millisecond)
			if ok, err := a.ExtendContext(ctx); !ok || err != nil {
				t.Fatalf("extending: %v, %v", ok, err)
			}
		}
		for servers[0].Do("EXISTS", "lock").Int != 0 {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
		if err := b.LockContext(ctx); err != nil {
			t.Fatalf("after the expiry: %v", err)
		}
		if ok, err := a.UnlockContext(ctx); ok || err == nil {
			t.Errorf("the first unlocked the second's lock: %v", err)
		}
		if ok, err := b.UnlockContext(ctx); !ok || err != nil {
			t.Errorf("unlocking: %v, %v", ok, err)
		}
	})
}

// TestRedsyncQuorum: a lock needs more than half of the servers.
func TestRedsyncQuorum(t *testing.T) {
	eachModel(t, func(t *testing.T, o resptest.Options) {
		rs, servers := newQuorum(t, o, 3)
		m := rs.NewMutex("lock", redsync.WithTries(1))
		servers[0].Do("SET", "lock", "taken")
		if err := m.Lock(); err != nil {
			t.Fatalf("with two of three: %v", err)
		}
		if ok, err := m.Unlock(); !ok || err != nil {
			t.Fatalf("unlocking: %v, %v", ok, err)
		}
		servers[1].Do("SET", "lock", "taken")
		if err := m.Lock(); err == nil {
			t.Error("a lock with one of three")
		}
	})
}
