package command

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// nowMs is where the bench's clock starts.
const nowMs = 1_700_000_000_000

func TestFieldTTLArguments(t *testing.T) {
	const (
		notInt   = "-ERR value is not an integer or out of range\r\n"
		noFields = "-ERR Mandatory argument FIELDS is missing or not at the right position\r\n"
		mismatch = "-ERR The `numfields` parameter must match the number of arguments\r\n"
		badWrite = "-ERR Parameter `numFields` should be greater than 0\r\n"
		badRead  = "-ERR Number of fields must be a positive integer\r\n"
	)
	b := newBench(t)
	b.do("HSET h a 1 b 2")
	for _, cmd := range []string{"hexpire", "hpexpire", "hexpireat", "hpexpireat"} {
		for _, key := range []string{" h ", " nil "} {
			at := cmd + key
			b.steps([]step{
				{at + "x FIELDS 1 a", notInt},
				{at + "-1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0\r\n"},
				{at + "-9223372036854775808 FIELDS 1 a", "-ERR invalid expire time, must be >= 0\r\n"},
				{at + "9223372036854775807 FIELDS 1 a", "-ERR invalid expire time in '" + cmd + "' command\r\n"},
				{at + "100 NOPE 1 a", noFields},
				{at + "100 NX XX FIELDS 1 a", noFields},
				{at + "100 FIELDS 0 a", badWrite},
				{at + "100 FIELDS x a", badWrite},
				{at + "100 FIELDS 2 a", mismatch},
				{at + "100 FIELDS 1 a b", mismatch},
				{at + "100 NX FIELDS 1", mismatch},
			})
		}
		b.want(cmd+" nil 100 FIELDS 2 a b", ints(-2, -2))
		b.want(cmd+" h 100 FIELDS 1", "-ERR wrong number of arguments for '"+cmd+"' command\r\n")
	}
	for _, cmd := range []string{"httl", "hpttl", "hexpiretime", "hpexpiretime", "hpersist"} {
		b.steps([]step{
			{cmd + " h NOPE 1 a", noFields},
			{cmd + " h FIELDS 0 a", badRead},
			{cmd + " h FIELDS x a", badRead},
			{cmd + " h FIELDS 2 a", mismatch},
			{cmd + " h FIELDS 1 a b", mismatch},
			{cmd + " h FIELDS 1", "-ERR wrong number of arguments for '" + cmd + "' command\r\n"},
			{cmd + " nil FIELDS 2 a b", ints(-2, -2)},
			{cmd + " h fields 2 a zz", ints(-1, -2)},
		})
	}
	// The latest time there is.
	b.steps([]step{
		{"HPEXPIREAT h 70368744177663 FIELDS 1 a", ints(1)},
		{"HPEXPIRETIME h FIELDS 1 a", ints(70368744177663)},
		{"HPEXPIREAT h 70368744177664 FIELDS 1 a", "-ERR invalid expire time in 'hpexpireat' command\r\n"},
		{"HEXPIREAT h 70368744177 FIELDS 1 a", ints(1)},
		{"HEXPIREAT h 70368744178 FIELDS 1 a", "-ERR invalid expire time in 'hexpireat' command\r\n"},
		{fmt.Sprintf("HPEXPIRE h %d FIELDS 1 a", int64(70368744177663-nowMs)), ints(1)},
		{fmt.Sprintf("HPEXPIRE h %d FIELDS 1 a", int64(70368744177664-nowMs)), "-ERR invalid expire time in 'hpexpire' command\r\n"},
	})
}

// forms runs a test on a hash h with the fields a, b and c in each encoding a
// hash with TTLs can have.
func forms(t *testing.T, test func(t *testing.T, b *bench)) {
	for name, entries := range map[string]int{"listpack": 512, "hashtable": 1} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.x.limits.hash.ListPackEntries = entries
			b.do("HSET h a 1 b 2 c 3")
			test(t, b)
		})
	}
}

