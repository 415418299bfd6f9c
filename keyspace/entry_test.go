package keyspace

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/internal/slab"
)

// PERSIST once looked for the key's bytes after it had cleared the TTL flag, and
// left fieldTTLs with the Ref of the old block.
func TestPersistOnHashWithFieldTTLs(t *testing.T) {
	b := newBench(t, Options{})
	for i := range 20 {
		key := fmt.Sprint("hash", i)
		e := b.ttlHash(0, key, 3, epoch+1000)
		e.DB().SetExpire(e, epoch+5000)
		b.check()
		e.DB().SetExpire(b.find(0, key), 0)
		b.check()
	}
}

// An outlined value that had become small enough for the entry's block, but was
// not moved there, could not grow any more.
func TestGrowOfShrunkOutline(t *testing.T) {
	for _, keep := range []int{1025, 1100, 1500, 2000, 2048, 2049, 2200} {
		b := newBench(t, Options{})
		b.put(0, "k", big(9000), 0)
		e := b.find(0, "k")
		e.SetBytes(datatypes.Raw, e.Bytes()[:keep])
		b.check()
		for n := keep; n < 5000; n += 97 {
			v := e.Grow(97)
			if cap(v)-len(v) < 97 || len(v) != n {
				t.Fatalf("kept %d: Grow(97) of %d bytes returned %d of %d", keep, n, len(v), cap(v))
			}
			e.SetBytes(datatypes.Raw, append(v, big(97)...))
			b.check()
		}
	}
}

// The room behind a value is what the size class rounds up, for a key of a
// megabyte more than the value's length has bits for.
func TestLongKeyLeavesNoRoomPastLengthField(t *testing.T) {
	b := newBench(t, Options{})
	key := big(1<<20 + 1<<15)
	b.put(0, key, "x", 0)
	e := b.find(0, key)
	want := "x"
	for range 80 {
		v := e.Grow(1000)
		e.SetBytes(datatypes.Raw, append(v, big(1000)...))
		want += big(1000)
	}
	b.want(0, key, want)
	b.check()
}

func TestSetBytesOfItsOwnBlock(t *testing.T) {
	b := newBench(t, Options{})
	key := big(254)
	b.put(0, key, "some", 0)
	e := b.find(0, key)
	e.SetBytes(datatypes.Raw, e.Key())
	b.want(0, key, key)
	for _, n := range []int{100, 3000, 100_000} {
		whole := big(n)
		for _, cut := range []struct{ from, to int }{{0, n}, {0, n - 1}, {1, n}, {n / 2, n}, {n - 1, n}, {n, n}, {0, n / 10}} {
			b.put(0, "k", whole, 0)
			e := b.find(0, "k")
			e.SetBytes(datatypes.Raw, e.View()[cut.from:cut.to])
			b.want(0, "k", whole[cut.from:cut.to])
			b.put(0, "k", whole, 0)
			e = b.find(0, "k")
			e.DB().SetString(e, []byte("k"), String{Enc: datatypes.Raw, Bytes: e.View()[cut.from:cut.to]}, 0)
			b.want(0, "k", whole[cut.from:cut.to])
			b.put(0, "k", whole, 0)
			e = b.find(0, "k")
			e.DB().SetString(e, e.Key(), String{Enc: datatypes.Raw, Bytes: e.View()[cut.from:cut.to]}, epoch+1)
			b.want(0, "k", whole[cut.from:cut.to])
			b.check()
		}
	}
}

// A value without room ends where the next block begins: the same address, but
// not the same bytes.
func TestSetBytesOfTheNeighboursBlock(t *testing.T) {
	b := newBench(t, Options{})
	d := b.s.DB(0)
	var a, c Entry
	for i := range 100 {
		// Key and header fill their block of 3072 bytes to the last.
		key := fmt.Appendf(nil, "%03d%s", i, big(3072-headerSize-4-3))
		d.Create(&a, key, datatypes.String, datatypes.Raw, nil, 0)
		if cap(a.Bytes()) != 0 {
			t.Fatalf("room for %d bytes", cap(a.Bytes()))
		}
		d.Create(&c, fmt.Append(nil, "v", i), datatypes.String, datatypes.Raw, []byte(big(3072)), 0)
		a.SetBytes(datatypes.Raw, c.View())
		b.want(0, string(key), big(3072))
	}
	b.check()
}

