package resp

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func str(s string) Value { return Value{Kind: BulkString, Str: s} }

func num(n int64) Value { return Value{Kind: Integer, Int: n} }

// replies are encodings and what they mean.
var replies = []struct {
	in   string
	want Value
}{
	{"+OK\r\n", Value{Kind: SimpleString, Str: "OK"}},
	{"+\r\n", Value{Kind: SimpleString}},
	{"-ERR no\r\n", Value{Kind: SimpleError, Str: "ERR no"}},
	{":-5\r\n", num(-5)},
	{":+5\r\n", num(5)},
	{"$3\r\na\r\n\r\n", str("a\r\n")},
	{"$0\r\n\r\n", str("")},
	{"$-1\r\n", Value{Kind: Null}},
	{"*-1\r\n", Value{Kind: NullArray}},
	{"_\r\n", Value{Kind: Null}},
	{"#t\r\n", Value{Kind: Boolean, Int: 1}},
	{"#f\r\n", Value{Kind: Boolean}},
	{",1.5\r\n", Value{Kind: Double, Str: "1.5", Float: 1.5}},
	{",inf\r\n", Value{Kind: Double, Str: "inf", Float: math.Inf(1)}},
	{",nan\r\n", Value{Kind: Double, Str: "nan", Float: math.NaN()}},
	{",1e999\r\n", Value{Kind: Double, Str: "1e999", Float: math.Inf(1)}},
	{"(-123456789012345678901\r\n", Value{Kind: BigNumber, Str: "-123456789012345678901"}},
	{"!5\r\nERR x\r\n", Value{Kind: BulkError, Str: "ERR x"}},
	{"=7\r\ntxt:a\r\n\r\n", Value{Kind: Verbatim, Str: "txt:a\r\n"}},
	{"*0\r\n", Value{Kind: Array, Elems: []Value{}}},
	{"*2\r\n:1\r\n*1\r\n$1\r\na\r\n", Value{Kind: Array, Elems: []Value{num(1), {Kind: Array, Elems: []Value{str("a")}}}}},
	{"%1\r\n+k\r\n:1\r\n", Value{Kind: Map, Elems: []Value{{Kind: SimpleString, Str: "k"}, num(1)}}},
	{"~1\r\n:1\r\n", Value{Kind: Set, Elems: []Value{num(1)}}},
	{">1\r\n:1\r\n", Value{Kind: Push, Elems: []Value{num(1)}}},
	{"|1\r\n+ttl\r\n:9\r\n:1\r\n", Value{Kind: Integer, Int: 1, Attr: []Value{{Kind: SimpleString, Str: "ttl"}, num(9)}}},
}

// badReplies can never become replies.
var badReplies = []string{
	"\r\n", "x\r\n", "N\r\n", "+OK\n", ":\r\n", ":x\r\n", ":1.5\r\n", ":99999999999999999999\r\n", "$x\r\n", "$-2\r\n", "$01\r\n", "$99999999999\r\n", "$1\r\nab\r\n",
	"$1\r\na\rx", "*-2\r\n", "*x\r\n", "*9999999999\r\n", "%-1\r\n", "~-1\r\n", ">-1\r\n", "|-1\r\n", "!-1\r\n", "=-1\r\n", "=2\r\nab\r\n", "=4\r\nabcd\r\n", "#x\r\n",
	"#\r\n", "_x\r\n", ",x\r\n", ",\r\n", "(\r\n", "(1x\r\n", "(-\r\n", strings.Repeat("*1\r\n", 200), strings.Repeat("|1\r\n+a\r\n+b\r\n", 200),
	"*2\r\n:1\r\nx\r\n", "+" + strings.Repeat("a", 100_000),
}

