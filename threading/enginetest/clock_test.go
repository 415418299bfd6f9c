package enginetest_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/resp"
)

// keys returns DBSIZE without looking at any key.
func keys(t testing.TB, e engine) string { t.Helper(); return text(do(t, e, "DBSIZE")) }

func testBubbleWithoutConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		for i := range 100 {
			do(t, e, "SET", fmt.Sprint("k:", i), "v", "EX", strconv.Itoa(10+i%20))
		}
		do(t, e, "SET", "stays", "v")
		time.Sleep(9 * time.Second)
		if got := keys(t, e); got != "101" {
			t.Errorf("DBSIZE %s after 9 s, want 101", got)
		}
		if got := text(do(t, e, "TTL", "k:0")); got != "1" {
			t.Errorf("TTL %s after 9 s, want 1", got)
		}
		time.Sleep(22 * time.Second)
		if got := keys(t, e); got != "1" {
			t.Errorf("DBSIZE %s after 31 s, want 1: nobody expired the others", got)
		}
		time.Sleep(time.Hour) // costs nothing: no timer is left
	})
}

func testBubbleTyped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		set := func(key string, ttl time.Duration) {
			x := e.OwnTyped([]byte(key), true)
			x.Set(0, []byte(key), []byte("v"), ttl, false, false, false)
			e.ReleaseSet(x)
		}
		set("a", 1500*time.Millisecond)
		get := func() bool {
			_, found, err := e.AppendGet(nil, 0, []byte("a"))
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		time.Sleep(1499 * time.Millisecond)
		if !get() {
			t.Error("expired too early")
		}
		time.Sleep(2 * time.Millisecond)
		if get() {
			t.Error("expired too late")
		}
		if got := keys(t, e); got != "0" {
			t.Errorf("DBSIZE %s after a read found the key expired, want 0", got)
		}
		set("b", time.Minute)
		time.Sleep(2 * time.Minute)
		if got := keys(t, e); got != "0" {
			t.Errorf("DBSIZE %s, want 0", got)
		}
	})
}

// Typed calls do not look at the clock, but for keys whose time it is about: there
// they are exact, between two ticks of the timer as well.
func testBubbleTypedIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		typed := func(f func(x *command.Exec)) {
			x := e.OwnTyped([]byte("a"), true)
			f(x)
			e.ReleaseSet(x)
		}
		key := []byte("a")
		for range 50 {
			typed(func(x *command.Exec) { x.Set(0, key, []byte("v"), 50*time.Millisecond, false, false, false) })
			time.Sleep(30 * time.Millisecond)
			typed(func(x *command.Exec) {
				if ttl, ok := x.TTL(0, key); !ok || ttl != 20*time.Millisecond {
					t.Errorf("TTL %v, %v, want 20ms", ttl, ok)
				}
			})
			time.Sleep(21 * time.Millisecond)
			typed(func(x *command.Exec) {
				if x.Exists(0, key) {
					t.Error("exists after its time")
				}
			})
		}
	})
}

// The time of last use moves on under typed writes alone, and is right again after
// a pause without any.
func testBubbleTypedIdleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		set := func() {
			x := e.OwnTyped([]byte("a"), true)
			x.Set(0, []byte("a"), []byte("v"), 0, false, false, false)
			e.ReleaseSet(x)
		}
		idle := func(want ...string) {
			t.Helper()
			if got := text(do(t, e, "OBJECT", "IDLETIME", "a")); !slices.Contains(want, got) {
				t.Errorf("OBJECT IDLETIME %s, want %v", got, want)
			}
		}
		for range 300 {
			set()
			time.Sleep(10 * time.Millisecond)
		}
		idle("0", "1")
		time.Sleep(time.Hour)
		set()
		idle("0")
		time.Sleep(5 * time.Second)
		idle("5")
	})
}

// The time of last use moves on under reads alone.
func testBubbleIdleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		do(t, e, "SET", "a", "1")
		for range 50 {
			time.Sleep(time.Second)
			e.AppendGet(nil, 0, []byte("a"))
			e.AppendGet(nil, 0, []byte("a"))
		}
		time.Sleep(5 * time.Second)
		// Where no policy goes by it, shared reads renew the stamp every eight
		// seconds.
		if got, _ := strconv.Atoi(text(do(t, e, "OBJECT", "IDLETIME", "a"))); got < 5 || got > 13 {
			t.Errorf("OBJECT IDLETIME %d, want 5 to 13", got)
		}
	})
}

func testBubbleOverDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, "timeout", "3600")
		p := dial(t, e)
		p.SetDeadline(time.Time{})
		p.want("SET a 1 PX 1500", "OK")
		p.want("SET b 1 EX 100", "OK")
		time.Sleep(1499 * time.Millisecond)
		p.want("GET a", "1")
		time.Sleep(2 * time.Millisecond)
		p.want("GET a", "nil")
		time.Sleep(100 * time.Second)
		p.want("DBSIZE", "0") // expired without access
		before := p.do("TIME").Strings()[0]
		time.Sleep(10 * time.Second)
		if after := p.do("TIME").Strings()[0]; after <= before {
			t.Errorf("TIME %s, then %s", before, after)
		}
		p.want("CLIENT PAUSE 60000 WRITE", "OK")
		start := time.Now()
		p.want("SET c 1", "OK")
		if d := time.Since(start); d < time.Minute || d > time.Minute+time.Second {
			t.Errorf("a write in a pause of a minute took %v", d)
		}
		time.Sleep(2 * time.Hour)
		p.wantEnd() // timeout
	})
}

func testSteppedClock(t *testing.T) {
	for _, connected := range []bool{false, true} {
		t.Run(fmt.Sprint("connected=", connected), func(t *testing.T) {
			start := time.Unix(1_800_000_000, 0)
			m := clock.NewManual(start)
			e := openOn(t, m)
			call := func(args ...string) resp.Value { return do(t, e, args...) }
			if connected {
				call = dial(t, e).do
			}
			want := func(line, reply string) {
				t.Helper()
				if got := text(call(strings.Fields(line)...)); got != reply {
					t.Errorf("%s: got %s, want %s", line, got, reply)
				}
			}
			want("SET a 1 EX 100", "OK")
			want("SET b 1 EX 1000000", "OK")
			want("SET c 1", "OK")
			want("PTTL a", "100000")
			m.Advance(1500 * time.Millisecond)
			want("PTTL a", "98500")
			want("OBJECT IDLETIME c", "1")
			m.Advance(98500 * time.Millisecond)
			want("DBSIZE", "3") // its time has not passed yet
			m.Advance(time.Millisecond)
			want("DBSIZE", "2")
			want("EXPIRETIME b", strconv.FormatInt(start.Unix()+1_000_000, 10))
			m.Advance(30 * 24 * time.Hour) // in one step, not in 26 million
			want("DBSIZE", "1")
			want("OBJECT IDLETIME c", strconv.Itoa(30*24*3600+100))
			if got, want := call("TIME").Strings()[0], strconv.FormatInt(start.Unix()+30*24*3600+100, 10); got != want {
				t.Errorf("TIME %s, want %s", got, want)
			}

			m.Set(start.Add(time.Hour))
			want("SET d 1 EXAT "+strconv.FormatInt(start.Unix()+2*3600, 10), "OK")
			want("TTL d", "3600")
			m.Set(start) // back
			want("TTL d", "7200")
			m.Set(start.Add(2*time.Hour + time.Second))
			want("DBSIZE", "1")
		})
	}
}

// Of many keys whose time has passed by one step, none is left.
func testSteppedExpiryIsComplete(t *testing.T) {
	m := clock.NewManual(time.Now())
	e := openOn(t, m)
	x := e.Own()
	for i := range 20_000 {
		ttl := time.Minute
		if i%50 == 0 {
			ttl = time.Second // so few that a cycle by samples gives up
		}
		x.Set(i%3, fmt.Append(nil, "k:", i), []byte("v"), ttl, false, false, false)
	}
	e.ReleaseSet(x)
	left := func() int {
		n := 0
		for db := range 3 {
			cl := e.Attach()
			cl.DB = db
			if err := e.Do(t.Context(), cl, [][]byte{[]byte("DBSIZE")}); err != nil {
				t.Fatal(err)
			}
			k, _ := strconv.Atoi(strings.TrimSpace(string(cl.Out.Bytes()[1:])))
			n += k
			e.Detach(cl)
		}
		return n
	}
	m.Advance(2 * time.Second)
	if got := left(); got != 20_000-400 {
		t.Errorf("%d keys after those of a second, want %d", got, 20_000-400)
	}
	m.Advance(time.Minute)
	if got := left(); got != 0 {
		t.Errorf("%d keys after a minute, want 0", got)
	}
}

// Steps while the engine closes, and after.
func testSteppedWhileClosing(t *testing.T) {
	for range 50 {
		m := clock.NewManual(time.Now())
		e := openOn(t, m)
		dial(t, e).want("SET a 1 EX 1", "OK")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 20 {
				m.Advance(100 * time.Millisecond)
			}
		}()
		e.Close()
		<-done
		m.Advance(time.Hour)
	}
}
