package dict

import (
	"hash/maphash"
	"unsafe"
)

// chain is room for the elements of one bucket or two on the stack. Longer
// ones are possible (append takes over) but never seen: a bucket of sixty has
// a probability of 10^-20.
const chain = 64

// grow adds a bucket. It is called before an insertion that finds the table at
// its upper load, and with no bucket at all.
func (t *Table) grow() {
	moved := t.addBucket()
	if t.n > 1 {
		moved += t.split(t.n - 1)
	}
	t.maxMoved = max(t.maxMoved, uint16(moved))
	t.setBounds()
}

// addBucket makes room for bucket n, empties it, and counts it in. It returns
// the elements that had to move to make room.
func (t *Table) addBucket() (moved int) {
	i, shift := locate(t.n)
	switch {
	case t.n < firstSegment && t.n&(t.n-1) == 0: // 0, 1, 2, 4: segment 0 doubles
		moved = t.growFirst()
	case int(i) == len(t.dir):
		t.addSegment(bucketSize << shift)
	}
	*t.at(t.n) = bucket{}
	t.n++
	if t.n > t.mask+1 {
		t.mask = t.mask<<1 | 1
	}
	return moved
}

// growFirst doubles segment 0, from n buckets, or makes it. A table that small
// has fewer elements than the 64 that one insertion may move.
func (t *Table) growFirst() (moved int) {
	t.moveFirst(int(t.n), max(2*int(t.n), 1))
	return t.count
}

// moveFirst makes segment 0, of was buckets, one of n.
func (t *Table) moveFirst(was, n int) {
	old := t.dir[0].r
	r := t.a.Alloc(n * bucketSize)
	t.dir[0] = segment{t.a.Ptr(r), r}
	t.size += int64(n * bucketSize)
	if was > 0 {
		keep := min(n, was) * bucketSize
		copy(t.a.Bytes(r, keep), t.a.Bytes(old, keep))
		t.a.Free(old)
		t.size -= int64(was * bucketSize)
	}
}

// addSegment appends a segment to the directory. Its size is a power of two of
// at least a cache line, and such blocks of the arena start at a cache line.
func (t *Table) addSegment(size int) {
	r := t.a.Alloc(size)
	t.size += int64(size)
	if len(t.dir) == 1 {
		t.dir = append(make([]segment, 0, 4), t.dir...)
	}
	t.setDir(append(t.dir, segment{t.a.Ptr(r), r}))
}

// setBounds computes the counts at which the table grows and shrinks next.
func (t *Table) setBounds() {
	n := float64(t.n)
	upper := n * float64(t.policy.maxLoad)
	if i, shift := locate(t.n); int(i) == len(t.dir) {
		need := t.Bytes() + int64(bucketSize<<shift)
		upper = max(upper, min(float64(need)/float64(t.policy.budget), upper*1.25))
	}
	t.upper = int(upper)
	t.lower = int((n - 1) * float64(t.policy.minLoad))
	if t.n == 1 {
		t.upper, t.lower = slots, 1
	}
}

// split divides the elements of the new bucket's twin between the two, by the
// hash bit that tells them apart, and returns how many it looked at. It takes
// the hashes from the keys: keeping more of their bits would not fit the line.
func (t *Table) split(b uint64) (moved int) {
	twin := t.at(b & (t.mask >> 1))
	if twin.len() == 0 {
		return 0
	}
	var buf, out [chain]entry
	all := appendEntries(&t.a.View, twin, buf[:0])

	// Read one byte of every element first: these cache misses overlap, where
	// those of the loop below would stand in line behind each other's hash.
	for i := range all {
		all[i].klen = *(*byte)(unsafe.Add(t.a.Ptr(all[i].ref), t.keyOff))
	}
	stay, leave := all[:0], out[:0]
	for _, e := range all {
		if t.hashOf(e)&t.mask == b {
			leave = append(leave, e)
		} else {
			stay = append(stay, e)
		}
	}
	t.fill(twin, stay)
	t.fill(t.at(b), leave)
	return len(all)
}

