package slab_test

import (
	"fmt"

	"github.com/redweave/redweave/internal/slab"
)

func Example() {
	a := slab.New(slab.Options{})
	defer a.Close()

	r := a.Alloc(50)
	copy(a.Bytes(r, 50), "a block of bytes, outside the collector's sight")
	fmt.Printf("%.15s, %d bytes in use\n", a.Bytes(r, 50), a.Used())
	a.Free(r)
	fmt.Println(a.Used())
	// Output:
	// a block of byte, 56 bytes in use
	// 0
}

// Another goroutine gives blocks back; the owner joins them at once.
func ExampleBatch() {
	a := slab.New(slab.Options{})
	defer a.Close()
	refs := make([]slab.Ref, 1000)
	for i := range refs {
		refs[i] = a.Alloc(24)
	}

	done := make(chan *slab.Batch)
	go func(v slab.View) {
		b := slab.NewBatch(v)
		for _, r := range refs {
			b.Free(r)
		}
		done <- b
	}(a.Snapshot())

	b := <-done
	fmt.Println(a.Used(), "in use,", b.Len(), "blocks to join")
	a.Splice(b)
	fmt.Println(a.Used(), "in use")
	// Output:
	// 24000 in use, 1000 blocks to join
	// 0 in use
}
