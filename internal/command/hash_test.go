package command

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestHashBasics(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{"HSET h a 1 b two a 3", ":2\r\n"},
		{"HGET h a", "$1\r\n3\r\n"},
		{"HGET h zz", "$-1\r\n"},
		{"HGET nil a", "$-1\r\n"},
		{"HMGET h b zz a", "*3\r\n$3\r\ntwo\r\n$-1\r\n$1\r\n3\r\n"},
		{"HMGET nil a b", "*2\r\n$-1\r\n$-1\r\n"},
		{"HLEN h", ":2\r\n"},
		{"HLEN nil", ":0\r\n"},
		{"HEXISTS h a", ":1\r\n"},
		{"HEXISTS h zz", ":0\r\n"},
		{"HEXISTS nil a", ":0\r\n"},
		{"HSTRLEN h b", ":3\r\n"},
		{"HSTRLEN h zz", ":0\r\n"},
		{"HSTRLEN nil a", ":0\r\n"},
		{"HGETALL h", bulks("a", "3", "b", "two")},
		{"HKEYS h", bulks("a", "b")},
		{"HVALS h", bulks("3", "two")},
		{"HGETALL nil", "*0\r\n"},
		{"HMSET h c 7", "+OK\r\n"},
		{"HSETNX h c 8", ":0\r\n"},
		{"HSETNX h d 8", ":1\r\n"},
		{"HSETNX n d 8", ":1\r\n"},
		{"HGETALL n", bulks("d", "8")},
		{"HDEL h a zz b", ":2\r\n"},
		{"HDEL nil a", ":0\r\n"},
		{"HDEL h c d a", ":2\r\n"},
		{"EXISTS h", ":0\r\n"},
		{"HSET h a", "-ERR wrong number of arguments for 'hset' command\r\n"},
		{"HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command\r\n"},
		{"HMSET h a 1 b", "-ERR wrong number of arguments for 'hmset' command\r\n"},
	})
	b.do("HSET h a 1")
	b.cl.Out.Proto = 3
	b.steps([]step{
		{"HGETALL h", "%1\r\n$1\r\na\r\n$1\r\n1\r\n"},
		{"HGETALL nil", "%0\r\n"},
		{"HKEYS h", bulks("a")},
		{"HVALS nil", "*0\r\n"},
		{"HGET h b", "_\r\n"},
		{"HMGET h b", "*1\r\n_\r\n"},
	})
}

func TestHashWrongType(t *testing.T) {
	b := newBench(t)
	b.do("SET s 1")
	for _, line := range []string{
		"HSET s a 1", "HMSET s a 1", "HSETNX s a 1", "HGET s a", "HMGET s a", "HDEL s a", "HLEN s",
		"HSTRLEN s a", "HEXISTS s a", "HGETALL s", "HKEYS s", "HVALS s", "HINCRBY s a 1",
		"HINCRBYFLOAT s a 1", "HRANDFIELD s", "HRANDFIELD s 2", "HSCAN s 0", "HSCAN s 0 BAD",
		"HEXPIRE s x FIELDS 1 a", "HTTL s FIELDS x a", "HPERSIST s NOPE 1 a",
	} {
		b.want(line, wrongType)
	}
}

func TestHashEncodings(t *testing.T) {
	b := newBench(t)
	enc := func(key, want string) {
		t.Helper()
		b.want("OBJECT ENCODING "+key, fmt.Sprintf("$%d\r\n%s\r\n", len(want), want))
	}
	long := strings.Repeat("x", 65)
	b.do("HSET value a 1 b " + long + " c 3")
	enc("value", "hashtable")
	b.want("HMGET value a b c", bulks("1", long, "3"))
	b.do("HSET field " + long + " 1")
	enc("field", "hashtable")
	b.do("HSETNX nx a " + long)
	enc("nx", "hashtable")
	pairs := ""
	for i := range 512 {
		pairs += fmt.Sprintf(" field:%d value:%d", i, i)
	}
	b.want("HSET many"+pairs, ":512\r\n")
	enc("many", "listpack")
	b.want("HSET many field:17 x", ":0\r\n")
	b.want("HSET many one more", ":1\r\n")
	enc("many", "hashtable")
	b.want("HGET many field:511", "$9\r\nvalue:511\r\n")
	b.x.limits.hash.ListPackEntries = 0
	b.do("HSET none a 1")
	enc("none", "hashtable")
	b.want("HINCRBY none2 a 5", ":5\r\n")
	enc("none2", "hashtable")
}

