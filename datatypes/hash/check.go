package hash

import (
	"errors"
	"fmt"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// ErrCorrupt is what the errors of [Validate] wrap that are not listpack's own.
var ErrCorrupt = errors.New("hash: corrupt")

// Validate checks bytes from outside that are to become a hash of the encoding
// ListPack or ListPackEx. It never panics.
func Validate(enc datatypes.Encoding, lp []byte) error {
	if err := listpack.Validate(lp, true); err != nil {
		return err
	}
	n := stride(enc)
	if l := listpack.Len(lp); l%n != 0 {
		return fmt.Errorf("%w: %d elements of a %v", ErrCorrupt, l, enc)
	}
	seen := make(map[string]struct{}, listpack.Len(lp)/n)
	last := int64(0)
	for p := listpack.First(lp); p >= 0; p = listpack.Skip(lp, p, n) {
		field := listpack.Get(lp, p).String()
		if _, again := seen[field]; again {
			return fmt.Errorf("%w: field %q twice", ErrCorrupt, field)
		}
		seen[field] = struct{}{}
		if n == 2 {
			continue
		}
		at, isInt := listpack.GetInt(lp, listpack.Skip(lp, p, 2))
		switch ordered := at == 0 || at >= last && last >= 0; {
		case !isInt || at < 0 || !ordered:
			return fmt.Errorf("%w: expiry %d of field %q, after %d", ErrCorrupt, at, field, last)
		case at == 0:
			last = -1 // none may follow
		default:
			last = at
		}
	}
	return nil
}

// Check verifies the invariants of the hash, in time proportional to it.
func (h Hash) Check() error {
	if enc := h.slot.Encoding(); enc != datatypes.HashTable {
		return Validate(enc, h.slot.Bytes())
	}
	return h.table().Check()
}

// Check verifies the invariants of the table and its index of TTLs.
func (t *Table) Check() error {
	if err := t.dict.Check(); err != nil {
		return err
	}
	ttls := 0
	var err error
	t.dict.ForEach(func(r slab.Ref) bool {
		e := t.elem(r)
		if n := elemSize(len(e.field), len(e.value), e.ttl); n > t.a.Cap(r) {
			err = fmt.Errorf("hash: element of %d bytes in a block of %d", n, t.a.Cap(r))
		}
		if e.ttl {
			ttls++
			if int(e.place) >= t.due.n || t.due.at(int(e.place)).ref != r {
				err = fmt.Errorf("hash: field %q has place %d of %d, which is not its own", e.field, e.place, t.due.n)
			}
		}
		return err == nil
	})
	if err == nil && ttls != t.due.n {
		err = fmt.Errorf("hash: %d elements have a TTL, the index %d", ttls, t.due.n)
	}
	if err != nil {
		return err
	}
	return t.due.check()
}

// mustBeSound is what checked builds call after a change; of a large table
// only now and then, as it takes time in proportion.
func (t *Table) mustBeSound() {
	if n := t.dict.Len(); n > 32 && n%64 != 0 {
		return
	}
	if err := t.Check(); err != nil {
		panic(err)
	}
}

func (d *dueHeap) check() error {
	if d.n > d.room() || d.room()-d.n >= 2*segLen || d.n == 0 && len(d.segs) != 0 {
		return fmt.Errorf("hash: %d TTLs in room for %d", d.n, d.room())
	}
	for i := range d.n {
		at := d.at(i).at
		if at <= 0 || i > 0 && at < d.at((i-1)/4).at {
			return fmt.Errorf("hash: TTL %d of %d is %d, before its parent", i, d.n, at)
		}
	}
	return nil
}
