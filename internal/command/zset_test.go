package command

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// zforms runs a test on sorted sets in a listpack and in their large form.
func zforms(t *testing.T, test func(t *testing.T, b *bench)) {
	for name, entries := range map[string]int{"listpack": 128, "skiplist": 0} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.x.limits.zset.ListPackEntries = entries
			test(t, b)
		})
	}
}

func TestZAdd(t *testing.T) {
	zforms(t, func(t *testing.T, b *bench) {
		b.steps([]step{
			{"ZADD z 1 a 2 b 2.5 c", ":3\r\n"},
			{"ZADD z 1 a", ":0\r\n"},
			{"ZADD z 3 a 4 d", ":1\r\n"},
			{"ZADD z CH 5 a 4 d 1 e", ":2\r\n"},
			{"ZADD z NX CH 9 a 9 f", ":1\r\n"},
			{"ZADD z XX CH 8 f 9 g", ":1\r\n"},
			{"ZADD z GT CH 7 f 9 d", ":1\r\n"},
			{"ZADD z LT CH 7 f 9 d 1 new", ":2\r\n"},
			{"ZADD z XX LT CH 0 zz", ":0\r\n"},
			{"ZSCORE z f", "$1\r\n7\r\n"},
			{"ZADD z INCR 1.5 f", "$3\r\n8.5\r\n"},
			{"ZADD z INCR NX 1 f", "$-1\r\n"},
			{"ZADD z INCR XX 1 nope", "$-1\r\n"},
			{"ZADD z INCR GT -1 f", "$-1\r\n"},
			{"ZADD z INCR LT -1 f", "$3\r\n7.5\r\n"},
			{"ZINCRBY z 2 new2", "$1\r\n2\r\n"},
			{"ZINCRBY z inf a", "$3\r\ninf\r\n"},
			{"ZINCRBY z -inf a", "-ERR resulting score is not a number (NaN)\r\n"},
			{"ZADD z INCR -inf a", "-ERR resulting score is not a number (NaN)\r\n"},
			{"ZSCORE z a", "$3\r\ninf\r\n"},
			{"ZADD nil XX 1 a", ":0\r\n"},
			{"ZADD nil XX INCR 1 a", "$-1\r\n"},
			{"EXISTS nil", ":0\r\n"},
			{"ZADD y 1 m 2 m 3 m", ":1\r\n"},
			{"ZSCORE y m", "$1\r\n3\r\n"},
			{"ZADD y CH 1 m 2 m 2 m", ":2\r\n"},
			{"ZCARD z", ":8\r\n"},
			{"ZCARD nil", ":0\r\n"},
		})
		b.cl.Out.Proto = 3
		b.steps([]step{
			{"ZADD y INCR 0.5 m", ",2.5\r\n"},
			{"ZINCRBY y inf m", ",inf\r\n"},
			{"ZADD y INCR NX 1 m", "_\r\n"},
			{"ZSCORE y m", ",inf\r\n"},
			{"ZSCORE y x", "_\r\n"},
			{"ZMSCORE y m x", "*2\r\n,inf\r\n_\r\n"},
			{"ZMSCORE nil m", "*1\r\n_\r\n"},
		})
	})
}

func TestZAddErrors(t *testing.T) {
	b := newBench(t)
	b.do("SET s 1")
	b.steps([]step{
		{"ZADD z", "-ERR wrong number of arguments for 'zadd' command\r\n"},
		{"ZADD z 1 a 2", "-ERR syntax error\r\n"},
		{"ZADD z NX XX", "-ERR syntax error\r\n"},
		{"ZADD z NX XX 1", "-ERR syntax error\r\n"},
		{"ZADD z NX XX CH", "-ERR syntax error\r\n"},
		{"ZADD s x a 1", "-ERR syntax error\r\n"},
		{"ZADD s NX XX x a", "-ERR XX and NX options at the same time are not compatible\r\n"},
		{"ZADD s NX GT x a", "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n"},
		{"ZADD s LT NX x a", "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n"},
		{"ZADD s LT GT x a", "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n"},
		{"ZADD s INCR 1 a x b", "-ERR INCR option supports a single increment-element pair\r\n"},
		{"ZADD s 1 a x b", "-ERR value is not a valid float\r\n"},
		{"ZADD s nan a", "-ERR value is not a valid float\r\n"},
		{"ZADD s 1 a", wrongType},
		{"ZADD s XX 1 a", wrongType},
		{"ZINCRBY s x a", "-ERR value is not a valid float\r\n"},
		{"ZINCRBY s 1 a", wrongType},
		{"ZINCRBY s nx a", "-ERR syntax error\r\n"},
		{"EXISTS z", ":0\r\n"},
	})
}