func TestHashIncrements(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{"HINCRBY h n 5", ":5\r\n"},
		{"HINCRBY h n -7", ":-2\r\n"},
		{"HINCRBY h n x", "-ERR value is not an integer or out of range\r\n"},
		{"HSET h s abc f 1.5 big 9223372036854775807", ":3\r\n"},
		{"HINCRBY h s 1", "-ERR hash value is not an integer\r\n"},
		{"HINCRBY h f 1", "-ERR hash value is not an integer\r\n"},
		{"HINCRBY h big 1", "-ERR increment or decrement would overflow\r\n"},
		{"HINCRBY h low -9223372036854775808", ":-9223372036854775808\r\n"},
		{"HINCRBY h low -1", "-ERR increment or decrement would overflow\r\n"},
		{"HINCRBYFLOAT h f 0.1", "$3\r\n1.6\r\n"},
		{"HINCRBYFLOAT h n 1e3", "$3\r\n998\r\n"},
		{"HINCRBYFLOAT h new -2.5", "$4\r\n-2.5\r\n"},
		{"HINCRBYFLOAT other new 0.1", "$3\r\n0.1\r\n"},
		{"HINCRBYFLOAT other new 0.2", "$3\r\n0.3\r\n"},
		{"HINCRBYFLOAT h s 1", "-ERR hash value is not a float\r\n"},
		{"HINCRBYFLOAT h f abc", "-ERR value is not a valid float\r\n"},
		{"HINCRBYFLOAT h f nan", "-ERR value is not a valid float\r\n"},
		{"HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity\r\n"},
		{"SET str 1", "+OK\r\n"},
		{"HINCRBYFLOAT str f abc", "-ERR value is not a valid float\r\n"},
		{"HINCRBY str f abc", "-ERR value is not an integer or out of range\r\n"},
	})
}

func TestHRandField(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{"HRANDFIELD h", "$-1\r\n"},
		{"HRANDFIELD h 5", "*0\r\n"},
		{"HRANDFIELD h -5", "*0\r\n"},
		{"HRANDFIELD h x y z", "-ERR value is not an integer or out of range\r\n"},
		{"HRANDFIELD h 1 y", "-ERR syntax error\r\n"},
		{"HRANDFIELD h 1 WITHVALUES z", "-ERR syntax error\r\n"},
		{"HRANDFIELD h -9223372036854775808", "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n"},
		{"HRANDFIELD h 4611686018427387904 WITHVALUES", "-ERR value is out of range\r\n"},
		{"HRANDFIELD h -4611686018427387904 WITHVALUES", "-ERR value is out of range\r\n"},
		{"HSET h a 1", ":1\r\n"},
		{"HRANDFIELD h", "$1\r\na\r\n"},
		{"HRANDFIELD h 0", "*0\r\n"},
		{"HRANDFIELD h 9223372036854775807", bulks("a")},
		{"HRANDFIELD h 3 withvalues", bulks("a", "1")},
		{"HRANDFIELD h -3", bulks("a", "a", "a")},
		{"HRANDFIELD h -2 WITHVALUES", bulks("a", "1", "a", "1")},
	})
	b.cl.Out.Proto = 3
	b.steps([]step{
		{"HRANDFIELD h", "$1\r\na\r\n"},
		{"HRANDFIELD h -2 WITHVALUES", "*2\r\n" + bulks("a", "1") + bulks("a", "1")},
		{"HRANDFIELD h 3 WITHVALUES", "*1\r\n" + bulks("a", "1")},
		{"HRANDFIELD nil", "_\r\n"},
		{"HRANDFIELD nil 3 WITHVALUES", "*0\r\n"},
	})
}

