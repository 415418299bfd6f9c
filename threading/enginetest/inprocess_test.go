package enginetest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/invariants"
)

// Many goroutines count and overwrite, each by another way in, while clients do the
// same over the wire. No count may be lost; a key that only one writes must
// always read as that one wrote it last; and one that all write must never read as
// older than what its reader saw before.
func testManyAtOnce(t *testing.T) {
	rounds := 3000
	if testing.Short() || invariants.Enabled {
		rounds = 400
	}
	e := open(t)
	addr := listen(t, e)
	var counted atomic.Int64
	var wg sync.WaitGroup
	fail := func(format string, args ...any) { t.Errorf(format, args...) }

	typed := func(id int) {
		own := fmt.Append(nil, "own:", id)
		seen := map[string]int{}
		var buf []byte
		for i := range rounds {
			x := e.OwnKeys([]string{"sum", string(own), fmt.Sprint("fleeting:", id)}, true)
			x.Incr(0, []byte("sum"), 2)
			counted.Add(2)
			x.Set(0, own, strconv.AppendInt(nil, int64(i), 10), 0, false, false, false)
			if i%7 == 0 {
				x.Set(0, fmt.Append(nil, "fleeting:", id), []byte("x"), time.Millisecond, false, false, false)
			}
			e.ReleaseSet(x)
			var found bool
			if buf, found, _ = e.AppendGet(buf[:0], 0, own); !found || string(buf) != strconv.Itoa(i) {
				fail("goroutine %d reads %q after writing %d", id, buf, i)
				return
			}
			// Others' keys only grow.
			other := fmt.Sprint("own:", rand.IntN(12))
			buf, found, _ = e.AppendGet(buf[:0], 0, []byte(other))
			if n, _ := strconv.Atoi(string(buf)); found && n < seen[other] {
				fail("goroutine %d reads %s = %d after %d", id, other, n, seen[other])
				return
			} else if found {
				seen[other] = n
			}
			e.AppendGet(buf[:0], 0, fmt.Append(nil, "fleeting:", rand.IntN(4)))
		}
	}
	generic := func(id int) {
		cl := e.Attach()
		defer e.Detach(cl)
		own := fmt.Append(nil, "own:", id)
		for i := range rounds {
			cl.Reset(2)
			value := strconv.AppendInt(nil, int64(i), 10)
			for _, args := range [][][]byte{
				{[]byte("INCR"), []byte("sum")}, {[]byte("SET"), own, value}, {[]byte("GET"), own},
			} {
				cl.Out.Reset()
				if err := e.Do(context.Background(), cl, args); err != nil {
					fail("%v", err)
					return
				}
			}
			counted.Add(1)
			if want := fmt.Sprintf("$%d\r\n%s\r\n", len(value), value); string(cl.Out.Bytes()) != want {
				fail("goroutine %d reads %q after writing %s", id, cl.Out.Bytes(), value)
				return
			}
		}
	}
	wired := func(id int, p *peer) {
		own := fmt.Sprint("own:", id)
		for i := range rounds / 4 {
			value := strconv.Itoa(i)
			if _, err := io.WriteString(p, words("INCR", "sum")+words("SET", own, value)+words("GET", own)); err != nil {
				fail("%v", err)
				return
			}
			counted.Add(1)
			for j := range 3 {
				v, err := p.r.Read()
				if err != nil {
					fail("%v", err)
					return
				}
				if j == 2 && text(v) != value {
					fail("client %d reads %q after writing %s", id, text(v), value)
					return
				}
			}
		}
	}
	for id := range 4 {
		wg.Go(func() { typed(id) })
		wg.Go(func() { generic(4 + id) })
		p := connect(t, addr)
		wg.Go(func() { wired(8+id, p) })
	}
	wg.Wait()
	if got := text(do(t, e, "GET", "sum")); got != fmt.Sprint(counted.Load()) {
		t.Errorf("counted to %s, want %d", got, counted.Load())
	}
}

