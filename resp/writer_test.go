package resp

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestWriter(t *testing.T) {
	long := strings.Repeat("l", 1000)
	for _, c := range []struct {
		name         string
		write        func(w *Writer)
		resp2, resp3 string // resp3 == "": as resp2
	}{
		{"ok", func(w *Writer) { w.OK() }, "+OK\r\n", ""},
		{"status", func(w *Writer) { w.SimpleString("QUEUED") }, "+QUEUED\r\n", ""},
		{"status of two lines", func(w *Writer) { w.SimpleString("a\r\nb") }, "+a  b\r\n", ""},
		{"error", func(w *Writer) { w.Error("ERR syntax error") }, "-ERR syntax error\r\n", ""},
		{"error with line breaks", func(w *Writer) { w.Error("\nERR a\r\nb\n\r\n") }, "-ERR a  b\r\n", ""},
		{"protocol error", func(w *Writer) { w.Error(ErrExpectedDollar('\r')) }, "-ERR Protocol error: expected '$', got ' '\r\n", ""},
		{"int", func(w *Writer) { w.Int(0); w.Int(999); w.Int(1000); w.Int(-1) }, ":0\r\n:999\r\n:1000\r\n:-1\r\n", ""},
		{"int limits", func(w *Writer) { w.Int(math.MinInt64); w.Int(math.MaxInt64) }, ":-9223372036854775808\r\n:9223372036854775807\r\n", ""},
		{"bulk", func(w *Writer) { w.BulkString(""); w.BulkBytes([]byte("a\r\nb")) }, "$0\r\n\r\n$4\r\na\r\nb\r\n", ""},
		{"long bulk", func(w *Writer) { w.BulkString(long); w.BulkBytes([]byte(long[:999])) }, "$1000\r\n" + long + "\r\n$999\r\n" + long[:999] + "\r\n", ""},
		{"bulk int", func(w *Writer) { w.BulkInt(-42); w.BulkInt(math.MinInt64) }, "$3\r\n-42\r\n$20\r\n-9223372036854775808\r\n", ""},
		{"null", func(w *Writer) { w.Null() }, "$-1\r\n", "_\r\n"},
		{"null array", func(w *Writer) { w.NullArray() }, "*-1\r\n", "_\r\n"},
		{"array", func(w *Writer) { w.ArrayHeader(0); w.ArrayHeader(123456) }, "*0\r\n*123456\r\n", ""},
		{"map", func(w *Writer) { w.MapHeader(2) }, "*4\r\n", "%2\r\n"},
		{"set", func(w *Writer) { w.SetHeader(2) }, "*2\r\n", "~2\r\n"},
		{"push", func(w *Writer) { w.PushHeader(3) }, "*3\r\n", ">3\r\n"},
		{"attribute", func(w *Writer) { w.AttributeHeader(1) }, "|1\r\n", ""},
		{"bool", func(w *Writer) { w.Bool(true); w.Bool(false) }, ":1\r\n:0\r\n", "#t\r\n#f\r\n"},
		{"double", func(w *Writer) { w.Double(3.1); w.Double(math.Inf(-1)) }, "$3\r\n3.1\r\n$4\r\n-inf\r\n", ",3.1\r\n,-inf\r\n"},
		{"big number", func(w *Writer) { w.BigNumber("12345678901234567890") }, "$20\r\n12345678901234567890\r\n", "(12345678901234567890\r\n"},
		{"verbatim", func(w *Writer) { w.Verbatim("txt", "hello\n") }, "$6\r\nhello\n\r\n", "=10\r\ntxt:hello\n\r\n"},
		{"raw", func(w *Writer) { w.Raw([]byte("+a\r\n")); w.RawString("+b\r\n") }, "+a\r\n+b\r\n", ""},
		{"truncate", func(w *Writer) {
			w.OK()
			n := w.Len()
			w.ArrayHeader(3)
			w.Int(1)
			w.Truncate(n)
			w.Error("ERR x")
		}, "+OK\r\n-ERR x\r\n", ""},
	} {
		if c.resp3 == "" {
			c.resp3 = c.resp2
		}
		for proto, want := range map[int]string{2: c.resp2, 3: c.resp3, 0: c.resp2} {
			// With no room, with little, and with plenty: the fast and slow ways must agree.
			for _, room := range []int{0, 9, 33, 4096} {
				w := Writer{Proto: proto}
				w.Attach(make([]byte, 0, room))
				if c.write(&w); string(w.Bytes()) != want {
					t.Errorf("%s, RESP%d, room %d: got %.80q, want %.80q", c.name, proto, room, w.Bytes(), want)
				}
			}
		}
	}
}