func TestFieldTTLs(t *testing.T) {
	forms(t, func(t *testing.T, b *bench) {
		b.steps([]step{
			{"HEXPIRE h 100 FIELDS 2 a zz", ints(1, -2)},
			{"HTTL h FIELDS 3 a b zz", ints(100, -1, -2)},
			{"HPTTL h FIELDS 1 a", ints(100_000)},
			{"HEXPIRETIME h FIELDS 1 a", ints(nowMs/1000 + 100)},
			{"HPEXPIRETIME h FIELDS 1 a", ints(nowMs + 100_000)},
			{"HPEXPIRE h 1500 FIELDS 1 b", ints(1)},
			{"HTTL h FIELDS 1 b", ints(2)}, // rounded up, unlike TTL
			{"HEXPIRETIME h FIELDS 1 b", ints(nowMs/1000 + 2)},
			{"HEXPIRE h 100 NX FIELDS 2 a c", ints(0, 1)},
			{"HEXPIRE h 200 XX FIELDS 1 a", ints(1)},
			{"HEXPIRE h 200 GT FIELDS 1 a", ints(0)},
			{"HEXPIRE h 201 gt FIELDS 1 a", ints(1)},
			{"HEXPIRE h 300 LT FIELDS 1 a", ints(0)},
			{"HEXPIRE h 150 LT FIELDS 1 a", ints(1)},
			{"HPERSIST h FIELDS 3 a a zz", ints(1, -1, -2)},
			{"HEXPIRE h 100 XX FIELDS 1 a", ints(0)},
			{"HEXPIRE h 100 GT FIELDS 1 a", ints(0)},
			{"HEXPIRE h 0 XX FIELDS 1 a", ints(0)},
			{"HEXPIRE h 100 LT FIELDS 1 a", ints(1)},
			// A new value takes the TTL away, a changed one keeps it.
			{"HINCRBY h a 1", ":2\r\n"},
			{"HINCRBYFLOAT h a 0.5", "$3\r\n2.5\r\n"},
			{"HSETNX h a 9", ":0\r\n"},
			{"HTTL h FIELDS 1 a", ints(100)},
			{"HSET h a 1", ":0\r\n"},
			{"HTTL h FIELDS 1 a", ints(-1)},
			// A time that has come deletes at once.
			{fmt.Sprintf("HPEXPIREAT h %d FIELDS 2 a a", int64(nowMs)), ints(2, -2)},
			{"HEXPIRE h 0 FIELDS 1 b", ints(2)},
			{"HKEYS h", bulks("c")},
			{"HEXPIREAT h 1 FIELDS 1 c", ints(2)},
			{"EXISTS h", ":0\r\n"},
		})
		if n := b.x.shards[0].DB(0).FieldVolatile(); n != 0 {
			t.Errorf("%d hashes still tracked", n)
		}
	})
}

func TestFieldTTLEncoding(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{"HSET h a 1", ":1\r\n"},
		{"HEXPIRE h 9 FIELDS 1 zz", ints(-2)},
		{"OBJECT ENCODING h", "$8\r\nlistpack\r\n"},
		{"HEXPIRE h 9 FIELDS 1 a", ints(1)},
		{"OBJECT ENCODING h", "$10\r\nlistpackex\r\n"},
	})
}

// Fields whose time has passed are nowhere to be seen, whatever asks first.
func TestFieldsDue(t *testing.T) {
	asks := []step{
		{"HGET h a", "$-1\r\n"},
		{"HMGET h a c", "*2\r\n$-1\r\n$1\r\n3\r\n"},
		{"HLEN h", ":1\r\n"},
		{"HEXISTS h b", ":0\r\n"},
		{"HSTRLEN h b", ":0\r\n"},
		{"HGETALL h", bulks("c", "3")},
		{"HKEYS h", bulks("c")},
		{"HVALS h", bulks("3")},
		{"HRANDFIELD h", "$1\r\nc\r\n"},
		{"HRANDFIELD h 9", bulks("c")},
		{"HRANDFIELD h -2", bulks("c", "c")},
		{"HSCAN h 0", "*2\r\n$1\r\n0\r\n" + bulks("c", "3")},
		{"HTTL h FIELDS 2 a c", ints(-2, -1)},
		{"HEXPIRE h 10 FIELDS 2 a c", ints(-2, 1)},
		{"HPERSIST h FIELDS 1 a", ints(-2)},
		{"HDEL h a b", ":0\r\n"},
		{"HSETNX h a 7", ":1\r\n"},
		{"HSET h b 7 c 4", ":1\r\n"},
		{"HINCRBY h a 7", ":7\r\n"},
		{"HINCRBYFLOAT h b 0.5", "$3\r\n0.5\r\n"},
	}
	for _, ask := range asks {
		forms(t, func(t *testing.T, b *bench) {
			b.do("HPEXPIRE h 10 FIELDS 2 a b")
			b.clock.Advance(10 * time.Millisecond)
			b.want(ask.line, ask.reply)
			b.want("HTTL h FIELDS 1 a", b.do("HTTL h FIELDS 1 a"))
		})
	}
}