func TestHScan(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{"HSCAN h 0", "*2\r\n$1\r\n0\r\n*0\r\n"},
		{"HSCAN h 0 BAD", "*2\r\n$1\r\n0\r\n*0\r\n"},
		{"HSCAN h x", "-ERR invalid cursor\r\n"},
		{"HSET h a 1 b 2 17 3", ":3\r\n"},
		{"HSCAN h 0", "*2\r\n$1\r\n0\r\n" + bulks("a", "1", "b", "2", "17", "3")},
		{"HSCAN h 0 NOVALUES", "*2\r\n$1\r\n0\r\n" + bulks("a", "b", "17")},
		{"HSCAN h 0 MATCH 1* COUNT 1", "*2\r\n$1\r\n0\r\n" + bulks("17", "3")},
		{"HSCAN h 0 NOVALUES MATCH b", "*2\r\n$1\r\n0\r\n" + bulks("b")},
		{"HSCAN h 0 BAD", "-ERR syntax error\r\n"},
		{"HSCAN h 0 COUNT 0", "-ERR syntax error\r\n"},
		{"HSCAN h 0 COUNT x", "-ERR value is not an integer or out of range\r\n"},
	})
	for i := range 1000 {
		b.do(fmt.Sprintf("HSET big f%d v%d", i, i))
	}
	seen, cursor, calls := map[string]bool{}, "0", 0
	for {
		lines := strings.Split(b.do("HSCAN big "+cursor+" COUNT 25 NOVALUES"), "\r\n")
		cursor = lines[2]
		for _, l := range lines[4:] {
			if strings.HasPrefix(l, "f") {
				seen[l] = true
			}
		}
		if calls++; cursor == "0" {
			break
		}
	}
	if len(seen) != 1000 || calls < 20 {
		t.Errorf("HSCAN saw %d fields in %d calls", len(seen), calls)
	}
}

func TestHashEvents(t *testing.T) {
	b := newBench(t)
	log := b.logEvents()
	for _, line := range []string{
		"HSET h f 1", "HINCRBY h f 1", "HINCRBYFLOAT h f 1.5", "HSETNX h g 2", "HSETNX h g 2",
		"HDEL h zz", "HDEL h f g", "HMSET h a 1", "HEXPIRE h 10 FIELDS 1 a", "HEXPIRE h 10 FIELDS 1 zz",
		"HPERSIST h FIELDS 1 a", "HPERSIST h FIELDS 1 a", "HSET h b 1", "HEXPIRE h 0 FIELDS 1 a",
		"HEXPIREAT h 1 FIELDS 2 b b",
	} {
		b.do(line)
	}
	want := []string{
		"new h", "hset h", "hincrby h", "hincrbyfloat h", "hset h", "hdel h", "del h", "new h", "hset h",
		"hexpire h", "hpersist h", "hset h", "hdel h", "hdel h", "del h",
	}
	if !slices.Equal(log.events, want) {
		t.Errorf("events\n got %q\nwant %q", log.events, want)
	}
}

func TestHashAllocations(t *testing.T) {
	b := newBench(t)
	for i := range 1000 {
		b.do(fmt.Sprintf("HSET big field:%d value:%d", i, i))
	}
	b.do("HSET small a 1 b two c 3")
	b.do("HSET ttl a 1 b two c 3")
	b.do("HEXPIRE ttl 100 FIELDS 1 a")
	for _, key := range []string{"big", "small", "ttl"} {
		b.noAllocs("HSET "+key+" field:1 x", "HGET "+key+" field:1", "HMGET "+key+" field:1 a b",
			"HEXISTS "+key+" field:1", "HLEN "+key, "HSTRLEN "+key+" field:1", "HINCRBY "+key+" n 1",
			"HSETNX "+key+" field:1 y", "HGETALL "+key, "HRANDFIELD "+key, "HDEL "+key+" field:1",
			"HTTL "+key+" FIELDS 2 a b")
	}
	b.noAllocs("HSET fresh a 1 b 2", "HDEL fresh a b", "HEXPIRE ttl 200 FIELDS 1 a", "HPTTL big FIELDS 1 a")
}