func TestReader(t *testing.T) {
	same := cmpopts.EquateNaNs()
	var all strings.Builder
	for _, c := range replies {
		v, n, err := Parse([]byte(c.in + "tail"))
		if err != nil || n != len(c.in) || !cmp.Equal(v, c.want, same) {
			t.Errorf("Parse(%q) = %+v, %d, %v; want %+v", c.in, v, n, err, c.want)
		}
		for k := range len(c.in) {
			if v, n, err := Parse([]byte(c.in[:k])); n != 0 || err != nil || v.Kind != 0 {
				t.Errorf("Parse(%q), a part of it, = %v, %d, %v", c.in[:k], v, n, err)
			}
		}
		all.WriteString(c.in)
	}
	for name, src := range map[string]io.Reader{
		"at once":      strings.NewReader(all.String()),
		"byte by byte": iotest.OneByteReader(strings.NewReader(all.String())),
		"data and EOF": iotest.DataErrReader(strings.NewReader(all.String())),
	} {
		r := NewReader(src)
		for _, c := range replies {
			if v, err := r.Read(); err != nil || !cmp.Equal(v, c.want, same) {
				t.Errorf("%s: Read() of %q = %+v, %v", name, c.in, v, err)
			}
		}
		if _, err := r.Read(); err != io.EOF || r.Buffered() != 0 {
			t.Errorf("%s: at the end: %v", name, err)
		}
	}
	if _, err := NewReader(strings.NewReader("$5\r\nab")).Read(); err != io.ErrUnexpectedEOF {
		t.Errorf("a reply cut off: %v", err)
	}
}

func TestReaderBadInput(t *testing.T) {
	for _, in := range badReplies {
		if v, n, err := Parse([]byte(in)); !errors.Is(err, ErrProtocol) || n != 0 {
			t.Errorf("Parse(%.40q) = %v, %d, %v", in, v, n, err)
		}
		if v, err := NewReader(iotest.HalfReader(strings.NewReader(in))).Read(); !errors.Is(err, ErrProtocol) {
			t.Errorf("Read of %.40q = %v, %v", in, v, err)
		}
	}
}

