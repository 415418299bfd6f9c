package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/stream"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/internal/slab"
)

const now = 1_700_000_000_000

func limits() *Limits {
	h, l, s, z := hash.Limits{ListPackEntries: 128, ListPackValue: 64}, list.DefaultLimits(), set.DefaultLimits(), zset.DefaultLimits()
	return &Limits{&h, &l, &s, &z}
}

// show renders a value so that equal values look the same, whatever their encodings.
func show(t datatypes.Type, s datatypes.Slot) string {
	var parts []string
	switch t {
	case datatypes.String:
		if s.Encoding() == datatypes.Int {
			return strconv.FormatInt(int64(le.Uint64(s.Bytes())), 10)
		}
		return strconv.Quote(string(s.Bytes()))
	case datatypes.List:
		list.Open(s).ForEach(func(v list.Value) bool {
			parts = append(parts, v.String())
			return true
		})
		return fmt.Sprintf("%q", parts)
	case datatypes.Set:
		set.Open(s).ForEach(func(v set.Value) bool {
			parts = append(parts, v.String())
			return true
		})
	case datatypes.ZSet:
		zset.Open(s).ForEach(func(m zset.Value, score float64) bool {
			parts = append(parts, fmt.Sprint(m.String(), " ", score))
			return true
		})
		return fmt.Sprintf("%q", parts)
	case datatypes.Hash:
		hash.Open(s).ForEach(now, func(f, v listpack.Value, at int64) bool {
			parts = append(parts, fmt.Sprint(f.String(), "\x00", v.String(), "\x00", at))
			return true
		})
	case datatypes.Stream:
		st := s.Object().(*stream.Stream)
		for c := st.Range(stream.ID{}, stream.MaxID); c.Next(); {
			parts = append(parts, c.ID.String())
			for range c.Len() {
				f, v := c.Field()
				parts = append(parts, f.String(), v.String())
			}
		}
		for _, g := range st.Groups() {
			parts = append(parts, fmt.Sprint(string(g.Name()), g.Last, g.Read))
			for p := g.Pending(nil, stream.ID{}); p.Next(); {
				parts = append(parts, fmt.Sprint(p.ID, p.Time, p.Count, string(g.NameOf(g.Owner(p.Pending)))))
			}
		}
		return fmt.Sprintf("%v %v %v %v %q", st.Len(), st.Last(), st.MaxDeleted(), st.Added(), parts)
	}
	slices.Sort(parts)
	return fmt.Sprintf("%q", parts)
}

// check verifies the value in s.
func check(t datatypes.Type, s datatypes.Slot) error {
	switch t {
	case datatypes.List:
		l := list.Open(s)
		return l.Check()
	case datatypes.Set:
		return set.Open(s).Check()
	case datatypes.ZSet:
		return zset.Open(s).Check()
	case datatypes.Hash:
		return hash.Open(s).Check()
	case datatypes.Stream:
		return s.Object().(*stream.Stream).Check()
	}
	return nil
}

func TestChecksum(t *testing.T) {
	if got := Checksum([]byte("123456789")); got != 0xe9c6d914c4b8d9ca {
		t.Errorf("%x", got)
	}
	long := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	sum := uint64(0)
	for _, c := range long {
		sum = jones[byte(sum)^c] ^ sum>>8
	}
	if got := Checksum(long); got != sum {
		t.Errorf("%x, want %x", got, sum)
	}
}

