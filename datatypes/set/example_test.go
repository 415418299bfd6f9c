package set_test

import (
	"fmt"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/internal/slab"
)

func Example() {
	a := slab.New(slab.Options{})
	defer a.Close()
	lim := set.DefaultLimits()
	slot := datatypes.NewMemSlot(a, datatypes.IntSet, nil)

	s := set.Create(slot, []byte("3"), 3, &lim)
	for _, m := range []string{"3", "1", "2", "3"} {
		fmt.Print(s.Add([]byte(m), &lim), " ")
	}
	fmt.Println(s.Encoding(), s.Len())

	s.Add([]byte("four"), &lim)
	fmt.Println(s.Encoding(), s.Contains([]byte("four")))
	s.ForEach(func(v set.Value) bool {
		fmt.Print(v, " ")
		return true
	})
	// Output:
	// true true true false intset 3
	// listpack true
	// 1 2 3 four
}

func ExampleUnion() {
	a := slab.New(slab.Options{})
	defer a.Close()
	lim := set.DefaultLimits()
	make := func(members ...string) set.Set {
		s := set.Create(datatypes.NewMemSlot(a, datatypes.IntSet, nil), []byte(members[0]), len(members), &lim)
		for _, m := range members {
			s.Add([]byte(m), &lim)
		}
		return s
	}
	sets := []set.Set{make("1", "2"), make("2", "3"), {}} // the last key is missing

	u := set.Union(datatypes.NewMemSlot(a, datatypes.IntSet, nil), sets, &lim)
	u.ForEach(func(v set.Value) bool {
		fmt.Print(v, " ")
		return true
	})
	fmt.Println(u.Encoding(), set.InterCard(sets[:2], 0))
	// Output:
	// 1 2 3 intset 1
}
