package ring_test

import (
	"fmt"

	"github.com/redweave/redweave/internal/ring"
)

func Example() {
	q := ring.NewSPSC[string](2)
	for _, w := range []string{"one", "two", "three"} {
		q.Put(w)
	}
	q.Publish()
	fmt.Println(q.Len(), "published,", q.Backlog(), "wait for a slot")
	w, _ := q.Pop()
	q.Publish() // the backlog moves on
	fmt.Println(w, "popped,", q.Len(), "left,", q.Backlog(), "waiting")
	// Output:
	// 2 published, 1 wait for a slot
	// one popped, 2 left, 0 waiting
}
