package hyperloglog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

var seedFlag = flag.Uint64("seed", 1, "seed of the random histories")

// sparseMax is the default of hll-sparse-max-bytes.
const sparseMax = 3000

func add(t testing.TB, b []byte, elem string, max int) ([]byte, bool) {
	t.Helper()
	b, changed, err := Add(b, []byte(elem), max)
	if err != nil {
		t.Fatalf("Add(%q): %v", elem, err)
	}
	return b, changed
}

// addAt is addSparse that searches from the first opcode on.
func addAt(b []byte, index int, val byte, max int) ([]byte, bool, error) {
	at := start
	return addSparse(b, &at, index, val, max)
}

func TestBytes(t *testing.T) {
	b := Append(nil)
	const empty = "48594c4c" + "01000000" + "0000000000000000" + "7fff"
	if got := hex.EncodeToString(b); got != empty {
		t.Errorf("empty: %s", got)
	}
	for _, e := range []string{"a", "b", "c"} {
		b, _ = add(t, b, e, sparseMax)
	}
	words, err := Decode(nil, b)
	// As redis-server says of PFADD h a b c.
	if want := "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"; string(words) != want || err != nil {
		t.Errorf("Decode: %s, %v", words, err)
	}
	if n, err := Count(b); n != 3 || err != nil {
		t.Errorf("Count: %d, %v", n, err)
	}
}

