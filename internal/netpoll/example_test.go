package netpoll_test

import (
	"fmt"
	"io"
	"time"

	"github.com/redweave/redweave/internal/netpoll"
)

// A loop that echoes until its client goes. The client is in memory here; a socket would look the same.
func ExamplePoller() {
	p := netpoll.New()
	defer p.Close()
	client, conn := netpoll.Pipe()
	p.Add(conn)

	said := make(chan string)
	go func() {
		client.Write([]byte("hello"))
		b := make([]byte, 5)
		io.ReadFull(client, b)
		client.Close()
		said <- string(b)
	}()

	buf := make([]byte, 64<<10)
	for p.Len() > 0 {
		events, _ := p.Wait(time.Second)
		for _, ev := range events {
			n, err := ev.Conn.Read(buf)
			if err != nil {
				fmt.Println("the client went:", err)
				ev.Conn.Close()
				continue
			}
			ev.Conn.Write(buf[:n])
		}
	}
	fmt.Println("it got back:", <-said)
	// Output:
	// the client went: EOF
	// it got back: hello
}
