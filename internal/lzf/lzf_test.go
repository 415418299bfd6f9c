package lzf

import (
	"bytes"
	"testing"
)

func TestBytes(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"aaaaaaaaaa", "\x00a\xe0\x00\x00"},
		{"abcdabcdabcdabcdabcd", "\x03abcd\xe0\x07\x03"},
		{"abcabc", ""}, // does not fit into less than itself
		{"", ""},
	} {
		dst := make([]byte, max(len(c.in)-1, 0))
		if n := Compress(dst, []byte(c.in)); string(dst[:n]) != c.out {
			t.Errorf("Compress(%q) = %q, want %q", c.in, dst[:n], c.out)
		}
	}
}

func TestExpand(t *testing.T) {
	for _, c := range []struct {
		why, in string
		size    int
		out     string
	}{
		{"a match that runs into itself", "\x00a\xe0\x00\x00", 10, "aaaaaaaaaa"},
		{"a match that does not", "\x03abcd\x20\x03", 7, "abcdabc"},
		{"nothing", "", 0, ""},
		{"longer than told", "\x00a\xe0\x00\x00", 9, ""},
		{"shorter than told", "\x00a\xe0\x00\x00", 11, ""},
		{"from before the start", "\x00a\x20\x01", 4, ""},
		{"literals that end early", "\x05abc", 6, ""},
		{"no length", "\x00a\xe0", 10, ""},
		{"no offset", "\x00a\xe0\x00", 10, ""},
		{"no short offset", "\x00a\x20", 4, ""},
	} {
		dst := make([]byte, c.size)
		ok := Expand(dst, []byte(c.in))
		if want := len(c.out) == c.size; ok != want || ok && string(dst) != c.out {
			t.Errorf("%s: Expand(%q) = %q, %t, want %q, %t", c.why, c.in, dst, ok, c.out, want)
		}
	}
}

// Nothing of a length expands to more than Most says: matches of the greatest length do.
func TestMost(t *testing.T) {
	for matches := range 5 {
		in := append([]byte{0, 'a'}, bytes.Repeat([]byte{0xE0, 0xFF, 0}, matches)...)
		size := 1 + matches*maxMatch
		if !Expand(make([]byte, size), in) {
			t.Errorf("%d matches do not make %d bytes", matches, size)
		}
		if most := Most(len(in)); uint64(size) > most {
			t.Errorf("%d bytes make %d, Most says %d", len(in), size, most)
		}
	}
}

func FuzzLZF(f *testing.F) {
	f.Add([]byte("aaaaaaaaaaaaaaaaabbbbbbbbbbbaaaaaaaa"))
	f.Add(bytes.Repeat([]byte("user:1000,"), 2000))
	f.Fuzz(func(t *testing.T, data []byte) {
		// As input to Expand: any outcome but a panic.
		Expand(make([]byte, 3*len(data)), data)
		out := make([]byte, len(data)+len(data)/maxLiteral+1)
		n := Compress(out, data)
		if n == 0 && len(data) > 0 {
			t.Fatal("no room where literals would fit")
		}
		if most := Most(n); uint64(len(data)) > most {
			t.Fatalf("%d bytes stand for %d, Most says %d", n, len(data), most)
		}
		back := make([]byte, len(data))
		if !Expand(back, out[:n]) || !bytes.Equal(back, data) {
			t.Fatalf("%d bytes came back otherwise", len(data))
		}
	})
}
