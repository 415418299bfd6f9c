package sharded

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/transcript"
	"github.com/redweave/redweave/resp"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/enginetest"
)

// rough are options under which every queue is full and everything is handed over, at
// odd moments.
var rough = options{QueueLength: 2, MessageCommands: 1, NoLending: true, Yield: true}

// of returns the options with so many loops.
func (o options) of(loops int) options {
	o.Loops = loops
	return o
}

// variants are what tests of several clients run under.
var variants = []struct {
	name    string
	shards  int
	options options
}{
	{"shards=2", 2, options{}},
	{"shards=5", 5, options{}},
	{"shards=3/no lending", 3, options{NoLending: true}},
	{"shards=3/rough", 3, rough},
	{"shards=7/loops=2", 7, options{Loops: 2}},
	{"shards=8/loops=3/rough", 8, rough.of(3)},
	{"shards=4/loops=1", 4, options{Loops: 1}},
}

func everyVariant(t *testing.T, f func(t *testing.T, e *Engine)) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) { f(t, open(t, v.shards, v.options)) })
	}
}

// open starts an engine on the system's clock, or on c. It is closed when the test ends,
// and must leave no goroutine.
func open(t testing.TB, shards int, own options, params ...string) *Engine {
	return openOn(t, nil, shards, own, params...)
}

func openOn(t testing.TB, c clock.Clock, shards int, own options, params ...string) *Engine {
	t.Helper()
	conf := config.New(config.Options{})
	args := append([]string{"--enable-debug-command", "yes"}, params...)
	if err := conf.Load(config.Source{Options: config.ParseArgs(args).Options}); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	e := newWith(threading.Options{Config: conf, Clock: c, Shards: shards}, own)
	t.Cleanup(func() {
		e.Close()
		enginetest.NoMoreGoroutines(t, before)
	})
	return e
}

// A wire is a client's side of a connection.
type wire struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func dial(t testing.TB, e *Engine) *wire {
	t.Helper()
	c, err := e.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	return &wire{c, t, bufio.NewReader(c)}
}

func words(b []byte, words ...string) []byte {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	return transcript.AppendCommand(b, args)
}

func (p *wire) send(b []byte) bool {
	if _, err := p.Write(b); err != nil {
		p.t.Errorf("sending: %v", err)
		return false
	}
	return true
}

// receive returns the next reply.
func (p *wire) receive() (v resp.Value, ok bool) {
	raw, err := transcript.ReadRaw(p.r)
	if err != nil {
		p.t.Errorf("receiving: %v", err)
		return v, false
	}
	v, _, err = resp.Parse(raw)
	if err != nil {
		p.t.Errorf("receiving %q: %v", raw, err)
		return v, false
	}
	return v, true
}

func (p *wire) do(w ...string) resp.Value {
	p.send(words(nil, w...))
	v, _ := p.receive()
	return v
}

// rounds is how often a concurrent test does what it does.
func rounds(n int) int {
	if testing.Short() || invariants.Enabled {
		return n / 10
	}
	return n
}

// conforming is an engine as the suite wants it.
type conforming struct {
	*Engine
	clock *clock.Manual
}

func (c conforming) Advance(d time.Duration) { c.clock.Advance(d) }

// The suite, with full queues, messages of one command and random yields.
func TestRough(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	enginetest.Run(t, func(t testing.TB) enginetest.Engine {
		m := clock.NewManual(time.Now())
		return conforming{openOn(t, m, 8, rough.of(3)), m}
	})
}

// A lone loop with several shards hands nothing over, and is a loop like any other: while
// a script of one of its clients runs too long, the others are told.
func TestLoneLoop(t *testing.T) {
	enginetest.Stress(t, func(t testing.TB) enginetest.Engine {
		m := clock.NewManual(time.Now())
		return conforming{openOn(t, m, 4, options{Loops: 1}), m}
	})
}

// On one processor nobody makes progress who waits for another without letting go.
func TestOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	everyVariant(t, func(t *testing.T, e *Engine) { testOrder(t, e, rounds(40)) })
}

// Replies come in the order of commands, and those on one key act in that order, in
// pipelines over all shards, by many clients.
func TestOrder(t *testing.T) {
	everyVariant(t, func(t *testing.T, e *Engine) { testOrder(t, e, rounds(300)) })
}