// A SetBytes that appended nothing must not undo the Grow before it.
func TestGrowSurvivesSetBytes(t *testing.T) {
	b := newBench(t, Options{})
	b.s.DB(0).Create(&b.e, []byte("k"), datatypes.List, datatypes.ListPack, nil, 0)
	v := b.e.Grow(512)
	b.e.SetBytes(datatypes.ListPack, append(v, 1, 2, 3))
	if room := cap(b.e.Bytes()) - len(b.e.Bytes()); room < 500 {
		t.Errorf("room for %d bytes left", room)
	}
	b.check()
}

func TestKeyLengths(t *testing.T) {
	for _, klen := range []int{0, 1, 7, 8, 40, 41, 253, 254, 255, 256, 257, 511, 65535, 65536, 1 << 20} {
		t.Run(fmt.Sprint("klen=", klen), func(t *testing.T) {
			b := newBench(t, Options{})
			key := big(klen)
			for _, value := range []string{"", "5", "short", big(44), big(45), big(maxInline - 1), big(maxInline), big(maxInline + 1), big(1 << 16), big(1<<20 + 1)} {
				for _, at := range []int64{0, epoch + 1, 0, epoch + 2} {
					b.put(0, key, value, at)
					b.want(0, key, value)
					if got := string(b.e.Key()); got != key {
						t.Fatalf("key of %d bytes reads as %d", len(key), len(got))
					}
					if got, ok := b.e.ExpireAt(); got != at || ok != (at != 0) {
						t.Fatalf("expires at %d, %v, want %d", got, ok, at)
					}
					for _, move := range []int64{epoch + 9, 0, 0, epoch + 10, epoch + 11} {
						b.e.DB().SetExpire(&b.e, move)
						if got, ok := b.e.ExpireAt(); got != move || ok != (move != 0) {
							t.Fatalf("expires at %d, %v, want %d", got, ok, move)
						}
						b.want(0, key, value)
					}
					b.check()
				}
			}
		})
	}
}

// Small, outlined and large again, with and without TTL.
func TestSlotTransitions(t *testing.T) {
	for _, at := range []int64{0, epoch + 1000} {
		b := newBench(t, Options{})
		e := b.addHash(0, "h", 0, 2)
		e.DB().SetExpire(e, at)
		sizes := []int{0, 10, 2048, 2049, 100_000, 50_000, 2048, 1025, 1024, 1, 1 << 21, 0}
		for _, n := range sizes {
			e = b.find(0, "h")
			e.SetBytes(datatypes.ListPack, []byte(big(n)))
			if got := string(e.Bytes()); got != big(n) || string(e.View()) != got {
				t.Fatalf("%d bytes came back as %d", n, len(got))
			}
			if e.Size() > 4*n+128 {
				t.Errorf("%d bytes in blocks of %d", n, e.Size())
			}
			if got, _ := e.ExpireAt(); got != at {
				t.Fatalf("expires at %d, want %d", got, at)
			}
			b.check()
			o := &heap{}
			e.SetObject(datatypes.HashTable, o)
			if e.Object() != o || b.s.objects != 1 {
				t.Fatal("the object is not there")
			}
			e.SetObject(datatypes.SkipList, o)
			e.SetBytes(datatypes.ListPack, []byte(big(n)))
			if string(e.View()) != big(n) || b.s.objects != 0 || e.Object() != nil {
				t.Fatal("the bytes are not there")
			}
		}
	}
}

// heap is a large value without blocks.
type heap struct{}

func (*heap) Effort() int                   { return 1 }
func (*heap) Release(*slab.Batch, int) bool { return true }

// What a string costs when it is overwritten or grows by appending.
func TestRoomIsBounded(t *testing.T) {
	b := newBench(t, Options{})
	e := b.addHash(0, "h", 0, 1)
	h := hash.Open(e)
	for i := range 128 {
		h.Set(fmt.Appendf(nil, "field%d", i), []byte(big(50)), &hashLimits, epoch)
		if n := len(e.View()); e.Size() > n+n/3+64 {
			t.Fatalf("listpack of %d bytes in %d", n, e.Size())
		}
	}
	b.put(0, "s", "", 0)
	for range 3000 {
		e = b.find(0, "s")
		e.SetBytes(datatypes.Raw, append(e.Grow(7), "1234567"...))
	}
	moved := 0
	last := e.View()
	for range 3000 {
		v := append(e.Grow(7), "1234567"...)
		if &v[0] != &last[0] {
			moved++
		}
		e.SetBytes(datatypes.Raw, v)
		last = e.View()
	}
	if moved > 3 {
		t.Errorf("%d moves while a string doubled", moved)
	}
	if !bytes.HasSuffix(last, []byte("1234567")) || len(last) != 6000*7 {
		t.Errorf("%d bytes", len(last))
	}
	b.check()
}
