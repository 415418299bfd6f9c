package rdb_test

import (
	"fmt"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/internal/rdb"
)

func Example() {
	from := datatypes.NewMemSlot(nil, datatypes.EmbStr, []byte("hello"))
	payload, version := rdb.Append(nil, datatypes.String, from, 0)
	payload = rdb.Seal(payload, version)
	fmt.Printf("%q\n", payload)

	value, err := rdb.Open(payload, true)
	if err != nil {
		panic(err)
	}
	to := datatypes.NewMemSlot(nil, datatypes.Raw, nil)
	t, err := rdb.Load(value, to, nil, 0)
	fmt.Printf("%v %q %v\n", t, to.Bytes(), err)
	// Output:
	// "\x00\x05hello\n\x00cr\xdfve4 \n"
	// string "hello" <nil>
}