// A hash all of whose fields are due is gone for every hash command.
func TestHashDue(t *testing.T) {
	for _, ask := range []step{
		{"HGET h a", "$-1\r\n"},
		{"HLEN h", ":0\r\n"},
		{"HGETALL h", "*0\r\n"},
		{"HDEL h a", ":0\r\n"},
		{"HRANDFIELD h", "$-1\r\n"},
		{"HRANDFIELD h -3", "*0\r\n"},
		{"HSCAN h 0", "*2\r\n$1\r\n0\r\n*0\r\n"},
		{"HEXPIRE h 1 FIELDS 1 a", ints(-2)},
		{"HPERSIST h FIELDS 1 a", ints(-2)},
		{"HPTTL h FIELDS 1 a", ints(-2)},
	} {
		forms(t, func(t *testing.T, b *bench) {
			log := b.logEvents()
			b.do("HPEXPIRE h 10 FIELDS 3 a b c")
			b.clock.Advance(time.Second)
			b.want(ask.line, ask.reply)
			if want := []string{"hexpire h", "hexpired h", "del h"}; !slices.Equal(log.events, want) {
				t.Errorf("%s: events %q, want %q", ask.line, log.events, want)
			}
			b.want("EXISTS h", ":0\r\n")
		})
	}
	forms(t, func(t *testing.T, b *bench) {
		b.do("HPEXPIRE h 10 FIELDS 3 a b c")
		b.clock.Advance(time.Second)
		b.want("HSET h x 1", ":1\r\n")
		b.want("HGETALL h", bulks("x", "1"))
	})
}

// A command removes a bounded number of due fields and hides the others.
func TestManyFieldsDue(t *testing.T) {
	b := newBench(t)
	fill := func() {
		b.do("DEL h")
		for i := range 1000 {
			b.do(fmt.Sprintf("HSET h f%d v", i))
			b.do(fmt.Sprintf("HPEXPIRE h 10 FIELDS 1 f%d", i))
		}
		b.clock.Advance(time.Second)
	}
	fill()
	b.steps([]step{
		{"HLEN h", ":0\r\n"},
		{"HGETALL h", "*0\r\n"},
		{"HRANDFIELD h", "$-1\r\n"},
		{"HRANDFIELD h -3 WITHVALUES", "*0\r\n"},
		{"HRANDFIELD h 3", "*0\r\n"},
		{"HGET h f999", "$-1\r\n"},
		{"HDEL h f998", ":0\r\n"},
		{"HSET h f997 new", ":1\r\n"},
		{"HGETALL h", bulks("f997", "new")},
		{"HTTL h FIELDS 2 f996 f997", ints(-2, -1)},
	})
	for range 20 {
		b.do("HGET h a")
	}
	if n := b.x.shards[0].Stats.ExpiredFields; n < 990 {
		t.Errorf("%d fields expired by being met", n)
	}
	if n := b.x.shards[0].DB(0).FieldVolatile(); n != 0 {
		t.Errorf("%d hashes still tracked", n)
	}
	fill()
	for range 40 {
		b.x.Begin()
		b.x.shards[0].ExpireCycle(false)
	}
	b.want("EXISTS h", ":0\r\n")

	// HDEL of the very last due field takes the key with it.
	b.do("HSET h a 1 b 2")
	b.do("HPEXPIRE h 10 FIELDS 2 a b")
	b.clock.Advance(time.Second)
	b.want("HDEL h a b", ":0\r\n")
	b.want("EXISTS h", ":0\r\n")
}

// TTLs go where the hash goes.
func TestFieldTTLsTravel(t *testing.T) {
	forms(t, func(t *testing.T, b *bench) {
		b.steps([]step{
			{"HPEXPIRE h 1000 FIELDS 1 a", ints(1)},
			{"COPY h copy", ":1\r\n"},
			{"RENAME h g", "+OK\r\n"},
			{"HPTTL copy FIELDS 2 a b", ints(1000, -1)},
			{"HPTTL g FIELDS 2 a b", ints(1000, -1)},
		})
		b.clock.Advance(time.Second)
		b.want("HEXISTS copy a", ":0\r\n")
		b.want("HEXISTS g a", ":0\r\n")
	})
}
