package spec_test

import (
	"fmt"

	"github.com/redweave/redweave/internal/command/spec"
)

func Example() {
	args := [][]byte{[]byte("ZUnionStore"), []byte("dest"), []byte("2"), []byte("a"), []byte("b")}
	c := spec.Find(args[0])
	keys, err := c.KeyPositions(nil, args)
	fmt.Println(c.Name, c.Flags.Names(), err)
	for _, k := range keys {
		fmt.Printf("%s %v\n", args[k.Pos], k.Flags.Names())
	}
	// Output:
	// zunionstore [write denyoom movablekeys] <nil>
	// dest [OW update]
	// a [RO access]
	// b [RO access]
}

func ExampleCommand_Args() {
	for _, a := range spec.ByName("set").Args() {
		fmt.Println(a.Name, a.Type, a.Flags.Names())
	}
	// Output:
	// key key []
	// value string []
	// condition oneof [optional]
	// get pure-token [optional]
	// expiration oneof [optional]
}

func ExampleCommand_Usage() {
	fmt.Println(spec.ByName("getex").Usage())
	// Output:
	// GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]
}
