package dict_test

import (
	"fmt"
	"hash/maphash"

	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/slab"
)

// An element is the caller's block: here a flag byte, and then the key.
func Example() {
	a := slab.New(slab.Options{})
	defer a.Close()
	const keyOff = 1
	t := dict.New(a, keyOff, maphash.MakeSeed())

	add := func(key string, flag byte) {
		n := keyOff + dict.KeySize(len(key))
		r := a.Alloc(n)
		b := a.Bytes(r, n)
		b[0] = flag
		dict.PutKey(b[keyOff:], []byte(key))
		t.Insert(t.Hash([]byte(key)), r)
	}
	add("blue", 'b')
	add("green", 'g')

	key := []byte("green")
	h := t.Hash(key)
	r := t.Find(h, key)
	fmt.Printf("%c %s\n", a.Bytes(r, 1)[0], t.KeyOf(r))

	t.Remove(h, r)
	a.Free(r)
	fmt.Println(t.Find(h, key) == slab.Nil, t.Len(), t.Bytes())
	// Output:
	// g green
	// true 1 64
}