func testOrder(t *testing.T, e *Engine, rounds int) {
	const clients, keys = 6, 10
	var wg sync.WaitGroup
	for id := range clients {
		p := dial(t, e)
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(id), 3))
			counts := make([]int, keys)
			for range rounds {
				var b []byte
				var want []string
				for range 1 + rnd.IntN(100) {
					k := rnd.IntN(keys)
					key := fmt.Sprintf("c%d:%d", id, k)
					switch rnd.IntN(12) {
					case 0:
						b = words(b, "ECHO", key)
						want = append(want, key)
					case 1:
						b = words(b, "NOPE")
						want = append(want, "-ERR unknown command 'NOPE', with args beginning with: ")
					case 2:
						other := fmt.Sprintf("c%d:%d", id, (k+1)%keys)
						b = words(b, "MGET", key, other)
						want = append(want, fmt.Sprint(counts[k], " ", counts[(k+1)%keys]))
					case 3:
						b = append(b, "\r\n"...) // an empty line, without a reply
					case 4:
						b = words(b, "MULTI")
						b = words(b, "INCR", key)
						b = words(b, "EXEC")
						counts[k]++
						want = append(want, "OK", "QUEUED", strconv.Itoa(counts[k]))
					case 5:
						b = words(b, "GET", key)
						want = append(want, strconv.Itoa(counts[k]))
					case 6:
						b = words(b, "LPUSH", key, "x")
						if counts[k] > 0 {
							want = append(want, "-WRONGTYPE Operation against a key holding the wrong kind of value")
						} else {
							want = append(want, "1")
							b = words(b, "DEL", key)
							want = append(want, "1")
						}
					case 7:
						b = words(b, "SELECT", "0")
						want = append(want, "OK")
					default:
						b = words(b, "INCR", key)
						counts[k]++
						want = append(want, strconv.Itoa(counts[k]))
					}
				}
				if !p.send(b) {
					return
				}
				for i, w := range want {
					v, ok := p.receive()
					if !ok {
						return
					}
					if got := show(v); got != w {
						t.Errorf("client %d: reply %d of %d is %q, want %q", id, i, len(want), got, w)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// show renders a reply for comparison; a key that is not there counts 0.
func show(v resp.Value) string {
	switch {
	case v.Err() != nil:
		return "-" + v.Err().Error()
	case v.IsNull():
		return "0"
	case v.Elems != nil:
		var all []string
		for _, e := range v.Elems {
			all = append(all, show(e))
		}
		return strings.Join(all, " ")
	case v.Str != "":
		return v.Str
	}
	return strconv.FormatInt(v.Int, 10)
}

// Clients move money between keys of different shards by transactions under WATCH, and
// things by RENAME, SMOVE and LMOVE; others look at all of it at once. All that is there
// must stay there.
func TestMoney(t *testing.T) {
	everyVariant(t, testMoney)
}

func testMoney(t *testing.T, e *Engine) {
	const accounts, clients, each = 9, 5, 100
	name := func(kind string, i int) string { return kind + ":" + strconv.Itoa(i) }
	q := dial(t, e)
	all := func(command, kind string) []string {
		line := []string{command}
		for i := range accounts {
			line = append(line, name(kind, i))
		}
		return line
	}
	for i := range accounts {
		q.do("SET", name("money", i), strconv.Itoa(each))
		q.do("SADD", name("set", i), fmt.Sprint("m", i))
		q.do("RPUSH", name("list", i), "e")
	}
	q.do("SET", name("thing", 0), "x")
	var wg sync.WaitGroup
	var moved atomic.Int64
	for id := range clients {
		p := dial(t, e)
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(id), 5))
			for range rounds(400) {
				i, j := rnd.IntN(accounts), rnd.IntN(accounts)
				switch rnd.IntN(7) {
				case 0, 1:
					p.do("WATCH", name("money", i), name("money", j))
					a, _ := strconv.Atoi(p.do("GET", name("money", i)).Str)
					b, _ := strconv.Atoi(p.do("GET", name("money", j)).Str)
					if i == j || a == 0 {
						p.do("UNWATCH")
						continue
					}
					n := 1 + rnd.IntN(a)
					line := words(nil, "MULTI")
					line = words(line, "MSET", name("money", i), strconv.Itoa(a-n), name("money", j), strconv.Itoa(b+n))
					p.send(words(line, "EXEC"))
					p.receive()
					p.receive()
					if v, ok := p.receive(); ok && !v.IsNull() {
						moved.Add(1)
					}
				case 2:
					sum := 0
					for _, v := range p.do(all("MGET", "money")...).Elems {
						n, _ := strconv.Atoi(v.Str)
						sum += n
					}
					if sum != accounts*each {
						t.Errorf("there are %d, want %d", sum, accounts*each)
						return
					}
				case 3:
					p.do("SMOVE", name("set", i), name("set", j), p.do("SRANDMEMBER", name("set", i)).Str)
					if n := len(p.do(all("SUNION", "set")...).Elems); n != accounts {
						t.Errorf("%d members, want %d", n, accounts)
						return
					}
				case 4:
					p.do("LMOVE", name("list", i), name("list", j), "LEFT", "RIGHT")
				case 5:
					p.do("RENAME", name("thing", i), name("thing", j))
					if n := p.do(all("EXISTS", "thing")...).Int; n != 1 {
						t.Errorf("%d things", n)
						return
					}
				case 6:
					var b []byte
					b = words(b, "MULTI")
					for k := range accounts {
						b = words(b, "LLEN", name("list", k))
					}
					p.send(words(b, "EXEC"))
					for range accounts + 1 {
						p.receive()
					}
					v, ok := p.receive()
					n := int64(0)
					for _, l := range v.Elems {
						n += l.Int
					}
					if ok && n != accounts {
						t.Errorf("%d elements, want %d", n, accounts)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if moved.Load() == 0 {
		t.Error("no transaction succeeded")
	}
}

// A pause that begins while commands are on their way stops some of them: each is
// executed once all the same, and in its key's order.
func TestPausedOnTheirWay(t *testing.T) {
	everyVariant(t, func(t *testing.T, e *Engine) {
		const clients, keys = 4, 7
		stop := make(chan struct{})
		var pausing, wg sync.WaitGroup
		boss := dial(t, e)
		pausing.Go(func() {
			for {
				select {
				case <-stop:
					boss.do("CLIENT", "UNPAUSE")
					return
				default:
				}
				boss.do("CLIENT", "PAUSE", "3", "WRITE")
				time.Sleep(time.Millisecond)
				if rand.IntN(2) == 0 {
					boss.do("CLIENT", "UNPAUSE")
				}
				time.Sleep(time.Millisecond)
			}
		})
		for id := range clients {
			p := dial(t, e)
			wg.Go(func() {
				counts := make([]int64, keys)
				for range rounds(100) {
					var b []byte
					var line []int
					for range 1 + rand.IntN(80) {
						k := rand.IntN(keys)
						line = append(line, k)
						b = words(b, "INCR", fmt.Sprintf("c%d:%d", id, k))
					}
					if !p.send(b) {
						return
					}
					for _, k := range line {
						v, ok := p.receive()
						if !ok {
							return
						}
						if counts[k]++; v.Int != counts[k] {
							t.Errorf("client %d counts %s, want %d", id, show(v), counts[k])
							return
						}
					}
				}
			})
		}
		wg.Wait()
		close(stop)
		pausing.Wait()
	})
}

// While writers are paused nothing is written, whatever was on its way.
func TestNothingIsWrittenInAPause(t *testing.T) {
	everyVariant(t, func(t *testing.T, e *Engine) {
		boss := dial(t, e)
		var stop atomic.Bool
		var wg sync.WaitGroup
		for id := range 3 {
			p := dial(t, e)
			wg.Go(func() {
				for !stop.Load() {
					var b []byte
					for k := range 20 {
						b = words(b, "INCR", fmt.Sprintf("c%d:%d", id, k))
					}
					p.send(b)
					for range 20 {
						if _, ok := p.receive(); !ok {
							return
						}
					}
				}
			})
		}
		for range rounds(50) {
			boss.do("CLIENT", "PAUSE", "100000", "WRITE")
			before := boss.do("DEBUG", "DIGEST").Str
			time.Sleep(time.Millisecond)
			if after := boss.do("DEBUG", "DIGEST").Str; after != before {
				t.Error("something was written in a pause")
			}
			boss.do("CLIENT", "UNPAUSE")
		}
		stop.Store(true)
		wg.Wait()
	})
}

// Replies much larger than a message should bring arrive whole, and in order.
func TestLargeReplies(t *testing.T) {
	everyVariant(t, func(t *testing.T, e *Engine) {
		p := dial(t, e)
		const keys, size = 8, 300_000
		for k := range keys {
			p.do("SET", fmt.Sprint("big:", k), strings.Repeat(strconv.Itoa(k), size))
		}
		var b []byte
		const n = 60
		for i := range n {
			b = words(b, "GET", fmt.Sprint("big:", i%keys))
		}
		p.send(b)
		for i := range n {
			v, ok := p.receive()
			if !ok {
				return
			}
			if len(v.Str) != size || v.Str[0] != byte('0'+i%keys) {
				t.Fatalf("reply %d: %d bytes of %.1q", i, len(v.Str), v.Str)
			}
		}
	})
}

// A client that is gone while its commands are elsewhere takes nobody with it.
func TestGoneMeanwhile(t *testing.T) {
	everyVariant(t, func(t *testing.T, e *Engine) {
		watcher := dial(t, e)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range rounds(60) {
					c, err := e.Dial()
					if err != nil {
						t.Error(err)
						return
					}
					var b []byte
					for range 200 {
						b = words(b, "SET", fmt.Sprint("k", rand.IntN(50)), "v")
					}
					c.Write(b)
					if rand.IntN(2) == 0 {
						io.ReadFull(c, make([]byte, rand.IntN(5*200)))
					}
					c.Close()
				}
			})
		}
		wg.Go(func() {
			for range rounds(100) {
				watcher.do("CLIENT", "KILL", "TYPE", "normal")
				time.Sleep(200 * time.Microsecond)
			}
		})
		wg.Wait()
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
			if info := watcher.do("INFO", "clients").Str; strings.Contains(info, "connected_clients:1\r") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("clients are left that have gone")
			}
		}
	})
}

