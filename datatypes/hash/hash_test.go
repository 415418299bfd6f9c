package hash

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

var seed = flag.Uint64("seed", 1, "seed of the random histories")

var (
	wide   = Limits{ListPackEntries: 512, ListPackValue: 64}
	narrow = Limits{ListPackEntries: 6, ListPackValue: 20}
	none   = Limits{}
)

func newHash(t testing.TB) Hash {
	a := slab.New(slab.Options{})
	t.Cleanup(a.Close)
	return Init(datatypes.NewMemSlot(a, datatypes.ListPack, nil))
}

func (h Hash) encoding() string { return h.slot.Encoding().String() }

// free gives everything back and fails if the arena disagrees.
func free(t testing.TB, h Hash) {
	t.Helper()
	o, a := h.slot.Object(), h.slot.Arena()
	if o == nil {
		return
	}
	b := slab.NewBatch(a.Snapshot())
	for !o.Release(b, 3) {
	}
	a.Splice(b)
	if a.Used() != 0 {
		t.Errorf("%d bytes in use after Release", a.Used())
	}
}

// A field as the model knows it.
type modelField struct {
	Value  string
	Expiry int64
}

// A model is a hash as plainly as can be: due fields stay until removed.
type model map[string]modelField

func (m model) live(f string, now int64) (modelField, bool) {
	v, ok := m[f]
	return v, ok && !due(v.Expiry, now)
}

func (m model) allLive(now int64) model {
	out := model{}
	for f := range m {
		if v, ok := m.live(f, now); ok {
			out[f] = v
		}
	}
	return out
}

func (m model) next() (at int64, ok bool) {
	for _, v := range m {
		if v.Expiry != 0 && (!ok || v.Expiry < at) {
			at, ok = v.Expiry, true
		}
	}
	return at, ok
}

func (m model) expire(f string, at int64, cond Condition, now int64) int {
	v, ok := m.live(f, now)
	if !ok {
		return NoField
	}
	have := v.Expiry
	if have == 0 {
		have = math.MaxInt64
	}
	switch {
	case cond == NX && v.Expiry != 0, cond == XX && v.Expiry == 0, cond == GT && at <= have, cond == LT && at >= have:
		return NotMet
	case at <= now:
		delete(m, f)
		return DeletedAtOnce
	}
	m[f] = modelField{v.Value, at}
	return Done
}

