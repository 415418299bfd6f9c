package keyspace

import (
	"bytes"
	"fmt"
	"testing"

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
