package command

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/keyspace"
)

// A step is a command line and the raw reply it must get.
type step struct{ line, reply string }

func (b *bench) steps(steps []step) {
	b.t.Helper()
	for _, s := range steps {
		b.want(s.line, s.reply)
	}
}

// bulks is the raw reply of an array of bulks.
func bulks(words ...string) string {
	s := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		s += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	return s
}

// ints is the raw reply of an array of integers.
func ints(numbers ...int64) string {
	s := fmt.Sprintf("*%d\r\n", len(numbers))
	for _, n := range numbers {
		s += fmt.Sprintf(":%d\r\n", n)
	}
	return s
}

// An eventLog is a hook that notes events as "event key".
type eventLog struct{ events []string }

func (l *eventLog) Modified(int, []byte)              {}
func (l *eventLog) Ready(int, []byte, datatypes.Type) {}
func (l *eventLog) Flushed(int)                       {}
func (l *eventLog) Event(_ int, _ keyspace.EventClass, event string, key []byte) {
	l.events = append(l.events, event+" "+string(key))
}

// logEvents makes the bench note events instead of sending them to anybody.
func (b *bench) logEvents() *eventLog {
	l := &eventLog{}
	b.x.shards[0].SetHook(l)
	return l
}

// noAllocs asserts that each line, run again and again, costs no Go memory.
func (b *bench) noAllocs(lines ...string) {
	b.t.Helper()
	for _, line := range lines {
		var args [][]byte
		for _, f := range strings.Fields(line) {
			args = append(args, []byte(f))
		}
		run := func() {
			b.cl.Out.Reset()
			b.x.Do(b.cl, args)
			b.x.Settle()
		}
		run()
		if strings.HasPrefix(string(b.cl.Out.Bytes()), "-") {
			b.t.Errorf("%s: %s", line, b.cl.Out.Bytes())
		}
		if n := testing.AllocsPerRun(200, run); n != 0 {
			b.t.Errorf("%s: %v allocations", line, n)
		}
	}
}

const wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

func TestListPushPop(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{"LPUSHX l a", ":0\r\n"},
		{"RPUSHX l a", ":0\r\n"},
		{"EXISTS l", ":0\r\n"},
		{"LPUSH l a b c", ":3\r\n"},
		{"RPUSH l 1 007", ":5\r\n"},
		{"LPUSHX l x", ":6\r\n"},
		{"RPUSHX l -5 y", ":8\r\n"},
		{"LRANGE l 0 -1", bulks("x", "c", "b", "a", "1", "007", "-5", "y")},
		{"OBJECT ENCODING l", "$8\r\nlistpack\r\n"},
		{"LLEN l", ":8\r\n"},
		{"LPOP l", "$1\r\nx\r\n"},
		{"RPOP l", "$1\r\ny\r\n"},
		{"LPOP l 2", bulks("c", "b")},
		{"RPOP l 3", bulks("-5", "007", "1")},
		{"LPOP l 0", "*0\r\n"},
		{"LPOP l 9223372036854775807", bulks("a")},
		{"EXISTS l", ":0\r\n"},
		{"LPOP l", "$-1\r\n"},
		{"LPOP l 2", "*-1\r\n"},
		{"LPOP l 0", "*-1\r\n"},
		{"LPOP l -1", "-ERR value is out of range, must be positive\r\n"},
		{"RPOP l x", "-ERR value is out of range, must be positive\r\n"},
		{"LPOP l 1 2", "-ERR wrong number of arguments for 'lpop' command\r\n"},
		{"RPOP l 1 2", "-ERR wrong number of arguments for 'rpop' command\r\n"},
		{"LLEN l", ":0\r\n"},
	})
	b.cl.Out.Proto = 3
	b.steps([]step{{"LPOP l", "_\r\n"}, {"RPOP l 1", "_\r\n"}, {"LMPOP 1 l LEFT", "_\r\n"}, {"LPOS l a", "_\r\n"}})
}

