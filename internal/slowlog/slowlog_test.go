package slowlog

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// check verifies the invariants at Log.
func (l *Log) check() error {
	if l.Len() < 0 || l.Len() > len(l.entries) {
		return fmt.Errorf("%d entries in a ring of %d", l.Len(), len(l.entries))
	}
	live := make(map[int64]bool)
	for id := l.first; id < l.next; id++ {
		if got := l.at(id).ID; got != id {
			return fmt.Errorf("id %d is where %d should be", got, id)
		}
		live[id%int64(len(l.entries))] = true
	}
	for i, e := range l.entries {
		if !live[int64(i)] && (e.ID != 0 || e.Args != nil || e.Client != "") {
			return fmt.Errorf("place %d keeps %+v alive", i, e)
		}
	}
	return nil
}

func TestKeep(t *testing.T) {
	many := make([][]byte, 43)
	for i := range many {
		many[i] = fmt.Append(nil, i)
	}
	for _, tt := range []struct {
		name string
		args [][]byte
		want []string // the last ones
		n    int
	}{
		{"none", nil, nil, 0},
		{"some", [][]byte{[]byte("GET"), []byte("k\x00")}, []string{"GET", "k\x00"}, 2},
		{"128 bytes", [][]byte{make([]byte, 128)}, []string{string(make([]byte, 128))}, 1},
		{"130 bytes", [][]byte{[]byte(strings.Repeat("x", 130))}, []string{strings.Repeat("x", 128) + "... (2 more bytes)"}, 1},
		{"32 arguments", many[:32], []string{"30", "31"}, 32},
		{"33 arguments", many[:33], []string{"30", "... (2 more arguments)"}, 32},
		{"43 arguments", many, []string{"30", "... (12 more arguments)"}, 32},
	} {
		got := keep(tt.args)
		if len(got) != tt.n || !slices.Equal(got[max(len(got)-2, 0):], tt.want) {
			t.Errorf("%s: %q, want %d ending in %q", tt.name, got, tt.n, tt.want)
		}
	}
}

func TestPushCopies(t *testing.T) {
	var l Log
	args := [][]byte{[]byte("GET"), []byte("key")}
	l.Push(Entry{Micros: 7}, args, 10)
	copy(args[1], "???")
	for e := range l.Newest() {
		if e.Args[1] != "key" {
			t.Errorf("the log shows the client's buffer: %q", e.Args)
		}
	}
}

// runModel plays operations on a Log and on a slice.
func runModel(t *testing.T, ops []byte) {
	l := Log{first: math.MaxInt32 - 3, next: math.MaxInt32 - 3} // counters just below a wrap
	var model []int64                                           // newest first
	next := l.next
	maxLen := 8
	for i, op := range ops {
		switch {
		case op < 200:
			l.Push(Entry{Client: "c"}, [][]byte{{op}}, maxLen)
			model = slices.Insert(model, 0, next)
			next++
			model = model[:min(len(model), maxLen)]
		case op < 210:
			l.Reset()
			model = nil
		default:
			maxLen = int(op-210) * 2
			l.Trim(maxLen)
			model = model[:min(len(model), maxLen)]
		}
		if err := l.check(); err != nil {
			t.Fatalf("operation %d of %v: %v", i, ops, err)
		}
		var got []int64
		for e := range l.Newest() {
			got = append(got, e.ID)
		}
		if !slices.Equal(got, model) || l.Len() != len(model) {
			t.Fatalf("operation %d of %v: %v (Len %d), want %v", i, ops, got, l.Len(), model)
		}
	}
}

func TestLogAgainstSlice(t *testing.T) {
	const seed = 9
	rnd := rand.New(rand.NewPCG(seed, seed))
	for range 200 {
		ops := make([]byte, 300)
		for i := range ops {
			ops[i] = byte(rnd.IntN(256))
		}
		runModel(t, ops)
	}
}

func FuzzLog(f *testing.F) {
	f.Add([]byte{1, 2, 3, 211, 4, 5, 205, 6, 255, 7})
	f.Fuzz(func(t *testing.T, ops []byte) { runModel(t, ops) })
}
