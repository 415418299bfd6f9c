package zset

import (
	"math"
	"testing"

	"github.com/redweave/redweave/datatypes/listpack"
)

func TestParseScore(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		in string
		f  float64
		ok bool
	}{
		{"0", 0, true}, {"3", 3, true}, {"-1.5e3", -1500, true}, {".5", 0.5, true}, {"5.", 5, true},
		{"+1", 1, true}, {"007", 7, true}, {"123456789012345678", 123456789012345678, true},
		{"0x1F", 31, true}, {"0X1p-2", 0.25, true}, {"0x1.8", 1.5, true}, {"-0x.8p1", -1, true}, {"0x1e2", 0x1e2, true},
		{"inf", inf, true}, {"+Inf", inf, true}, {"-iNFinity", -inf, true}, {"5e-324", 5e-324, true},
		{"0e999", 0, true}, {"0x0p-9999", 0, true}, {"1e-310", 1e-310, true},
		{"", 0, false}, {" 1", 0, false}, {"1 ", 0, false}, {"1\x00", 0, false}, {"\n1", 0, false},
		{"nan", 0, false}, {"-nan", 0, false}, {"nan(1)", 0, false}, {"in", 0, false}, {"infinit", 0, false},
		{"1_000", 0, false}, {"0x_1p0", 0, false}, {"1e", 0, false}, {"1e+", 0, false}, {"0x", 0, false}, {"0xp1", 0, false},
		{"0x1p", 0, false}, {".", 0, false}, {"-", 0, false}, {"--1", 0, false}, {"1e400", 0, false}, {"-1e400", 0, false},
		{"1e-400", 0, false}, {"0x1p-2000", 0, false}, {"0b1", 0, false}, {"1p3", 0, false}, {"1f", 0, false},
	} {
		f, ok := ParseScore([]byte(c.in))
		if ok != c.ok || ok && f != c.f {
			t.Errorf("ParseScore(%q) = %v, %v; want %v, %v", c.in, f, ok, c.f, c.ok)
		}
	}
	if f, ok := ParseScore([]byte("-0")); !ok || !math.Signbit(f) {
		t.Errorf("ParseScore(-0) = %v, %v", f, ok)
	}
}

func TestParseScoreRange(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		min, max string
		r        ScoreRange
		ok       bool
	}{
		{"1", "2", ScoreRange{1, 2, false, false}, true},
		{"(1", "(2.5", ScoreRange{1, 2.5, true, true}, true},
		{"-inf", "+inf", ScoreRange{-inf, inf, false, false}, true},
		{"(-inf", "(inf", ScoreRange{-inf, inf, true, true}, true},
		{" 1", "( 2", ScoreRange{1, 2, false, true}, true},
		{"", "(", ScoreRange{0, 0, false, true}, true},
		{"-1e999", "1e-999", ScoreRange{-inf, 0, false, false}, true},
		{"1\x00x", "2", ScoreRange{1, 2, false, false}, true},
		{"[1", "2", ScoreRange{}, false},
		{"1", "2 ", ScoreRange{}, false},
		{"nan", "2", ScoreRange{}, false},
		{" ", "2", ScoreRange{}, false},
		{"((1", "2", ScoreRange{}, false},
	} {
		r, ok := ParseScoreRange([]byte(c.min), []byte(c.max))
		if ok != c.ok || ok && r != c.r {
			t.Errorf("ParseScoreRange(%q, %q) = %v, %v; want %v, %v", c.min, c.max, r, ok, c.r, c.ok)
		}
	}
}

func TestParseLexRange(t *testing.T) {
	for in, want := range map[string]LexBound{
		"-": {Inf: -1}, "+": {Inf: 1}, "[": {}, "(": {Ex: true}, "[a": {Member: []byte("a")}, "(-": {Member: []byte("-"), Ex: true},
	} {
		r, ok := ParseLexRange([]byte(in), []byte("+"))
		if b := r.Min; !ok || string(b.Member) != string(want.Member) || b.Ex != want.Ex || b.Inf != want.Inf {
			t.Errorf("%q: %+v, %v", in, b, ok)
		}
	}
	for _, in := range []string{"", "a", "-a", "++", "1"} {
		if _, ok := ParseLexRange([]byte("-"), []byte(in)); ok {
			t.Errorf("%q taken", in)
		}
	}
}

func TestValidate(t *testing.T) {
	lp := func(elems ...string) []byte {
		b := listpack.New()
		for _, e := range elems {
			b = listpack.Append(b, []byte(e))
		}
		return b
	}
	for _, c := range []struct {
		lp []byte
		ok bool
	}{
		{lp(), true},
		{lp("a", "1", "b", "1", "a2", "1.5", "x", "inf"), true},
		{lp("a"), false},
		{lp("a", "x"), false},
		{lp("a", "nan"), false},
		{lp("a", "2", "b", "1"), false},
		{lp("b", "1", "a", "1"), false},
		{lp("a", "1", "a", "2"), false},
		{lp("a", "1")[:9], false},
	} {
		if err := Validate(c.lp); (err == nil) != c.ok {
			t.Errorf("Validate(%q) = %v", c.lp, err)
		}
	}
}