func TestWorkedExample(t *testing.T) {
	b, _, err := addAt(Append(nil), 1000, 5, sparseMax)
	if got := fmt.Sprintf("% x", b[headSize:]); got != "43 e7 90 7c 16" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestMurmur(t *testing.T) {
	// As redis-server says by PFDEBUG DECODE.
	for _, c := range []struct{ elem, words string }{
		{"", "Z:5938 v:2,1 Z:10445"},
		{"1", "Z:7527 v:1,1 Z:8856"},
		{"1234567", "Z:10327 v:3,1 Z:6056"},
		{"12345678", "Z:10579 v:3,1 Z:5804"},
		{"123456789", "Z:9293 v:2,1 Z:7090"},
	} {
		b, _ := add(t, Append(nil), c.elem, sparseMax)
		if words, err := Decode(nil, b); err != nil || string(words) != c.words {
			t.Errorf("%q: %s, %v, want %s", c.elem, words, err, c.words)
		}
	}
}

func TestCheck(t *testing.T) {
	dense, _ := ToDense(Append(nil))
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"empty", nil, false},
		{"new", Append(nil), true},
		{"head alone", Append(nil)[:headSize], true},
		{"short head", Append(nil)[:headSize-1], false},
		{"magic", append([]byte("HYLO"), Append(nil)[4:]...), false},
		{"dense", dense, true},
		{"dense and short", dense[:DenseBytes-1], false},
		{"dense and long", append(bytes.Clone(dense), 0), false},
		{"encoding", append([]byte("HYLL\x02"), Append(nil)[5:]...), false},
	} {
		if got := Check(c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestCache(t *testing.T) {
	b := Append(nil)
	if n, ok := Cached(b); n != 0 || !ok {
		t.Errorf("new: %d, %v", n, ok)
	}
	Invalidate(b)
	if _, ok := Cached(b); ok {
		t.Error("valid after Invalidate")
	}
	SetCached(b, 12345)
	if n, ok := Cached(b); n != 12345 || !ok {
		t.Errorf("stored: %d, %v", n, ok)
	}
}

// TestOpcodes splits runs of every kind at every place.
func TestOpcodes(t *testing.T) {
	head := Append(nil)[:headSize]
	for _, c := range []struct {
		name   string
		ops    string // one hex digit pair per byte, before
		index  int
		val    byte
		want   string
		denser bool
	}{
		{"first of xzero", "7fff", 0, 1, "80 7f fe", false},
		{"last of xzero", "7fff", Size - 1, 32, "7f fe fc", false},
		{"middle of xzero", "7fff", 100, 2, "40 63 84 7f 9a", false},
		{"short halves", "7fff", 63, 2, "3e 84 7f bf", false},
		{"over 32", "7fff", 0, 33, "", true},
		{"one of val", "80 7f fe", 0, 2, "84 7f fe", false},
		{"lower", "84 7f fe", 0, 1, "84 7f fe", false},
		{"merge right", "00 80 7f fd", 0, 1, "81 7f fd", false},
		{"merge left", "80 00 7f fd", 1, 1, "81 7f fd", false},
		{"merge both", "80 00 81 7f fb", 1, 1, "83 7f fb", false},
		{"merge is full", "83 00 7f fa", 4, 1, "83 80 7f fa", false},
		{"split val", "83 7f fb", 1, 2, "80 84 81 7f fb", false},
		{"xzero of one", "40 00 7f fe", 0, 1, "80 7f fe", false},
	} {
		ops, _ := hex.DecodeString(strings.ReplaceAll(c.ops, " ", ""))
		b, changed, err := addAt(append(bytes.Clone(head), ops...), c.index, c.val, sparseMax)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if Dense(b) {
			if !c.denser || Get(b, c.index) != c.val {
				t.Errorf("%s: turned dense", c.name)
			}
			continue
		}
		if got := fmt.Sprintf("% x", b[headSize:]); got != c.want || changed != (c.name != "lower") {
			t.Errorf("%s: %s, %v, want %s", c.name, got, changed, c.want)
		}
	}
}

// history plays operations on a HyperLogLog and on a plain array of registers.
func history(t *testing.T, data []byte) {
	limits := []int{sparseMax, 0, 100, 20000}
	limit := sparseMax
	b := Append(nil)
	var model Registers
	for len(data) > 2 {
		code, arg := data[0], data[1:3]
		data = data[3:]
		switch code % 8 {
		case 0:
			limit = limits[arg[0]%4]
		case 1:
			d, err := ToDense(b)
			if err != nil {
				t.Fatal(err)
			}
			if arg[0]%16 == 0 {
				b = d
			}
		case 2:
			var r Registers
			for i := range r {
				if i%97 == int(arg[0]) || i%1021 < int(arg[1]>>5) {
					r[i] = arg[1] & 31 >> (i & 1)
				}
			}
			want := bytes.Clone(b)
			for i, val := range r {
				if val > 0 && Dense(want) {
					raise(want[headSize:], i, val)
				} else if val > 0 {
					want, _, _ = addAt(want, i, val, limit)
				}
			}
			var err error
			if b, err = r.Store(b, limit); err != nil || !bytes.Equal(b, want) {
				t.Fatalf("Store makes\n%x, %v, not\n%x", b, err, want)
			}
			for i := range r {
				model[i] = max(model[i], r[i])
			}
		case 3, 4: // a run of elements
			for j := range int(arg[0]) {
				elem := strconv.Itoa(j * (1 + int(arg[1])))
				b = addToBoth(t, b, &model, elem, limit)
			}
		default:
			b = addToBoth(t, b, &model, string(arg), limit)
		}
		compare(t, b, &model)
	}
}

func addToBoth(t *testing.T, b []byte, model *Registers, elem string, limit int) []byte {
	t.Helper()
	index, run := place([]byte(elem))
	before := len(b)
	sparse := !Dense(b)
	b, changed := add(t, b, elem, limit)
	if changed != (run > model[index]) {
		t.Fatalf("Add(%q) = %v, register %d at %d, run %d", elem, changed, index, model[index], run)
	}
	model[index] = max(model[index], run)
	if !Dense(b) && (len(b) > before+GrowAdd || len(b) > max(before, limit)) || !sparse && len(b) != DenseBytes {
		t.Fatalf("%d bytes after %d, limit %d", len(b), before, limit)
	}
	return b
}

func compare(t *testing.T, b []byte, model *Registers) {
	t.Helper()
	if !Check(b) {
		t.Fatal("Check fails")
	}
	var got Registers
	if err := got.Merge(b); err != nil {
		t.Fatal(err)
	}
	if got != *model {
		for i := range got {
			if got[i] != model[i] {
				t.Fatalf("register %d is %d, want %d", i, got[i], model[i])
			}
		}
	}
	n, err := Count(b)
	if want := model.Count(); n != want || err != nil {
		t.Fatalf("Count = %d, %v, want %d", n, err, want)
	}
	d, err := ToDense(b)
	if err != nil {
		t.Fatal(err)
	}
	if n2, _ := Count(d); n2 != n {
		t.Fatalf("dense counts %d, sparse %d", n2, n)
	}
	for i := 0; i < Size; i += 61 {
		if Get(d, i) != model[i] {
			t.Fatalf("Get(%d) = %d, want %d", i, Get(d, i), model[i])
		}
	}
}

func TestHistory(t *testing.T) {
	rnd := rand.New(rand.NewPCG(*seedFlag, 0))
	for range 40 {
		data := make([]byte, 300)
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		history(t, data)
	}
}

func FuzzHistory(f *testing.F) {
	f.Add([]byte{3, 255, 1, 5, 1, 2, 0, 1, 0, 5, 3, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 300 {
			data = data[:300]
		}
		history(t, data)
	})
}

// hostile lets every function loose on bytes from outside: errors are right, panics
// and reads out of range are not, and what one function takes for sound the others
// must too.
func hostile(t *testing.T, b, elem []byte) {
	if !Check(b) {
		return
	}
	var r Registers
	mergeErr := r.Merge(bytes.Clone(b))
	n, countErr := Count(b)
	if (mergeErr == nil) != (countErr == nil) {
		t.Fatalf("Merge: %v, Count: %v", mergeErr, countErr)
	}
	if mergeErr == nil && n != r.Count() {
		t.Fatalf("Count %d, of merged %d", n, r.Count())
	}
	if !Dense(b) {
		if _, err := Decode(nil, b); (err == nil) != (mergeErr == nil) {
			t.Fatalf("Decode: %v, Merge: %v", err, mergeErr)
		}
		if _, err := ToDense(b); (err == nil) != (mergeErr == nil) {
			t.Fatalf("ToDense: %v, Merge: %v", err, mergeErr)
		}
	}
	out, _, err := Add(bytes.Clone(b), elem, 100)
	if err != nil && mergeErr == nil {
		t.Fatalf("Add: %v of a sound one", err)
	}
	if !Check(out) {
		t.Fatal("Check fails after Add")
	}
	if mergeErr == nil {
		if _, err := Count(out); err != nil {
			t.Fatal("Count fails after Add")
		}
	}
	if _, err := r.Store(bytes.Clone(b), 1000); err != nil && mergeErr == nil {
		t.Fatalf("Store: %v", err)
	}
}

func FuzzCorrupt(f *testing.F) {
	f.Add([]byte("HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff"), []byte("a"))
	f.Add([]byte("HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff\x7f"), []byte("a"))
	f.Add([]byte("HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"), []byte(""))
	f.Add([]byte("HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\xff\xff\x40"), []byte("b"))
	dense, _ := ToDense(Append(nil))
	f.Add(dense, []byte("x"))
	f.Fuzz(hostile)
}

// TestStoreIntoMergedRun: registers that Store raises one after the other may stand in
// a run that the first of them has just made, and merge with the one before it.
func TestStoreIntoMergedRun(t *testing.T) {
	ops := []byte{valOp(1, 2), valOp(1, 1), 0, valOp(1, 1), 0x7f, 0xfa} // 5 + 16379 registers
	rnd := rand.New(rand.NewPCG(*seedFlag, 3))
	for range 20_000 {
		b := append(Append(nil)[:headSize:headSize], ops...)
		want := bytes.Clone(b)
		var r Registers
		for i := range 10 {
			r[i] = byte(rnd.IntN(3))
		}
		for i, val := range r {
			if val > 0 {
				want, _, _ = addAt(want, i, val, sparseMax)
			}
		}
		got, err := r.Store(b, sparseMax)
		if !bytes.Equal(got, want) || err != nil {
			t.Fatalf("%v: % x, %v, want % x", r[:10], got[headSize:], err, want[headSize:])
		}
	}
}

func TestCorrupt(t *testing.T) {
	rnd := rand.New(rand.NewPCG(*seedFlag, 1))
	for range 3000 {
		b := Append(nil)
		for i := range rnd.IntN(50) {
			b, _ = add(t, b, strconv.Itoa(i), sparseMax)
		}
		for range 1 + rnd.IntN(4) {
			switch i := headSize + rnd.IntN(len(b)-headSize+1); rnd.IntN(3) {
			case 0:
				b = b[:i]
			case 1:
				b = append(b, byte(rnd.Uint32()))
			default:
				if i < len(b) {
					b[i] = byte(rnd.Uint32())
				}
			}
		}
		hostile(t, b, strconv.AppendUint(nil, rnd.Uint64(), 36))
	}
	// A second byte missing, too few registers, too many.
	for _, ops := range []string{"", "\x7f", "\x7f\xfe", "\x7f\xff\x00", "\x40\x00\x7f\xff"} {
		b := append(Append(nil)[:headSize:headSize], ops...)
		if _, err := Count(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("% x: %v", ops, err)
		}
	}
	// Registers that no hash reaches.
	b, _ := ToDense(Append(nil))
	for i := headSize; i < len(b); i++ {
		b[i] = 0xff
	}
	if n, err := Count(b); n != 1<<63 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// TestError: the estimate is within four standard errors of the truth, all the way.
func TestError(t *testing.T) {
	b := Append(nil)
	rnd := rand.New(rand.NewPCG(*seedFlag, 2))
	var elem [8]byte
	next := 1
	for n := 1; n <= 1_000_000; n++ {
		for i := range elem {
			elem[i] = byte(rnd.Uint32())
		}
		b, _, _ = Add(b, elem[:], sparseMax)
		if n != next {
			continue
		}
		next = next*3/2 + 1
		got, err := Count(b)
		off := math.Abs(float64(got)-float64(n)) / float64(n)
		if err != nil || off > max(4*1.04/math.Sqrt(Size), 1.5/float64(n)) {
			t.Errorf("%d counted as %d: %v", n, got, err)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	dense, _ := ToDense(Append(nil))
	sparse := make([]byte, 0, 4096)
	sparse = Append(sparse)
	elem := []byte("an element")
	n := 0
	if got := testing.AllocsPerRun(100, func() {
		n++
		elem[0] = byte(n)
		Add(dense, elem, sparseMax)
		sparse, _, _ = Add(sparse, elem, sparseMax)
		Count(dense)
		Count(sparse)
		var r Registers
		r.Merge(dense)
		r.Count()
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func Benchmark(b *testing.B) {
	dense, _ := ToDense(Append(nil))
	sparse := Append(nil)
	elem := []byte("element:12345678")
	for i := range 100_000 {
		dense, _, _ = Add(dense, strconv.AppendInt(elem[:8], int64(i), 10), sparseMax)
		if i < 500 {
			sparse, _, _ = Add(sparse, strconv.AppendInt(elem[:8], int64(i), 10), sparseMax)
		}
	}
	b.Run("add/enc=dense", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Add(dense, elem, sparseMax)
		}
	})
	b.Run("add/enc=sparse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Add(sparse, elem, sparseMax)
		}
	})
	b.Run("count/enc=dense", func(b *testing.B) {
		for b.Loop() {
			Count(dense)
		}
	})
	b.Run("merge/enc=dense", func(b *testing.B) {
		var r Registers
		for b.Loop() {
			r.Merge(dense)
		}
	})
}