func TestOpen(t *testing.T) {
	good := Seal([]byte("\x00\x05hello"), 10)
	if want := "\x00\x05hello\n\x00cr\xdfve4 \n"; string(good) != want {
		t.Fatalf("%q, want %q", good, want)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := Open(bad, true); err != ErrFooter {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for n := range good {
		if _, err := Open(good[:n], true); err != ErrFooter {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := Open(Seal([]byte("\x00\x01a"), versionMax), true); err != nil {
		t.Error(err)
	}
	if _, err := Open(Seal([]byte("\x00\x01a"), versionMax+1), true); err != ErrFooter {
		t.Error(err)
	}
	if v, err := Open([]byte("\x00\x01a\x0a\x00········"[:13]), false); err != nil || string(v) != "\x00\x01a" {
		t.Errorf("%q, %v", v, err)
	}
}

// A maker makes a random value in a slot.
type maker func(rnd *rand.Rand, s datatypes.Slot, n int, lim *Limits) datatypes.Type

func word(rnd *rand.Rand) []byte {
	switch rnd.IntN(6) {
	case 0:
		return strconv.AppendInt(nil, int64(rnd.Uint64())>>rnd.IntN(64), 10)
	case 1:
		b := make([]byte, rnd.IntN(100))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	case 2:
		return bytes.Repeat([]byte("x"), rnd.IntN(5000)*rnd.IntN(2))
	}
	return fmt.Appendf(nil, "m%d", rnd.IntN(3000))
}

var makers = []maker{
	func(rnd *rand.Rand, s datatypes.Slot, n int, _ *Limits) datatypes.Type {
		s.SetBytes(datatypes.Raw, append(bytes.Repeat([]byte("v"), n), word(rnd)...))
		return datatypes.String
	},
	func(rnd *rand.Rand, s datatypes.Slot, _ int, _ *Limits) datatypes.Type {
		s.SetBytes(datatypes.Int, le.AppendUint64(nil, rnd.Uint64()>>rnd.IntN(64)))
		return datatypes.String
	},
	func(rnd *rand.Rand, s datatypes.Slot, n int, lim *Limits) datatypes.Type {
		l := list.Create(s, 0)
		for range n {
			l.PushTail([][]byte{word(rnd)}, lim.List)
		}
		return datatypes.List
	},
	func(rnd *rand.Rand, s datatypes.Slot, n int, lim *Limits) datatypes.Type {
		members := set.Create(s, []byte("1"), 1, lim.Set)
		ints := rnd.IntN(2) == 0
		for range n {
			if ints {
				members.Add(strconv.AppendInt(nil, int64(rnd.Uint64())>>rnd.IntN(64), 10), lim.Set)
			} else {
				members.Add(word(rnd), lim.Set)
			}
		}
		return datatypes.Set
	},
	func(rnd *rand.Rand, s datatypes.Slot, n int, lim *Limits) datatypes.Type {
		z := zset.Init(s, 1, 1, lim.ZSet)
		for range n {
			z.Add(word(rnd), []float64{1, 1.5, rnd.NormFloat64(), math.Inf(1), 1e20, -3}[rnd.IntN(6)], zset.Flags{}, lim.ZSet)
		}
		return datatypes.ZSet
	},
	func(rnd *rand.Rand, s datatypes.Slot, n int, lim *Limits) datatypes.Type {
		h := hash.Init(s)
		ttls := rnd.IntN(2) == 0
		for range n {
			f := word(rnd)
			h.Set(f, word(rnd), lim.Hash, now)
			if ttls && rnd.IntN(3) == 0 {
				h.Expire(f, now+1+rnd.Int64N(1e6), hash.Always, now)
			}
		}
		return datatypes.Hash
	},
	func(rnd *rand.Rand, s datatypes.Slot, n int, _ *Limits) datatypes.Type {
		st := stream.New(s.Arena())
		s.SetObject(datatypes.StreamTree, st)
		lim := stream.DefaultLimits()
		for i := range n {
			st.Add(stream.ID{Ms: uint64(i + 1)}, [][]byte{[]byte("f"), word(rnd)}, &lim)
		}
		g, _ := st.AddGroup([]byte("g"), stream.ID{Ms: uint64(n / 2)}, int64(n/2))
		for i := range 2 {
			c, _ := g.Consumer(fmt.Append(nil, "c", i), now)
			c.Active = now
			for j := range n / 4 {
				g.Deliver(c, stream.ID{Ms: uint64(2*j + i + 1)}, now+int64(j))
			}
		}
		st.Delete(stream.ID{Ms: 1})
		return datatypes.Stream
	},
}

// load reads a value into a slot of its own.
func load(value []byte, a *slab.Arena, lim *Limits) (datatypes.Type, *datatypes.MemSlot, error) {
	s := datatypes.NewMemSlot(a, datatypes.ListPack, nil)
	t, err := Load(value, s, lim, now)
	return t, s, err
}

// TestRoundTrip: what is written is read back as it was, under other limits too.
func TestRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	a := slab.New(slab.Options{})
	defer a.Close()
	small := limits()
	small.Hash.ListPackEntries, small.Set.ListPackEntries, small.Set.IntSetEntries, small.ZSet.ListPackEntries = 3, 3, 3, 3
	small.List.MaxListpackSize, small.List.CompressDepth = 4, 1
	for i := range 400 {
		before := a.Used()
		made, from, to := makers[i%len(makers)], limits(), limits()
		if rnd.IntN(2) == 0 {
			from = small
		}
		if rnd.IntN(2) == 0 {
			to = small
		}
		src := datatypes.NewMemSlot(a, datatypes.ListPack, nil)
		typ := made(rnd, src, 1+rnd.IntN(1<<rnd.IntN(10)), from)
		payload, version := Append([]byte("before"), typ, src, now)
		payload = Seal(payload[len("before"):], version)
		value, err := Open(payload, true)
		if err != nil {
			t.Fatal(err)
		}
		got, dst, err := load(value, a, to)
		if err != nil || got != typ {
			t.Fatalf("%d: %v %v, of %v: %v", i, got, src.Encoding(), typ, err)
		}
		if err := check(got, dst); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		if a, b := show(typ, src), show(typ, dst); a != b {
			t.Fatalf("%d: %v became\n%s\nof\n%s", i, src.Encoding(), b, a)
		}
		for n := range value {
			if n%(1+len(value)/20) != 0 {
				continue
			}
			if got, cut, err := load(value[:n], a, to); err == nil {
				if err := check(got, cut); err != nil {
					t.Fatalf("%d: the first %d of %d bytes: %v", i, n, len(value), err)
				}
				Discard(cut)
			}
		}
		Discard(src)
		Discard(dst)
		if a.Used() != before {
			t.Fatalf("%d: %v keeps %d bytes", i, src.Encoding(), a.Used()-before)
		}
	}
}

// TestDueFields: a hash whose fields are all due is empty, not an error.
func TestDueFields(t *testing.T) {
	a := slab.New(slab.Options{})
	defer a.Close()
	src := datatypes.NewMemSlot(a, datatypes.ListPack, nil)
	lim := limits()
	h := hash.Init(src)
	h.Set([]byte("f"), []byte("v"), lim.Hash, now)
	h.Expire([]byte("f"), now+5, hash.Always, now)
	payload, version := Append(nil, datatypes.Hash, src, now)
	if version != versionTTL || payload[0] != typeHashTTL {
		t.Errorf("type %d, version %d", payload[0], version)
	}
	dst := datatypes.NewMemSlot(a, datatypes.ListPack, nil)
	if _, err := Load(payload, dst, lim, now+5); err != nil || hash.Open(dst).Len() != 0 {
		t.Errorf("%d fields, %v", hash.Open(dst).Len(), err)
	}
	if _, err := Load(payload, dst, lim, now+4); err != nil || hash.Open(dst).ExpireTime([]byte("f"), now) != now+5 {
		t.Errorf("%d fields, %v", hash.Open(dst).Len(), err)
	}
}

func lp(elems ...string) string {
	b := listpack.New()
	for _, e := range elems {
		b = listpack.Append(b, []byte(e))
	}
	return string(b)
}

func blob(s string) string { return string(appendBlob(nil, []byte(s))) }

func TestLoad(t *testing.T) {
	a := slab.New(slab.Options{})
	defer a.Close()
	for _, c := range []struct{ name, value, want string }{
		{"string", "\x00\x05hello", `"hello"`},
		{"empty string", "\x00\x00", `""`},
		{"14-bit length", "\x00\x40\x02ab", `"ab"`},
		{"32-bit length", "\x00\x80\x00\x00\x00\x02ab", `"ab"`},
		{"64-bit length", "\x00\x81\x00\x00\x00\x00\x00\x00\x00\x02ab", `"ab"`},
		{"int as text", "\x00\x0212", "12"},
		{"not canonical", "\x00\x03012", `"012"`},
		{"int8", "\x00\xC0\xFE", "-2"},
		{"int16", "\x00\xC1\x00\x80", "-32768"},
		{"int32", "\x00\xC2\xFF\xFF\xFF\x7F", "2147483647"},
		{"LZF", "\x00\xC3\x05\x0A\x00a\xE0\x00\x00", `"aaaaaaaaaa"`},
		{"trailing bytes", "\x00\x01amore", `"a"`},
		{"list", "\x01\x03\x01a\xC0\x05\x00", `["a" "5" ""]`},
		{"list of nodes", "\x12\x02\x02" + blob(lp("a", "1")) + "\x01\x03big", `["a" "1" "big"]`},
		{"list with an empty node", "\x12\x02\x02" + blob(lp()) + "\x02" + blob(lp("x")), `["x"]`},
		{"set", "\x02\x02\x01b\x01a", `["a" "b"]`},
		{"set in a listpack", "\x14" + blob(lp("b", "7", "a")), `["7" "a" "b"]`},
		{"zset, scores as text", "\x03\x03\x01a\x031.5\x01b\xFE\x01c\xFF", `["c -Inf" "a 1.5" "b +Inf"]`},
		{"zset", "\x05\x01\x01a\x00\x00\x00\x00\x00\x00\xF8\x3F", `["a 1.5"]`},
		{"zset in a listpack", "\x11" + blob(lp("b", "-1", "a", "2.5")), `["b -1" "a 2.5"]`},
		{"hash", "\x04\x01\x01f\x01v", "[\"f\\x00v\\x000\"]"},
		{"hash in a listpack", "\x10" + blob(lp("f", "1")), "[\"f\\x001\\x000\"]"},
		{"zipmap", "\x09" + blob("\x02\x01f\x01\x00v\x01g\x00\x02..\xFF"), "[\"f\\x00v\\x000\" \"g\\x00\\x000\"]"},
		{"ziplist", "\x0A" + blob("\x10\x00\x00\x00\x0D\x00\x00\x00\x02\x00\x00\x01a\x03\xF6\xFF"), `["a" "5"]`},
	} {
		typ, s, err := load([]byte(c.value), a, limits())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := show(typ, s); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.name, got, c.want)
		}
		if err := check(typ, s); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestHostilePayloads: nothing that is wrong gets in, and nothing is left of it.
func TestHostilePayloads(t *testing.T) {
	a := slab.New(slab.Options{})
	defer a.Close()
	before := a.Used()
	huge := "\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
	for _, c := range []struct{ name, value string }{
		{"nothing", ""},
		{"no such type", "\x63\x01a"},
		{"a module", "\x07\x01a"},
		{"7.4's hash with TTLs", "\x18\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01a\x01b"},
		{"string cut short", "\x00\x05hell"},
		{"length cut short", "\x00\x80\x00\x00"},
		{"no such length", "\x00\x82\x00\x00"},
		{"no such form", "\x00\xC4"},
		{"int cut short", "\x00\xC2\x01"},
		{"huge string", "\x00" + huge},
		{"huge list", "\x01" + huge},
		{"many elements", "\x01\x80\x7F\xFF\xFF\xFF\x01a"},
		{"empty list", "\x01\x00"},
		{"list of empty nodes", "\x12\x01\x02" + blob(lp())},
		{"no such node", "\x12\x01\x03\x01a"},
		{"listpack with a wrong length", "\x12\x01\x02" + blob("\x09\x00\x00\x00\x01\x00\x81a\x02\xFF")},
		{"listpack with a wrong count", "\x12\x01\x02" + blob("\x0A\x00\x00\x00\x02\x00\x81a\x02\xFF")},
		{"a number that is text in a listpack", "\x10" + blob("\x0D\x00\x00\x00\x02\x00\x81f\x02\x817\x02\xFF")},
		{"empty set", "\x02\x00"},
		{"member twice", "\x02\x02\x01a\x01a"},
		{"member twice in a listpack", "\x14" + blob(lp("a", "b", "a"))},
		{"empty intset", "\x0B" + blob("\x02\x00\x00\x00\x00\x00\x00\x00")},
		{"intset out of order", "\x0B" + blob("\x02\x00\x00\x00\x02\x00\x00\x00\x02\x00\x01\x00")},
		{"intset of no width", "\x0B" + blob("\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x01")},
		{"empty zset", "\x05\x00"},
		{"score NaN", "\x05\x01\x01a\x00\x00\x00\x00\x00\x00\xF8\x7F"},
		{"old score NaN", "\x03\x01\x01a\xFD"},
		{"score of text", "\x03\x01\x01a\x01x"},
		{"zset member twice", "\x03\x02\x01a\x011\x01a\x012"},
		{"zset listpack out of order", "\x11" + blob(lp("a", "2", "b", "1"))},
		{"zset listpack without a score", "\x11" + blob(lp("a", "2", "b"))},
		{"zset listpack with text for a score", "\x11" + blob(lp("a", "x"))},
		{"empty hash", "\x04\x00"},
		{"field twice", "\x04\x02\x01f\x01v\x01f\x01w"},
		{"field twice in a listpack", "\x10" + blob(lp("f", "1", "f", "2"))},
		{"field without a value", "\x10" + blob(lp("f", "1", "g"))},
		{"expiry below 0", "\xE0\x01\x01f\x01v\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"},
		{"LZF longer than told", "\x00\xC3\x05\x09\x00a\xE0\x00\x00"},
		{"LZF shorter than told", "\x00\xC3\x05\x0B\x00a\xE0\x00\x00"},
		{"LZF from before the start", "\x00\xC3\x04\x04\x00a\x20\x01"},
		{"LZF bomb", "\x00\xC3\x05\x80\x7F\xFF\xFF\xFF\x00a\xE0\x00\x00"},
		{"ziplist with a wrong tail", "\x0A" + blob("\x10\x00\x00\x00\x0A\x00\x00\x00\x02\x00\x00\x01a\x03\xF6\xFF")},
		{"ziplist with a wrong size before", "\x0A" + blob("\x10\x00\x00\x00\x0D\x00\x00\x00\x02\x00\x00\x01a\x02\xF6\xFF")},
		{"zipmap with a wrong count", "\x09" + blob("\x03\x01f\x01\x00v\xFF")},
		{"zipmap with free bytes beyond", "\x09" + blob("\x01\x01f\x01\x09v\xFF")},
		{"stream without its count", "\x13\x00"},
		{"stream of other length", "\x13\x00\x05\x00\x00\x00\x00\x00\x00\x05\x00"},
		{"pending entry of nobody", "\x13\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01\x01g\x00\x00\x00\x01" + strings.Repeat("\x00", 24) + "\x01\x00"},
	} {
		if typ, _, err := load([]byte(c.value), a, limits()); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, %v", c.name, typ, err)
		}
		if got := a.Used(); got != before {
			t.Errorf("%s: %d bytes are not given back", c.name, got-before)
			before = got
		}
	}
}

// TestMemoryIsBounded: a few bytes do not make a reader take much memory.
func TestMemoryIsBounded(t *testing.T) {
	a := slab.New(slab.Options{})
	defer a.Close()
	many := "\x80\x00\xFF\xFF\xFF"
	for _, kind := range []byte{typeList, typeSet, typeZSet, typeHash, typeZSet2, typeQuicklist, typeQuicklist2, typeStream2, typeHashTTL} {
		value := append([]byte{kind}, many...)
		value = append(value, make([]byte, 1<<12)...)
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		load(value, a, limits())
		runtime.ReadMemStats(&m1)
		if got := m1.TotalAlloc - m0.TotalAlloc; got > 2<<20 {
			t.Errorf("type %d: %d bytes for %d", kind, got, len(value))
		}
	}
}

// FuzzLoad: whatever comes, a value that is taken keeps its invariants, and what is
// written of it is read back as the same.
func FuzzLoad(f *testing.F) {
	rnd := rand.New(rand.NewPCG(2, 2))
	a := slab.New(slab.Options{})
	for _, m := range makers {
		s := datatypes.NewMemSlot(a, datatypes.ListPack, nil)
		payload, _ := Append(nil, m(rnd, s, 5, limits()), s, now)
		f.Add(payload)
	}
	for _, s := range []string{
		"\x09" + blob("\x02\x01f\x01\x00v\x01g\x00\x02..\xFF"), "\x00\xC3\x05\x0A\x00a\xE0\x00\x00",
		"\x0A" + blob("\x10\x00\x00\x00\x0D\x00\x00\x00\x02\x00\x00\x01a\x03\xF6\xFF"), "\x11" + blob(lp("b", "-1", "a", "2.5")),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		given := bytes.Clone(value)
		typ, s, err := load(value, a, limits())
		if err != nil {
			return
		}
		if err := check(typ, s); err != nil {
			t.Fatalf("%v %v: %v", typ, s.Encoding(), err)
		}
		want := show(typ, s)
		if typ == datatypes.Hash && hash.Open(s).Len() == 0 {
			return
		}
		payload, _ := Append(nil, typ, s, now)
		again, s2, err := load(payload, a, limits())
		if err != nil || again != typ || show(typ, s2) != want {
			t.Fatalf("%v: %v\n got %s\nwant %s", typ, err, show(typ, s2), want)
		}
		if !bytes.Equal(value, given) {
			t.Fatal("the payload was written to")
		}
		Discard(s)
		Discard(s2)
	})
}
