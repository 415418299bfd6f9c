package hash_test

import (
	"fmt"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

func Example() {
	a := slab.New(slab.Options{})
	defer a.Close()
	slot := datatypes.NewMemSlot(a, datatypes.ListPack, nil)
	limits := hash.Limits{ListPackEntries: 512, ListPackValue: 64}

	h := hash.Init(slot)
	h.Set([]byte("name"), []byte("Ada"), &limits, 0)
	h.Set([]byte("code"), []byte("1234"), &limits, 0)
	fmt.Println(slot.Encoding(), h.Expire([]byte("code"), 1000, hash.NX, 0), slot.Encoding())

	_, ok := h.Get([]byte("code"), 1000) // it is due, and still there
	fmt.Println(ok, h.Len())
	h.ExpireDue(1000, 10, func(field listpack.Value) { fmt.Println("gone:", field) })
	h.ForEach(1000, func(field, value listpack.Value, _ int64) bool {
		fmt.Println(field, value)
		return true
	})
	// Output:
	// listpack 1 listpackex
	// false 2
	// gone: code
	// name Ada
}