func TestZSetWrongType(t *testing.T) {
	b := newBench(t)
	b.do("SET s 1")
	for _, line := range []string{
		"ZCARD s", "ZCOUNT s 0 1", "ZLEXCOUNT s - +", "ZMPOP 2 nil s MIN", "ZMSCORE s a", "ZPOPMIN s",
		"ZPOPMAX s 1", "ZRANDMEMBER s", "ZRANDMEMBER s 1", "ZRANGE s 0 1", "ZRANGEBYLEX s - +",
		"ZRANGEBYSCORE s 0 1", "ZRANGESTORE d s 0 1", "ZRANK s a", "ZREM s a", "ZREMRANGEBYLEX s - +",
		"ZREMRANGEBYRANK s 0 1", "ZREMRANGEBYSCORE s 0 1", "ZREVRANGE s 0 1", "ZREVRANGEBYLEX s + -",
		"ZREVRANGEBYSCORE s 1 0", "ZREVRANK s a", "ZSCAN s 0", "ZSCORE s a", "ZUNION 2 nil s",
		"ZINTER 1 s NOPE", "ZDIFF 1 s", "ZUNIONSTORE d 1 s", "ZINTERCARD 1 s LIMIT x",
	} {
		b.want(line, wrongType)
	}
}

func TestZRange(t *testing.T) {
	zforms(t, func(t *testing.T, b *bench) {
		b.do("ZADD z 1 a 2 b 3 c 4 d 4 e")
		b.steps([]step{
			{"ZRANGE z 0 -1", bulks("a", "b", "c", "d", "e")},
			{"ZRANGE z 1 2 WITHSCORES", bulks("b", "2", "c", "3")},
			{"ZRANGE z -2 99", bulks("d", "e")},
			{"ZRANGE z 3 1", "*0\r\n"},
			{"ZRANGE z 5 9", "*0\r\n"},
			{"ZRANGE z -99 -5", bulks("a")},
			{"ZRANGE z 0 1 REV", bulks("e", "d")},
			{"ZREVRANGE z 1 2 WITHSCORES", bulks("d", "4", "c", "3")},
			{"ZRANGE z 2 3 BYSCORE", bulks("b", "c")},
			{"ZRANGE z (2 +inf BYSCORE LIMIT 1 2", bulks("d", "e")},
			{"ZRANGE z 4 (1 BYSCORE REV LIMIT 1 2 WITHSCORES", bulks("d", "4", "c", "3")},
			{"ZRANGE z 1 9 BYSCORE LIMIT -1 2", "*0\r\n"},
			{"ZRANGE z 1 9 BYSCORE LIMIT 4 -1", bulks("e")},
			{"ZRANGE z 1 9 BYSCORE LIMIT 0 0", "*0\r\n"},
			{"ZRANGE z 0 1 LIMIT 0 -1", bulks("a", "b")},
			{"ZRANGEBYSCORE z -inf (3", bulks("a", "b")},
			{"ZRANGEBYSCORE z 3 1", "*0\r\n"},
			{"ZREVRANGEBYSCORE z 3 1 LIMIT 1 1", bulks("b")},
			{"ZRANGE nil 0 -1", "*0\r\n"},
			{"ZCOUNT z 2 (4", ":2\r\n"},
			{"ZCOUNT nil 2 (4", ":0\r\n"},
			{"ZCOUNT z x 1", "-ERR min or max is not a float\r\n"},
			{"ZRANK z c", ":2\r\n"},
			{"ZREVRANK z c", ":2\r\n"},
			{"ZRANK z e WITHSCORE", "*2\r\n:4\r\n$1\r\n4\r\n"},
			{"ZREVRANK z e withscore", "*2\r\n:0\r\n$1\r\n4\r\n"},
			{"ZRANK z nope", "$-1\r\n"},
			{"ZRANK z nope WITHSCORE", "*-1\r\n"},
			{"ZRANK nil nope WITHSCORE", "*-1\r\n"},
			{"ZRANK z a WITHSCORES", "-ERR syntax error\r\n"},
			{"ZRANK z a WITHSCORE x", "-ERR wrong number of arguments for 'zrank' command\r\n"},
			{"ZMSCORE z a nope d", "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n4\r\n"},
		})
		b.cl.Out.Proto = 3
		b.steps([]step{
			{"ZRANGE z 0 1 WITHSCORES", "*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2\r\n"},
			{"ZRANGE z 4 4 BYSCORE WITHSCORES LIMIT 1 9", "*1\r\n*2\r\n$1\r\ne\r\n,4\r\n"},
			{"ZREVRANGE z 0 0 WITHSCORES", "*1\r\n*2\r\n$1\r\ne\r\n,4\r\n"},
			{"ZRANK z b WITHSCORE", "*2\r\n:1\r\n,2\r\n"},
			{"ZRANK z nope", "_\r\n"},
			{"ZRANK z nope WITHSCORE", "_\r\n"},
		})
	})
}

