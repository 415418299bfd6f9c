package dict

import (
	"bytes"
	"fmt"

	"github.com/redweave/redweave/internal/slab"
)

// Check recounts everything the index claims, and returns the first fault.
// It takes time in proportion to the table.
func (t *Table) Check() error {
	if t.n == 0 {
		if t.count != 0 || t.size != 0 || t.mask != 0 || nothing != (bucket{}) {
			return fmt.Errorf("dict: empty table with count %d, size %d, mask %d", t.count, t.size, t.mask)
		}
		return nil
	}
	if t.mask&(t.mask+1) != 0 || t.n > t.mask+1 || t.mask > 0 && t.n <= t.mask/2+1 {
		return fmt.Errorf("dict: mask %#x does not fit %d buckets", t.mask, t.n)
	}
	size, err := t.checkSegments()
	if err != nil {
		return err
	}
	count := 0
	for b := range t.n {
		p := t.at(b)
		if err := t.checkBucket(b, p); err != nil {
			return fmt.Errorf("dict: bucket %d of %d: %w", b, t.n, err)
		}
		count += p.len()
		if p.o() > 0 {
			size += int64(slab.ClassSize(entrySize * p.o()))
		}
	}
	if count != t.count || size != t.size {
		return fmt.Errorf("dict: count %d, size %d; recounted %d, %d", t.count, t.size, count, size)
	}
	return nil
}

func (t *Table) checkSegments() (size int64, err error) {
	last, _ := locate(t.n - 1)
	if len(t.dir) != int(last)+1 {
		return 0, fmt.Errorf("dict: %d segments for %d buckets", len(t.dir), t.n)
	}
	for i, s := range t.dir {
		want := int64(firstSegment)
		if i == 0 {
			want = min(want, int64(t.mask)+1)
		} else if i >= 2*perDoubling {
			want <<= min(i/perDoubling-1, maxShift-minShift)
		}
		want *= bucketSize
		if c := int64(t.a.Cap(s.r)); c != want || s.p != t.a.Ptr(s.r) || uintptr(s.p)%bucketSize != 0 {
			return 0, fmt.Errorf("dict: segment %d of %d bytes at %p is block %d of %d at %p", i, want, s.p, s.r, c, t.a.Ptr(s.r))
		}
		size += want
	}
	return size, nil
}

func (t *Table) checkBucket(b uint64, p *bucket) error {
	n, o := p.n(), p.o()
	if n > slots || o != 0 && (n != inLine || o < 2) {
		return fmt.Errorf("%d in line, %d in overflow", n, o)
	}
	if p.len() > int(t.longest) && p.len() > slots {
		return fmt.Errorf("%d elements, longest is %d", p.len(), t.longest)
	}
	for i := n; i < slots; i++ {
		if p[i] != 0 {
			return fmt.Errorf("free slot %d has tag %#x", i, p[i])
		}
	}
	if s := sieveOf(overflow(&t.a.View, p)); s != p.sieve() {
		return fmt.Errorf("sieve %016b, want %016b", p.sieve(), s)
	}
	all := appendEntries(&t.a.View, p, nil)
	for i, e := range all {
		key := t.KeyOf(e.ref)
		h := t.Hash(key)
		if t.bucket(h) != p || e.tag != tagOf(h) {
			return fmt.Errorf("element %d (%q, hash %#x) under tag %#x", e.ref, key, h, e.tag)
		}
		for _, f := range all[:i] {
			if bytes.Equal(key, t.KeyOf(f.ref)) {
				return fmt.Errorf("key %q is there twice", key)
			}
		}
	}
	return nil
}

// checkInsert holds the caller of Insert to its promise.
func (t *Table) checkInsert(h uint64, r slab.Ref) {
	key := t.KeyOf(r)
	if want := t.Hash(key); h != want {
		panic(fmt.Sprintf("dict: Insert of %q under hash %#x, not %#x", key, h, want))
	}
	if old := t.Find(h, key); old != slab.Nil {
		panic(fmt.Sprintf("dict: Insert of %q as element %d, which is there as %d", key, r, old))
	}
}
