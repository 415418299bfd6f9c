//go:build linux && !race && (amd64 || arm64)

package slab

import "testing"

// An arena reaches beyond 64 GiB. Linux gives no memory for what is not touched.
func TestMoreThan64GiB(t *testing.T) {
	if testing.Short() {
		t.Skip("needs address space")
	}
	const each, count = 4 << 30, 18
	a := New(Options{NoHugePages: true})
	defer a.Close()
	var refs []Ref
	for i := range count {
		r := a.Alloc(each)
		b := a.Bytes(r, each)
		b[0], b[each-1] = byte(i), byte(i)
		refs = append(refs, r)
	}
	small := a.Alloc(10)
	if last := refs[count-1]; uint64(last) < 64<<30/8 {
		t.Errorf("the last block is %#x", uint64(last))
	}
	for i, r := range refs {
		if b := a.Bytes(r, each); b[0] != byte(i) || b[each-1] != byte(i) {
			t.Errorf("block %d holds %d … %d", i, b[0], b[each-1])
		}
	}
	if a.Used() != int64(count*each+ClassSize(10)) {
		t.Errorf("Used = %d", a.Used())
	}
	mustCheck(t, a)
	for _, r := range refs {
		a.Free(r)
	}
	a.Free(small)
	a.Purge(0)
	if a.Held() != nurserySize {
		t.Errorf("Held = %d", a.Held())
	}
	mustCheck(t, a)
}