// hashOf computes the hash of an element whose length byte has been read.
func (t *Table) hashOf(e entry) uint64 {
	p := unsafe.Add(t.a.Ptr(e.ref), t.keyOff)
	if e.klen == longKey {
		return maphash.Bytes(t.seed, keyAt(p))
	}
	return maphash.Bytes(t.seed, unsafe.Slice((*byte)(unsafe.Add(p, 1)), int(e.klen)))
}

// fill makes es the elements of p, whatever it held.
func (t *Table) fill(p *bucket, es []entry) {
	n := len(es)
	if n <= slots {
		t.setOverflowLen(p, 0)
		p.setSieve(0)
	} else {
		n = inLine
		t.setOverflowLen(p, len(es)-n)
		b := overflow(&t.a.View, p)
		for i, e := range es[n:] {
			putEntry(b[entrySize*i:], e)
		}
		p.setSieve(sieveOf(b))
		p[linkSlot] = 0
	}
	for i, e := range es[:n] {
		p.set(i, e)
	}
	for i := n; i < slots; i++ {
		p[i] = 0
	}
	p[offN] = byte(n)
	t.longest = max(t.longest, uint16(p.len()))
}

// Shrinking makes no bucket longer than mergeMax, and one Remove moves little more
// than that.
//
// Whoever removes elements in the order of Scan, as an expire cycle does, empties
// all buckets but those with the last lowest bits. Poured together as the count
// sinks, those would end in one bucket with the rest of the table empty beside it:
// the square root of the count in elements, thousands. So the table waits until
// they are fewer, and then makes up for it.
const (
	mergeMax        = 32
	mergesPerRemove = 128
)

// shrink is called by Remove when there are too many buckets. A table that has
// become empty gives all of them back.
func (t *Table) shrink() {
	if t.count == 0 {
		t.Free()
		return
	}
	t.Shrink(mergesPerRemove)
}

// Shrink pours the last bucket into its twin, and the one before it, as long as
// there are too many, n of them at most. Remove does so itself; but when elements
// were removed in the order of Scan and some stayed, there may be much left to do
// with no removal to do it. Whoever has time to spare then calls Shrink.
func (t *Table) Shrink(n int) {
	for moved := 0; n > 0 && moved < mergeMax && t.n > 1 && t.count < t.lower; n-- {
		last, twin := t.at(t.n-1), t.at((t.n-1)&(t.mask>>1))
		if have := last.len(); have > 0 {
			if have+twin.len() > mergeMax {
				return
			}
			t.merge(twin, last)
			moved += have
		}
		t.dropBucket()
		t.setBounds()
	}
}

func (t *Table) merge(twin, last *bucket) {
	var buf [chain]entry
	all := appendEntries(&t.a.View, twin, buf[:0])
	all = appendEntries(&t.a.View, last, all)
	t.setOverflowLen(last, 0)
	t.fill(twin, all)
}

// dropBucket counts the last bucket out and gives back the room that only it
// needed.
func (t *Table) dropBucket() {
	t.n--
	if t.n <= t.mask>>1+1 {
		t.mask >>= 1
	}
	i, shift := locate(t.n)
	switch {
	case t.n < firstSegment && t.n&(t.n-1) == 0: // 4, 2, 1: segment 0 halves
		t.moveFirst(2*int(t.n), int(t.n))
	case t.n&(1<<shift-1) == 0:
		s := t.dir[i]
		t.size -= bucketSize << shift
		t.a.Free(s.r)
		t.dir[i] = segment{}
		t.setDir(t.dir[:i])
	}
}

// setDir makes d the directory, in an array that has room for one more and is
// not much too large. Growing it by an eighth copies 60 KB at a hundred million
// elements.
func (t *Table) setDir(d []segment) {
	switch n := len(d); {
	case n == 1:
		t.first[0] = d[0]
		d = t.first[:]
	case n == cap(d) || n < cap(d)/2:
		d = append(make([]segment, 0, n+n/8+2), d...)
	}
	t.dir = d
}

// Free gives the index back to the arena and leaves the table empty. The
// elements are the caller's: they are forgotten, not freed.
func (t *Table) Free() {
	for b := uint64(0); t.count > 0 && b < t.n; b++ {
		if p := t.at(b); p.o() != 0 {
			t.a.Free(p.link())
		}
	}
	if t.n > 0 {
		for _, s := range t.dir {
			t.a.Free(s.r)
		}
	}
	t.clear()
}