// Close ends everything while commands are under way.
func TestCloseMeanwhile(t *testing.T) {
	for range max(rounds(20), 3) {
		for _, v := range variants {
			e := open(t, v.shards, v.options)
			var wg sync.WaitGroup
			var begun sync.WaitGroup
			for range 4 {
				begun.Add(1)
				wg.Go(func() {
					c, err := e.Dial()
					if err != nil {
						begun.Done()
						return
					}
					defer c.Close()
					var b []byte
					for range 100 {
						b = words(b, "INCR", fmt.Sprint("k", rand.IntN(50)))
					}
					b = words(b, "MGET", "k1", "k2", "k3", "k4")
					c.Write(b)
					begun.Done()
					for {
						if _, err := c.Write(b); err != nil {
							return
						}
						if _, err := c.Read(make([]byte, 8192)); err != nil {
							return
						}
					}
				})
			}
			begun.Wait()
			if rand.IntN(2) == 0 {
				e.Close()
			} else {
				ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
				e.Shutdown(ctx)
				cancel()
			}
			wg.Wait()
		}
	}
}

// Clients that wait for keys of several shards are served by those who write to any.
func TestBlocking(t *testing.T) {
	everyVariant(t, func(t *testing.T, e *Engine) {
		const workers = 3
		var wg sync.WaitGroup
		var got atomic.Int64
		for range workers {
			p := dial(t, e)
			wg.Go(func() {
				for {
					v := p.do("BLPOP", "q:1", "q:2", "q:3", "q:4", "q:5", "0")
					if len(v.Elems) != 2 {
						t.Errorf("BLPOP: %s", show(v))
						return
					}
					n, _ := strconv.Atoi(v.Elems[1].Str)
					if n < 0 {
						return
					}
					got.Add(int64(n))
				}
			})
		}
		p := dial(t, e)
		want := int64(0)
		for i := range rounds(300) {
			var b []byte
			for k := 1; k <= 5; k++ {
				b = words(b, "RPUSH", fmt.Sprint("q:", k), strconv.Itoa(i))
				want += int64(i)
			}
			p.send(b)
			for range 5 {
				p.receive()
			}
		}
		for range workers {
			p.do("RPUSH", "q:3", "-1")
		}
		wg.Wait()
		left := int64(0)
		for k := 1; k <= 5; k++ {
			for _, v := range p.do("LRANGE", fmt.Sprint("q:", k), "0", "-1").Elems {
				n, _ := strconv.Atoi(v.Str)
				left += int64(n)
			}
		}
		if got.Load()+left != want {
			t.Errorf("%d arrived and %d are left, of %d", got.Load(), left, want)
		}
	})
}

