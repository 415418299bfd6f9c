package command

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/resp"
)

// sorted returns the elements of a reply in order, since those of a set have
// none.
func (b *bench) sorted(line string) string {
	b.t.Helper()
	elems := b.parse(b.do(line)).Strings()
	slices.Sort(elems)
	return strings.Join(elems, " ")
}

// wantSet runs line, which replies a set, and compares its sorted members.
func (b *bench) wantSet(line, members string) {
	b.t.Helper()
	if got := b.sorted(line); got != members {
		b.t.Errorf("%s\n got %q\nwant %q", line, got, members)
	}
}

func TestSetBasics(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{"SADD s a b a", ":2\r\n"},
		{"SADD s a", ":0\r\n"},
		{"SADD s c 7", ":2\r\n"},
		{"SCARD s", ":4\r\n"},
		{"SCARD nil", ":0\r\n"},
		{"SISMEMBER s 7", ":1\r\n"},
		{"SISMEMBER s 07", ":0\r\n"},
		{"SISMEMBER nil a", ":0\r\n"},
		{"SMISMEMBER s a x 7", ints(1, 0, 1)},
		{"SMISMEMBER nil a x", ints(0, 0)},
		{"SREM s a x", ":1\r\n"},
		{"SREM nil a", ":0\r\n"},
		{"SADD one m", ":1\r\n"},
		{"SMEMBERS one", bulks("m")},
		{"SMEMBERS nil", "*0\r\n"},
		{"SREM s b c 7 c", ":3\r\n"},
		{"EXISTS s", ":0\r\n"},
		{"SADD s", "-ERR wrong number of arguments for 'sadd' command\r\n"},
	})
	b.cl.Out.Proto = 3
	b.steps([]step{
		{"SMEMBERS one", "~1\r\n$1\r\nm\r\n"},
		{"SMEMBERS nil", "~0\r\n"},
		{"SISMEMBER one m", ":1\r\n"},
	})
}

func TestSetWrongType(t *testing.T) {
	b := newBench(t)
	b.do("SET str 1")
	b.do("SADD s a")
	for _, line := range []string{
		"SADD str a", "SREM str a", "SCARD str", "SISMEMBER str a", "SMISMEMBER str a", "SMEMBERS str",
		"SPOP str", "SPOP str 1", "SRANDMEMBER str", "SRANDMEMBER str 1", "SSCAN str 0", "SMOVE str s a",
		"SMOVE s str a", "SINTER nil str", "SUNION s str", "SDIFF s str", "SINTERSTORE d nil str",
		"SUNIONSTORE d str", "SDIFFSTORE d str", "SINTERCARD 2 nil str",
	} {
		b.want(line, wrongType)
	}
	b.want("SMOVE nil str a", ":0\r\n") // the source is looked at first
	b.want("SMEMBERS s", bulks("a"))
}

func TestSetEncodings(t *testing.T) {
	b := newBench(t)
	lim := &b.x.limits.set
	lim.IntSetEntries, lim.ListPackEntries, lim.ListPackValue = 4, 3, 5
	for _, c := range []struct{ members, encoding string }{
		{"1 2 3 4", "intset"},
		{"1 2 3 4 5", "hashtable"},
		{"1 2 x", "listpack"},
		{"1 2 3 x", "hashtable"},
		{"a b c", "listpack"},
		{"a b c d", "hashtable"},
		{"abcdef", "hashtable"},
		{"1 abcdef", "hashtable"},
		{"1 1 1 1", "intset"},
	} {
		n := fmt.Sprint(len(strings.Fields(c.members)))
		if c.members == "1 1 1 1" {
			n = "1"
		}
		b.do("DEL s t")
		b.want("SADD s "+c.members, ":"+n+"\r\n")
		b.want("OBJECT ENCODING s", fmt.Sprintf("$%d\r\n%s\r\n", len(c.encoding), c.encoding))
		for _, m := range strings.Fields(c.members) {
			b.do("SADD t " + m)
		}
		b.want("OBJECT ENCODING t", fmt.Sprintf("$%d\r\n%s\r\n", len(c.encoding), c.encoding))
		if got, want := b.sorted("SMEMBERS t"), b.sorted("SMEMBERS s"); got != want {
			t.Errorf("one by one: %s, at once: %s", got, want)
		}
	}
	// A hint of many makes the set large before they come.
	b.do("DEL s")
	b.do("SADD s a")
	b.want("SADD s a a a a", ":0\r\n")
	b.want("OBJECT ENCODING s", "$9\r\nhashtable\r\n")
}

