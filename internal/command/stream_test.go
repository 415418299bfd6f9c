package command

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/invariants"
)

// The transcripts say what streams answer. Here is what they cannot: the clock's part in
// IDs and idle times, and what commands cost.

// TestStreamIDsOfTheClock: "*" is the time, and never goes back.
func TestStreamIDsOfTheClock(t *testing.T) {
	b := newBench(t)
	b.want("XADD s * f v", "$15\r\n1700000000000-0\r\n")
	b.want("XADD s * f v", "$15\r\n1700000000000-1\r\n")
	b.clock.Advance(time.Millisecond)
	b.want("XADD s * f v", "$15\r\n1700000000001-0\r\n")
	b.want("XADD s 1700000000005-7 f v", "$15\r\n1700000000005-7\r\n")
	b.want("XADD s * f v", "$15\r\n1700000000005-8\r\n")
	b.want("XADD s 1700000000005-* f v", "$15\r\n1700000000005-9\r\n")
	b.want("XADD s 1700000000009-* f v", "$15\r\n1700000000009-0\r\n")
}

// TestStreamIdleTimes follows what is pending, and who was seen and active, through time.
func TestStreamIdleTimes(t *testing.T) {
	b := newBench(t)
	b.do("XADD s 1 f v")
	b.do("XADD s 2 f v")
	b.do("XGROUP CREATE s g 0")
	b.do("XREADGROUP GROUP g ann COUNT 1 STREAMS s >")
	b.clock.Advance(100 * time.Millisecond)
	b.want("XPENDING s g - + 5", "*1\r\n*4\r\n$3\r\n1-0\r\n$3\r\nann\r\n:100\r\n:1\r\n")
	b.want("XPENDING s g IDLE 101 - + 5", "*0\r\n")
	b.want("XAUTOCLAIM s g bob 101 0", "*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n")
	b.want("XINFO CONSUMERS s g", "*2\r\n"+
		"*8\r\n$4\r\nname\r\n$3\r\nann\r\n$7\r\npending\r\n:1\r\n$4\r\nidle\r\n:100\r\n$8\r\ninactive\r\n:100\r\n"+
		"*8\r\n$4\r\nname\r\n$3\r\nbob\r\n$7\r\npending\r\n:0\r\n$4\r\nidle\r\n:0\r\n$8\r\ninactive\r\n:-1\r\n")
	b.clock.Advance(time.Millisecond)
	b.want("XAUTOCLAIM s g bob 101 0 JUSTID", "*3\r\n$3\r\n0-0\r\n*1\r\n$3\r\n1-0\r\n*0\r\n")
	b.clock.Advance(7 * time.Millisecond)
	b.do("XREADGROUP GROUP g ann STREAMS s 0") // seen, and nothing to get
	b.want("XINFO CONSUMERS s g", "*2\r\n"+
		"*8\r\n$4\r\nname\r\n$3\r\nann\r\n$7\r\npending\r\n:0\r\n$4\r\nidle\r\n:0\r\n$8\r\ninactive\r\n:108\r\n"+
		"*8\r\n$4\r\nname\r\n$3\r\nbob\r\n$7\r\npending\r\n:1\r\n$4\r\nidle\r\n:7\r\n$8\r\ninactive\r\n:7\r\n")
	b.want("XCLAIM s g ann 0 1 JUSTID IDLE 50", "*1\r\n$3\r\n1-0\r\n")
	b.want("XPENDING s g - + 5", "*1\r\n*4\r\n$3\r\n1-0\r\n$3\r\nann\r\n:50\r\n:1\r\n")
	b.want("XCLAIM s g ann 0 1 JUSTID TIME 1700000000000", "*1\r\n$3\r\n1-0\r\n")
	b.want("XPENDING s g - + 5", "*1\r\n*4\r\n$3\r\n1-0\r\n$3\r\nann\r\n:108\r\n:1\r\n")
}

// TestStreamDirty counts unsaved changes as Redis does.
func TestStreamDirty(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		line string
		n    int64
	}{
		{"XADD s 1 f v", 1}, {"XADD s 2 f v", 1}, {"XADD s 3 f v", 1}, {"XADD s 4 f v", 1},
		{"XADD s NOMKSTREAM 4 f v", 0}, {"XDEL s 1 2 9", 2}, {"XTRIM s MAXLEN 1", 1},
		{"XGROUP CREATE s g 0", 1}, {"XGROUP CREATE t g 0 MKSTREAM", 1}, {"XGROUP CREATECONSUMER s g c", 1},
		{"XREADGROUP GROUP g c STREAMS s >", 1}, {"XREADGROUP GROUP g c STREAMS s >", 0},
		{"XACK s g 4 9", 1}, {"XACK s g 4", 0}, {"XGROUP SETID s g 0", 1}, {"XSETID s 9", 1},
		{"XREADGROUP GROUP g d NOACK STREAMS s >", 2}, {"XGROUP DELCONSUMER s g d", 1}, {"XGROUP DESTROY s g", 1},
	} {
		dirty := &b.x.shards[0].Stats.Dirty
		was := *dirty
		b.do(c.line)
		if got := *dirty - was; got != c.n {
			t.Errorf("%s: %d changes, want %d", c.line, got, c.n)
		}
	}
}