func TestZRangeErrors(t *testing.T) {
	b := newBench(t)
	b.do("ZADD z 1 a")
	b.steps([]step{
		{"ZRANGE z x 1", "-ERR value is not an integer or out of range\r\n"},
		{"ZRANGE z 0 1 LIMIT 0 1", "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX\r\n"},
		{"ZREVRANGE z x 1 LIMIT 0 1", "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX\r\n"},
		{"ZRANGE z - + BYLEX WITHSCORES", "-ERR syntax error, WITHSCORES not supported in combination with BYLEX\r\n"},
		{"ZRANGEBYLEX z - + WITHSCORES", "-ERR syntax error, WITHSCORES not supported in combination with BYLEX\r\n"},
		{"ZRANGE z 0 1 BYSCORE BYLEX", "-ERR syntax error\r\n"},
		{"ZRANGE z 0 1 REV REV", "-ERR syntax error\r\n"},
		{"ZRANGE z 0 1 BYSCORE LIMIT 1", "-ERR syntax error\r\n"},
		{"ZRANGE z 0 1 NOPE LIMIT x 1", "-ERR syntax error\r\n"},
		{"ZRANGE z 0 1 LIMIT x 1 NOPE", "-ERR value is not an integer or out of range\r\n"},
		{"ZREVRANGE z 0 1 REV", "-ERR syntax error\r\n"},
		{"ZREVRANGE z 0 1 BYSCORE", "-ERR syntax error\r\n"},
		{"ZRANGEBYSCORE z 0 1 REV", "-ERR syntax error\r\n"},
		{"ZRANGEBYSCORE z a 1", "-ERR min or max is not a float\r\n"},
		{"ZRANGE z a 1 BYSCORE", "-ERR min or max is not a float\r\n"},
		{"ZRANGEBYLEX z a +", "-ERR min or max not valid string range item\r\n"},
		{"ZLEXCOUNT z [a b", "-ERR min or max not valid string range item\r\n"},
		{"ZRANGESTORE d z 0 1 WITHSCORES", "-ERR syntax error\r\n"},
		{"ZRANGESTORE d z 0 x", "-ERR value is not an integer or out of range\r\n"},
	})
}

func TestZRangeByLex(t *testing.T) {
	zforms(t, func(t *testing.T, b *bench) {
		b.do("ZADD z 0 a 0 b 0 c 0 d 0 dd")
		b.steps([]step{
			{"ZRANGEBYLEX z - +", bulks("a", "b", "c", "d", "dd")},
			{"ZRANGEBYLEX z [b (d", bulks("b", "c")},
			{"ZRANGEBYLEX z (b + LIMIT 1 1", bulks("d")},
			{"ZREVRANGEBYLEX z + (b", bulks("dd", "d", "c")},
			{"ZREVRANGEBYLEX z (dd - LIMIT 1 2", bulks("c", "b")},
			{"ZRANGE z [c [d BYLEX", bulks("c", "d")},
			{"ZRANGE z [d [c BYLEX REV", bulks("d", "c")},
			{"ZRANGEBYLEX z + -", "*0\r\n"},
			{"ZRANGEBYLEX z [x +", "*0\r\n"},
			{"ZLEXCOUNT z [b [d", ":3\r\n"},
			{"ZLEXCOUNT z - +", ":5\r\n"},
			{"ZLEXCOUNT z (d (dd", ":0\r\n"},
			{"ZLEXCOUNT nil - +", ":0\r\n"},
			{"ZREMRANGEBYLEX z [b (d", ":2\r\n"},
			{"ZREMRANGEBYLEX z [x +", ":0\r\n"},
			{"ZREMRANGEBYLEX nil - +", ":0\r\n"},
			{"ZREMRANGEBYLEX z - x", "-ERR min or max not valid string range item\r\n"},
			{"ZRANGE z 0 -1", bulks("a", "d", "dd")},
			{"ZREMRANGEBYLEX z - +", ":3\r\n"},
			{"EXISTS z", ":0\r\n"},
		})
	})
	// Among different scores a range is not well defined, but nothing outside it
	// is removed.
	b := newBench(t)
	b.do("ZADD z 1 m 2 a 3 z 4 b")
	b.want("ZREMRANGEBYLEX z [a [m", ":2\r\n")
	b.want("ZRANGE z 0 -1", bulks("z", "b"))
}

