package quicklist

import (
	"fmt"

	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// Check recounts the whole list and reports the first invariant that does not
// hold; quicklist.go lists them.
func (l *List) Check() error {
	var (
		buf          []byte
		prev         slab.Ref
		count, nodes int
		mem          int64
	)
	for r := l.head; r != slab.Nil; {
		n := l.at(r)
		if n.prev != prev {
			return fmt.Errorf("quicklist: node %d: prev is %d, came from %d", nodes, n.prev, prev)
		}
		if err := l.checkNode(n, &buf); err != nil {
			return fmt.Errorf("quicklist: node %d: %w", nodes, err)
		}
		if n.flags&flagLZF != 0 && (nodes < l.depth || nodes >= l.nodes-l.depth || l.depth == 0) {
			return fmt.Errorf("quicklist: node %d of %d is compressed at depth %d", nodes, l.nodes, l.depth)
		}
		mem += int64(slab.ClassSize(nodeSize) + n.room())
		count += int(n.count)
		nodes++
		if nodes > l.nodes {
			break
		}
		prev, r = r, n.next
	}
	switch {
	case nodes != l.nodes || prev != l.tail:
		return fmt.Errorf("quicklist: walked %d nodes to %d, noted %d to %d", nodes, prev, l.nodes, l.tail)
	case count != l.count:
		return fmt.Errorf("quicklist: %d elements, noted %d", count, l.count)
	case mem != l.mem:
		return fmt.Errorf("quicklist: %d bytes of blocks, noted %d", mem, l.mem)
	}
	return nil
}

func (l *List) checkNode(n *node, buf *[]byte) error {
	off := int(n.off)
	if n.flags&flagLZF != 0 {
		off = 0
	}
	if off+int(n.size) > n.room() || l.a.Cap(n.data) != n.room() {
		return fmt.Errorf("content %d+%d, room %d, block %d", off, n.size, n.room(), l.a.Cap(n.data))
	}
	b := l.read(n, buf)
	if !n.packed() {
		if n.count != 1 {
			return fmt.Errorf("plain with %d elements", n.count)
		}
		return nil
	}
	if err := listpack.Validate(b, true); err != nil {
		return err
	}
	if k := listpack.Len(b); k != int(n.count) || k == 0 {
		return fmt.Errorf("%d elements, noted %d", k, n.count)
	}
	return nil
}
