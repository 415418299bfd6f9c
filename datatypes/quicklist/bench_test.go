package quicklist

import (
	"container/list"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

var (
	sinkValue listpack.Value
	sinkReply []byte
	elem32    = []byte("0123456789abcdef0123456789abcdef")
)

func filled(b *testing.B, n, fill, depth int) *List {
	a := slab.New(slab.Options{})
	b.Cleanup(a.Close)
	l := New(a, fill, depth)
	for range n {
		l.PushTail(elem32)
	}
	return l
}

func BenchmarkPush(b *testing.B) {
	for _, end := range []string{"head", "tail"} {
		b.Run("end="+end, func(b *testing.B) {
			b.ReportAllocs()
			l := filled(b, 0, -2, 0)
			for b.Loop() {
				if end == "head" {
					l.PushHead(elem32)
				} else {
					l.PushTail(elem32)
				}
				if l.Len() == 1e6 {
					l.Free()
				}
			}
		})
	}
	// What Redis does at the head: a listpack that moves as a whole, 4 KB full.
	b.Run("baseline=listpack-prepend", func(b *testing.B) {
		lp := listpack.AppendEmpty(make([]byte, 0, 8192))
		for range 120 {
			lp = listpack.Append(lp, elem32)
		}
		for b.Loop() {
			lp = listpack.Delete(listpack.Prepend(lp, elem32), listpack.Last(lp), 1)
		}
	})
	b.Run("baseline=container/list", func(b *testing.B) {
		b.ReportAllocs()
		l := list.New()
		for b.Loop() {
			l.PushBack(string(elem32))
			if l.Len() == 1e6 {
				l.Init()
			}
		}
	})
}

func BenchmarkPop(b *testing.B) {
	for _, head := range []bool{true, false} {
		b.Run(fmt.Sprintf("head=%t", head), func(b *testing.B) {
			l := filled(b, 100000, -2, 0)
			for b.Loop() { // a queue: every pop is paid for by a push
				if head {
					sinkValue, _ = l.Head()
					l.DropHead(1)
					l.PushTail(elem32)
				} else {
					sinkValue, _ = l.Tail()
					l.DropTail(1)
					l.PushHead(elem32)
				}
			}
		})
	}
}

func BenchmarkRange100(b *testing.B) {
	for _, at := range []int{0, 50000} {
		l := filled(b, 100000, -2, 0)
		b.Run(fmt.Sprintf("by=next/at=%d", at), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c := l.Seek(at)
				for range 100 {
					v, _ := c.Next()
					sinkReply = appendBulk(sinkReply, v)
				}
				sinkReply = sinkReply[:0]
			}
		})
		b.Run(fmt.Sprintf("by=fill/at=%d", at), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var buf [32]listpack.Value
				c := l.Seek(at)
				for left := 100; left > 0; {
					n := c.Fill(buf[:min(left, len(buf))])
					for _, v := range buf[:n] {
						sinkReply = appendBulk(sinkReply, v)
					}
					left -= n
				}
				sinkReply = sinkReply[:0]
			}
		})
	}
}

// appendBulk stands for what a reply costs.
func appendBulk(dst []byte, v listpack.Value) []byte {
	dst = append(dst, "$32\r\n"...)
	dst = append(dst, v.Str...)
	return append(dst, '\r', '\n')
}

func BenchmarkIndexMiddle(b *testing.B) {
	for _, depth := range []int{0, 1} {
		b.Run(fmt.Sprintf("size=1e5/depth=%d", depth), func(b *testing.B) {
			b.ReportAllocs()
			l := filled(b, 100000, -2, depth)
			r := rand.New(rand.NewPCG(1, 2))
			for b.Loop() {
				sinkValue, _ = l.Index(25000 + r.IntN(50000))
			}
		})
	}
}

func BenchmarkInsertMiddle(b *testing.B) {
	l := filled(b, 0, -2, 0)
	for i := range 10000 {
		if i == 5000 {
			l.PushTail([]byte("pivot"))
		}
		l.PushTail(elem32)
	}
	for b.Loop() {
		l.Insert([]byte("pivot"), elem32, true)
		if l.Len() > 20000 {
			l.Remove(10000, elem32)
		}
	}
}
