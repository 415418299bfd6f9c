package command

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// naiveLCS is the textbook's table and the way back that Redis takes.
func naiveLCS(a, b []byte) (length int, common string, ranges string) {
	l := make([][]int, len(a)+1)
	for i := range l {
		l[i] = make([]int, len(b)+1)
		for j := range l[i] {
			switch {
			case i == 0 || j == 0:
			case a[i-1] == b[j-1]:
				l[i][j] = l[i-1][j-1] + 1
			default:
				l[i][j] = max(l[i-1][j], l[i][j-1])
			}
		}
	}
	i, j, size := len(a), len(b), 0
	for i > 0 && j > 0 {
		switch {
		case a[i-1] == b[j-1]:
			common = string(a[i-1:i]) + common
			i, j, size = i-1, j-1, size+1
			continue
		case size > 0:
			ranges += fmt.Sprint(i, j, size, ";")
			size = 0
		}
		if l[i-1][j] > l[i][j-1] {
			i--
		} else {
			j--
		}
	}
	if size > 0 {
		ranges += fmt.Sprint(i, j, size, ";")
	}
	return l[len(a)][len(b)], common, ranges
}

func checkLCS(t *testing.T, a, b []byte) {
	t.Helper()
	length, common, ranges := naiveLCS(a, b)
	all := newLCSTable(a, b, true)
	got := ""
	all.ranges(func(i, j, size int) { got += fmt.Sprint(i, j, size, ";") })
	if one := newLCSTable(a, b, false).length(); one != length || all.length() != length ||
		string(all.common()) != common || got != ranges {
		t.Fatalf("%q and %q:\n got %d %d %q %s\nwant %d %q %s", a, b, one, all.length(), all.common(), got, length, common, ranges)
	}
}

func TestLCSTable(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 5, 63, 64, 65, 130, 300} {
		for range 40 {
			a, b := make([]byte, rnd.IntN(n+1)), make([]byte, n)
			kinds := 1 + rnd.IntN(6)
			for _, s := range [][]byte{a, b} {
				for i := range s {
					s[i] = 'a' + byte(rnd.IntN(kinds))
				}
			}
			checkLCS(t, a, b)
			checkLCS(t, b, a)
		}
	}
}

func FuzzLCS(f *testing.F) {
	f.Add([]byte("ohmytext"), []byte("mynewtext"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) < 300 && len(b) < 300 {
			checkLCS(t, a, b)
		}
	})
}

func BenchmarkLCS(b *testing.B) {
	rnd := rand.New(rand.NewPCG(5, 6))
	x, y := make([]byte, 4000), make([]byte, 4000)
	for i := range x {
		x[i], y[i] = "ACGT"[rnd.IntN(4)], "ACGT"[rnd.IntN(4)]
	}
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"len", func() { newLCSTable(x, y, false).length() }},
		{"string", func() { newLCSTable(x, y, true).common() }},
		{"naive", func() { naiveLCS(x[:1000], y[:1000]) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.f()
			}
		})
	}
}
