package command

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/redweave/redweave/internal/slab"
)

// check recounts what the table claims.
func (t *trackedKeys) check() error {
	if t.mem == nil {
		if t.items != 0 {
			return fmt.Errorf("%d items in nothing", t.items)
		}
		return nil
	}
	if err := t.table.Check(); err != nil {
		return err
	}
	items := 0
	var fault error
	t.table.ForEach(func(r slab.Ref) bool {
		b := t.block(r)
		n, at := blockIDs(b)
		last := uint64(0)
		for i := range n {
			id := binary.LittleEndian.Uint64(b[at+i*trackID:])
			if i > 0 && id <= last {
				fault = fmt.Errorf("key %q: id %d after %d", t.table.KeyOf(r), id, last)
			}
			last = id
		}
		if n == 0 {
			fault = fmt.Errorf("key %q is nobody's", t.table.KeyOf(r))
		}
		items += n
		return fault == nil
	})
	if fault == nil && items != t.items {
		fault = fmt.Errorf("%d items, not %d", items, t.items)
	}
	return fault
}

// runTracked does what the bytes say, three for each step, to the table and to a map.
func runTracked(t *testing.T, data []byte) {
	var keys trackedKeys
	defer keys.forget()
	model := map[string]map[uint64]bool{}
	rnd := rand.New(rand.NewPCG(1, 2))
	for ; len(data) >= 3; data = data[3:] {
		key, id := fmt.Sprint("key", data[1]%16), uint64(data[2])
		if data[1] > 240 {
			key = strings.Repeat("k", 300)
		}
		switch op := data[0] % 16; {
		case op < 12:
			keys.add([]byte(key), id)
			if model[key] == nil {
				model[key] = map[uint64]bool{}
			}
			model[key][id] = true
		case op < 15:
			want := slices.Sorted(maps.Keys(model[key]))
			if got := keys.take([]byte(key), nil); !slices.Equal(got, want) {
				t.Fatalf("%s is of %v, want %v", key, got, want)
			}
			delete(model, key)
		case data[1] < 10:
			keys.forget()
			clear(model)
		case len(model) > 0:
			if k := keys.random(rnd, nil); model[string(k)] == nil {
				t.Fatalf("%q was drawn", k)
			}
		}
		items := 0
		for _, ids := range model {
			items += len(ids)
		}
		if keys.len() != len(model) || keys.items != items {
			t.Fatalf("%d keys and %d items, want %d and %d", keys.len(), keys.items, len(model), items)
		}
		if err := keys.check(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTrackedKeys(t *testing.T) {
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		data := make([]byte, 6000)
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		runTracked(t, data)
	}
}

func FuzzTrackedKeys(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x01\x0c\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) { runTracked(t, data[:min(len(data), 900)]) })
}

// What nobody tracks any more takes nothing, and what is tracked is counted.
func TestTrackedMemoryIsCounted(t *testing.T) {
	b := newBench(t)
	b.cl.Stay()
	b.cl.SetProto(3)
	b.do("CLIENT TRACKING ON")
	before := b.x.usedMemory()
	for i := range 1000 {
		b.do(fmt.Sprint("GET key:", i))
	}
	if grown := b.x.usedMemory() - before; grown < 20_000 || grown > 80_000 {
		t.Errorf("1000 tracked keys count as %d bytes", grown)
	}
	b.want("CLIENT TRACKING OFF", "+OK\r\n")
	if used := b.x.usedMemory(); used != before {
		t.Errorf("%d bytes used after tracking ended, %d before it began", used, before)
	}
}

// Reading a key again that is tracked already allocates nothing.
func TestTrackingAllocatesNothing(t *testing.T) {
	b := newBench(t)
	b.cl.Stay()
	b.cl.SetProto(3)
	b.do("SET k v")
	b.do("CLIENT TRACKING ON")
	args := [][]byte{[]byte("GET"), []byte("k")}
	if n := testing.AllocsPerRun(100, func() {
		b.cl.Out.Reset()
		b.x.Do(b.cl, args)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
