package spec

import (
	"bytes"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	for c := range All() {
		if c.Parent != nil {
			for _, name := range casesOf(c.Short()) {
				if got := c.Parent.Sub(name); got != c {
					t.Errorf("%s.Sub(%q) = %v", c.Parent.Name, name, got)
				}
				if got := Lookup([][]byte{[]byte(c.Parent.Name), name, nil}); got != c {
					t.Errorf("Lookup(%s %s) = %v", c.Parent.Name, name, got)
				}
			}
			continue
		}
		for _, name := range casesOf(c.Name) {
			if got := Find(name); got != c {
				t.Errorf("Find(%q) = %v", name, got)
			}
		}
	}
}

// casesOf writes a name in lower, upper and mixed case.
func casesOf(name string) [][]byte {
	mixed := []byte(name)
	for i := range mixed {
		if i%2 == 0 {
			mixed[i] = strings.ToUpper(name)[i]
		}
	}
	return [][]byte{[]byte(name), []byte(strings.ToUpper(name)), mixed}
}

// TestFindNothing tries every name with one byte changed, dropped or added:
// none of them may be taken for the name.
func TestFindNothing(t *testing.T) {
	known := make(map[string]bool)
	for c := range All() {
		if c.Parent == nil {
			known[c.Name] = true
		}
	}
	try := func(name []byte) {
		t.Helper()
		c := Find(name)
		if c != nil && !bytes.Equal(bytes.ToLower(name), []byte(c.Name)) {
			t.Errorf("Find(%q) = %s", name, c.Name)
		}
	}
	for name := range known {
		for i := range name {
			for b := range 256 {
				changed := []byte(name)
				changed[i] = byte(b)
				try(changed)
			}
			try(append([]byte(name[:i]), name[i+1:]...))
			try(append([]byte(name[:i]), append([]byte("x"), name[i:]...)...))
		}
	}
	for _, name := range []string{"", "x", "config|get", "no such command with a very long name", strings.Repeat("\x00", 4)} {
		if c := Find([]byte(name)); c != nil {
			t.Errorf("Find(%q) = %s", name, c.Name)
		}
	}
	if c := ByName("config|nothing"); c != nil {
		t.Errorf("ByName(config|nothing) = %s", c.Name)
	}
	if c := ByName("get|nothing"); c != nil {
		t.Errorf("ByName(get|nothing) = %s", c.Name)
	}
}

func TestLookup(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", ""},
		{"GET k", "get"},
		{"nothing", ""},
		{"CONFIG", "config"},
		{"config Get x", "config|get"},
		{"config nothing", ""},
		{"command", "command"},
	} {
		got := ""
		if cmd := Lookup(words(c.args)); cmd != nil {
			got = cmd.Name
		}
		if got != c.want {
			t.Errorf("Lookup(%s) = %q, want %q", c.args, got, c.want)
		}
	}
}

// TestIndexSpread keeps the index honest: nearly all names stand at the slot
// they hash to.
func TestIndexSpread(t *testing.T) {
	moved, names := 0, 0
	for i := range index.slots {
		s := &index.slots[i]
		if s.cmd == nil {
			continue
		}
		names++
		if slotOf(s.lo, s.hi, int(s.n)) != uint64(i) {
			moved++
		}
	}
	if moved*10 > names {
		t.Errorf("%d of %d names are not at their first slot", moved, names)
	}
	for _, hot := range []string{"get", "set", "incr", "hset", "hget", "lpush", "sadd", "zadd", "mget", "del", "expire"} {
		c := Find([]byte(hot))
		if index.slots[slotOf(c.lo, c.hi, len(hot))].cmd != c {
			t.Errorf("%s is not at its first slot", hot)
		}
	}
}

func TestFindAllocates(t *testing.T) {
	name, sub := []byte("ZRangeByScore"), []byte("Get")
	config := ByName("config")
	if n := testing.AllocsPerRun(100, func() { Find(name); config.Sub(sub) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

var sink *Command

func BenchmarkFind(b *testing.B) {
	for _, name := range []string{"GET", "get", "hset", "EXPIRE", "zrangebyscore", "GEORADIUSBYMEMBER_RO", "nothing"} {
		b.Run("name="+name, func(b *testing.B) {
			b.ReportAllocs()
			n := []byte(name)
			for b.Loop() {
				sink = Find(n)
			}
		})
	}
}

func BenchmarkSub(b *testing.B) {
	for _, name := range []string{"config|get", "cluster|slots", "xinfo|stream"} {
		b.Run("name="+name, func(b *testing.B) {
			c, sub, _ := strings.Cut(name, "|")
			container, n := ByName(c), []byte(sub)
			for b.Loop() {
				sink = container.Sub(n)
			}
		})
	}
}