func TestZRemove(t *testing.T) {
	zforms(t, func(t *testing.T, b *bench) {
		b.do("ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g")
		b.steps([]step{
			{"ZREM z a x", ":1\r\n"},
			{"ZREM nil a", ":0\r\n"},
			{"ZREMRANGEBYRANK z 0 0", ":1\r\n"},
			{"ZREMRANGEBYRANK z -1 -1", ":1\r\n"},
			{"ZREMRANGEBYRANK z 9 10", ":0\r\n"},
			{"ZREMRANGEBYRANK z 2 1", ":0\r\n"},
			{"ZREMRANGEBYRANK z x 1", "-ERR value is not an integer or out of range\r\n"},
			{"ZREMRANGEBYSCORE z (3 4", ":1\r\n"},
			{"ZREMRANGEBYSCORE z 9 1", ":0\r\n"},
			{"ZREMRANGEBYSCORE z x 1", "-ERR min or max is not a float\r\n"},
			{"ZRANGE z 0 -1", bulks("c", "e", "f")},
			{"ZREMRANGEBYSCORE z -inf inf", ":3\r\n"},
			{"EXISTS z", ":0\r\n"},
			{"ZREMRANGEBYRANK nil 0 -1", ":0\r\n"},
			{"ZADD z 1 a 2 b", ":2\r\n"},
			{"ZREM z b a b", ":2\r\n"},
			{"EXISTS z", ":0\r\n"},
		})
	})
}

func TestZPop(t *testing.T) {
	zforms(t, func(t *testing.T, b *bench) {
		b.do("ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h")
		b.steps([]step{
			{"ZPOPMIN z", bulks("a", "1")},
			{"ZPOPMAX z", bulks("h", "8")},
			{"ZPOPMIN z 2", bulks("b", "2", "c", "3")},
			{"ZPOPMAX z 0", "*0\r\n"},
			{"ZPOPMIN nil", "*0\r\n"},
			{"ZPOPMIN nil 3", "*0\r\n"},
			{"ZPOPMIN z -1", "-ERR value is out of range, must be positive\r\n"},
			{"ZPOPMIN z x", "-ERR value is out of range, must be positive\r\n"},
			{"ZPOPMIN z 1 1", "-ERR syntax error\r\n"},
			{"ZMPOP 2 nil z MAX", "*2\r\n$1\r\nz\r\n*1\r\n" + bulks("g", "7")},
			{"ZMPOP 1 z min count 2", "*2\r\n$1\r\nz\r\n*2\r\n" + bulks("d", "4") + bulks("e", "5")},
			{"ZMPOP 1 nil MIN", "*-1\r\n"},
			{"ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0\r\n"},
			{"ZMPOP x z MIN", "-ERR numkeys should be greater than 0\r\n"},
			{"ZMPOP 2 z MIN", "-ERR syntax error\r\n"},
			{"ZMPOP 9223372036854775807 z MIN", "-ERR syntax error\r\n"},
			{"ZMPOP 1 z MID", "-ERR syntax error\r\n"},
			{"ZMPOP 1 z MIN COUNT", "-ERR syntax error\r\n"},
			{"ZMPOP 1 z MIN COUNT 0", "-ERR count should be greater than 0\r\n"},
			{"ZMPOP 1 z MIN COUNT 1 COUNT 1", "-ERR syntax error\r\n"},
			{"ZPOPMAX z 9", bulks("f", "6")},
			{"EXISTS z", ":0\r\n"},
		})
		b.do("ZADD z 1 a 2 b 3 c")
		b.cl.Out.Proto = 3
		b.steps([]step{
			{"ZPOPMIN z", "*2\r\n$1\r\na\r\n,1\r\n"},
			{"ZPOPMIN z 1", "*1\r\n*2\r\n$1\r\nb\r\n,2\r\n"},
			{"ZMPOP 1 z MAX", "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\nc\r\n,3\r\n"},
			{"ZMPOP 1 z MAX", "_\r\n"},
		})
	})
}