// TestStreamLimits: the thresholds are those of the moment.
func TestStreamLimits(t *testing.T) {
	b := newBench(t)
	nodes := func(want string) {
		t.Helper()
		if got := b.do("XINFO STREAM s"); !strings.Contains(got, "radix-tree-keys\r\n:"+want+"\r\n") {
			t.Errorf("want %s nodes: %q", want, got)
		}
	}
	for i := range 101 {
		b.do(fmt.Sprintf("XADD s %d f v", i+1))
	}
	nodes("2")
	b.want("CONFIG SET stream-node-max-entries 1", "+OK\r\n")
	b.do("XADD s 200 f v")
	b.do("XADD s 201 f v")
	nodes("4")
	b.want("CONFIG SET stream-node-max-entries 0 stream-node-max-bytes 0", "+OK\r\n")
	for i := range 1000 {
		b.do(fmt.Sprintf("XADD s %d f v", i+300))
	}
	b.want("CONFIG SET stream-node-max-bytes 100", "+OK\r\n")
	b.want("XTRIM s MAXLEN ~ 1", ":102\r\n") // the last node has a thousand entries
	nodes("1")
}

// TestStreamErrorsWithZeroBytes: names in errors end where C takes them to.
func TestStreamErrorsWithZeroBytes(t *testing.T) {
	b := newBench(t)
	b.want("XREADGROUP GROUP g\x00x c STREAMS k\x00y >",
		"-NOGROUP No such key 'k' or consumer group 'g' in XREADGROUP with GROUP option\r\n")
	b.want("XADD s 1\x00junk f v", "$3\r\n1-0\r\n")
}

// TestStreamAllocations: commands of every day take nothing from the Go heap.
func TestStreamAllocations(t *testing.T) {
	if invariants.Enabled {
		t.Skip("checking allocates")
	}
	b := newBench(t)
	b.do("XGROUP CREATE s g $ MKSTREAM")
	b.do("XREADGROUP GROUP g ann STREAMS s >")
	split := func(line string) (args [][]byte) {
		for _, f := range strings.Fields(line) {
			args = append(args, []byte(f))
		}
		return args
	}
	for range 200 {
		b.do("XADD s * f v")
	}
	for _, line := range []string{
		"XADD s * field value", "XADD s MAXLEN ~ 1000 * field value", "XLEN s", "XREVRANGE s + - COUNT 10",
		"XREADGROUP GROUP g ann COUNT 1 STREAMS s >", "XACK s g 1700000000000-3", "XREAD COUNT 5 STREAMS s 0",
		"XPENDING s g - + 10", "XDEL s 1700000000000-9",
	} {
		args := split(line)
		if n := testing.AllocsPerRun(100, func() {
			b.x.Begin()
			b.cl.Out.Reset()
			b.x.Do(b.cl, args)
		}); n != 0 {
			t.Errorf("%s: %v allocations", line, n)
		}
	}
}

// TestStreamFreedInBackground: UNLINK gives all of a stream back, groups and what they
// have pending included.
func TestStreamFreedInBackground(t *testing.T) {
	b := newBench(t)
	shard := b.x.shards[0]
	shard.Collect()
	before := shard.Arena().Used()
	b.do("XGROUP CREATE s g $ MKSTREAM")
	b.do("XGROUP CREATE s h $")
	for i := range 3000 {
		b.do(fmt.Sprintf("XADD s %d field value-%d", i+1, i))
	}
	for i := range 20 {
		b.do(fmt.Sprintf("XREADGROUP GROUP g worker-%d COUNT 100 STREAMS s >", i))
		b.do(fmt.Sprintf("XREADGROUP GROUP h worker-%d COUNT 10 STREAMS s >", i))
	}
	b.want("XPENDING s g 2000 + 1 worker-19", "*1\r\n*4\r\n$6\r\n2000-0\r\n$9\r\nworker-19\r\n:0\r\n:1\r\n")
	if err := shard.Check(); err != nil {
		t.Fatal(err)
	}
	b.want("UNLINK s", ":1\r\n")
	for range 60_000 {
		if shard.Collect(); shard.Arena().Used() == before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d bytes used, %d before", shard.Arena().Used(), before)
}