func TestListReads(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{"RPUSH l a b 3 d", ":4\r\n"},
		{"LINDEX l 0", "$1\r\na\r\n"},
		{"LINDEX l -2", "$1\r\n3\r\n"},
		{"LINDEX l 4", "$-1\r\n"},
		{"LINDEX l -9223372036854775808", "$-1\r\n"},
		{"LINDEX l x", "-ERR value is not an integer or out of range\r\n"},
		{"LINDEX nil x", "$-1\r\n"},
		{"LRANGE l 1 2", bulks("b", "3")},
		{"LRANGE l -2 100", bulks("3", "d")},
		{"LRANGE l -100 0", bulks("a")},
		{"LRANGE l 2 1", "*0\r\n"},
		{"LRANGE l 4 9", "*0\r\n"},
		{"LRANGE l -9223372036854775808 9223372036854775807", bulks("a", "b", "3", "d")},
		{"LRANGE nil 0 -1", "*0\r\n"},
		{"LRANGE nil 0 x", "-ERR value is not an integer or out of range\r\n"},
		{"LRANGE nil x 0", "-ERR value is not an integer or out of range\r\n"},
	})
}

func TestListEdits(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{"LSET l 0 x", "-ERR no such key\r\n"},
		{"RPUSH l a b a c a", ":5\r\n"},
		{"LSET l 0 A", "+OK\r\n"},
		{"LSET l -1 77", "+OK\r\n"},
		{"LSET l 5 x", "-ERR index out of range\r\n"},
		{"LSET l x y", "-ERR value is not an integer or out of range\r\n"},
		{"LRANGE l 0 -1", bulks("A", "b", "a", "c", "77")},
		{"LINSERT l BEFORE b i", ":6\r\n"},
		{"LINSERT l after 77 j", ":7\r\n"},
		{"LINSERT l AFTER zz j", ":-1\r\n"},
		{"LINSERT nil AFTER a b", ":0\r\n"},
		{"LINSERT nil AROUND a b", "-ERR syntax error\r\n"},
		{"LRANGE l 0 -1", bulks("A", "i", "b", "a", "c", "77", "j")},
		{"LTRIM l 1 -2", "+OK\r\n"},
		{"LRANGE l 0 -1", bulks("i", "b", "a", "c", "77")},
		{"LTRIM l x 0", "-ERR value is not an integer or out of range\r\n"},
		{"LTRIM l 0 x", "-ERR value is not an integer or out of range\r\n"},
		{"LTRIM nil 0 0", "+OK\r\n"},
		{"LTRIM l 5 9", "+OK\r\n"},
		{"EXISTS l", ":0\r\n"},
		{"RPUSH l a b a c a", ":5\r\n"},
		{"LREM l 1 a", ":1\r\n"},
		{"LREM l -1 a", ":1\r\n"},
		{"LRANGE l 0 -1", bulks("b", "a", "c")},
		{"LREM l 0 zz", ":0\r\n"},
		{"LREM l x a", "-ERR value is not an integer or out of range\r\n"},
		{"LREM nil 0 a", ":0\r\n"},
		{"LREM l 0 a", ":1\r\n"},
		{"LREM l 0 b", ":1\r\n"},
		{"LREM l -9223372036854775808 c", ":1\r\n"},
		{"EXISTS l", ":0\r\n"},
	})
}

func TestListMove(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{"RPUSH a 1 2 three", ":3\r\n"},
		{"LMOVE a b LEFT RIGHT", "$1\r\n1\r\n"},
		{"LMOVE a b RIGHT left", "$5\r\nthree\r\n"},
		{"LRANGE b 0 -1", bulks("three", "1")},
		{"LMOVE a b LEFT LEFT", "$1\r\n2\r\n"},
		{"EXISTS a", ":0\r\n"},
		{"LMOVE a b LEFT LEFT", "$-1\r\n"},
		{"LMOVE b b LEFT RIGHT", "$1\r\n2\r\n"},
		{"RPOPLPUSH b b", "$1\r\n2\r\n"},
		{"LRANGE b 0 -1", bulks("2", "three", "1")},
		{"LMOVE b b LEFT LEFT", "$1\r\n2\r\n"},
		{"LTRIM b 0 0", "+OK\r\n"},
		{"RPOPLPUSH b b", "$1\r\n2\r\n"},
		{"LRANGE b 0 -1", bulks("2")},
		{"LMOVE b b UP LEFT", "-ERR syntax error\r\n"},
		{"LMOVE b b LEFT UP", "-ERR syntax error\r\n"},
		{"SET s 1", "+OK\r\n"},
		{"LMOVE b s LEFT LEFT", wrongType},
		{"LMOVE s b LEFT LEFT", wrongType},
		{"LMOVE nil s LEFT LEFT", "$-1\r\n"},
		{"RPOPLPUSH b s", wrongType},
	})
	// An element with a node of its own goes around in one list, alone.
	large := []byte(strings.Repeat("x", 20_000))
	b.run([]byte("RPUSH"), []byte("big"), large)
	b.do("RPOPLPUSH big big")
	if got := b.do("LINDEX big 0"); got != fmt.Sprintf("$20000\r\n%s\r\n", large) {
		t.Errorf("rotated large element: %d bytes", len(got))
	}
	b.want("LMOVE big other LEFT LEFT", fmt.Sprintf("$20000\r\n%s\r\n", large))
	b.want("OBJECT ENCODING other", "$9\r\nquicklist\r\n")
}