func TestZRandMember(t *testing.T) {
	zforms(t, func(t *testing.T, b *bench) {
		b.do("ZADD z 1 a 2 b 3 c")
		for range 10 {
			if m := b.parse(b.do("ZRANDMEMBER z")).Text(); !strings.Contains("abc", m) {
				t.Errorf("drew %q", m)
			}
		}
		b.wantSet("ZRANDMEMBER z 5", "a b c")
		if got := b.parse(b.do("ZRANDMEMBER z -7 WITHSCORES")).Strings(); len(got) != 14 {
			t.Errorf("drew %q", got)
		}
		b.steps([]step{
			{"ZRANDMEMBER nil", "$-1\r\n"},
			{"ZRANDMEMBER nil 1", "*0\r\n"},
			{"ZRANDMEMBER z 0", "*0\r\n"},
			{"ZRANDMEMBER z x", "-ERR value is not an integer or out of range\r\n"},
			{"ZRANDMEMBER z 1 NOPE", "-ERR syntax error\r\n"},
			{"ZRANDMEMBER z 1 WITHSCORES x", "-ERR syntax error\r\n"},
			{"ZRANDMEMBER z 9223372036854775807 WITHSCORES", "-ERR value is out of range\r\n"},
			{"ZRANDMEMBER z -9223372036854775808", "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n"},
			{"ZREM z a b", ":2\r\n"},
		})
		b.cl.Out.Proto = 3
		b.want("ZRANDMEMBER z 1 WITHSCORES", "*1\r\n*2\r\n$1\r\nc\r\n,3\r\n")
	})
}

func TestZScan(t *testing.T) {
	b := newBench(t)
	b.do("ZADD z 1 a 2.5 b 0.1 c 3 7")
	for _, proto := range []int{2, 3} {
		b.cl.Out.Proto = proto
		b.steps([]step{
			{"ZSCAN z 0", "*2\r\n$1\r\n0\r\n" + bulks("c", "0.1", "a", "1", "b", "2.5", "7", "3")},
			{"ZSCAN z 0 MATCH ? COUNT 1", "*2\r\n$1\r\n0\r\n" + bulks("c", "0.1", "a", "1", "b", "2.5", "7", "3")},
			{"ZSCAN z 0 MATCH [b7]", "*2\r\n$1\r\n0\r\n" + bulks("b", "2.5", "7", "3")},
			{"ZSCAN nil 0 NOPE", "*2\r\n$1\r\n0\r\n*0\r\n"},
			{"ZSCAN z x", "-ERR invalid cursor\r\n"},
			{"ZSCAN z 0 NOPE", "-ERR syntax error\r\n"},
		})
	}
	var line strings.Builder
	want := map[string]string{}
	for i := range 300 {
		fmt.Fprintf(&line, " %d m%d", i, i)
		want[fmt.Sprint("m", i)] = fmt.Sprint(i)
	}
	b.do("ZADD big" + line.String())
	got := b.scan("ZSCAN big %s COUNT 20")
	for i := 0; i < len(got); i += 2 {
		if want[got[i]] != got[i+1] {
			t.Errorf("scanned %s %s", got[i], got[i+1])
		}
		delete(want, got[i])
	}
	if len(want) > 0 || len(got)%2 != 0 {
		t.Errorf("%d not scanned", len(want))
	}
	// The large form's scores are C's %.17g.
	b.do("ZADD big 0.1 x inf y -inf z 1e21 big 1e-7 small")
	for member, score := range map[string]string{
		"x": "0.10000000000000001", "y": "inf", "z": "-inf", "big": "1e+21", "small": "9.9999999999999995e-08",
	} {
		if got := b.scan("ZSCAN big %s COUNT 1000 MATCH " + member); len(got) != 2 || got[1] != score {
			t.Errorf("%s: %q, want %s", member, got, score)
		}
	}
}

