// Package slab is a first, simple form of the arena: the API is final.
package slab

import (
	"math/bits"
	"unsafe"
)

type Ref uint64

const (
	Nil        Ref = 0
	RefBytes       = 5
	chunkShift     = 20
	chunkSize      = 1 << chunkShift
	chunkMask      = chunkSize/8 - 1
)

func PutRef(b []byte, r Ref) {
	_ = b[4]
	b[0], b[1], b[2], b[3], b[4] = byte(r), byte(r>>8), byte(r>>16), byte(r>>24), byte(r>>32)
}

func GetRef(b []byte) Ref {
	_ = b[4]
	return Ref(b[0]) | Ref(b[1])<<8 | Ref(b[2])<<16 | Ref(b[3])<<24 | Ref(b[4])<<32
}

type View struct{ chunks []unsafe.Pointer }

func (v *View) Ptr(r Ref) unsafe.Pointer {
	return unsafe.Add(v.chunks[r>>(chunkShift-3)], (r&chunkMask)<<3)
}

func (v *View) Bytes(r Ref, n int) []byte { return unsafe.Slice((*byte)(v.Ptr(r)), n) }

type Options struct{}

type Arena struct {
	View
	used int64
	bump Ref
	end  Ref
	free map[int][]Ref
	size map[Ref]int
}

func New(o Options) *Arena {
	return &Arena{free: map[int][]Ref{}, size: map[Ref]int{}}
}

func (a *Arena) Close() { a.chunks = nil }

func ClassSize(n int) int {
	n = (n + 7) &^ 7
	if n <= 64 {
		return n
	}
	step := 1 << (bits.Len(uint(n-1)) - 4)
	return (n + step - 1) &^ (step - 1)
}

func (a *Arena) Alloc(n int) Ref {
	n = ClassSize(n)
	a.used += int64(n)
	if l := a.free[n]; len(l) > 0 {
		r := l[len(l)-1]
		a.free[n] = l[:len(l)-1]
		a.size[r] = n
		return r
	}
	if int64(a.end-a.bump)*8 < int64(n) {
		k := (n + 8 + chunkSize - 1) / chunkSize
		mem := make([]uint64, k*chunkSize/8)
		a.bump = Ref(len(a.chunks)) << (chunkShift - 3)
		a.end = a.bump + Ref(len(mem))
		for i := range k {
			a.chunks = append(a.chunks, unsafe.Pointer(&mem[i*chunkSize/8]))
		}
		if a.bump == 0 {
			a.bump = 1
		}
	}
	r := a.bump
	a.bump += Ref(n / 8)
	a.size[r] = n
	return r
}

func (a *Arena) Free(r Ref) {
	n := a.size[r]
	delete(a.size, r)
	a.used -= int64(n)
	a.free[n] = append(a.free[n], r)
}

func (a *Arena) Cap(r Ref) int          { return a.size[r] }
func (a *Arena) Used() int64            { return a.used }
func (a *Arena) Held() int64            { return int64(len(a.chunks)) * chunkSize }
func (a *Arena) Purge(keep int64) int64 { return 0 }
func (a *Arena) Snapshot() View         { return View{a.chunks} }

type Batch struct {
	v    View
	refs []Ref
}

func NewBatch(v View) *Batch { return &Batch{v: v} }
func (b *Batch) Free(r Ref)  { b.refs = append(b.refs, r) }
func (b *Batch) Len() int    { return len(b.refs) }
func (b *Batch) View() *View { return &b.v }
func (a *Arena) Splice(b *Batch) {
	for _, r := range b.refs {
		a.Free(r)
	}
	b.refs = nil
}