func TestSMove(t *testing.T) {
	b := newBench(t)
	log := b.logEvents()
	b.steps([]step{
		{"SADD a 1 2", ":2\r\n"},
		{"SADD b 2", ":1\r\n"},
		{"SMOVE a b 9", ":0\r\n"},
		{"SMOVE a b 2", ":1\r\n"},
		{"SMOVE a a 1", ":1\r\n"},
		{"SMOVE a a 9", ":0\r\n"},
		{"SMOVE a c 1", ":1\r\n"},
		{"EXISTS a", ":0\r\n"},
		{"SMOVE a c 1", ":0\r\n"},
	})
	b.wantSet("SMEMBERS b", "2")
	b.wantSet("SMEMBERS c", "1")
	want := []string{"new a", "sadd a", "new b", "sadd b", "srem a", "srem a", "del a", "new c", "sadd c"}
	if got := keep(log.events, "keymiss"); !slices.Equal(got, want) {
		t.Errorf("events\n got %q\nwant %q", got, want)
	}
}

// keep returns events but those of a name.
func keep(events []string, but string) []string {
	return slices.DeleteFunc(slices.Clone(events), func(e string) bool { return strings.HasPrefix(e, but) })
}

func TestSPop(t *testing.T) {
	for _, members := range []string{"1 2 3 4 5", "a b c d 5", strings.Repeat("x", 70) + " b c d e"} {
		b := newBench(t)
		log := b.logEvents()
		all := strings.Fields(members)
		slices.Sort(all)
		b.do("SADD s " + members)
		b.steps([]step{
			{"SPOP nil", "$-1\r\n"},
			{"SPOP nil 2", "*0\r\n"},
			{"SPOP s 0", "*0\r\n"},
			{"SPOP s -1", "-ERR value is out of range, must be positive\r\n"},
			{"SPOP s x", "-ERR value is out of range, must be positive\r\n"},
			{"SPOP s 1 2", "-ERR syntax error\r\n"},
		})
		got := []string{b.parse(b.do("SPOP s")).Text()}
		got = append(got, b.parse(b.do("SPOP s 2")).Strings()...)
		b.want("SCARD s", ":2\r\n")
		got = append(got, b.parse(b.do("SPOP s 9223372036854775807")).Strings()...)
		slices.Sort(got)
		if !slices.Equal(got, all) {
			t.Errorf("popped %q of %q", got, all)
		}
		b.want("EXISTS s", ":0\r\n")
		want := []string{"new s", "sadd s", "spop s", "spop s", "spop s", "del s"}
		if got := keep(log.events, "keymiss"); !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
	}
	b := newBench(t)
	b.cl.Out.Proto = 3
	b.do("SADD s 1")
	b.want("SPOP nil 2", "~0\r\n")
	b.want("SPOP s 1", "~1\r\n$1\r\n1\r\n")
	b.do("SADD s 1")
	b.want("SPOP s", "$1\r\n1\r\n")
	b.want("SPOP s", "_\r\n")
}

func TestSRandMember(t *testing.T) {
	for _, members := range []string{"1 2 3", "a b 3", strings.Repeat("x", 70) + " b c"} {
		b := newBench(t)
		b.do("SADD s " + members)
		in := strings.Fields(members)
		if m := b.parse(b.do("SRANDMEMBER s")).Text(); !slices.Contains(in, m) {
			t.Errorf("drew %q of %q", m, in)
		}
		if got := b.parse(b.do("SRANDMEMBER s 2")).Strings(); len(got) != 2 || got[0] == got[1] {
			t.Errorf("drew %q", got)
		}
		if got := b.parse(b.do("SRANDMEMBER s -20")).Strings(); len(got) != 20 {
			t.Errorf("drew %q", got)
		}
		slices.Sort(in)
		b.wantSet("SRANDMEMBER s 9", strings.Join(in, " "))
		b.want("SCARD s", ":3\r\n")
	}
	b := newBench(t)
	b.do("SADD s 1")
	b.steps([]step{
		{"SRANDMEMBER nil", "$-1\r\n"},
		{"SRANDMEMBER nil 1", "*0\r\n"},
		{"SRANDMEMBER s 0", "*0\r\n"},
		{"SRANDMEMBER s x", "-ERR value is not an integer or out of range\r\n"},
		{"SRANDMEMBER s -9223372036854775808", "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n"},
		{"SRANDMEMBER s 1 1", "-ERR syntax error\r\n"},
	})
	b.cl.Out.Proto = 3
	b.want("SRANDMEMBER s 1", "*1\r\n$1\r\n1\r\n")
	b.want("SRANDMEMBER nil 1", "*0\r\n")
	b.want("SRANDMEMBER nil", "_\r\n")
}

