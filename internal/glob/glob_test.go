package glob

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// The odd ones were asked of redis-server 7.0.15 with KEYS.
var matchTests = []struct {
	pattern, s string
	nocase     bool
	want       bool
}{
	{"", "", false, true},
	{"", "a", false, false},
	{"*", "", false, false},
	{"**", "", false, false},
	{"?", "", false, false},
	{"*", "a", false, true},
	{"**", "abc", false, true},
	{"*?", "a", false, true},
	{"?*", "a", false, true},
	{"*??", "a", false, false},
	{"abc", "abc", false, true},
	{"abc", "abd", false, false},
	{"abc", "ab", false, false},
	{"abc", "abcd", false, false},
	{"abc*", "abc", false, true},
	{"abc**", "abc", false, true},
	{"*abc", "xxabcabc", false, true},
	{"*abc", "xxabcab", false, false},
	{"a*b*c", "aXbXbXc", false, true},
	{"a*b*c", "aXcXb", false, false},
	{"h[ae]llo", "hallo", false, true},
	{"h[^e]llo", "hello", false, false},
	{"h[a-c]llo", "hbllo", false, true},
	{"h[c-a]llo", "hbllo", false, true},
	{"ABC", "abc", true, true},
	{"ABC", "abc", false, false},
	{"[A-C]*", "bx", true, true},
	{"[Z-a]", "z", true, false},
	{`[\A]`, "a", true, false},
	{`\A`, "a", true, true},

	{"a[]]b", "a]b", false, false},
	{`a[\]]b`, "a]b", false, true},
	{"a[^x", "ab", false, true},
	{"a[^x", "a]b", false, false},
	{"a[a-]b", "a-b", false, false},
	{"a[a-]b", "aab", false, false},
	{"a[a-]", "a]", false, true},
	{"a[^]b", "a-b", false, true},
	{"a[^]b", `a\b`, false, true},
	{"a[]b", "a]b", false, false},
	{"[", "[", false, false},
	{"[[", "[", false, true},
	{"[[]", "[", false, true},
	{`a[\-]b`, "a-b", false, true},
	{`a[\`, `a\`, false, true},
	{"a[z-A]b", "a^b", false, true},
	{"a[z-A]b", "a-b", false, false},
	{`a\`, `a\`, false, true},
	{`\a\a\b`, "aab", false, true},
	{`a\\b`, `a\b`, false, true},
	{`a\*`, "a*", false, true},
	{`a\*`, "ab", false, false},
	{"a[^^]b", "a^b", false, false},
	{"a[^^]b", "aab", false, true},
	{"a[b^]b", "a^b", false, true},
	{"\xff?\x00", "\xff\xfe\x00", false, true},
}

func TestMatch(t *testing.T) {
	for _, tt := range matchTests {
		if got := Match([]byte(tt.pattern), []byte(tt.s), tt.nocase); got != tt.want {
			t.Errorf("Match(%q, %q, nocase=%v) = %v, want %v", tt.pattern, tt.s, tt.nocase, got, tt.want)
		}
		if got := naive(tt.pattern, tt.s, tt.nocase); got != tt.want {
			t.Errorf("the model: naive(%q, %q, nocase=%v) = %v, want %v", tt.pattern, tt.s, tt.nocase, got, tt.want)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	pattern, s := []byte("*[a-c]?x*y"), []byte("the quick brown fox jumps over abxx lazy")
	if n := testing.AllocsPerRun(100, func() { Match(pattern, s, true) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// TestNoExponentialBlowUp is the pattern that stopped servers for minutes when
// every * was tried in every place.
func TestNoExponentialBlowUp(t *testing.T) {
	pattern := []byte(strings.Repeat("a*", 500) + "b")
	s := []byte(strings.Repeat("a", 20_000))
	start := time.Now()
	if Match(pattern, s, false) || Match(pattern, s, true) {
		t.Error("matched")
	}
	if took := time.Since(start); took > 2*time.Minute {
		t.Errorf("took %v", took)
	}
}

// naive is the language as one would define it: a * is nothing, or one byte and
// a *. A class is first turned into the set of its 256 bytes.
func naive(pattern, s string, nocase bool) bool {
	if s == "" && pattern != "" {
		return false
	}
	return naiveFrom(pattern, s, nocase)
}

func naiveFrom(pattern, s string, nocase bool) bool {
	if pattern == "" {
		return s == ""
	}
	if pattern[0] == '*' {
		return naiveFrom(pattern[1:], s, nocase) || s != "" && naiveFrom(pattern, s[1:], nocase)
	}
	if s == "" {
		return false
	}
	set, rest := naiveSet(pattern, nocase)
	return set[s[0]] && naiveFrom(rest, s[1:], nocase)
}

func naiveSet(pattern string, nocase bool) (set [256]bool, rest string) {
	add := func(c byte, fold bool) {
		for i := range set {
			one, other := string(rune(c)), string(rune(i))
			if c == byte(i) || fold && nocase && c < 128 && i < 128 && strings.EqualFold(one, other) {
				set[i] = true
			}
		}
	}
	switch {
	case pattern[0] == '?':
		for i := range set {
			set[i] = true
		}
		return set, pattern[1:]
	case pattern[0] == '\\' && len(pattern) > 1:
		add(pattern[1], true)
		return set, pattern[2:]
	case pattern[0] != '[':
		add(pattern[0], true)
		return set, pattern[1:]
	}
	rest, negated := strings.CutPrefix(pattern[1:], "^")
	for rest != "" && rest[0] != ']' {
		switch {
		case rest[0] == '\\' && len(rest) > 1:
			add(rest[1], false)
			rest = rest[2:]
		case len(rest) > 2 && rest[1] == '-':
			lo, hi := min(rest[0], rest[2]), max(rest[0], rest[2])
			if nocase {
				lo, hi = naiveLower(lo), naiveLower(hi)
			}
			for i := range set {
				c := byte(i)
				if nocase {
					c = naiveLower(c)
				}
				set[i] = set[i] || lo <= c && c <= hi
			}
			rest = rest[3:]
		default:
			add(rest[0], true)
			rest = rest[1:]
		}
	}
	if negated {
		for i := range set {
			set[i] = !set[i]
		}
	}
	return set, strings.TrimPrefix(rest, "]")
}

// naiveLower is C's tolower in the C locale: only ASCII letters have cases.
func naiveLower(c byte) byte {
	if strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ", c) >= 0 {
		return c + 'a' - 'A'
	}
	return c
}

func checkMatch(t *testing.T, pattern, s string, nocase bool) {
	t.Helper()
	got, want := Match([]byte(pattern), []byte(s), nocase), naive(pattern, s, nocase)
	if got != want {
		t.Fatalf("Match(%q, %q, nocase=%v) = %v, want %v", pattern, s, nocase, got, want)
	}
}

func TestMatchAgainstModel(t *testing.T) {
	const seed, alphabet = 11, `ab*?[]\-^AZz`
	rnd := rand.New(rand.NewPCG(seed, seed))
	word := func(n int) string {
		b := make([]byte, rnd.IntN(n))
		for i := range b {
			b[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		return string(b)
	}
	for range 200_000 {
		checkMatch(t, word(9), word(7), rnd.IntN(2) == 0)
	}
}

func FuzzGlob(f *testing.F) {
	for _, tt := range matchTests {
		f.Add(tt.pattern, tt.s, tt.nocase)
	}
	f.Fuzz(func(t *testing.T, pattern, s string, nocase bool) {
		if len(pattern) > 24 || len(s) > 24 || strings.Count(pattern, "*") > 5 {
			return // the model is exponential
		}
		checkMatch(t, pattern, s, nocase)
	})
}

func BenchmarkMatch(b *testing.B) {
	s := []byte("session:user:1234567:profile")
	for _, pattern := range []string{"session:*", "*profile", "*:12[0-9]*", "session:user:????????profile"} {
		b.Run("pattern="+pattern, func(b *testing.B) {
			p := []byte(pattern)
			for b.Loop() {
				Match(p, s, false)
			}
		})
	}
}