func TestZCombine(t *testing.T) {
	zforms(t, func(t *testing.T, b *bench) {
		b.do("ZADD a 1 x 2 y 3 z")
		b.do("ZADD b 10 y 20 z 30 w")
		b.do("SADD s y 7")
		b.steps([]step{
			{"ZUNION 2 a b", bulks("x", "y", "z", "w")},
			{"ZUNION 3 a b s WITHSCORES", bulks("7", "1", "x", "1", "y", "13", "z", "23", "w", "30")},
			{"ZUNION 2 a b WEIGHTS 2 -1 WITHSCORES", bulks("w", "-30", "z", "-14", "y", "-6", "x", "2")},
			{"ZUNION 2 a b AGGREGATE MIN WITHSCORES", bulks("x", "1", "y", "2", "z", "3", "w", "30")},
			{"ZUNION 2 a b aggregate max WITHSCORES WEIGHTS 1 .5", bulks("x", "1", "y", "5", "z", "10", "w", "15")},
			{"ZUNION 1 nil", "*0\r\n"},
			{"ZUNION 2 a a WITHSCORES", bulks("x", "2", "y", "4", "z", "6")},
			{"ZINTER 2 a b WITHSCORES", bulks("y", "12", "z", "23")},
			{"ZINTER 3 a b s WITHSCORES WEIGHTS 1 1 100", bulks("y", "112")},
			{"ZINTER 2 a a WITHSCORES", bulks("x", "2", "y", "4", "z", "6")},
			{"ZINTER 2 a nil", "*0\r\n"},
			{"ZDIFF 2 a b WITHSCORES", bulks("x", "1")},
			{"ZDIFF 2 a s", bulks("x", "z")},
			{"ZDIFF 2 s a WITHSCORES", bulks("7", "1")},
			{"ZDIFF 2 nil a", "*0\r\n"},
			{"ZINTERCARD 2 a b", ":2\r\n"},
			{"ZINTERCARD 2 a b LIMIT 1", ":1\r\n"},
			{"ZINTERCARD 2 a b LIMIT 0", ":2\r\n"},
			{"ZINTERCARD 2 a nil", ":0\r\n"},
			{"ZUNIONSTORE d 2 a b WEIGHTS 1 inf", ":4\r\n"},
			{"ZRANGE d 0 -1 WITHSCORES", bulks("x", "1", "w", "inf", "y", "inf", "z", "inf")},
			{"ZUNIONSTORE d 2 d d WEIGHTS 1 -1", ":4\r\n"},
			{"ZRANGE d 0 -1 WITHSCORES", bulks("w", "0", "x", "0", "y", "0", "z", "0")},
			{"ZINTERSTORE d 2 d a WEIGHTS 0 inf", ":3\r\n"},
			{"ZRANGE d 0 -1 WITHSCORES", bulks("x", "inf", "y", "inf", "z", "inf")},
			{"ZDIFFSTORE d 2 d b", ":1\r\n"},
			{"ZRANGESTORE d b 1 2 REV", ":2\r\n"},
			{"ZRANGE d 0 -1 WITHSCORES", bulks("y", "10", "z", "20")},
			{"ZRANGESTORE b b (10 30 BYSCORE LIMIT 0 1", ":1\r\n"},
			{"ZRANGE b 0 -1 WITHSCORES", bulks("z", "20")},
		})
		b.cl.Out.Proto = 3
		b.want("ZDIFF 2 a b WITHSCORES", "*2\r\n*2\r\n$1\r\nx\r\n,1\r\n*2\r\n$1\r\ny\r\n,2\r\n")
		b.want("ZUNION 1 s", bulks("7", "y"))
	})
}

