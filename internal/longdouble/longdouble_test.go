package longdouble

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestAdd(t *testing.T) {
	long := strings.Repeat("0", 4000)
	for _, tt := range []struct {
		a, b, want string
		err        error
	}{
		{"0.1", "0.2", "0.3", nil},
		{"10.50", "0.1", "10.6", nil},
		{"5.0e3", "2.0e2", "5200", nil},
		{"3", "", "", ErrSyntax},
		{"", "3", "", ErrSyntax},
		{"1", "-1", "0", nil},
		{"-0.0", "0", "0", nil},
		{"0", "-0", "0", nil},
		{"1e17", "0.00000000000000001", "100000000000000000.00000000000000001"[:18], nil},
		{"1", "1e-17", "1.00000000000000001", nil},
		{"0", "1e-18", "0", nil},
		{"0", "-1e-18", "0", nil},
		{"0", "5.", "5", nil},
		{"0", ".5", "0.5", nil},
		{"0", "+5", "5", nil},
		{"010", "1", "11", nil},
		{"0x10", "1", "17", nil},
		{"0X1.8p1", "1", "4", nil},
		{"0x.8", "0", "0.5", nil},
		{"18446744073709551615", "0", "18446744073709551615", nil},
		{"18446744073709551617", "0", "18446744073709551616", nil},
		{"1e4931", "1e4931", "", nil},
		{"1e4932", "1e4932", "", ErrNaN},
		{"1e4933", "0", "", ErrSyntax},
		{"-1e4933", "0", "", ErrSyntax},
		{"1e-4950", "1", "1", nil},
		{"1e-4951", "1", "", ErrSyntax},
		{"2e-4951", "1", "1", nil},
		{"1e-4952", "1", "", ErrSyntax},
		{"0e-99999999999999999999", "1", "1", nil},
		{"0e99999999999999999999", "1", "1", nil},
		{"1e99999999999999999999", "1", "", ErrSyntax},
		{"1e-99999999999999999999", "1", "", ErrSyntax},
		{"0." + long + "1e4001", "1", "2", nil},
		{"1" + long + long, "0", "", ErrSyntax},
		{"inf", "1", "", ErrNaN},
		{"-Infinity", "1", "", ErrNaN},
		{"INF", "-inf", "", ErrNaN},
		{"nan", "1", "", ErrSyntax},
		{"infin", "1", "", ErrSyntax},
		{"+-5", "1", "", ErrSyntax},
		{"++5", "1", "", ErrSyntax},
		{"--5", "1", "", ErrSyntax},
		{"1_000", "1", "", ErrSyntax},
		{"0x_1", "1", "", ErrSyntax},
		{"0b1", "1", "", ErrSyntax},
		{"0o7", "1", "", ErrSyntax},
		{"1p5", "1", "", ErrSyntax},
		{"0x", "1", "", ErrSyntax},
		{"0x.p1", "1", "", ErrSyntax},
		{"1e", "1", "", ErrSyntax},
		{"1e+", "1", "", ErrSyntax},
		{"1e1.5", "1", "", ErrSyntax},
		{"1.2.3", "1", "", ErrSyntax},
		{".", "1", "", ErrSyntax},
		{"e5", "1", "", ErrSyntax},
		{"-", "1", "", ErrSyntax},
		{" 1", "1", "", ErrSyntax},
		{"1 ", "1", "", ErrSyntax},
		{"1\x00", "1", "", ErrSyntax},
		{"a", "1", "", ErrSyntax},
	} {
		for _, swapped := range []bool{false, true} {
			a, b := tt.a, tt.b
			if swapped {
				a, b = b, a
			}
			got, err := Add([]byte(a), []byte(b))
			if !errors.Is(err, tt.err) || tt.want != "" && string(got) != tt.want {
				t.Errorf("Add(%.40q, %.40q) = %.60q, %v, want %.60q, %v", a, b, got, err, tt.want, tt.err)
			}
		}
	}
	if got, err := Add(nil, []byte("1.50")); string(got) != "1.5" || err != nil {
		t.Errorf("Add(nil, 1.50) = %q, %v", got, err)
	}
}

// Sums of decimals below 1 come out as on paper: that is what the extra bits are
// for. (With more before the point there are fewer behind it.)
func TestSumsOfDecimalsAreExact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		a, b := rnd.Int64N(2e6)-1e6, rnd.Int64N(2e6)-1e6
		text := func(n int64) string {
			s := new(big.Rat).SetFrac64(n, 1e6).FloatString(6)
			return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
		}
		got, err := Add([]byte(text(a)), []byte(text(b)))
		if want := text(a + b); err != nil || string(got) != want {
			t.Fatalf("%s + %s = %s, %v, want %s", text(a), text(b), got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1", "-1.5e3", "0x1p5", "inf", "1e400", ".e", "0x.8P-3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x := new(big.Float).SetPrec(precision)
		ok := parse(x, []byte(s))
		// What Go reads as a double and C does too, we read, and as the same.
		v, err := strconv.ParseFloat(s, 64)
		if strings.ContainsAny(s, "_") || len(s) > maxLen || v != v {
			return
		}
		if err == nil && !ok && v != 0 {
			t.Fatalf("%q is %v, and was refused", s, v)
		}
		if err == nil && ok {
			if got, _ := x.Float64(); got != v && !near(got, v) {
				t.Fatalf("%q is %v, read as %v", s, v, got)
			}
		}
	})
}

// near allows for rounding twice, to 64 bits and then to 53.
func near(a, b float64) bool { return fmt.Sprintf("%.14g", a) == fmt.Sprintf("%.14g", b) }

func BenchmarkAdd(b *testing.B) {
	b.ReportAllocs()
	x, y := []byte("1234.5678"), []byte("0.1")
	for b.Loop() {
		_, _ = Add(x, y)
	}
}
