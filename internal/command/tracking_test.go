package command

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/sharedword"
)

func invalidated(keys ...string) string {
	b := fmt.Sprintf(">2 $10 invalidate *%d ", len(keys))
	for _, k := range keys {
		b += fmt.Sprintf("$%d %s ", len(k), k)
	}
	return b
}

// REDIRECT: messages go to another client, in RESP2 as messages of a channel as long as
// it listens to anything.
func TestTrackingRedirect(t *testing.T) {
	b := newBench(t)
	to, from := b.client(3), b.client(2)
	me := b.as(from)
	id := fmt.Sprint(to.ID)
	me.want("CLIENT TRACKING ON REDIRECT "+id+" REDIRECT "+id, "-ERR A client can only redirect to a single other client\r\n")
	me.want("CLIENT TRACKING ON REDIRECT "+id, "+OK\r\n")
	me.want("CLIENT GETREDIR", ":"+id+"\r\n")
	if line := string(from.appendInfo(nil, 0)); !strings.Contains(line, " flags=t ") || !strings.Contains(line, " redir="+id+" ") {
		t.Error(line)
	}
	touch := func() {
		me.do("GET k")
		b.do("SET k v")
	}
	touch()
	wantMail(t, to, invalidated("k"))
	b.do("FLUSHALL")
	wantMail(t, to, ">2 $10 invalidate $-1 ") // the null of the client that tracks
	b.as(to).do("HELLO 2")
	touch()
	wantMail(t, to, "") // replies are all that it can take
	b.as(to).do("SUBSCRIBE other")
	touch()
	wantMail(t, to, "*3 $7 message $20 __redis__:invalidate *1 $1 k ")
	b.do("FLUSHDB")
	wantMail(t, to, "*3 $7 message $20 __redis__:invalidate $-1 ")
	me.do("SET k v")
	me.do("GET k")
	me.want("DEL k", ":1\r\n")
	wantMail(t, to, "*3 $7 message $20 __redis__:invalidate *1 $1 k ")
	wantMail(t, from, "")

	b.x.Unregister(to)
	touch()
	wantMail(t, from, "") // in RESP2 it cannot be told
	if line := string(from.appendInfo(nil, 0)); !strings.Contains(line, " flags=tR ") {
		t.Error(line)
	}
	me.do("HELLO 3")
	touch()
	wantMail(t, from, ">2 $21 tracking-redir-broken :"+id+" ")
	if got := me.do("CLIENT TRACKINGINFO"); !strings.Contains(got, "broken_redirect") {
		t.Error(got)
	}
	me.want("CLIENT TRACKING ON", "+OK\r\n")
	touch()
	wantMail(t, from, invalidated("k"))
	wantMail(t, to, "")
}

// What nobody asked for changes keys as well: time, and the bound on memory.
func TestTrackingOfExpiryAndEviction(t *testing.T) {
	b := newBench(t)
	cl := b.client(3)
	me := b.as(cl)
	me.do("CLIENT TRACKING ON")
	b.do("SET a v PX 100")
	b.do("SET b v")
	me.do("MGET a b")
	b.clock.Advance(time.Second)
	b.x.Begin()
	for range 20 {
		b.x.Cron()
	}
	wantMail(t, cl, invalidated("a"))
	b.x.config.MaxMemoryPolicy = parsed(t, "maxmemory-policy", "allkeys-random").MaxMemoryPolicy
	b.x.config.MaxMemory = 1
	b.x.configured()
	b.do("PING")
	wantMail(t, cl, invalidated("b"))
	// The one whose command makes room hears of it before its reply.
	b.x.config.MaxMemory = 0
	b.x.configured()
	b.do("SET c v")
	me.do("GET c")
	b.x.config.MaxMemory = 1
	b.x.configured()
	me.want("PING", strings.ReplaceAll(invalidated("c"), " ", "\r\n")+"+PONG\r\n")
}

