package resp_test

import (
	"fmt"

	"github.com/redweave/redweave/resp"
)

// A server's loop: cut commands out of what has arrived, keep the rest for later.
func ExampleParser() {
	unread := []byte("*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\nPING\r\n*1\r\n$4\r\nQU")
	var p resp.Parser
	for {
		args, n, err := p.Next(unread)
		if err != nil {
			fmt.Println(err) // answer with it and close
			return
		}
		if n == 0 {
			break
		}
		fmt.Printf("%q\n", args)
		unread = unread[n:]
	}
	fmt.Printf("%d bytes wait for more\n", len(unread))
	// Output:
	// ["ECHO" "hello"]
	// ["PING"]
	// 10 bytes wait for more
}

// One reply in both versions of the protocol.
func ExampleWriter() {
	for _, proto := range []int{2, 3} {
		w := resp.Writer{Proto: proto}
		w.MapHeader(2)
		w.BulkString("score")
		w.Double(3.25)
		w.BulkString("next")
		w.Null()
		fmt.Printf("%q\n", w.Bytes())
		v, _, _ := resp.Parse(w.Bytes())
		fmt.Println(v)
	}
	// Output:
	// "*4\r\n$5\r\nscore\r\n$4\r\n3.25\r\n$4\r\nnext\r\n$-1\r\n"
	// ["score" "3.25" "next" nil]
	// "%2\r\n$5\r\nscore\r\n,3.25\r\n$4\r\nnext\r\n_\r\n"
	// {"score" 3.25 "next" nil}
}

// A list whose length is known only at its end.
func ExampleWriter_SetLen() {
	var w resp.Writer
	list := w.ReserveArray(2)
	n := 0
	for i := range 20 {
		if i%7 == 3 {
			w.Int(int64(i))
			n++
		}
	}
	w.SetLen(list, n)
	fmt.Printf("%q\n", w.Bytes())
	// Output:
	// "*3\r\n:3\r\n:10\r\n:17\r\n"
}