func TestZCombineErrors(t *testing.T) {
	b := newBench(t)
	b.do("ZADD a 1 x")
	b.do("SET s 1")
	b.steps([]step{
		{"ZUNION x a", "-ERR value is not an integer or out of range\r\n"},
		{"ZUNION 0 a", "-ERR at least 1 input key is needed for 'zunion' command\r\n"},
		{"ZINTERSTORE d -1 a", "-ERR at least 1 input key is needed for 'zinterstore' command\r\n"},
		{"ZINTERCARD 0 a", "-ERR at least 1 input key is needed for 'zintercard' command\r\n"},
		{"ZUNION 2 a", "-ERR syntax error\r\n"},
		{"ZUNION 9223372036854775807 a", "-ERR syntax error\r\n"},
		{"ZUNION 2 a s WEIGHTS 1", wrongType}, // keys are looked at before options
		{"ZUNION 1 a WEIGHTS", "-ERR syntax error\r\n"},
		{"ZUNION 1 a WEIGHTS x", "-ERR weight value is not a float\r\n"},
		{"ZUNION 1 a WEIGHTS nan", "-ERR weight value is not a float\r\n"},
		{"ZUNION 1 a WEIGHTS 1 2", "-ERR syntax error\r\n"},
		{"ZUNION 1 a AGGREGATE", "-ERR syntax error\r\n"},
		{"ZUNION 1 a AGGREGATE AVG", "-ERR syntax error\r\n"},
		{"ZUNIONSTORE d 1 a WITHSCORES", "-ERR syntax error\r\n"},
		{"ZDIFF 1 a WEIGHTS 1", "-ERR syntax error\r\n"},
		{"ZINTERCARD 1 a WITHSCORES", "-ERR syntax error\r\n"},
		{"ZINTERCARD 1 a LIMIT", "-ERR syntax error\r\n"},
		{"ZINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative\r\n"},
		{"ZUNION 1 a LIMIT 1", "-ERR syntax error\r\n"},
	})
}

func TestZSetEvents(t *testing.T) {
	b := newBench(t)
	b.do("SET d x EX 100")
	b.do("SADD s m")
	log := b.logEvents()
	for _, line := range []string{
		"ZADD a 1 x 2 y", "ZADD a 1 x", "ZADD a XX 5 q", "ZADD a INCR 1 x", "ZINCRBY a 1 x", "ZREM a q",
		"ZREM a x y", "ZADD a 1 x 2 y 3 z", "ZPOPMIN a", "ZMPOP 1 a MAX", "ZPOPMAX a 0", "ZPOPMAX a",
		"ZADD b 1 x 2 y 3 z", "ZREMRANGEBYRANK b 0 0", "ZREMRANGEBYSCORE b 2 2", "ZREMRANGEBYLEX b (z +",
		"ZREMRANGEBYLEX b - +", "ZUNIONSTORE d 1 s", "TTL d", "ZINTERSTORE d 2 d s", "ZRANGESTORE e d 0 -1",
		"ZDIFFSTORE d 2 d s", "ZDIFFSTORE d 2 d s",
	} {
		b.do(line)
	}
	want := []string{
		"new a", "zadd a", "zincr a", "zincr a", "zrem a", "del a", "new a", "zadd a", "zpopmin a", "zpopmax a",
		"zpopmax a", "del a", "new b", "zadd b", "zremrangebyrank b", "zremrangebyscore b",
		"zremrangebylex b", "del b", "zunionstore d", "zinterstore d", "new e", "zrangestore e", "del d",
	}
	if got := keep(log.events, "keymiss"); !slices.Equal(got, want) {
		t.Errorf("events\n got %q\nwant %q", got, want)
	}
}

func TestZSetEncodings(t *testing.T) {
	b := newBench(t)
	lim := &b.x.limits.zset
	lim.ListPackEntries, lim.ListPackValue = 3, 5
	for _, c := range []struct{ line, encoding string }{
		{"ZADD z 1 a 2 b 3 c", "listpack"},
		{"ZADD z 1 a 2 b 3 c 4 d", "skiplist"},
		{"ZADD z 1 a 2 abcdef", "skiplist"},
		{"ZADD z 1 a 2 a 3 a 4 a", "skiplist"}, // as many as were announced
		{"ZUNIONSTORE z 1 large", "listpack"},
		{"ZRANGESTORE z large 0 -1", "listpack"},
		{"ZUNIONSTORE z 2 large more", "skiplist"},
	} {
		b.do("DEL z")
		b.do("ZADD large 1 a 2 b 3 c 4 d")
		b.do("ZREM large d")
		b.do("ZADD more 9 e")
		b.do(c.line)
		b.want("OBJECT ENCODING z", fmt.Sprintf("$%d\r\n%s\r\n", len(c.encoding), c.encoding))
	}
	b.do("DEL z")
	b.do("ZADD z 1 a 2 b 3 c")
	b.do("ZADD z 4 c")
	b.want("OBJECT ENCODING z", "$8\r\nlistpack\r\n")
	b.do("ZADD z 4 d")
	b.want("OBJECT ENCODING z", "$8\r\nskiplist\r\n")
	b.do("ZREM z d c")
	b.want("OBJECT ENCODING z", "$8\r\nskiplist\r\n")
}

