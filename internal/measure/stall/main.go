// Stall measures how long a client waits while another deletes a big set: the
// longest PING during DEL and during UNLINK of the same set, over a socket.
//
//	go run ./internal/measure/stall [-members 10000000] [-addr host:port]
//
// Without -addr it measures an engine of its own; with it, any server.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp"
)

func main() {
	members := flag.Int("members", 10_000_000, "members of the set")
	addr := flag.String("addr", "", "server to measure; empty: an engine of our own")
	flag.Parse()
	if err := run(*addr, *members); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(addr string, members int) error {
	if addr == "" {
		ks, err := redweave.Open(redweave.Options{})
		if err != nil {
			return err
		}
		defer ks.Close()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		go ks.Serve(l)
		addr = l.Addr().String()
	}
	var waits [2]time.Duration
	for i, command := range []string{"DEL", "UNLINK"} {
		wait, took, err := measure(addr, command, members)
		if err != nil {
			return err
		}
		waits[i] = wait
		fmt.Printf("%-6s of %d members: the command took %v, the longest PING meanwhile %v\n", command, members, took, wait)
	}
	fmt.Printf("DEL / UNLINK = %.0f\n", float64(waits[0])/float64(waits[1]))
	return nil
}

// measure fills a set, deletes it with command, and returns the longest PING of
// another client from before the deletion until a second after it.
func measure(addr, command string, members int) (longest, took time.Duration, err error) {
	c, err := dial(addr)
	if err != nil {
		return 0, 0, err
	}
	defer c.conn.Close()
	const batch = 1000
	for i := 0; i < members; i += batch {
		args := []string{"SADD", "big"}
		for j := i; j < min(i+batch, members); j++ {
			args = append(args, "member:"+strconv.Itoa(j))
		}
		if _, err := c.do(args...); err != nil {
			return 0, 0, err
		}
	}
	stop, result := make(chan struct{}), make(chan time.Duration)
	ping, err := dial(addr)
	if err != nil {
		return 0, 0, err
	}
	defer ping.conn.Close()
	go func() {
		var longest time.Duration
		for {
			select {
			case <-stop:
				result <- longest
				return
			default:
			}
			t := time.Now()
			if _, err := ping.do("PING"); err != nil {
				return
			}
			longest = max(longest, time.Since(t))
			time.Sleep(100 * time.Microsecond)
		}
	}()
	time.Sleep(50 * time.Millisecond)
	t := time.Now()
	if _, err := c.do(command, "big"); err != nil {
		return 0, 0, err
	}
	took = time.Since(t)
	time.Sleep(time.Second)
	close(stop)
	return <-result, took, nil
}

type client struct {
	conn net.Conn
	r    *resp.Reader
	buf  []byte
}

func dial(addr string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, r: resp.NewReader(bufio.NewReaderSize(conn, 1<<16))}, nil
}

func (c *client) do(args ...string) (resp.Value, error) {
	c.buf = resp.AppendCommand(c.buf[:0], args...)
	if _, err := c.conn.Write(c.buf); err != nil {
		return resp.Value{}, err
	}
	v, err := c.r.Read()
	if err != nil {
		return v, err
	}
	return v, v.Err()
}