func TestLMPop(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{"RPUSH l a b c", ":3\r\n"},
		{"LMPOP 1 l LEFT", "*2\r\n" + "$1\r\nl\r\n" + bulks("a")},
		{"LMPOP 3 x y l RIGHT COUNT 9", "*2\r\n" + "$1\r\nl\r\n" + bulks("c", "b")},
		{"EXISTS l", ":0\r\n"},
		{"LMPOP 1 l LEFT", "*-1\r\n"},
		{"LMPOP 0 l LEFT", "-ERR numkeys should be greater than 0\r\n"},
		{"LMPOP x l LEFT", "-ERR numkeys should be greater than 0\r\n"},
		{"LMPOP 2 l LEFT", "-ERR syntax error\r\n"},
		{"LMPOP 9223372036854775807 l LEFT", "-ERR syntax error\r\n"},
		{"LMPOP 1 l DOWN", "-ERR syntax error\r\n"},
		{"LMPOP 1 l LEFT COUNT", "-ERR syntax error\r\n"},
		{"LMPOP 1 l LEFT COUNT 0", "-ERR count should be greater than 0\r\n"},
		{"LMPOP 1 l LEFT COUNT x", "-ERR count should be greater than 0\r\n"},
		{"LMPOP 1 l LEFT COUNT 1 COUNT 2", "-ERR syntax error\r\n"},
		{"LMPOP 1 l LEFT COUNT 0 COUNT 2", "-ERR count should be greater than 0\r\n"},
		{"LMPOP 1 l LEFT SUM 1", "-ERR syntax error\r\n"},
		{"SET s 1", "+OK\r\n"},
		{"LMPOP 2 l s LEFT", wrongType},
	})
}

func TestLPos(t *testing.T) {
	b := newBench(t)
	b.steps([]step{
		{"RPUSH l a b c 1 2 3 c c", ":8\r\n"},
		{"LPOS l c", ":2\r\n"},
		{"LPOS l 2", ":4\r\n"},
		{"LPOS l zz", "$-1\r\n"},
		{"LPOS l c RANK 2", ":6\r\n"},
		{"LPOS l c RANK -1", ":7\r\n"},
		{"LPOS l c RANK 4", "$-1\r\n"},
		{"LPOS l c COUNT 2", ints(2, 6)},
		{"LPOS l c count 0", ints(2, 6, 7)},
		{"LPOS l c RANK -1 COUNT 2", ints(7, 6)},
		{"LPOS l c COUNT 0 MAXLEN 3", ints(2)},
		{"LPOS l c COUNT 0 MAXLEN 2", "*0\r\n"},
		{"LPOS l c RANK -1 COUNT 0 MAXLEN 2", ints(7, 6)},
		{"LPOS l c RANK 9223372036854775807", "$-1\r\n"},
		{"LPOS nil c", "$-1\r\n"},
		{"LPOS nil c COUNT 1", "*0\r\n"},
		{"LPOS l c RANK 0", "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list\r\n"},
		{"LPOS l c RANK -9223372036854775808", "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n"},
		{"LPOS l c RANK x", "-ERR value is not an integer or out of range\r\n"},
		{"LPOS l c COUNT -1", "-ERR COUNT can't be negative\r\n"},
		{"LPOS l c MAXLEN -1", "-ERR MAXLEN can't be negative\r\n"},
		{"LPOS l c MAXLEN", "-ERR syntax error\r\n"},
		{"LPOS l c HOW 1", "-ERR syntax error\r\n"},
	})
}

