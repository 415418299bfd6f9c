package stream

import "math/bits"

// RadixNodes returns how many nodes Redis's radix tree over the same node IDs has:
// XINFO shows it. O(Nodes) for the first call after a node came or went.
//
// That tree has the 16 bytes of an ID, high ones first, as its keys. All keys have
// one length, so it consists of
//
//   - a leaf for every key,
//   - a branch wherever keys part, with an edge of one byte to each child,
//   - a chain wherever more bytes lie between: from the root, or behind an edge, to
//     the next branch or leaf. However long it is, it is one node.
//
// Where a key parts from the one before it there is a branch. Those on the way to
// the last key seen are a stack of depths, the root's side at the bottom; what the
// next key shares with that one tells which of them are done with:
//
//	key     shares   stack before        leaf, branches done with
//	00 01
//	00 02     1      –                   the leaf hangs under a branch at 1: push 1
//	03 05     0      1                   the leaf under 1, the branch at 1 under 0: push 0
//	end              0                   the leaf under 0, the branch at 0 is the root
func (s *Stream) RadixNodes() int {
	if s.radix == 0 {
		s.radix = s.countRadix()
	}
	return s.radix
}

func (s *Stream) countRadix() int {
	v := &s.a.View
	at := s.nodes.first(v)
	if !at.ok() {
		return 1
	}
	n := 0
	var open [keyBytes + 1]int
	depth := 0
	// close hangs the last leaf, and all open branches deeper than d, each under the
	// one above, and returns what is left to hang.
	close := func(d int) int {
		node := keyBytes
		for depth > 0 && open[depth-1] > d {
			depth--
			n += hung(node, open[depth]+1)
			node = open[depth]
		}
		return node
	}
	id := at.id()
	for at = s.nodes.next(v, at); at.ok(); at = s.nodes.next(v, at) {
		next := at.id()
		d := shared(id, next)
		n += hung(close(d), d+1)
		if depth == 0 || open[depth-1] < d {
			open[depth] = d
			depth++
		}
		id = next
	}
	return n + hung(close(-1), 0)
}

// hung is the nodes it takes to hang one at depth node where depth from is reached:
// itself, and a chain if there is a way between.
func hung(node, from int) int {
	if node > from {
		return 2
	}
	return 1
}

// shared returns how many bytes two IDs have in common, from the highest on.
func shared(a, b ID) int {
	if a.Ms != b.Ms {
		return bits.LeadingZeros64(a.Ms^b.Ms) / 8
	}
	return 8 + bits.LeadingZeros64(a.Seq^b.Seq)/8
}
