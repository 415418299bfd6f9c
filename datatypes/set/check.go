package set

import (
	"errors"
	"fmt"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/datatypes/intset"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// ErrCorrupt is what the errors of [Validate] wrap that are not those of
// listpack or intset.
var ErrCorrupt = errors.New("set: corrupt")

// Validate checks bytes from outside that are to become a set of the encoding
// IntSet or ListPack. It never panics.
func Validate(enc datatypes.Encoding, b []byte) error {
	if enc == datatypes.IntSet {
		return intset.Validate(b, true)
	}
	if err := listpack.Validate(b, true); err != nil {
		return err
	}
	seen := make(map[string]struct{}, listpack.Len(b))
	for p := listpack.First(b); p >= 0; p = listpack.Next(b, p) {
		member := listpack.Get(b, p).String()
		if _, again := seen[member]; again {
			return fmt.Errorf("%w: member %q twice", ErrCorrupt, member)
		}
		seen[member] = struct{}{}
	}
	return nil
}

// Check verifies the invariants of the set, in time proportional to it.
func (s Set) Check() error {
	if enc := s.Encoding(); enc != datatypes.HashTable {
		return Validate(enc, s.slot.Bytes())
	}
	return s.table().Check()
}

// Check verifies the invariants of the table.
func (t *Table) Check() error {
	err := t.dict.Check()
	t.dict.ForEach(func(r slab.Ref) bool {
		if n := dict.KeySize(len(t.dict.KeyOf(r))); err == nil && n > t.a.Cap(r) {
			err = fmt.Errorf("set: member of %d bytes in a block of %d", n, t.a.Cap(r))
		}
		return err == nil
	})
	return err
}