// Set beside readers, beside others, and beside owners who change the same keys in
// every other way: whoever reads sees a value that somebody wrote, whole.
func testSetBesideEverything(t *testing.T) {
	rounds := 20_000
	if testing.Short() || invariants.Enabled {
		rounds = 2000
	}
	e := open(t)
	const keys = 4
	value := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i%26)}, 50+i%26/3) }
	whole := func(b []byte) bool {
		for _, c := range b {
			if c != b[0] {
				return false
			}
		}
		return len(b) == 0 || len(b) == len(value(int(b[0]-'a'))) || len(b) == 2*len(value(int(b[0]-'a')))
	}
	p := dial(t, e)
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := range rounds {
				if err := e.Set(0, fmt.Appendf(nil, "key:%d", i%keys), value(i+w)); err != nil {
					t.Error(err)
					return
				}
			}
		})
		wg.Go(func() {
			buf := make([]byte, 0, 128)
			for i := range rounds {
				if b, _, err := e.AppendGet(buf, 0, fmt.Appendf(nil, "key:%d", i%keys)); err != nil || !whole(b) {
					t.Errorf("%q, %v", b, err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		cl := e.Attach()
		defer e.Detach(cl)
		for i := range rounds / 20 {
			key := fmt.Appendf(nil, "key:%d", i%keys)
			cl.Reset(2)
			args := [][]byte{[]byte("DEL"), key}
			switch i % 4 {
			case 1:
				args = [][]byte{[]byte("SET"), key, value(i), []byte("PX"), []byte("1")}
			case 2:
				args = [][]byte{[]byte("SETRANGE"), key, []byte("0"), {}}
			case 3:
				args = [][]byte{[]byte("SET"), key, bytes.Repeat(value(i), 2)}
			}
			if err := e.Do(context.Background(), cl, args); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range rounds / 20 {
		if v := p.do("GET", fmt.Sprintf("key:%d", i%keys)); !whole([]byte(v.Text())) {
			t.Errorf("over the wire: %q", v.Text())
		}
	}
	wg.Wait()
}

// Writes beside the owner count as changes by the time somebody looks.
func testSharedWritesAreCounted(t *testing.T) {
	e := open(t)
	for range 500 {
		if err := e.Set(0, []byte("key"), []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	f := fields(do(t, e, "INFO", "persistence", "stats").Text())
	if got := f["rdb_changes_since_last_save"]; got != "500" {
		t.Errorf("rdb_changes_since_last_save:%s, want 500", got)
	}
	if f["keyspace_hits"] != "0" || f["keyspace_misses"] != "0" {
		t.Errorf("keyspace_hits:%s, keyspace_misses:%s, want none", f["keyspace_hits"], f["keyspace_misses"])
	}
}

func testAppendGet(t *testing.T) {
	e := open(t)
	big := bytes.Repeat([]byte("0123456789"), 1000)
	do(t, e, "SET", "s", "text")
	do(t, e, "SET", "n", "-42")
	do(t, e, "SET", "big", string(big))
	do(t, e, "SET", "ttl", "t", "EX", "100")
	do(t, e, "RPUSH", "l", "x")
	for key, want := range map[string]string{"s": "text", "n": "-42", "big": string(big), "ttl": "t"} {
		got, found, err := e.AppendGet([]byte("> "), 0, []byte(key))
		if !found || err != nil || string(got) != "> "+want {
			t.Errorf("AppendGet(%s) = %.40q, %v, %v, want %.40q", key, got, found, err, "> "+want)
		}
	}
	if got, found, err := e.AppendGet([]byte(">"), 0, []byte("none")); found || err != nil || string(got) != ">" {
		t.Errorf("AppendGet of no key = %q, %v, %v", got, found, err)
	}
	if _, found, err := e.AppendGet(nil, 0, []byte("l")); found || err == nil || err.Error()[:9] != "WRONGTYPE" {
		t.Errorf("AppendGet of a list = %v, %v", found, err)
	}
	if _, found, err := e.AppendGet(nil, 5, []byte("s")); found || err != nil {
		t.Errorf("AppendGet in a database never used = %v, %v", found, err)
	}
}

func testAllocations(t *testing.T) {
	if invariants.Enabled {
		t.Skip("checked builds allocate")
	}
	e := open(t)
	key, value := []byte("key:1"), bytes.Repeat([]byte("v"), 32)
	ctr, none, buf := []byte("ctr"), []byte("none"), make([]byte, 0, 64)
	cl := e.Attach()
	defer e.Detach(cl)
	do1 := func(args ...string) func() {
		var bs [][]byte
		for _, a := range args {
			bs = append(bs, []byte(a))
		}
		return func() {
			cl.Out.Reset()
			if err := e.Do(t.Context(), cl, bs); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name string
		f    func()
	}{
		{"AppendGet", func() { e.AppendGet(buf, 0, key) }},
		{"AppendGet of none", func() { e.AppendGet(buf, 0, none) }},
		{"Set beside readers", func() { e.Set(0, key, value) }},
		{"Set", func() { x := e.OwnTyped(key, true); x.Set(0, key, value, 0, false, false, false); e.ReleaseSet(x) }},
		{"Set with TTL", func() {
			x := e.OwnTyped(key, true)
			x.Set(0, key, value, time.Hour, false, false, false)
			e.ReleaseSet(x)
		}},
		{"Incr", func() { x := e.OwnTyped(ctr, true); x.Incr(0, ctr, 1); e.ReleaseSet(x) }},
		{"Exists", func() { x := e.OwnTyped(key, false); x.Exists(0, key); e.ReleaseSet(x) }},
		{"Expire", func() { x := e.OwnTyped(key, true); x.Expire(0, key, time.Hour); e.ReleaseSet(x) }},
		{"TTL", func() { x := e.OwnTyped(key, false); x.TTL(0, key); e.ReleaseSet(x) }},
		{"Delete", func() { x := e.OwnTyped(key, true); x.Delete(0, key); e.ReleaseSet(x) }},
		{"Do SET", do1("SET", "key:2", "value")},
		{"Do GET", do1("GET", "key:2")},
		{"Do HSET", do1("HSET", "h", "field", "value")},
		{"Do MGET", do1("MGET", "key:1", "key:2", "key:3")},
	}
	for _, tt := range tests {
		tt.f()
		if n := testing.AllocsPerRun(200, tt.f); n != 0 {
			t.Errorf("%s: %v allocations, want 0", tt.name, n)
		}
	}
}

// A pipeline costs no allocation either, neither a command nor a batch.
func testWireAllocations(t *testing.T) {
	if invariants.Enabled {
		t.Skip("checked builds allocate")
	}
	e := open(t)
	p := connect(t, listen(t, e))
	const n = 64
	var stream bytes.Buffer
	for i := range n {
		stream.WriteString(words("SET", fmt.Sprint("k:", i%8), "value"))
		stream.WriteString(words("GET", fmt.Sprint("k:", i%8)))
	}
	replies := make([]byte, n*(5+11))
	round := func() {
		if _, err := p.Write(stream.Bytes()); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(p, replies); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		round()
	}
	// The runtime's own work now and then makes a fraction of an allocation.
	if got := testing.AllocsPerRun(500, round); got > 0.5 {
		t.Errorf("a pipeline of %d commands: %v allocations, want 0", 2*n, got)
	}
}

// One client's endless pipeline does not keep another waiting: who has something
// to say is heard in this turn of the loop or the next, and in a turn a client is
// read once.
func testFairness(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		greedy, modest := enter(), enter()
		modest.want("PING", "PONG")
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			chunk := []byte(words("INCR", "n") + words("INCR", "n"))
			chunk = bytes.Repeat(chunk, 2000)
			for {
				select {
				case <-stop:
					greedy.Close()
					return
				default:
				}
				if _, err := greedy.Write(chunk); err != nil {
					return
				}
			}
		})
		wg.Go(func() { io.Copy(io.Discard, greedy) })
		var waits []int64
		const rounds = 300
		for range rounds {
			release := hold(e) // both have something to say when the turn begins
			modest.send("INFO stats\r\n")
			before := turns(e)
			release()
			n, err := strconv.ParseInt(fields(modest.receive().Text())["eventloop_cycles"], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			waits = append(waits, n-before)
		}
		close(stop)
		wg.Wait()
		slices.Sort(waits)
		t.Logf("turns of the loop for a command: p50 %d, p99 %d, at most %d", waits[rounds/2], waits[rounds*99/100], waits[rounds-1])
		if p99 := waits[rounds*99/100]; p99 > 3 {
			t.Errorf("one command in a hundred waited for %d turns of the loop or more", p99)
		}
	})
}