func TestSetAlgebra(t *testing.T) {
	for name, big := range map[string]string{"small": "x", "large": strings.Repeat("x", 70)} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.do("SADD a 1 2 3 " + big)
			b.do("SADD b 2 3 4 " + big)
			b.do("SADD c 3 5 " + big)
			b.wantSet("SINTER a b c", "3 "+big)
			b.wantSet("SINTER a", "1 2 3 "+big)
			b.wantSet("SINTER a nil", "")
			b.wantSet("SUNION a b nil c", "1 2 3 4 5 "+big)
			b.wantSet("SUNION nil", "")
			b.wantSet("SDIFF a b", "1")
			b.wantSet("SDIFF a nil", "1 2 3 "+big)
			b.wantSet("SDIFF nil a", "")
			b.wantSet("SDIFF a a", "")
			b.steps([]step{
				{"SINTERCARD 3 a b c", ":2\r\n"},
				{"SINTERCARD 2 a b LIMIT 0", ":3\r\n"},
				{"SINTERCARD 2 a b limit 2", ":2\r\n"},
				{"SINTERCARD 2 a b LIMIT 9 LIMIT 1", ":1\r\n"},
				{"SINTERCARD 2 a nil", ":0\r\n"},
				{"SINTERCARD 0 a", "-ERR numkeys should be greater than 0\r\n"},
				{"SINTERCARD x a", "-ERR numkeys should be greater than 0\r\n"},
				{"SINTERCARD 3 a b", "-ERR Number of keys can't be greater than number of args\r\n"},
				{"SINTERCARD 9223372036854775807 a b", "-ERR Number of keys can't be greater than number of args\r\n"},
				{"SINTERCARD 2 a b LIMIT -1", "-ERR LIMIT can't be negative\r\n"},
				{"SINTERCARD 2 a b LIMIT x", "-ERR LIMIT can't be negative\r\n"},
				{"SINTERCARD 2 a b LIMIT", "-ERR syntax error\r\n"},
				{"SINTERCARD 2 a b WHAT 1", "-ERR syntax error\r\n"},
				{"SINTERSTORE d a b c", ":2\r\n"},
				{"SUNIONSTORE u a b c", ":6\r\n"},
				{"SDIFFSTORE a a b", ":1\r\n"},
				{"SMEMBERS a", bulks("1")},
			})
			b.wantSet("SMEMBERS d", "3 "+big)
			b.wantSet("SMEMBERS u", "1 2 3 4 5 "+big)
			b.cl.Out.Proto = 3
			b.want("SINTER a", "~1\r\n$1\r\n1\r\n")
			b.want("SINTER nil a", "~0\r\n")
			b.want("SUNION a", "~1\r\n$1\r\n1\r\n")
		})
	}
}

// A result takes the place of whatever was under the key, TTL included; an empty
// one deletes it.
func TestSetStores(t *testing.T) {
	b := newBench(t)
	b.do("SADD a 1 2")
	b.do("SET d x EX 100")
	log := b.logEvents()
	b.steps([]step{
		{"SUNIONSTORE d a", ":2\r\n"},
		{"TTL d", ":-1\r\n"},
		{"SDIFFSTORE d a a", ":0\r\n"},
		{"EXISTS d", ":0\r\n"},
		{"SINTERSTORE d a nil", ":0\r\n"},
		{"SUNIONSTORE n a", ":2\r\n"},
		{"SINTERSTORE n a a", ":2\r\n"},
		{"OBJECT ENCODING n", "$6\r\nintset\r\n"},
	})
	want := []string{"sunionstore d", "del d", "new n", "sunionstore n", "sinterstore n"}
	if got := keep(log.events, "keymiss"); !slices.Equal(got, want) {
		t.Errorf("events\n got %q\nwant %q", got, want)
	}
}

