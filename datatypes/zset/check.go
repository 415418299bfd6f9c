package zset

import (
	"bytes"
	"fmt"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
)

// Check recounts everything the sorted set claims, and returns the first fault.
func (z ZSet) Check() error {
	switch enc := z.slot.Encoding(); enc {
	case datatypes.ListPack:
		return Validate(z.slot.Bytes())
	case datatypes.SkipList:
		return z.table().check()
	default:
		return fmt.Errorf("zset: encoding %v", enc)
	}
}

// Validate reports what keeps bytes that came from outside from being the
// listpack of a sorted set, nil if nothing does.
func Validate(lp []byte) error {
	if err := listpack.Validate(lp, true); err != nil {
		return fmt.Errorf("zset: %w", err)
	}
	n := listpack.Len(lp)
	if n%2 != 0 {
		return fmt.Errorf("zset: listpack of %d elements", n)
	}
	seen := make(map[string]bool, n/2)
	last := Pair{}
	for p := listpack.First(lp); p >= 0; p = listpack.Skip(lp, p, 2) {
		sp := listpack.Next(lp, p)
		pair := Pair{Member: listpack.Get(lp, p).Append(nil)}
		var ok bool
		if pair.Score, ok = ParseScore(listpack.Get(lp, sp).Append(nil)); !ok {
			return fmt.Errorf("zset: member %q has the score %q", pair.Member, listpack.Get(lp, sp))
		}
		if seen[string(pair.Member)] {
			return fmt.Errorf("zset: member %q is there twice", pair.Member)
		}
		if len(seen) > 0 && comparePairs(last, pair) > 0 {
			return fmt.Errorf("zset: %v %q stands before %v %q", last.Score, last.Member, pair.Score, pair.Member)
		}
		seen[string(pair.Member)] = true
		last = pair
	}
	return nil
}

func (t *Table) check() error {
	if err := t.order.Check(); err != nil {
		return fmt.Errorf("zset: %w", err)
	}
	if err := t.dict.Check(); err != nil {
		return fmt.Errorf("zset: %w", err)
	}
	if t.order.Len() != t.dict.Len() {
		return fmt.Errorf("zset: %d in the tree, %d in the dict", t.order.Len(), t.dict.Len())
	}
	for r := range t.order.All {
		m := t.order.Member(r)
		if found, _ := t.find(m); found != r {
			return fmt.Errorf("zset: member %d (%q) is %d in the dict", r, bytes.Clone(m), found)
		}
	}
	return nil
}
