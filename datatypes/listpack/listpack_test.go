package listpack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var seed = flag.Uint64("seed", 1, "seed of the random histories")

func build(elems ...string) []byte {
	lp := New()
	for _, e := range elems {
		lp = Append(lp, []byte(e))
	}
	return lp
}

func contents(lp []byte) []string {
	var out []string
	for _, v := range All(lp) {
		out = append(out, v.String())
	}
	return out
}

func TestEncodings(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct {
		elem string
		head string // hex of the element's first bytes
		size int
	}{
		{"", "80", 2},
		{"0", "00", 2},
		{"127", "7f", 2},
		{"128", "c080", 3},
		{"-1", "dfff", 3},
		{"4095", "cfff", 3},
		{"-4096", "d000", 3},
		{"4096", "f10010", 4},
		{"-4097", "f1ffef", 4},
		{"32767", "f1ff7f", 4},
		{"32768", "f2008000", 5},
		{"-32769", "f2ff7fff", 5},
		{"8388607", "f2ffff7f", 5},
		{"8388608", "f300008000", 6},
		{"2147483647", "f3ffffff7f", 6},
		{"-2147483648", "f300000080", 6},
		{"2147483648", "f40000008000000000", 10},
		{"9223372036854775807", "f4ffffffffffffff7f", 10},
		{"-9223372036854775808", "f40000000000000080", 10},
		{"9223372036854775808", "9339323233", 21},
		{"-9223372036854775809", "942d39", 22},
		{"18446744073709551616", "943138", 22},
		{"007", "83303037", 5},
		{"-0", "822d30", 4},
		{"-", "812d", 3},
		{"+7", "822b37", 4},
		{"1 ", "823120", 4},
		{"hi", "826869", 4},
		{long(63), "bf78", 65},
		{long(64), "e04078", 67},
		{long(125), "e07d78", 128},
		{long(126), "e07e78", 130},
		{long(4095), "efff78", 4099},
		{long(4096), "f00010000078", 4103},
		{long(16377), "f0f93f000078", 16384},
		{long(16378), "f0fa3f000078", 16386}, // 16383 goes into three bytes already
		{long(2097145), "f0f9ff1f0078", 2097153},
		{long(2097146), "f0faff1f0078", 2097155},
	}
	for _, tt := range tests {
		name := tt.elem[:min(len(tt.elem), 24)] + "#" + strconv.Itoa(len(tt.elem))
		for _, pre := range []string{"a", strings.Repeat("p", 100)} {
			lp := build(pre, tt.elem, "z")
			p := Next(lp, First(lp))
			if got := size(lp, p); got != tt.size {
				t.Errorf("%s: size %d, want %d", name, got, tt.size)
			}
			if got := fmt.Sprintf("%x", lp[p:p+len(tt.head)/2]); got != tt.head {
				t.Errorf("%s: begins %s, want %s", name, got, tt.head)
			}
			if got := Get(lp, p).String(); got != tt.elem {
				t.Errorf("%s: got %.40q", name, got)
			}
			if got := Get(lp, p).Len(); got != len(tt.elem) {
				t.Errorf("%s: Len %d, want %d", name, got, len(tt.elem))
			}
			if got := Prev(lp, Last(lp)); got != p {
				t.Errorf("%s: back from the last to %d, want %d", name, got, p)
			}
			if got := Find(lp, First(lp), []byte(tt.elem), 0); got != p {
				t.Errorf("%s: found at %d, want %d", name, got, p)
			}
			if !Equal(lp, p, []byte(tt.elem)) || Equal(lp, p, []byte(tt.elem+"x")) {
				t.Errorf("%s: Equal is wrong", name)
			}
			if grew := len(lp) - len(build(pre, "z")); grew > MaxGrow([]byte(tt.elem)) {
				t.Errorf("%s: grew %d, MaxGrow %d", name, grew, MaxGrow([]byte(tt.elem)))
			}
			if err := Validate(lp, true); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestDrawing(t *testing.T) {
	want := []byte{0x10, 0, 0, 0, 3, 0, 0x82, 'h', 'i', 3, 0xC1, 0x2C, 2, 7, 1, 0xFF}
	if got := build("hi", "300", "7"); !bytes.Equal(got, want) {
		t.Errorf("got  % x\nwant % x", got, want)
	}
}

func TestEmpty(t *testing.T) {
	lp := New()
	if First(lp) != -1 || Last(lp) != -1 || Seek(lp, 0) != -1 || Seek(lp, -1) != -1 || Len(lp) != 0 {
		t.Error("an empty listpack has an element")
	}
	if Find(lp, First(lp), []byte("a"), 0) != -1 {
		t.Error("found something in an empty listpack")
	}
	if len(lp) != EmptySize || Bytes(lp) != EmptySize {
		t.Errorf("size %d, header %d", len(lp), Bytes(lp))
	}
}

// Past 65534 elements the header gives up counting, and does not resume.
func TestUnknownLength(t *testing.T) {
	lp := New()
	for i := range 65534 {
		lp = AppendInt(lp, int64(i&127))
	}
	if binary.LittleEndian.Uint16(lp[4:]) != 65534 || Len(lp) != 65534 {
		t.Fatalf("header %d, Len %d", binary.LittleEndian.Uint16(lp[4:]), Len(lp))
	}
	lp = Append(lp, []byte("a"))
	lp = Append(lp, []byte("b"))
	if binary.LittleEndian.Uint16(lp[4:]) != 65535 || Len(lp) != 65536 {
		t.Fatalf("header %d, Len %d", binary.LittleEndian.Uint16(lp[4:]), Len(lp))
	}
	if got := Get(lp, Seek(lp, -1)).String() + Get(lp, Seek(lp, 65534)).String(); got != "ba" {
		t.Errorf("last two %q", got)
	}
	if Seek(lp, 65536) != -1 || Seek(lp, -65537) != -1 {
		t.Error("Seek finds elements past the ends")
	}
	lp = Delete(lp, First(lp), 65000)
	if Len(lp) != 536 {
		t.Errorf("Len %d, want 536", Len(lp))
	}
	if err := Validate(lp, true); err != nil {
		t.Error(err)
	}
}

// Find must not take bytes inside a value for a field, nor a value for a field.
func TestFindIsNotFooled(t *testing.T) {
	inner := string(build("field", "x")) // a value holding a listpack
	lp := build("a", "field", "b", inner, "field1", "fiel", "field", "yes", "12", "field2")
	f := First(lp)
	if p := Find(lp, f, []byte("field"), 1); Get(lp, Next(lp, p)).String() != "yes" {
		t.Errorf("found %d in % x", p, lp)
	}
	for _, absent := range []string{"x", "fiel", "field2", "ield", "", "0", "-12"} {
		if p := Find(lp, f, []byte(absent), 1); p != -1 {
			t.Errorf("%q found at %d", absent, p)
		}
	}
	if p := Find(lp, f, []byte("field2"), 0); p != Last(lp) {
		t.Errorf("last element found at %d", p)
	}
	if p := Find(lp, -1, []byte("a"), 0); p != -1 {
		t.Errorf("found %d from nowhere", p)
	}
}

func TestInPlace(t *testing.T) {
	lp := append(make([]byte, 0, 4096), build("a", "1", "b", "2")...)
	base := &lp[0]
	val, big := []byte("value"), bytes.Repeat([]byte("v"), 300)
	allocs := testing.AllocsPerRun(100, func() {
		lp = Append(lp, val)
		lp = AppendInt(lp, 1<<40)
		lp = Replace(lp, Last(lp), big)
		lp = InsertBefore(lp, First(lp), big)
		lp = Delete(lp, First(lp), 1)
		lp = Delete(lp, Seek(lp, -2), 2)
		Find(lp, First(lp), val, 1)
	})
	if allocs != 0 || &lp[0] != base {
		t.Errorf("%v allocations, moved %v", allocs, &lp[0] != base)
	}
	if got := contents(lp); !slices.Equal(got, []string{"a", "1", "b", "2"}) {
		t.Errorf("got %q", got)
	}
}

func TestParseInt(t *testing.T) {
	for _, s := range []string{"", "-", "0", "-0", "00", "1", "-1", "01", "9223372036854775807",
		"9223372036854775808", "-9223372036854775808", "-9223372036854775809", "99999999999999999999",
		"1a", "a1", " 1", "1 ", "+1", "1.0", "-1-", "/", ":", "--1"} {
		want, err := strconv.ParseInt(s, 10, 64)
		canonical := err == nil && strconv.FormatInt(want, 10) == s
		if v, ok := ParseInt([]byte(s)); ok != canonical || ok && v != want {
			t.Errorf("%q: %d %v, want %d %v", s, v, ok, want, canonical)
		}
	}
	for v := range 64 {
		for _, w := range []int64{1 << v, -1 << v, 1<<v - 1, math.MinInt64} {
			if got := intLen(w); got != len(strconv.FormatInt(w, 10)) {
				t.Errorf("intLen(%d) = %d", w, got)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	good := build("hi", "300", "7", strings.Repeat("x", 200))
	tests := []struct {
		name string
		lp   []byte
	}{
		{"nil", nil},
		{"short", []byte{6, 0, 0, 0, 0, 0}},
		{"total", append([]byte{99}, good[1:]...)},
		{"cut", good[:len(good)-1]},
		{"count", replaced(good, 4, 9)},
		{"no end", replaced(good, len(good)-1, 0)},
		{"end inside", replaced(good, 6, 0xFF)},
		{"no encoding", replaced(good, 6, 0xF7)},
		{"backlen", replaced(good, 9, 4)},
		{"long int encoding", []byte{10, 0, 0, 0, 1, 0, 0xC0, 5, 2, 0xFF}},
		{"long string encoding", []byte{11, 0, 0, 0, 1, 0, 0xE0, 1, 'a', 3, 0xFF}},
		{"integer as string", []byte{10, 0, 0, 0, 1, 0, 0x81, '5', 2, 0xFF}},
		{"string past end", []byte{10, 0, 0, 0, 1, 0, 0xBF, 'a', 2, 0xFF}},
		{"huge string", []byte{13, 0, 0, 0, 1, 0, 0xF0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0xFF}},
		{"header cut", []byte{8, 0, 0, 0, 1, 0, 0xF4, 0xFF}},
	}
	if err := Validate(good, true); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		if err := Validate(tt.lp, true); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func replaced(b []byte, at int, c byte) []byte {
	b = bytes.Clone(b)
	b[at] = c
	return b
}

// history runs a listpack and a slice of strings through the operations that
// data spells, and compares them after each.
func history(t *testing.T, data []byte) {
	lp := New()
	var model []string
	next := func() int {
		if len(data) == 0 {
			return 0
		}
		c := data[0]
		data = data[1:]
		return int(c)
	}
	elem := func() []byte {
		switch c := next(); c % 8 {
		case 0, 1:
			return []byte("f" + strconv.Itoa(next()%32))
		case 2:
			return []byte(strconv.Itoa(next()))
		case 3: // around the limits of each integer encoding
			v := int64(1)<<(next()%64) + int64(next()%3) - 1
			if next()&1 == 1 {
				v = -v
			}
			return strconv.AppendInt(nil, v, 10)
		case 4: // around the limits of each string encoding
			n := []int{63, 126, 4095, 16378}[next()%4] + next()%3 - 1
			return bytes.Repeat([]byte{'a' + byte(c%3)}, n)
		case 5:
			n := min(next()%16, len(data))
			e := data[:n]
			data = data[n:]
			return e
		default:
			return bytes.Repeat([]byte{byte(next())}, next()%80)
		}
	}
	data = data[:min(len(data), 1000)]
	for len(data) > 0 && len(lp) < 1<<17 {
		op, index := next(), 0
		if len(model) > 0 {
			index = next() % len(model)
		}
		switch op % 12 {
		case 0, 1, 2:
			e := elem()
			lp = Append(lp, e)
			model = append(model, string(e))
		case 3:
			e := elem()
			lp = Prepend(lp, e)
			model = slices.Insert(model, 0, string(e))
		case 4:
			if p, e := Seek(lp, index), elem(); p >= 0 {
				lp = InsertBefore(lp, p, e)
				model = slices.Insert(model, index, string(e))
			}
		case 5:
			if p, e := Seek(lp, index-len(model)), elem(); p >= 0 {
				lp = InsertAfter(lp, p, e)
				model = slices.Insert(model, index+1, string(e))
			}
		case 6, 7:
			if p, e := Seek(lp, index), elem(); p >= 0 {
				lp = Replace(lp, p, e)
				model[index] = string(e)
			}
		case 8:
			n := next() % 4
			if p := Seek(lp, index); p >= 0 {
				lp = Delete(lp, p, n)
			}
			model = slices.Delete(model, min(index, len(model)), min(index+n, len(model)))
		case 9: // cut in two and join again
			if p := Seek(lp, index); p >= 0 {
				n := len(model) - index
				back := AppendSpan(New(), lp[p:p+Span(lp, p, n)], n)
				lp = Concat(Delete(lp, p, n), back)
			}
		case 10:
			v := int64(next()) << (next() % 56)
			lp = InsertInt(lp, End(lp), v)
			model = append(model, strconv.FormatInt(v, 10))
			lp = ReplaceInt(lp, Seek(lp, index), -v)
			model[index] = strconv.FormatInt(-v, 10)
		case 11:
			skip, e := next()%3, elem()
			if len(model) > 0 && next()&1 == 0 {
				e = []byte(model[next()%len(model)])
			}
			want := -1
			for i := index; i < len(model); i += skip + 1 {
				if model[i] == string(e) {
					want = Seek(lp, i)
					break
				}
			}
			if got := Find(lp, Seek(lp, index), e, skip); got != want {
				t.Fatalf("Find %q from %d, skip %d: got %d, want %d in %q", e, index, skip, got, want, model)
			}
		}
		if err := Validate(lp, true); err != nil {
			t.Fatalf("after op %d: %v", op%12, err)
		}
		if got := contents(lp); !slices.Equal(got, model) {
			t.Fatalf("after op %d:\ngot  %q\nwant %q", op%12, got, model)
		}
		if Len(lp) != len(model) {
			t.Fatalf("Len %d, want %d", Len(lp), len(model))
		}
		for p, i := Last(lp), len(model)-1; p >= 0; p, i = Prev(lp, p), i-1 {
			if !Equal(lp, p, []byte(model[i])) {
				t.Fatalf("backwards at %d: %q, want %q", i, Get(lp, p), model[i])
			}
		}
	}
}

func TestHistory(t *testing.T) {
	for s := *seed; s < *seed+200; s++ {
		rnd := rand.New(rand.NewPCG(s, 0))
		data := make([]byte, 400)
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		if !t.Run(fmt.Sprintf("seed=%d", s), func(t *testing.T) { history(t, data) }) {
			return
		}
	}
}

func FuzzHistory(f *testing.F) {
	f.Add([]byte("\x00\x00\x01\x02\x00\x03\x10\x06\x00\x04\x01"))
	f.Fuzz(history)
}

// FuzzCorrupt feeds arbitrary bytes: Validate never panics, and what passes
// it can be read and edited.
func FuzzCorrupt(f *testing.F) {
	f.Add(build("hi", "300", "7"), []byte("a"))
	f.Add(build(strings.Repeat("x", 130), "-70000", "99999999999"), []byte("-70000"))
	f.Fuzz(func(t *testing.T, lp, elem []byte) {
		if len(lp) >= 4 { // let the header agree, so that more gets past it
			binary.LittleEndian.PutUint32(lp, uint32(len(lp)))
		}
		if Validate(lp, true) != nil {
			return
		}
		want := contents(lp)
		for skip := range 3 {
			Find(lp, First(lp), elem, skip)
		}
		if got := contents(build(want...)); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		p := Find(lp, First(lp), elem, 0)
		if i := slices.Index(want, string(elem)); (i < 0) != (p < 0) || i >= 0 && Seek(lp, i) != p {
			t.Errorf("%q found at %d, element %d", elem, p, i)
		}
		lp = Delete(Prepend(lp, elem), First(lp)+0, 1)
		for Len(lp) > 0 {
			lp = Delete(lp, Last(lp), 1)
		}
		if binary.LittleEndian.Uint16(lp[4:]) != unknownLen && !bytes.Equal(lp, New()) {
			t.Errorf("emptied: % x", lp)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{4, 10, 50, 200, 500} {
		for _, shape := range []string{"same", "mixed", "long"} {
			lp, rnd := New(), rand.New(rand.NewPCG(1, 2))
			for i := range n {
				f, v := fmt.Sprintf("field:%06d", i), 32
				if shape == "mixed" {
					f, v = fmt.Sprintf("field:%d", i*i*i), rnd.IntN(60)
				}
				lp = Append(Append(lp, []byte(f)), bytes.Repeat([]byte("v"), v))
			}
			if shape == "long" {
				lp = New()
				for i := range n {
					lp = Append(Append(lp, []byte(fmt.Sprintf("field:%d", i))), bytes.Repeat([]byte("v"), 64))
				}
			}
			mid := Get(lp, Seek(lp, n/2*2)).Append(nil)
			b.Run(fmt.Sprintf("fields=%d/%s", n, shape), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if Find(lp, First(lp), mid, 1) < 0 {
						b.Fatal("lost")
					}
				}
			})
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	lp, e := make([]byte, 0, 1<<16), []byte("some element")
	lp = AppendEmpty(lp)
	b.ReportAllocs()
	for b.Loop() {
		if len(lp) > 60000 {
			lp = AppendEmpty(lp[:0])
		}
		lp = Append(lp, e)
	}
}
