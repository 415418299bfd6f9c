package lazyfree_test

import (
	"context"
	"fmt"

	"github.com/redweave/redweave/internal/slab"
	"github.com/redweave/redweave/lazyfree"
)

// pile is a value of many blocks. Its list of Refs stands for a table's.
type pile struct{ refs []slab.Ref }

func (p *pile) Effort() int { return len(p.refs) }

func (p *pile) Release(b *slab.Batch, budget int) bool {
	n := min(budget, len(p.refs))
	for _, r := range p.refs[:n] {
		b.Free(r)
	}
	p.refs = p.refs[n:]
	return len(p.refs) == 0
}

func Example() {
	arena := slab.New(slab.Options{})
	defer arena.Close()
	rec := lazyfree.New()
	defer rec.Close()
	home := rec.Home(arena)

	value := &pile{}
	for range 1000 {
		value.refs = append(value.refs, arena.Alloc(56))
	}
	fmt.Println("used", arena.Used())

	settings := lazyfree.Settings{UserDel: true}
	home.Free(value, settings.Lazy(lazyfree.UserDel))

	_ = rec.Wait(context.Background())
	home.CollectAll()
	fmt.Println("used", arena.Used(), "freed", rec.Freed())
	// Output:
	// used 56000
	// used 0 freed 1
}