// By prefix, what happens outside of a batch of commands is told at once.
func TestBroadcastOfTypedCalls(t *testing.T) {
	b := newBench(t)
	cl := b.client(3)
	b.as(cl).do("CLIENT TRACKING ON BCAST PREFIX k")
	b.x.BeginLate()
	b.x.Set(0, []byte("k1"), []byte("v"), 0, false, false, false)
	wantMail(t, cl, invalidated("k1"))
	b.x.Set(0, []byte("other"), []byte("v"), 0, false, false, false)
	wantMail(t, cl, "")
	b.do("SET k2 v PX 5")
	wantMail(t, cl, invalidated("k2"))
	b.clock.Advance(time.Second)
	b.x.Begin()
	b.x.Cron()
	wantMail(t, cl, invalidated("k2"))
}

// A batch of commands is told of in one message, each key once.
func TestBroadcastOfABatch(t *testing.T) {
	b := newBench(t)
	all, some := b.client(3), b.client(3)
	b.as(all).do("CLIENT TRACKING ON BCAST")
	b.as(some).do("CLIENT TRACKING ON BCAST PREFIX a PREFIX b")
	b.x.Begin()
	for _, key := range []string{"b", "a2", "c", "a1", "b", "ab"} {
		b.x.Do(b.cl, [][]byte{[]byte("SET"), []byte(key), []byte("v")})
	}
	wantMail(t, all, "")
	b.x.Settle()
	wantMail(t, all, invalidated("a1", "a2", "ab", "b", "c"))
	wantMail(t, some, invalidated("a1", "a2", "ab")+invalidated("b"))
	for _, want := range []string{"tracking_total_keys:0\r\n", "tracking_total_items:0\r\n", "tracking_total_prefixes:3\r\n"} {
		if got := b.do("INFO stats"); !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
}

// More keys than there may be: some are forgotten when the next command comes, and more
// of them the longer that is not enough.
func TestTrackingLimit(t *testing.T) {
	b := newBench(t)
	cl := b.client(3)
	me := b.as(cl)
	me.do("CLIENT TRACKING ON")
	for i := range 1000 {
		me.do(fmt.Sprint("GET k", i))
	}
	b.x.config.TrackingTableMaxKeys = 10
	me.do("GET one more") // an error: nothing is read
	me.do("GET more")
	for _, want := range []int{901, 701, 401, 10} {
		b.do("PING")
		if got := b.x.trackedKeys(); got != want {
			t.Fatalf("%d keys, want %d", got, want)
		}
	}
	if n := strings.Count(mail(cl), "invalidate"); n != 991 {
		t.Errorf("told of %d keys, want 991", n)
	}
	if b.x.trackedItems() != 10 || b.x.overTracked.Load() {
		t.Errorf("%d items, over the limit: %v", b.x.trackedItems(), b.x.overTracked.Load())
	}
}

// The shard has a hook while somebody is interested, and no longer.
func TestHooksComeAndGo(t *testing.T) {
	b := newBench(t)
	cl := b.client(3)
	me := b.as(cl)
	hooked := func(what string, want bool) {
		t.Helper()
		b.x.Begin()
		b.x.Set(0, []byte("k"), []byte("some value"), 0, false, false, false)
		in := b.x.interests[0]
		if got := b.x.notifies() || b.x.tracks() || len(in.watched) > 0; got != want {
			t.Errorf("%s: %v", what, got)
		}
		h := b.x.shards[0].Hash([]byte("k"))
		if free := b.x.shards[0].OverwriteShared(0, h, []byte("k"), []byte("same value")); free == want && sharedword.Overwriting {
			t.Errorf("%s: the shard may be written to by others: %v", what, free)
		}
	}
	hooked("nobody", false)
	me.do("CLIENT TRACKING ON")
	hooked("tracking", true)
	me.do("CLIENT TRACKING OFF")
	hooked("no more", false)
	b.do("CONFIG SET notify-keyspace-events KEA")
	hooked("events without listeners", false)
	me.do("SSUBSCRIBE c")
	hooked("a shard channel has none", false)
	me.do("PSUBSCRIBE c")
	hooked("a listener", true)
	b.do("CONFIG SET notify-keyspace-events K")
	hooked("without classes", false)
	b.do("CONFIG SET notify-keyspace-events A")
	hooked("without channels", false)
	b.do("CONFIG SET notify-keyspace-events Eg")
	hooked("with both", true)
	me.do("RESET")
	hooked("after RESET", false)
	me.do("CLIENT TRACKING ON BCAST")
	hooked("by prefix", true)
	b.x.Unregister(cl)
	hooked("after its end", false)
}
