package dict

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"testing"

	"github.com/redweave/redweave/internal/slab"
)

// put makes an element with that key, keyOff bytes into its block.
func put(a *slab.Arena, keyOff int, key []byte) slab.Ref {
	n := keyOff + KeySize(len(key))
	r := a.Alloc(n)
	PutKey(a.Bytes(r, n)[keyOff:], key)
	return r
}

func key15(i int) []byte { return fmt.Appendf(nil, "key:%011d", i) }

// A model is a Table beside the Go map it must agree with.
type model struct {
	t    *testing.T
	a    *slab.Arena
	tab  *Table
	off  int
	want map[string]slab.Ref
}

func newModel(t *testing.T, keyOff int, p policy) *model {
	a := slab.New(slab.Options{})
	m := &model{t: t, a: a, tab: New(a, keyOff, maphash.MakeSeed()), off: keyOff, want: map[string]slab.Ref{}}
	m.tab.policy = p
	return m
}

func (m *model) insert(key []byte) {
	h := m.tab.Hash(key)
	r := m.tab.Find(h, key)
	if r != m.want[string(key)] {
		m.t.Fatalf("Find(%q) = %d, want %d", key, r, m.want[string(key)])
	}
	if r == slab.Nil {
		r = put(m.a, m.off, key)
		m.tab.Insert(h, r)
		m.want[string(key)] = r
	}
}

func (m *model) remove(key []byte) {
	h := m.tab.Hash(key)
	r := m.tab.Find(h, key)
	if r != m.want[string(key)] {
		m.t.Fatalf("Find(%q) = %d, want %d", key, r, m.want[string(key)])
	}
	if r != slab.Nil {
		m.tab.Remove(h, r)
		m.a.Free(r)
		delete(m.want, string(key))
	}
}

func (m *model) replace(key []byte) {
	if old := m.want[string(key)]; old != slab.Nil {
		r := put(m.a, m.off, key)
		m.tab.Replace(m.tab.Hash(key), old, r)
		m.a.Free(old)
		m.want[string(key)] = r
	}
}

func (m *model) check() {
	m.t.Helper()
	if err := m.tab.Check(); err != nil {
		m.t.Fatal(err)
	}
	if m.tab.Len() != len(m.want) {
		m.t.Fatalf("Len = %d, want %d", m.tab.Len(), len(m.want))
	}
	seen := 0
	for r := range m.tab.All() {
		if k := m.tab.keyOf(r); m.want[string(k)] != r {
			m.t.Fatalf("All yields %d %q, want %d", r, k, m.want[string(k)])
		}
		seen++
	}
	if seen != len(m.want) {
		m.t.Fatalf("All yields %d elements of %d", seen, len(m.want))
	}
}

// run interprets data as operations, two bytes of key and one of what to do.
func (m *model) run(data []byte, checkEvery int) {
	for i := 0; len(data) >= 3; i, data = i+1, data[3:] {
		id := int(binary.LittleEndian.Uint16(data))
		key := fmt.Appendf(nil, "%d", id)
		if id%512 == 7 { // a long one
			key = append(key, make([]byte, 250+id%16)...)
		}
		switch op := data[2]; {
		case op < 140:
			m.insert(key)
		case op < 230:
			m.remove(key)
		case op < 250:
			m.replace(key)
		case op < 252: // everything away
			for k := range m.want {
				m.remove([]byte(k))
			}
		default:
			m.check()
		}
		if i%checkEvery == 0 {
			m.check()
		}
	}
	m.check()
	for _, r := range m.want {
		m.a.Free(r)
	}
	m.tab.Free()
	if u := m.a.Used(); u != 0 {
		m.t.Fatalf("%d bytes are still in use", u)
	}
}

var testPolicies = []policy{
	defaultPolicy,
	{maxLoad: 1.5, minLoad: 1, budget: 1e6},
	{maxLoad: 15, minLoad: 8, budget: 1e6},
}

func TestModel(t *testing.T) {
	for i, p := range testPolicies {
		t.Run(fmt.Sprintf("load=%v", p.maxLoad), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, uint64(i)))
			data := make([]byte, 3*40_000)
			for j := range data {
				data[j] = byte(rnd.Uint32())
			}
			// Fewer deletions in the first half, so that the table grows.
			for j := 2; j < len(data); j += 3 {
				if data[j] >= 250 && rnd.IntN(40) > 0 || j < len(data)/2 && rnd.IntN(2) > 0 {
					data[j] = byte(rnd.IntN(140))
				}
			}
			newModel(t, i*3, p).run(data, 1500)
		})
	}
}