func TestSScan(t *testing.T) {
	b := newBench(t)
	b.do("SADD small a b 3")
	b.steps([]step{
		{"SSCAN small 0", "*2\r\n$1\r\n0\r\n" + bulks("a", "b", "3")},
		{"SSCAN small 0 MATCH [ab] COUNT 1", "*2\r\n$1\r\n0\r\n" + bulks("a", "b")},
		{"SSCAN nil 0 NOPE", "*2\r\n$1\r\n0\r\n*0\r\n"},
		{"SSCAN nil x", "-ERR invalid cursor\r\n"},
		{"SSCAN small 0 COUNT 0", "-ERR syntax error\r\n"},
		{"SSCAN small 0 COUNT x", "-ERR value is not an integer or out of range\r\n"},
		{"SSCAN small 0 NOVALUES", "-ERR syntax error\r\n"},
	})
	var all []string
	for i := range 1000 {
		all = append(all, fmt.Sprint("m", i))
	}
	b.do("SADD big " + strings.Join(all, " "))
	got := b.scan("SSCAN big %s COUNT 50")
	slices.Sort(got)
	slices.Sort(all)
	if !slices.Equal(slices.Compact(got), all) {
		t.Errorf("%d members scanned", len(got))
	}
	if got := b.scan("SSCAN big %s MATCH m99?"); len(got) < 10 {
		t.Errorf("scanned %q", got)
	}
}

// scan runs a command of the SCAN family until its cursor is 0 again.
func (b *bench) scan(format string) (elems []string) {
	for cursor := "0"; ; {
		v := b.parse(b.do(fmt.Sprintf(format, cursor)))
		if v.Kind != resp.Array || len(v.Elems) != 2 {
			b.t.Fatalf(format+": %v", cursor, v)
		}
		elems = append(elems, v.Elems[1].Strings()...)
		if cursor = v.Elems[0].Text(); cursor == "0" {
			return elems
		}
	}
}

func TestSetExpiry(t *testing.T) {
	b := newBench(t)
	b.do("SADD a 1 2")
	b.do("SADD b 2 3")
	b.do("PEXPIRE a 10")
	b.want("SINTERCARD 2 a b", ":1\r\n")
	b.clock.Advance(11 * time.Millisecond)
	b.steps([]step{
		{"SINTERCARD 2 a b", ":0\r\n"},
		{"SUNIONSTORE d a b", ":2\r\n"},
		{"SADD a 9", ":1\r\n"},
		{"TTL a", ":-1\r\n"},
	})
}

func TestSetAllocations(t *testing.T) {
	b := newBench(t)
	for i := range 1000 {
		b.do(fmt.Sprintf("SADD big m%d", i))
	}
	b.do("SADD small a b 3")
	b.do("SADD ints 1 2 3")
	b.noAllocs("SADD big m7", "SADD small a", "SADD ints 2", "SREM small nope", "SISMEMBER big m5",
		"SMISMEMBER small a 3", "SCARD big", "SRANDMEMBER big", "SADD fresh x", "SREM fresh x", "SPOP big")
}

func BenchmarkSAdd(b *testing.B) {
	bb := newBench(b)
	for i := range 100_000 {
		bb.run([]byte("SADD"), []byte("s"), fmt.Appendf(nil, "m%d", i))
	}
	args := [][]byte{[]byte("SADD"), []byte("s"), nil}
	bb.loop(b, func(i int) [][]byte {
		args[2] = strconv.AppendInt(append(args[2][:0], 'm'), int64(i*7919%100_000), 10)
		return args
	})
}

// loop runs what args returns, over and over.
func (b *bench) loop(tb *testing.B, args func(i int) [][]byte) {
	tb.ReportAllocs()
	for i := 0; tb.Loop(); i++ {
		a := args(i)
		b.cl.Out.Reset()
		b.x.Do(b.cl, a)
	}
}

// TestDrawingForEver: a count of some billions, in a command of forty bytes, took all the
// memory there is.
func TestDrawingForEver(t *testing.T) {
	b := newBench(t)
	b.do("CONFIG SET proto-max-bulk-len 1mb")
	for _, line := range []string{"SADD s a b", "HSET h f v", "ZADD z 1 a 2 b"} {
		b.do(line)
	}
	for _, proto := range []int{2, 3} {
		b.cl.Out.Proto = proto
		for _, line := range []string{
			"SRANDMEMBER s -9223372036854775807", "HRANDFIELD h -9223372036854775807", "ZRANDMEMBER z -9223372036854775807",
			"HRANDFIELD h -4611686018427387903 WITHVALUES", "ZRANDMEMBER z -4611686018427387903 WITHSCORES",
		} {
			b.want(line, "-"+string(errReplyTooLarge)+"\r\n")
		}
		for _, line := range []string{"SRANDMEMBER s -10000", "HRANDFIELD h -10000", "ZRANDMEMBER z -10000"} {
			if v := b.ask(line); len(v.Elems) != 10_000 {
				t.Errorf("%s: %d elements", line, len(v.Elems))
			}
		}
	}
	b.want("SRANDMEMBER s 1 x", "-"+string(errSyntax)+"\r\n")
}