// What travels is counted; what does not, is not.
func TestCounters(t *testing.T) {
	e := open(t, 4, options{NoLending: true})
	p := dial(t, e)
	const n = 1000
	var b []byte
	for i := range n {
		b = words(b, "SET", fmt.Sprint("k", i), "v")
	}
	p.send(b)
	for range n {
		p.receive()
	}
	p.do("DBSIZE")
	p.do("PING")
	var sum threading.ThreadStats
	for _, s := range e.Threads() {
		sum.HandOvers += s.HandOvers
		sum.Handed += s.Handed
		sum.Commands += s.Commands
	}
	if sum.Commands < n || sum.Handed < n*6/10 || sum.Handed > n*9/10 {
		t.Errorf("%d commands of %d travelled, want three in four", sum.Handed, sum.Commands)
	}
	if perMessage := float64(sum.Handed) / float64(sum.HandOvers); perMessage < 10 {
		t.Errorf("%.1f commands in a message", perMessage)
	}
}

// Either number follows from the other, and both from the processors.
func TestSizes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for _, tt := range []struct{ shards, loops, wantShards, wantLoops int }{
		{0, 0, 16, 2}, {0, 1, 1, 1}, {0, 3, 16, 3}, {0, 12, 24, 12}, {0, 100, 64, 64}, {4, 0, 4, 4}, {64, 0, 64, 64},
		{4, 2, 4, 2}, {4, 9, 4, 4}, {100, 2, 64, 2}, {1, 0, 1, 1},
	} {
		if shards, loops := sizes(tt.shards, tt.loops); shards != tt.wantShards || loops != tt.wantLoops {
			t.Errorf("sizes(%d, %d) = %d, %d, want %d, %d", tt.shards, tt.loops, shards, loops, tt.wantShards, tt.wantLoops)
		}
	}
}
