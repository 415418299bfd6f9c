package main

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/redweave/redweave/internal/measure/target"
	"github.com/redweave/redweave/resp"
)

// together runs f for 0 … n-1 at once, and returns the first error.
func together(n int, f func(i int) error) error {
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// dialAll opens n connections. close closes those there are.
func dialAll(addr string, n int) (conns []*target.Conn, closeAll func(), err error) {
	closeAll = func() {
		for _, c := range conns {
			c.Close()
		}
	}
	for range n {
		c, err := target.Dial(addr)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		conns = append(conns, c)
	}
	return conns, closeAll, nil
}

// pipelined sends n commands, so many at a time, and reads their replies.
func pipelined(c *target.Conn, n, at int, args func(i int) []string) error {
	for i := 0; i < n; i += at {
		end := min(i+at, n)
		for j := i; j < end; j++ {
			if err := c.Send(args(j)...); err != nil {
				return err
			}
		}
		if err := c.Flush(); err != nil {
			return err
		}
		for range end - i {
			if _, err := c.Receive(); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	manySubscribers = 10_000
	channels        = 100
	messages        = 5_000
)

// subscribers listen on channels, and check that they hear everything in order.
func subscribers(addr string, scale float64, mark func(string) error) error {
	n, each := scaled(manySubscribers, scale), scaled(messages, scale)/channels+1
	conns, closeAll, err := dialAll(addr, n)
	if err != nil {
		return err
	}
	defer closeAll()
	publisher, err := target.Dial(addr)
	if err != nil {
		return err
	}
	defer publisher.Close()
	if err := mark(""); err != nil {
		return err
	}
	for i, c := range conns {
		if _, err := c.Do("SUBSCRIBE", text("channel:", i%channels)); err != nil {
			return err
		}
	}
	if err := mark("SUBSCRIBE"); err != nil {
		return err
	}
	heard := make(chan error, 1)
	go func() { heard <- together(n, func(i int) error { return listen(conns[i], each) }) }()
	err = pipelined(publisher, each*channels, 10, func(i int) []string {
		return []string{"PUBLISH", text("channel:", i%channels), text("message:", i/channels)}
	})
	if err != nil {
		return err
	}
	if err := <-heard; err != nil {
		return err
	}
	return mark(fmt.Sprint(each*channels, " PUBLISH"))
}

// listen reads what a subscriber should hear.
func listen(c *target.Conn, messages int) error {
	for i := range messages {
		v, err := c.Receive()
		if err != nil {
			return err
		}
		if len(v.Elems) != 3 || v.Elems[2].Str != text("message:", i) {
			return fmt.Errorf("a subscriber heard %v, not message %d", v, i)
		}
	}
	return nil
}

const (
	manyBlocked = 1_000
	lists       = 10
	elements    = 100_000
)

// blocked clients wait for elements, one after the other.
func blocked(addr string, scale float64, mark func(string) error) error {
	n, each := scaled(manyBlocked, scale), scaled(elements, scale)/lists
	conns, closeAll, err := dialAll(addr, n)
	if err != nil {
		return err
	}
	defer closeAll()
	feeder, err := target.Dial(addr)
	if err != nil {
		return err
	}
	defer feeder.Close()
	if err := mark(""); err != nil {
		return err
	}
	var got [lists][]atomic.Int32
	for i := range got {
		got[i] = make([]atomic.Int32, each)
	}
	served := make(chan error, 1)
	go func() {
		served <- together(n, func(i int) error { return wait(conns[i], i%lists, got[i%lists]) })
	}()
	err = pipelined(feeder, each*lists, 10, func(i int) []string {
		return []string{"RPUSH", text("list:", i%lists), text("", i/lists)}
	})
	if err != nil {
		return err
	}
	for range (n + lists - 1) / lists { // to say that it is over
		for l := range lists {
			if _, err := feeder.Do("RPUSH", text("list:", l), "over"); err != nil {
				return err
			}
		}
	}
	if err := <-served; err != nil {
		return err
	}
	if err := mark(fmt.Sprint(each*lists, " BLPOP, RPUSH")); err != nil {
		return err
	}
	for l := range got {
		for i := range got[l] {
			if times := got[l][i].Load(); times != 1 {
				return fmt.Errorf("element %d of list %d was popped %d times", i, l, times)
			}
		}
	}
	return nil
}

// wait pops the elements of a list until it is over.
func wait(c *target.Conn, list int, got []atomic.Int32) error {
	for {
		v, err := c.Do("BLPOP", text("list:", list), "0")
		if err != nil {
			return err
		}
		var i int
		switch element := v.Elems[1].Str; {
		case element == "over":
			return nil
		default:
			if _, err := fmt.Sscan(element, &i); err != nil || i >= len(got) {
				return fmt.Errorf("a list had the element %q", element)
			}
		}
		got[i].Add(1)
	}
}

const (
	entries   = 1_000_000
	consumers = 100
	readCount = "10"
)

// stream fills one, and has a group read all of it.
func stream(addr string, scale float64, mark func(string) error) error {
	n := scaled(entries, scale)
	conns, closeAll, err := dialAll(addr, consumers)
	if err != nil {
		return err
	}
	defer closeAll()
	c := conns[0]
	if _, err := c.Do("XGROUP", "CREATE", "stream", "group", "0", "MKSTREAM"); err != nil {
		return err
	}
	if err := mark(""); err != nil {
		return err
	}
	err = pipelined(c, n, 100, func(i int) []string {
		return []string{"XADD", "stream", "*", "field", text("value:", i)}
	})
	if err != nil {
		return err
	}
	if err := mark(fmt.Sprint(n, " XADD")); err != nil {
		return err
	}
	var read atomic.Int64
	if err := together(consumers, func(i int) error { return consume(conns[i], text("consumer:", i), &read) }); err != nil {
		return err
	}
	if err := mark("XREADGROUP, XACK"); err != nil {
		return err
	}
	pending, err := c.Do("XPENDING", "stream", "group")
	if err != nil {
		return err
	}
	length, err := c.Do("XLEN", "stream")
	if err != nil {
		return err
	}
	if read.Load() != int64(n) || length.Int != int64(n) || pending.Elems[0].Int != 0 {
		return fmt.Errorf("%d entries were read of %d, %d are pending, %d are left", read.Load(), n, pending.Elems[0].Int, length.Int)
	}
	return nil
}

// consume reads and acknowledges until there is no more.
func consume(c *target.Conn, name string, read *atomic.Int64) error {
	ack := []string{}
	for {
		v, err := c.Do("XREADGROUP", "GROUP", "group", name, "COUNT", readCount, "STREAMS", "stream", ">")
		if err != nil {
			return err
		}
		if v.IsNull() {
			return nil
		}
		ack = append(ack[:0], "XACK", "stream", "group")
		batch := v.Elems[0].Elems[1].Elems
		for _, entry := range batch {
			ack = append(ack, entry.Elems[0].Str)
		}
		if v, err = c.Do(ack...); err != nil {
			return err
		}
		if v.Kind != resp.Integer || v.Int != int64(len(batch)) {
			return fmt.Errorf("%d entries were acknowledged as %v", len(batch), v)
		}
		read.Add(int64(len(batch)))
	}
}
