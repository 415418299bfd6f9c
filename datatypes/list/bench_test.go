package list

import (
	"fmt"
	"testing"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/internal/slab"
)

var (
	elem32    = []byte("0123456789abcdef0123456789abcdef")
	sinkValue Value
	sinkReply []byte
)

func filled(b *testing.B, n int, lim *Limits) datatypes.Slot {
	a := slab.New(slab.Options{})
	b.Cleanup(a.Close)
	s := datatypes.NewMemSlot(a, datatypes.Raw, nil)
	l := Create(s, 0)
	for range n {
		l.PushTail([][]byte{elem32}, lim)
	}
	s.Grow(4096)
	return s
}

// BenchmarkPushPop pushes at one end and pops at the other, so that the length
// stays; every command opens the slot anew, as a server's do.
func BenchmarkPushPop(b *testing.B) {
	lim := DefaultLimits()
	for _, n := range []int{10, 100, 100000} {
		for _, end := range []string{"head", "tail"} {
			b.Run(fmt.Sprintf("push=%s/size=%d", end, n), func(b *testing.B) {
				b.ReportAllocs()
				s := filled(b, n, &lim)
				elems := [][]byte{elem32}
				for b.Loop() {
					push, pop := Open(s), Open(s)
					if end == "head" {
						push.PushHead(elems, &lim)
						sinkValue, _ = pop.Tail()
						pop.DropTail(1, &lim)
					} else {
						push.PushTail(elems, &lim)
						sinkValue, _ = pop.Head()
						pop.DropHead(1, &lim)
					}
				}
			})
		}
	}
}

func BenchmarkRange100(b *testing.B) {
	lim := DefaultLimits()
	for _, n := range []int{100, 100000} {
		b.Run(fmt.Sprintf("size=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			s := filled(b, n, &lim)
			for b.Loop() {
				l := Open(s)
				var buf [32]Value
				first, left := l.Count(0, 99)
				for c := l.Seek(first); left > 0; {
					k := c.Fill(buf[:min(left, len(buf))])
					for _, v := range buf[:k] {
						sinkReply = append(sinkReply, "$32\r\n"...)
						sinkReply = append(sinkReply, v.Str...)
						sinkReply = append(sinkReply, '\r', '\n')
					}
					left -= k
				}
				sinkReply = sinkReply[:0]
			}
		})
	}
}

func BenchmarkIndexMiddle(b *testing.B) {
	lim := DefaultLimits()
	for _, n := range []int{100, 100000} {
		b.Run(fmt.Sprintf("size=%d", n), func(b *testing.B) {
			s := filled(b, n, &lim)
			for b.Loop() {
				sinkValue, _ = Open(s).Index(n / 2)
			}
		})
	}
}

func BenchmarkPosLast(b *testing.B) {
	lim := DefaultLimits()
	s := filled(b, 10000, &lim)
	l := Open(s)
	l.PushTail([][]byte{[]byte("the last")}, &lim)
	for b.Loop() {
		l.Pos([]byte("the last"), 1, 1, 0, func(int) bool { return true })
	}
}
