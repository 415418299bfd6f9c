package slowlog_test

import (
	"fmt"

	"github.com/redweave/redweave/internal/slowlog"
)

func ExampleLog() {
	var l slowlog.Log
	for i, key := range []string{"a", "b", "c"} {
		e := slowlog.Entry{UnixSeconds: 1_700_000_000, Micros: int64(10_000 * (i + 1)), Client: "127.0.0.1:5555"}
		l.Push(e, [][]byte{[]byte("KEYS"), []byte(key)}, 2)
	}
	for e := range l.Newest() {
		fmt.Println(e.ID, e.Micros, e.Args)
	}
	// Output:
	// 2 30000 [KEYS c]
	// 1 20000 [KEYS b]
}