func TestZSetExpiry(t *testing.T) {
	b := newBench(t)
	b.do("ZADD a 1 x")
	b.do("PEXPIRE a 10")
	b.clock.Advance(11 * time.Millisecond)
	b.want("ZSCORE a x", "$-1\r\n")
	b.want("ZADD a XX 2 x", ":0\r\n")
	b.want("ZADD a 2 x", ":1\r\n")
	b.want("TTL a", ":-1\r\n")
}

// A large sorted set agrees with a sorted slice, by rank and by score.
func TestZSetLarge(t *testing.T) {
	b := newBench(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	const n = 3000
	scores := map[string]int{}
	for range 2 * n {
		m, s := fmt.Sprintf("m%04d", rnd.IntN(n)), rnd.IntN(1000)
		scores[m] = s
		b.do(fmt.Sprintf("ZADD z %d %s", s, m))
	}
	var all []string
	for m := range scores {
		all = append(all, m)
	}
	slices.SortFunc(all, func(x, y string) int {
		if scores[x] != scores[y] {
			return scores[x] - scores[y]
		}
		return strings.Compare(x, y)
	})
	b.want("ZRANGE z 0 -1", bulks(all...))
	for range 100 {
		i := rnd.IntN(len(all) - 10)
		b.want(fmt.Sprintf("ZRANGE z %d %d", i, i+9), bulks(all[i:i+10]...))
		b.want("ZRANK z "+all[i], fmt.Sprintf(":%d\r\n", i))
		s := scores[all[i]]
		first := slices.IndexFunc(all, func(m string) bool { return scores[m] >= s })
		b.want(fmt.Sprintf("ZRANGEBYSCORE z %d +inf LIMIT 3 40", s), bulks(all[min(first+3, len(all)):min(first+43, len(all))]...))
		b.want(fmt.Sprintf("ZCOUNT z -inf (%d", s), fmt.Sprintf(":%d\r\n", first))
	}
}

func TestZSetAllocations(t *testing.T) {
	b := newBench(t)
	for i := range 1000 {
		b.do(fmt.Sprintf("ZADD big %d m%d", i, i))
	}
	b.do("ZADD small 1 a 2.5 b 3 7")
	b.do("ZADD lex 0 a 0 b 0 c")
	b.noAllocs("ZADD big 77.5 m9", "ZADD big 9 m9 8 m8", "ZADD small 2 a", "ZINCRBY big 1 m5", "ZSCORE big m5",
		"ZRANGE big 500 509", "ZRANGE big 0 99 WITHSCORES", "ZREVRANGE big 0 9", "ZRANGE small 0 -1 WITHSCORES",
		"ZRANGEBYSCORE big 100 200 LIMIT 5 10", "ZREVRANGEBYSCORE big 200 100", "ZRANGEBYLEX lex [a +",
		"ZRANK big m700", "ZCOUNT big 10 20", "ZMSCORE big m1 m2", "ZADD fresh 1 a", "ZREM fresh a", "ZPOPMIN big",
		"ZPOPMAX small 0", "ZREMRANGEBYRANK big 0 0", "ZRANDMEMBER big")
}

// zbench has a sorted set of n members with random scores.
func zbench(b *testing.B, n int) *bench {
	bb := newBench(b)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		bb.run([]byte("ZADD"), []byte("z"), fmt.Append(nil, rnd.IntN(1e6)), fmt.Appendf(nil, "m%d", i))
	}
	return bb
}

func BenchmarkZAdd(b *testing.B) {
	bb := zbench(b, 100_000)
	rnd := rand.New(rand.NewPCG(3, 4))
	args := [][]byte{[]byte("ZADD"), []byte("z"), nil, nil}
	bb.loop(b, func(int) [][]byte {
		args[2] = strconv.AppendInt(args[2][:0], rnd.Int64N(1e6), 10)
		args[3] = strconv.AppendInt(append(args[3][:0], 'm'), rnd.Int64N(100_000), 10)
		return args
	})
}

func BenchmarkZRange10(b *testing.B) {
	bb := zbench(b, 100_000)
	rnd := rand.New(rand.NewPCG(3, 4))
	args := [][]byte{[]byte("ZRANGE"), []byte("z"), nil, nil}
	bb.loop(b, func(int) [][]byte {
		start := rnd.Int64N(100_000)
		args[2] = strconv.AppendInt(args[2][:0], start, 10)
		args[3] = strconv.AppendInt(args[3][:0], start+9, 10)
		return args
	})
}