func TestListWrongType(t *testing.T) {
	b := newBench(t)
	b.do("SET s 1")
	for _, line := range []string{
		"LPUSH s a", "RPUSH s a", "LPUSHX s a", "RPUSHX s a", "LPOP s", "RPOP s 2", "LLEN s",
		"LINDEX s 0", "LRANGE s 0 -1", "LSET s 0 a", "LINSERT s BEFORE a b", "LREM s 0 a",
		"LTRIM s 0 1", "LPOS s a", "RPOPLPUSH s t", "LMPOP 1 s LEFT",
	} {
		b.want(line, wrongType)
	}
}

// A list of many nodes answers as one of a single listpack does.
func TestListQuicklist(t *testing.T) {
	b := newBench(t)
	b.x.limits.list.MaxListpackSize = 4
	b.x.limits.list.CompressDepth = 1
	var all []string
	for i := range 100 {
		all = append(all, fmt.Sprint("element", i))
	}
	b.want("RPUSH l "+strings.Join(all, " "), ":100\r\n")
	b.want("OBJECT ENCODING l", "$9\r\nquicklist\r\n")
	b.want("LRANGE l 0 -1", bulks(all...))
	b.want("LRANGE l 37 81", bulks(all[37:82]...))
	rev := slices.Clone(all[60:])
	slices.Reverse(rev)
	b.want("RPOP l 40", bulks(rev...))
	b.want("LPOS l element59", ":59\r\n")
	b.want("LPOP l 58", bulks(all[:58]...))
	b.want("LRANGE l 0 -1", bulks(all[58:60]...))
	b.want("OBJECT ENCODING l", "$8\r\nlistpack\r\n")
	b.want("RPUSH new a b c d", ":4\r\n")
	b.want("OBJECT ENCODING new", "$8\r\nlistpack\r\n")
	b.want("RPUSH new5 a b c d e", ":5\r\n")
	b.want("OBJECT ENCODING new5", "$9\r\nquicklist\r\n")
}

func TestListEvents(t *testing.T) {
	b := newBench(t)
	log := b.logEvents()
	for _, line := range []string{
		"RPUSH a 1 2", "LMOVE a b LEFT RIGHT", "LMOVE a b LEFT RIGHT", "RPOPLPUSH b b", "LPOP b 2",
		"RPUSH c 1 2 3", "LSET c 0 x", "LINSERT c BEFORE 2 y", "LINSERT c BEFORE zz y", "LREM c 0 y",
		"LREM c 0 zz", "LTRIM c 5 9", "RPUSH d 1 2", "LTRIM d 0 -1", "LPOP d 0", "LMPOP 1 d LEFT COUNT 5",
	} {
		b.do(line)
	}
	want := []string{
		"new a", "rpush a", "new b", "rpush b", "lpop a", "rpush b", "lpop a", "del a", "lpush b", "rpop b",
		"lpop b", "del b", "new c", "rpush c", "lset c", "linsert c", "lrem c", "ltrim c", "del c",
		"new d", "rpush d", "ltrim d", "lpop d", "del d",
	}
	if !slices.Equal(log.events, want) {
		t.Errorf("events\n got %q\nwant %q", log.events, want)
	}
}

func TestListAllocations(t *testing.T) {
	b := newBench(t)
	for i := range 1000 {
		b.do(fmt.Sprintf("RPUSH big element:%d", i))
	}
	b.do("RPUSH small a b 3")
	b.do("RPUSH other a")
	b.noAllocs("LRANGE big 0 99", "LRANGE big -600 -1", "LRANGE small 0 -1", "LPUSH big x", "LPOP big",
		"RPUSH big 17", "RPOP big", "LPOP big 1", "LINDEX big 500", "LINDEX small 1", "LLEN big",
		"LPOS big element:300", "LPOS small 3 COUNT 0", "RPOPLPUSH small small", "RPOPLPUSH other other",
		"LPUSH small x", "LSET small 1 y", "LSET big 1 y", "LINSERT big AFTER element:500 z",
		"LREM big 1 z", "LPUSH fresh a", "RPOP fresh")
}