func TestReaderBelievesNothing(t *testing.T) {
	for _, in := range []string{"$1000000000\r\nabc", "*1000000000\r\n:1\r\n", strings.Repeat("*1000000000\r\n", 100), "%500000000\r\n"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := NewReader(strings.NewReader(in)).Read(); err != io.ErrUnexpectedEOF {
			t.Errorf("%.20q: %v", in, err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<18 {
			t.Errorf("%.20q: %d bytes allocated", in, got)
		}
	}
}

func TestReaderBigString(t *testing.T) {
	want := strings.Repeat("0123456789", 200_000)
	in := AppendCommand(nil, "x", want, "y")
	r := NewReader(bytes.NewReader(append(in, "+OK\r\n"...)))
	if v, err := r.Read(); err != nil || len(v.Elems) != 3 || v.Elems[1].Str != want {
		t.Fatal("not read back", err)
	}
	if v, err := r.Read(); err != nil || v.Str != "OK" {
		t.Fatal(v, err)
	}
	if _, err := r.Read(); err != io.EOF || cap(r.buf) > keepBuffer {
		t.Errorf("%v, and a buffer of %d stays", err, cap(r.buf))
	}
}

func TestValueHelpers(t *testing.T) {
	v, _, _ := Parse([]byte("*7\r\n$2\r\n42\r\n:7\r\n,1.5\r\n$-1\r\n-WRONGTYPE x\r\n=5\r\ntxt:a\r\n#t\r\n"))
	if got, want := v.Strings(), []string{"42", "7", "1.5", "", "WRONGTYPE x", "a", "1"}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	if n, ok := v.Elems[0].Int64(); n != 42 || !ok {
		t.Error(n, ok)
	}
	if f, ok := v.Elems[1].Float64(); f != 7 || !ok {
		t.Error(f, ok)
	}
	if _, ok := v.Elems[3].Int64(); ok || !v.Elems[3].IsNull() {
		t.Error("null is a number")
	}
	var e Error
	if err := v.Elems[4].Err(); !errors.As(err, &e) || e.Code() != "WRONGTYPE" {
		t.Error(err)
	}
	if v.Err() != nil {
		t.Error(v.Err())
	}
	if got, want := v.String(), `["42" 7 1.5 nil error(WRONGTYPE x) "txt:a" true]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m, _, _ := Parse([]byte("%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n"))
	got := map[string]int64{}
	for k, v := range m.Pairs() {
		got[k.Text()] = v.Int
	}
	if !cmp.Equal(got, map[string]int64{"a": 1, "b": 2}) {
		t.Error(got)
	}
}

// What Writer writes, Parse reads; the Writer of the other protocol must agree on the number of values.
func TestWriterReaderRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		for proto := 2; proto <= 3; proto++ {
			w := Writer{Proto: proto}
			writeRandom(&w, rnd, 0)
			if v, n, err := Parse(w.Bytes()); n != w.Len() || err != nil {
				t.Fatalf("RESP%d %q: %v, %d, %v", proto, w.Bytes(), v, n, err)
			}
		}
	}
}

func writeRandom(w *Writer, rnd *rand.Rand, depth int) {
	switch rnd.IntN(14 - 3*b2i(depth > 3)) {
	case 0:
		w.SimpleString("status")
	case 1:
		w.Error("ERR some\nthing")
	case 2:
		w.Int(int64(rnd.Uint64()))
	case 3:
		w.BulkBytes(bytes.Repeat([]byte{'\r', '\n'}, rnd.IntN(2000)))
	case 4:
		w.BulkInt(rnd.Int64())
	case 5:
		w.Null()
	case 6:
		w.NullArray()
	case 7:
		w.Double(math.Float64frombits(rnd.Uint64()))
	case 8:
		w.Bool(rnd.IntN(2) == 0)
	case 9:
		w.BigNumber("123")
	case 10:
		w.Verbatim("txt", "some\ntext")
	case 11:
		n := rnd.IntN(4)
		m := w.ReserveMap(rnd.IntN(20))
		for range 2 * n {
			writeRandom(w, rnd, depth+1)
		}
		w.SetLen(m, n)
	case 12:
		n := rnd.IntN(4)
		w.SetHeader(n)
		for range n {
			writeRandom(w, rnd, depth+1)
		}
	case 13:
		n := rnd.IntN(4)
		w.ArrayHeader(n)
		for range n {
			writeRandom(w, rnd, depth+1)
		}
	}
}

func b2i(b bool) int { return int(b2(b)) }

func TestAppendCommand(t *testing.T) {
	want := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n"
	if got := AppendCommand([]byte("x"), "SET", "k", ""); string(got) != "x"+want {
		t.Errorf("%q", got)
	}
	if got := AppendCommand(nil, []byte("SET"), []byte("k"), nil); string(got) != want {
		t.Errorf("%q", got)
	}
}

// FuzzReader: Parse and Reader agree on any bytes, in any pieces, and whatever is a reply
// consumed something.
func FuzzReader(f *testing.F) {
	for _, c := range replies {
		f.Add([]byte(c.in))
	}
	for _, in := range badReplies {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 4096 {
			return
		}
		r := NewReader(iotest.OneByteReader(bytes.NewReader(in)))
		for rest := in; ; {
			v, n, err := Parse(rest)
			w, rerr := r.Read()
			switch {
			case n > 0 && err == nil && rerr == nil:
				if !cmp.Equal(v, w, cmpopts.EquateNaNs()) {
					t.Fatalf("%q: Parse gives %v, Read %v", rest, v, w)
				}
				_ = v.String()
				rest = rest[n:]
				continue
			case n == 0 && err == nil && (rerr == io.EOF && len(rest) == 0 || rerr == io.ErrUnexpectedEOF && len(rest) > 0):
			case n == 0 && errors.Is(err, ErrProtocol) && errors.Is(rerr, ErrProtocol):
			default:
				t.Fatalf("%q: Parse gives %v, %d, %v; Read %v, %v", rest, v, n, err, w, rerr)
			}
			return
		}
	})
}