func TestWriterDeferredLength(t *testing.T) {
	for _, expect := range []int{-1, 0, 5, 10, 99, 100, 5000} {
		for _, n := range []int{0, 1, 9, 10, 11, 150} {
			for proto := 2; proto <= 3; proto++ {
				w, want := Writer{Proto: proto}, Writer{Proto: proto}
				w.OK()
				want.OK()
				outer := w.ReserveMap(expect)
				want.MapHeader(n)
				for i := range n {
					w.BulkInt(int64(i))
					want.BulkInt(int64(i))
					inner := w.ReserveSet(expect)
					for range i {
						w.Null()
					}
					w.SetLen(inner, i)
					want.SetHeader(i)
					for range i {
						want.Null()
					}
				}
				w.SetLen(outer, n)
				list := w.ReserveArray(expect)
				w.SetLen(list, n)
				want.ArrayHeader(n)
				if got := string(w.Bytes()); got != string(want.Bytes()) {
					t.Errorf("RESP%d, expected %d, was %d:\n got %q\nwant %q", proto, expect, n, got, want.Bytes())
				}
			}
		}
	}
}

func TestWriterAttachDetach(t *testing.T) {
	var w Writer
	w.Attach(append(make([]byte, 0, 64), "+first\r\n"...))
	w.OK()
	b := w.Detach()
	if string(b) != "+first\r\n+OK\r\n" || w.Len() != 0 {
		t.Errorf("%q, %d left", b, w.Len())
	}
	w.Int(7)
	if w.Reset(); w.Len() != 0 {
		t.Error("not empty after Reset")
	}
}

func TestWriterAllocatesNothing(t *testing.T) {
	var w Writer
	w.Grow(4096)
	value := []byte(strings.Repeat("v", 32))
	if got := testing.AllocsPerRun(100, func() {
		w.Reset()
		m := w.ReserveArray(1)
		w.BulkBytes(value)
		w.BulkInt(-12345678)
		w.Int(1 << 40)
		w.Double(3.14159)
		w.Double(1e300)
		w.Error(ErrBulk)
		w.SimpleString("PONG")
		w.SetLen(m, 7)
		w.SetLen(m, 4)
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestAppendDouble(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "-0"}, {1, "1"}, {-17, "-17"}, {3.1, "3.1"}, {0.1, "0.1"}, {-0.1, "-0.1"},
		{math.NaN(), "nan"}, {math.Inf(1), "inf"}, {math.Inf(-1), "-inf"},
		{1e15, "1000000000000000"}, {1 << 62, "4611686018427387904"}, {1e19, "1e+19"}, {123456789e12, "1.23456789e+20"}, {1234567890123456e5, "123456789012345600000"},
		{0.30000000000000004, "0.30000000000000004"}, {math.Pi, "3.141592653589793"}, {12345.6789012345, "1.23456789012345e+4"},
		{1e-6, "0.000001"}, {1e-7, "1e-7"}, {1.5e-7, "1.5e-7"}, {0.00012345678, "1.2345678e-4"}, {0.0012345678, "0.0012345678"}, {5e-324, "5e-324"}, {math.MaxFloat64, "1.7976931348623157e+308"}, {1e23, "1e+23"},
	} {
		if got := string(AppendDouble(nil, c.f)); got != c.want {
			t.Errorf("%v: got %s, want %s", c.f, got, c.want)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		f := math.Float64frombits(rnd.Uint64())
		if rnd.IntN(2) == 0 {
			f = math.Round(rnd.NormFloat64()*1e6) / 1e3
		}
		s := string(AppendDouble(nil, f))
		if back, err := strconv.ParseFloat(s, 64); err != nil || back != f && f == f {
			t.Fatalf("%v is written %q, read %v (%v)", f, s, back, err)
		}
	}
}

func TestParseInt(t *testing.T) {
	for _, s := range []string{"", "-", "+", "0", "-0", "00", "1", "-1", "01", "+1", " 1", "1 ", "9", "a", "1a", "--1", "12345678901234567890",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "99999999999999999999", "-99999999999999999999", "1\x00", "/", ":", "1:", "1/"} {
		want, err := strconv.ParseInt(s, 10, 64)
		wantOK := err == nil && strconv.FormatInt(want, 10) == s
		if got, ok := ParseInt([]byte(s)); ok != wantOK || ok && got != want {
			t.Errorf("%q: got %d, %v; want %d, %v", s, got, ok, want, wantOK)
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	value := []byte("0123456789abcdef0123456789abcdef")
	for _, c := range []struct {
		name  string
		write func(w *Writer)
	}{
		{"op=BulkBytes/size=32", func(w *Writer) { w.BulkBytes(value) }},
		{"op=Int/small", func(w *Writer) { w.Int(1) }},
		{"op=Int/large", func(w *Writer) { w.Int(1234567890) }},
		{"op=OK", func(w *Writer) { w.OK() }},
		{"op=Null", func(w *Writer) { w.Null() }},
		{"op=Double", func(w *Writer) { w.Double(1234.5) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			var w Writer
			w.Grow(1 << 14)
			b.ReportAllocs()
			for b.Loop() {
				if w.Len() > 1<<13 {
					w.Reset()
				}
				c.write(&w)
			}
		})
	}
}
