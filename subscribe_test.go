package redweave_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp"
)

func openWith(t testing.TB, args ...string) *redweave.Keyspace {
	t.Helper()
	ks, err := redweave.Open(redweave.Options{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ks.Close() })
	return ks
}

func publish(t testing.TB, ks *redweave.Keyspace, channel, message string, receivers int) {
	t.Helper()
	if n, err := ks.Publish(channel, message); err != nil || n != receivers {
		t.Errorf("publishing to %s: %d receivers, %v; want %d", channel, n, err, receivers)
	}
}

// take returns the next n messages.
func take(t testing.TB, s *redweave.Subscription, n int) (got []redweave.Message) {
	t.Helper()
	for m, err := range s.Messages() {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, m); len(got) == n {
			break
		}
	}
	return got
}

func TestSubscribe(t *testing.T) {
	ks := openWith(t)
	s, err := ks.Subscribe(t.Context(), "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ks.PSubscribe(t.Context(), "a*", "*")
	if err != nil {
		t.Fatal(err)
	}
	publish(t, ks, "a", "1", 3)
	publish(t, ks, "b", "2", 2)
	publish(t, ks, "c", "\x00\r\n", 1)
	want := []redweave.Message{{"a", "", "1"}, {"b", "", "2"}}
	if got := fmt.Sprint(take(t, s, 2)); got != fmt.Sprint(want) {
		t.Errorf("got %s, want %v", got, want)
	}
	want = []redweave.Message{{"a", "a*", "1"}, {"a", "*", "1"}, {"b", "*", "2"}, {"c", "*", "\x00\r\n"}}
	got := append(take(t, p, 1), take(t, p, 3)...) // breaking off loses none
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	s.Close()
	s.Close()
	publish(t, ks, "a", "3", 2)
	for m, err := range s.Messages() {
		t.Errorf("a closed subscription yields %v, %v", m, err)
	}
}

func TestSubscribeToNothing(t *testing.T) {
	ks := openWith(t)
	_, err := ks.Subscribe(t.Context())
	if e := resp.Error(""); !errors.As(err, &e) || !strings.Contains(string(e), "number of arguments") {
		t.Errorf("subscribing to no channel: %v", err)
	}
	ks.Close()
	if _, err := ks.Subscribe(t.Context(), "a"); err != redweave.ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

// A call that stands for itself cannot listen: nobody would take the messages.
func TestDoCannotSubscribe(t *testing.T) {
	ks := openWith(t)
	for _, args := range [][]any{{"SUBSCRIBE", "a"}, {"PSUBSCRIBE", "a"}, {"SSUBSCRIBE", "a"}, {"CLIENT", "TRACKING", "ON"}} {
		if v, err := ks.Do(t.Context(), args...); err == nil {
			t.Errorf("%v: %v", args, v)
		}
	}
	publish(t, ks, "a", "x", 0)
}

func TestSubscriptionsEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	ks := openWith(t)
	ctx, cancel := context.WithCancel(t.Context())
	for name, test := range map[string]struct {
		end  func(s *redweave.Subscription)
		want error
	}{
		"by Close":       {func(s *redweave.Subscription) { s.Close() }, nil},
		"by its context": {func(*redweave.Subscription) { cancel() }, context.Canceled},
	} {
		s, err := ks.Subscribe(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() {
			var last error
			for _, err := range s.Messages() {
				last = err
			}
			ended <- last
		}()
		test.end(s)
		if err := <-ended; err != test.want {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		ctx, cancel = context.WithCancel(t.Context())
	}
	defer cancel()
	s, err := ks.Subscribe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	go ks.Close()
	for _, err := range s.Messages() {
		if err != redweave.ErrClosed {
			t.Errorf("after the keyspace's end: %v", err)
		}
	}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestSlowSubscriber(t *testing.T) {
	t.Run("hard", func(t *testing.T) {
		ks := openWith(t, "--client-output-buffer-limit", "pubsub", "10000", "0", "0")
		s, err := ks.Subscribe(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			publish(t, ks, "a", strings.Repeat("x", 50), 1)
		}
		if n := len(take(t, s, 100)); n != 100 {
			t.Errorf("%d messages", n)
		}
		for range 200 {
			ks.Publish("a", strings.Repeat("x", 50))
		}
		for m, err := range s.Messages() {
			if err != redweave.ErrSlowSubscriber {
				t.Errorf("%v, %v", m, err)
			}
		}
		publish(t, ks, "a", "x", 0)
		if v, err := ks.Do(t.Context(), "INFO", "stats"); err != nil || !strings.Contains(v.Text(), "client_output_buffer_limit_disconnections:1\r\n") {
			t.Errorf("%v, %v", v, err)
		}
	})
	t.Run("soft", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ks := openWith(t, "--client-output-buffer-limit", "pubsub", "0", "1000", "10")
			s, err := ks.Subscribe(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			for range 9 {
				publish(t, ks, "a", strings.Repeat("x", 500), 1)
				time.Sleep(time.Second)
			}
			take(t, s, 9) // in time
			for range 13 {
				ks.Publish("a", strings.Repeat("x", 500))
				time.Sleep(time.Second)
			}
			for m, err := range s.Messages() {
				if err != redweave.ErrSlowSubscriber {
					t.Errorf("%v, %v", m, err)
				}
			}
		})
	})
}

// A subscription hears of what happens to keys, by typed calls as well.
func TestSubscribeToEvents(t *testing.T) {
	ks := openWith(t, "--notify-keyspace-events", "KA")
	s, err := ks.PSubscribe(t.Context(), "__keyspace@*__:*")
	if err != nil {
		t.Fatal(err)
	}
	ks.Set("a", []byte("1"))
	ks.Set("a", []byte("2"))
	ks.Incr("a", 1)
	ks.Expire("a", time.Hour)
	ks.Del("a")
	var events []string
	for _, m := range take(t, s, 5) {
		events = append(events, m.Payload)
	}
	if got := strings.Join(events, " "); got != "set set incrby expire del" {
		t.Errorf("events: %s", got)
	}
}

// Subscriptions come and go, keys change and messages are published from everywhere at
// once, and whoever has subscribed and not left hears everything.
func TestSubscribersConcurrently(t *testing.T) {
	for _, model := range []string{"single-loop", "multi-loop", "sharded"} {
		t.Run(model, func(t *testing.T) {
			ks := openWith(t, "--threading-model", model, "--notify-keyspace-events", "KEA")
			all, err := ks.Subscribe(t.Context(), "all")
			if err != nil {
				t.Fatal(err)
			}
			const n = 300
			var g sync.WaitGroup
			for i := range 3 {
				g.Go(func() {
					for j := range n {
						if _, err := ks.Publish("all", fmt.Sprint(i, " ", j)); err != nil {
							t.Error(err)
						}
						ks.Set(fmt.Sprint("key", j%7), []byte("v"))
					}
				})
				g.Go(func() {
					for range n / 10 {
						s, err := ks.PSubscribe(t.Context(), "*")
						if err != nil {
							t.Error(err)
							return
						}
						ks.Publish("own", "x")
						for m, err := range s.Messages() {
							if err != nil {
								t.Error(err)
							}
							if m.Channel == "own" {
								break
							}
						}
						s.Close()
					}
				})
				g.Go(func() { caching(t, ks, n/10) })
			}
			next := [3]int{}
			for _, m := range take(t, all, 3*n) {
				var i, j int
				fmt.Sscan(m.Payload, &i, &j)
				if next[i] != j {
					t.Fatalf("message %d of publisher %d is %d", next[i], i, j)
				}
				next[i]++
			}
			g.Wait()
		})
	}
}

// caching reads keys as a client with a cache does, over a connection that comes and goes.
func caching(t *testing.T, ks *redweave.Keyspace, n int) {
	for i := range n {
		conn, err := ks.Dial()
		if err != nil {
			t.Error(err)
			return
		}
		mode := []string{"ON", "ON BCAST", "ON NOLOOP"}[i%3]
		fmt.Fprintf(conn, "HELLO 3\r\nCLIENT TRACKING %s\r\nMGET key1 key2 key3\r\nGET key4\r\nSET key1 v\r\nSUBSCRIBE own\r\nECHO done\r\n", mode)
		r := resp.NewReader(conn)
		for {
			v, err := r.Read()
			if err != nil {
				t.Error(err)
				break
			}
			if v.Str == "done" {
				break
			}
		}
		conn.Close()
	}
}
