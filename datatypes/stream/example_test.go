package stream_test

import (
	"fmt"

	"github.com/redweave/redweave/datatypes/stream"
	"github.com/redweave/redweave/internal/slab"
)

func Example() {
	arena := slab.New(slab.Options{})
	defer arena.Close()

	s := stream.New(arena)
	limits := stream.DefaultLimits()
	for i := range 3 {
		s.Add(stream.ID{Ms: 1000, Seq: uint64(i)}, [][]byte{[]byte("temp"), fmt.Append(nil, 20+i)}, &limits)
	}
	for c := s.Range(stream.ID{Ms: 1000, Seq: 1}, stream.MaxID); c.Next(); {
		for range c.Len() {
			field, value := c.Field()
			fmt.Println(c.ID, field, value)
		}
	}

	g, _ := s.AddGroup([]byte("readers"), stream.ID{}, 0)
	ann, _ := g.Consumer([]byte("ann"), 1005)
	c := g.Unread()
	c.Next()
	g.Advance(c.ID)
	g.Deliver(ann, c.ID, 1005)
	lag, known := g.Lag()
	fmt.Println(g.Len(), "pending, lag", lag, known)
	fmt.Println(g.Ack(c.ID), g.Ack(c.ID))
	// Output:
	// 1000-1 temp 21
	// 1000-2 temp 22
	// 1 pending, lag 2 true
	// true false
}