// history runs a hash and a model through the operations that data spells. The
// first byte chooses the limits, and so the encoding.
func history(t *testing.T, data []byte) {
	next := func() int {
		if len(data) == 0 {
			return 0
		}
		c := data[0]
		data = data[1:]
		return int(c)
	}
	data = data[:min(len(data), 2000)]
	lim := []*Limits{&wide, &narrow, &none}[next()%3]
	h := newHash(t)
	m := model{}
	rnd := rand.New(rand.NewPCG(1, uint64(len(data))))
	now := int64(1_700_000_000_000)
	field := func() string {
		if c := next(); c < 240 {
			return [...]string{"f", "field:", ""}[c%3] + strconv.Itoa(next()%24)
		}
		return strings.Repeat("F", 10*next())
	}
	value := func() string {
		switch c := next(); {
		case c < 80:
			return strconv.Itoa(c * next() * next())
		case c < 220:
			return strings.Repeat("v", c%20)
		case c < 250:
			return strings.Repeat("w", c-188)
		}
		return strings.Repeat("W", 100*next())
	}
	for len(data) > 0 {
		op, f := next()%16, field()
		was, has := m.live(f, now)
		switch op {
		case 0, 1, 2, 3:
			v := value()
			if got := h.Set([]byte(f), []byte(v), lim, now); got == has {
				t.Fatalf("Set(%q) created %v", f, got)
			}
			m[f] = modelField{v, 0}
		case 4:
			v := value()
			if got := h.SetKeepTTL([]byte(f), []byte(v), lim, now); got == has {
				t.Fatalf("SetKeepTTL(%q) created %v", f, got)
			}
			m[f] = modelField{v, was.Expiry * b2i(has)}
		case 5:
			if got := h.Delete([]byte(f), now); got != has {
				t.Fatalf("Delete(%q) %v", f, got)
			}
			delete(m, f)
		case 6, 7, 8:
			at, cond := now+int64(next()-20)*10, Condition(next()%12)
			if cond > LT {
				cond = Always
			}
			if got, want := h.Expire([]byte(f), at, cond, now), m.expire(f, at, cond, now); got != want {
				t.Fatalf("Expire(%q, %+d, %d) = %d, want %d", f, at-now, cond, got, want)
			}
		case 9:
			want := NoField
			if has {
				want = NoTTL
				if was.Expiry != 0 {
					want = Done
					m[f] = modelField{was.Value, 0}
				}
			}
			if got := h.Persist([]byte(f), now); got != want {
				t.Fatalf("Persist(%q) = %d, want %d", f, got, want)
			}
		case 10:
			now += int64(next())
		case 11:
			limit := next() % 8
			var gone []string
			n := h.ExpireDue(now, limit, func(v listpack.Value) { gone = append(gone, v.String()) })
			dueNow := len(m) - len(m.allLive(now))
			if n != len(gone) || n != min(limit, dueNow) {
				t.Fatalf("ExpireDue removed %d, told %d, limit %d, due %d", n, len(gone), limit, dueNow)
			}
			for _, g := range gone { // the earliest first
				if at, _ := m.next(); m[g].Expiry != at {
					t.Fatalf("ExpireDue took %q, expiry %d before %d", g, m[g].Expiry, at)
				}
				delete(m, g)
			}
		case 12:
			seen := model{}
			for c := uint64(0); ; {
				c = h.Scan(c, now, func(f, v listpack.Value, at int64) { seen[f.String()] = modelField{v.String(), at} })
				if c == 0 {
					break
				}
			}
			if live := m.allLive(now); !maps.Equal(live, seen) {
				t.Fatalf("Scan: %s", cmp.Diff(live, seen))
			}
		case 13:
			randoms(t, h, m.allLive(now), rnd, next()%40, now)
		case 14:
			dst := datatypes.NewMemSlot(h.slot.Arena(), datatypes.ListPack, nil)
			h.CopyTo(dst)
			if o := h.slot.Object(); o != nil {
				b := slab.NewBatch(h.slot.Arena().Snapshot())
				for !o.Release(b, 10) {
				}
				h.slot.Arena().Splice(b)
			}
			h = Open(dst)
		}
		compare(t, h, m, f, now)
	}
	free(t, h)
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func compare(t *testing.T, h Hash, m model, f string, now int64) {
	t.Helper()
	if err := h.Check(); err != nil {
		t.Fatal(err)
	}
	live := m.allLive(now)
	if h.Len() != len(m) || h.Live(now) != len(live) {
		t.Fatalf("Len %d, Live %d; want %d, %d", h.Len(), h.Live(now), len(m), len(live))
	}
	want, has := m.live(f, now)
	v, ok := h.Get([]byte(f), now)
	if ok != has || ok && v.String() != want.Value || h.Exists([]byte(f), now) != has || h.StrLen([]byte(f), now) != len(want.Value)*int(b2i(has)) {
		t.Fatalf("Get(%q) = %q %v, want %q %v", f, v, ok, want.Value, has)
	}
	at := int64(NoField)
	if has {
		if at = want.Expiry; at == 0 {
			at = NoTTL
		}
	}
	if got := h.ExpireTime([]byte(f), now); got != at {
		t.Fatalf("ExpireTime(%q) = %d, want %d", f, got, at)
	}
	gotNext, gotAny := h.NextExpiry()
	if next, any := m.next(); gotNext != next || gotAny != any || h.HasTTL() != any {
		t.Fatalf("NextExpiry %d %v, want %d %v", gotNext, gotAny, next, any)
	}
	seen := model{}
	h.ForEach(now, func(f, v listpack.Value, at int64) bool {
		seen[f.String()] = modelField{v.String(), at}
		return true
	})
	if !maps.Equal(live, seen) {
		t.Fatalf("ForEach: %s", cmp.Diff(live, seen))
	}
}

func randoms(t *testing.T, h Hash, live model, rnd *rand.Rand, count int, now int64) {
	t.Helper()
	f, v, ok := h.Random(rnd, now)
	if ok != (len(live) > 0) || ok && live[f.String()].Value != v.String() {
		t.Fatalf("Random: %q %q %v of %d", f, v, ok, len(live))
	}
	for _, repeat := range []bool{false, true} {
		seen, n := model{}, 0
		h.RandomN(rnd, count, repeat, now, func(f, v listpack.Value) {
			if w, ok := live[f.String()]; !ok || w.Value != v.String() {
				t.Fatalf("RandomN: %q %q", f, v)
			}
			seen[f.String()] = modelField{}
			n++
		})
		want := min(count, len(live))
		if repeat && want > 0 {
			want = count
		}
		if n != want || !repeat && n != len(seen) {
			t.Fatalf("RandomN(%d, repeat %v) of %d: %d, %d different", count, repeat, len(live), n, len(seen))
		}
	}
}

func TestHistory(t *testing.T) {
	for i, enc := range []string{"listpack", "narrow", "hashtable"} {
		for s := *seed; s < *seed+40; s++ {
			rnd := rand.New(rand.NewPCG(s, 0))
			data := make([]byte, 1500)
			for j := range data {
				data[j] = byte(rnd.Uint32())
			}
			data[0] = byte(i)
			if !t.Run(fmt.Sprintf("%s/seed=%d", enc, s), func(t *testing.T) { history(t, data) }) {
				return
			}
		}
	}
}

func FuzzHistory(f *testing.F) {
	for i := range byte(3) {
		f.Add([]byte{i, 0, 1, 5, 100, 3, 0, 1, 6, 100, 4, 6, 1, 5, 40, 0, 6, 1, 6, 30, 0, 10, 0, 0, 200, 11, 0, 0, 9})
	}
	f.Fuzz(history)
}

// FuzzCorrupt feeds arbitrary bytes: Validate never panics, and what passes it
// can be used.
func FuzzCorrupt(f *testing.F) {
	f.Add([]byte{0x10, 0, 0, 0, 3, 0, 0x82, 'h', 'i', 3, 0xC1, 0x2C, 2, 0, 1, 0xFF}, true)
	f.Add([]byte{0x0E, 0, 0, 0, 2, 0, 0x82, 'h', 'i', 3, 0xC1, 0x2C, 2, 0xFF}, false)
	f.Fuzz(func(t *testing.T, lp []byte, ex bool) {
		enc := datatypes.ListPack
		if ex {
			enc = datatypes.ListPackEx
		}
		if Validate(enc, lp) != nil {
			return
		}
		h := newHash(t)
		h.slot.SetBytes(enc, bytes.Clone(lp))
		m := model{}
		h.ForEach(0, func(f, v listpack.Value, at int64) bool {
			m[f.String()] = modelField{v.String(), at}
			return true
		})
		for f := range m {
			compare(t, h, m, f, 0)
		}
		h.convert()
		compare(t, h, m, "", 0)
	})
}

func TestConversions(t *testing.T) {
	long := strings.Repeat("x", 65)
	tests := []struct {
		name string
		run  func(h Hash)
		want string
	}{
		{"empty", func(h Hash) {}, "listpack"},
		{"64 bytes", func(h Hash) { set(h, long[1:], long[1:]) }, "listpack"},
		{"long field", func(h Hash) { set(h, long, "v") }, "hashtable"},
		{"long value", func(h Hash) { set(h, "f", "v"); set(h, "f", long) }, "hashtable"},
		{"as many as allowed", func(h Hash) { fill(h, 512); fill(h, 512) }, "listpack"},
		{"one more", func(h Hash) { fill(h, 513) }, "hashtable"},
		{"a TTL", func(h Hash) { fill(h, 5); h.Expire([]byte("f3"), 99, Always, 0) }, "listpackex"},
		{"TTL and gone", func(h Hash) { fill(h, 5); h.Expire([]byte("f3"), 99, Always, 0); h.Persist([]byte("f3"), 0) }, "listpackex"},
		{"a past TTL", func(h Hash) { fill(h, 5); h.Expire([]byte("f3"), 99, Always, 100) }, "listpack"},
		{"TTL, one more", func(h Hash) { fill(h, 5); h.Expire([]byte("f3"), 99, Always, 0); fill(h, 513) }, "hashtable"},
		{"TTL, long value", func(h Hash) { fill(h, 5); h.Expire([]byte("f3"), 99, Always, 0); set(h, "f4", long) }, "hashtable"},
		{"never back", func(h Hash) {
			fill(h, 513)
			for i := range 510 {
				h.Delete([]byte("f"+strconv.Itoa(i)), 0)
			}
		}, "hashtable"},
		{"limits lowered", func(h Hash) {
			fill(h, 10)
			h.Set([]byte("f1"), []byte("v"), &Limits{ListPackEntries: 9, ListPackValue: 64}, 0)
		}, "hashtable"},
	}
	for _, tt := range tests {
		h := newHash(t)
		tt.run(h)
		if got := h.encoding(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if err := h.Check(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func set(h Hash, f, v string) { h.Set([]byte(f), []byte(v), &wide, 0) }

func fill(h Hash, n int) {
	for i := range n {
		set(h, "f"+strconv.Itoa(i), "value "+strconv.Itoa(i))
	}
}

// In a listpack the fields with a TTL come first, ascending.
func TestTripleOrder(t *testing.T) {
	h := newHash(t)
	fill(h, 6)
	for _, e := range []struct {
		f  string
		at int64
	}{{"f4", 400}, {"f1", 900}, {"f5", 100}, {"f1", 50}, {"f0", 400}, {"f4", 0}} {
		if e.at == 0 {
			h.Persist([]byte(e.f), 0)
		} else if got := h.Expire([]byte(e.f), e.at, Always, 0); got != Done {
			t.Fatalf("%s: %d", e.f, got)
		}
	}
	set(h, "f0", "again") // loses its TTL
	var got []string
	h.ForEach(0, func(f, v listpack.Value, at int64) bool {
		got = append(got, fmt.Sprint(f, "@", at))
		return true
	})
	want := []string{"f1 @ 50", "f5 @ 100", "f2 @ 0", "f3 @ 0", "f4 @ 0", "f0 @ 0"}
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], " ", "")
		got[i] = strings.ReplaceAll(got[i], " ", "")
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestValidate(t *testing.T) {
	pack := func(elems ...string) []byte {
		lp := listpack.New()
		for _, e := range elems {
			lp = listpack.Append(lp, []byte(e))
		}
		return lp
	}
	tests := []struct {
		enc  datatypes.Encoding
		lp   []byte
		good bool
	}{
		{datatypes.ListPack, pack(), true},
		{datatypes.ListPack, pack("a", "1", "b", "1"), true},
		{datatypes.ListPack, pack("a"), false},
		{datatypes.ListPack, pack("a", "1", "a", "2"), false},
		{datatypes.ListPackEx, pack("a", "1", "7", "b", "1", "7", "c", "1", "0", "d", "1", "0"), true},
		{datatypes.ListPackEx, pack("a", "1", "7", "b", "1", "6"), false},
		{datatypes.ListPackEx, pack("a", "1", "0", "b", "1", "6"), false},
		{datatypes.ListPackEx, pack("a", "1", "-1"), false},
		{datatypes.ListPackEx, pack("a", "1", "x"), false},
		{datatypes.ListPackEx, pack("a", "1"), false},
		{datatypes.ListPack, nil, false},
	}
	for i, tt := range tests {
		err := Validate(tt.enc, tt.lp)
		if (err == nil) != tt.good || err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, listpack.ErrCorrupt) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// A table with very many TTLs: segments come and go, and the order holds.
func TestManyTTLs(t *testing.T) {
	h := newHash(t)
	rnd := rand.New(rand.NewPCG(*seed, 0))
	const n = 5000
	var want []int64
	for i := range n {
		f := []byte("field:" + strconv.Itoa(i))
		h.Set(f, []byte("v"), &narrow, 0)
		at := int64(1 + rnd.IntN(n))
		h.Expire(f, at, Always, 0)
		want = append(want, at)
	}
	slices.Sort(want)
	if err := h.Check(); err != nil {
		t.Fatal(err)
	}
	for now := int64(100); h.Len() > 0; now += 100 {
		dueNow := n - h.Len()
		for dueNow < n && want[dueNow] <= now {
			dueNow++
		}
		if got := h.Live(now); got != n-dueNow {
			t.Fatalf("Live(%d) = %d, want %d", now, got, n-dueNow)
		}
		for h.ExpireDue(now, 7, nil) == 7 {
		}
		if h.Len() != n-dueNow {
			t.Fatalf("at %d: %d left, want %d", now, h.Len(), n-dueNow)
		}
		if next, ok := h.NextExpiry(); ok != (dueNow < n) || ok && next != want[dueNow] {
			t.Fatalf("next %d %v", next, ok)
		}
		if err := h.Check(); err != nil {
			t.Fatal(err)
		}
	}
	if d := &h.table().due; len(d.segs) != 0 {
		t.Errorf("%d segments without a TTL", len(d.segs))
	}
	free(t, h)
}

// Every field is drawn about equally often, whatever the encoding.
func TestRandomIsFair(t *testing.T) {
	for _, lim := range []*Limits{&wide, &none} {
		for _, ttl := range []bool{false, true} {
			h := newHash(t)
			const n, draws = 20, 40000
			for i := range n {
				h.Set([]byte("f"+strconv.Itoa(i)), []byte("v"), lim, 0)
				if ttl && i < n/2 {
					h.Expire([]byte("f"+strconv.Itoa(i)), 10, Always, 0)
				}
			}
			live := n
			if ttl {
				live = n / 2
			}
			rnd := rand.New(rand.NewPCG(*seed, 7))
			one, some, again := map[string]int{}, map[string]int{}, map[string]int{}
			for range draws {
				f, _, _ := h.Random(rnd, 10)
				one[f.String()]++
			}
			for range draws / 4 {
				h.RandomN(rnd, 4, false, 10, func(f, _ listpack.Value) { some[f.String()]++ })
			}
			h.RandomN(rnd, draws, true, 10, func(f, _ listpack.Value) { again[f.String()]++ })
			for name, got := range map[string]map[string]int{"Random": one, "RandomN": some, "repeat": again} {
				if len(got) != live {
					t.Errorf("%s %s: %d fields of %d", h.encoding(), name, len(got), live)
				}
				for f, k := range got {
					if want := draws / live; k < want*8/10 || k > want*12/10 {
						t.Errorf("%s %s: %s drawn %d times, expected %d", h.encoding(), name, f, k, want)
					}
				}
			}
		}
	}
}

func TestMostlyDueRandom(t *testing.T) {
	h := newHash(t)
	for i := range 2000 {
		h.Set([]byte("f"+strconv.Itoa(i)), []byte("v"), &wide, 0)
		if i != 77 {
			h.Expire([]byte("f"+strconv.Itoa(i)), 10, Always, 0)
		}
	}
	rnd := rand.New(rand.NewPCG(*seed, 7))
	for range 20 {
		if f, _, ok := h.Random(rnd, 10); !ok || f.String() != "f77" {
			t.Fatalf("%q %v", f, ok)
		}
	}
}

func TestBigValue(t *testing.T) {
	h := newHash(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	h.Set([]byte("big"), big, &wide, 0)
	h.Expire([]byte("big"), 50, Always, 0)
	h.SetKeepTTL([]byte("big"), big[1:], &wide, 0)
	if v, _ := h.Get([]byte("big"), 0); !bytes.Equal(v.Str, big[1:]) || h.ExpireTime([]byte("big"), 0) != 50 {
		t.Errorf("%d bytes, expiry %d", v.Len(), h.ExpireTime([]byte("big"), 0))
	}
	if got := h.MemoryUsage(0); got < int64(len(big)) {
		t.Errorf("MemoryUsage %d", got)
	}
	h.Set([]byte("big"), []byte("small"), &wide, 0)
	if used := h.slot.Arena().Used(); used > 1000 {
		t.Errorf("%d bytes in use for a small value", used)
	}
	free(t, h)
}

func TestNoAllocations(t *testing.T) {
	for _, lim := range []*Limits{&wide, &none} {
		h := newHash(t)
		for i := range 100 {
			h.Set([]byte("field:"+strconv.Itoa(i)), []byte("some value here"), lim, 0)
		}
		f, v, w := []byte("field:50"), []byte("some other here"), []byte("12345")
		dst := make([]byte, 0, 64)
		h.slot.Grow(100)
		if n := testing.AllocsPerRun(100, func() {
			h.Set(f, v, lim, 0)
			h.SetKeepTTL(f, w, lim, 0)
			got, _ := h.Get(f, 0)
			dst = got.Append(dst[:0])
			h.Delete(f, 0)
			h.Set(f, v, lim, 0)
		}); n != 0 {
			t.Errorf("%s: %v allocations", h.encoding(), n)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	for _, lim := range []*Limits{&wide, &none} {
		for _, n := range []int{10, 200, 100_000} {
			if n > 512 && lim == &wide {
				continue
			}
			h := newHash(b)
			fields := make([][]byte, n)
			for i := range n {
				fields[i] = fmt.Appendf(nil, "field:%06d", i)
				h.Set(fields[i], bytes.Repeat([]byte("v"), 32), lim, 0)
			}
			rnd := rand.New(rand.NewPCG(1, 2))
			rnd.Shuffle(n, func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
			name := fmt.Sprintf("size=%d/enc=%s", n, h.encoding())
			value := bytes.Repeat([]byte("w"), 32)
			b.Run("get/"+name, func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if _, ok := h.Get(fields[i], 0); !ok {
						b.Fatal("lost")
					}
					if i++; i == n {
						i = 0
					}
				}
			})
			b.Run("set/"+name, func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					h.Set(fields[i], value, lim, 0)
					if i++; i == n {
						i = 0
					}
				}
			})
		}
	}
}
