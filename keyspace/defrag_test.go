package keyspace

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/lazyfree"
)

// A keyspace of which a tenth is left gives most of its memory back once it is
// defragmented, and every value is what it was.
func TestDefragGivesMemoryBack(t *testing.T) {
	set := DefaultSettings()
	set.Defrag = DefragSettings{Active: true, ThresholdLower: 10, ThresholdUpper: 100, CycleMin: 1, CycleMax: 25}
	s := New(Options{Settings: set})
	defer s.Close()
	s.Tick(1)
	db := s.DB(3)
	const n = 40_000
	key := func(i int) []byte { return fmt.Appendf(nil, "key:%06d", i) }
	value := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 20+i%300+i%97/96*5000) }
	var e Entry
	for i := range n {
		db.Lookup(&e, key(i), Write)
		var at int64
		if i%7 == 0 {
			at = 1 << 40
		}
		db.SetString(&e, key(i), String{Enc: 2, Bytes: value(i)}, at)
	}
	for i := range n {
		if i%10 != 0 && db.Lookup(&e, key(i), Write) {
			db.Delete(&e, lazyfree.Sync)
		}
	}
	s.mem.Purge(0)
	used, before := s.Used(), resident(s)
	for range 10_000 {
		s.DefragCycle()
		if s.Defragmenting() == 0 {
			break
		}
	}
	if s.Defragmenting() != 0 {
		t.Fatal("the run does not end")
	}
	s.mem.Purge(0)
	after := resident(s)
	t.Logf("used %d, resident %d before and %d after, %d blocks moved", used, before, after, s.Stats.DefragHits)
	if s.Stats.DefragHits == 0 || after > before/2 {
		t.Errorf("%d bytes resident before, %d after moving %d blocks", before, after, s.Stats.DefragHits)
	}
	for i := 0; i < n; i += 10 {
		if !db.Lookup(&e, key(i), Peek) || !bytes.Equal(e.View(), value(i)) {
			t.Fatalf("key %d is not what it was", i)
		}
		if _, has := e.ExpireAt(); has != (i%7 == 0) {
			t.Fatalf("key %d: expires: %v", i, has)
		}
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

// resident is the memory the system has to provide: held, but for the slots whose
// pages were given back.
func resident(s *Shard) int64 {
	st := s.mem.Stats()
	return st.Held - st.Clean
}

func TestDefragWaitsUntilWorthWhile(t *testing.T) {
	set := DefaultSettings()
	set.Defrag = DefragSettings{Active: true, IgnoreBytes: 100 << 20, ThresholdLower: 10, ThresholdUpper: 100, CycleMin: 1, CycleMax: 25}
	s := New(Options{Settings: set})
	defer s.Close()
	var e Entry
	for i := range 1000 {
		db := s.DB(0)
		db.Lookup(&e, fmt.Append(nil, i), Write)
		db.SetString(&e, fmt.Append(nil, i), StringOf(make([]byte, 100)), 0)
	}
	s.DefragCycle()
	if s.Defragmenting() != 0 || s.Stats.DefragMisses != 0 {
		t.Error("a run began though less than active-defrag-ignore-bytes would come free")
	}
}

// A value that was given room and never filled has a block, but no bytes.
func TestDefragOfEmptyOutline(t *testing.T) {
	b := newBench(t, Options{})
	const n = 3000
	for i := range n {
		b.s.DB(0).Create(&b.e, fmt.Append(nil, i), datatypes.String, datatypes.Raw, nil, 5000)
	}
	if !b.e.outlined() || len(b.e.View()) != 0 {
		t.Fatal("not what the test is about")
	}
	for i := range n {
		if i%50 != 0 {
			b.s.DB(0).Delete(b.find(0, fmt.Sprint(i)), lazyfree.Sync)
		}
	}
	b.set.Defrag = DefragSettings{Active: true, CycleMin: 100, CycleMax: 100}
	for range 100 {
		b.s.DefragCycle()
	}
	if b.s.Stats.DefragHits < n/100 {
		t.Errorf("%d blocks moved", b.s.Stats.DefragHits)
	}
	for i := 0; i < n; i += 50 {
		b.want(0, fmt.Sprint(i), "")
	}
	b.check()
}
