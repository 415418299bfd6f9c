package keyspace

import (
	"github.com/redweave/redweave/internal/slab"
)

// Active defragmentation moves entries out of sparsely used memory, so that whole
// spans of it become empty and can be given back:
//
//	before   | a · · · | · b · · | c d e f |      two sparse spans
//	after    | · · · · | · · · · | c d e f | a b · · |
//	           given back
//
// The arena says which spans are worth emptying ([slab.Arena.PlanMoves]) and
// whether a block lies in one ([slab.Arena.Sparse]). The cycle walks the keys like
// SCAN and gives those entries, and the blocks of values that are too long for
// their entry, new blocks. What large values are made of stays where it is: their
// blocks name each other.
//
// When it runs, and how much of the processor it takes, is Redis's: not below
// active-defrag-ignore-bytes, not below threshold-lower, with a share of the time
// between cycle-min and cycle-max that grows with the waste.

// DefragSettings are the parameters of active defragmentation, by redis.conf's
// names.
type DefragSettings struct {
	Active                         bool  // activedefrag
	IgnoreBytes                    int64 // active-defrag-ignore-bytes
	ThresholdLower, ThresholdUpper int   // percent
	CycleMin, CycleMax             int   // percent of the processor
}

// defragState is what the cycle remembers from call to call.
type defragState struct {
	running bool
	percent int // of the processor, for this run
	db      int
	cursor  uint64
	refs    []slab.Ref
	scratch Entry
}

// defragClockEvery is how many steps of the walk are made between two looks at the
// clock.
const defragClockEvery = 16

// Defragmenting reports the share of the processor that active defragmentation
// takes at present, in percent; 0 when it does not run.
func (s *Shard) Defragmenting() int {
	if !s.defrag.running {
		return 0
	}
	return s.defrag.percent
}

// DefragCycle moves some entries, if that is asked for and worth while. The owner
// calls it Hz times a second.
func (s *Shard) DefragCycle() {
	d, set := &s.defrag, &s.set.Defrag
	if !set.Active {
		d.running = false
		return
	}
	if !d.running && !s.startDefrag() {
		return
	}
	start := s.nano()
	budget := int64(d.percent) * 1_000_000_000 / 100 / int64(max(s.set.Hz, 1))
	for step := 1; d.running; step++ {
		s.defragStep()
		if step%defragClockEvery == 0 && (s.nanos == nil || s.nano()-start > budget) {
			break
		}
	}
	s.Stats.DefragNanos += s.nano() - start
}

// startDefrag begins a run when enough memory would come free.
func (s *Shard) startDefrag() bool {
	set := &s.set.Defrag
	gain := s.mem.PlanMoves()
	waste := int(gain * 100 / max(s.mem.Used(), 1))
	if gain < set.IgnoreBytes || waste < set.ThresholdLower {
		return false
	}
	share := set.CycleMax
	if span := set.ThresholdUpper - set.ThresholdLower; waste < set.ThresholdUpper && span > 0 {
		share = set.CycleMin + (set.CycleMax-set.CycleMin)*(waste-set.ThresholdLower)/span
	}
	s.defrag.running, s.defrag.percent = true, max(share, 1)
	s.defrag.db, s.defrag.cursor = 0, 0
	return true
}

// defragStep looks at the keys of one step of a SCAN, and ends the run after the
// last database.
func (s *Shard) defragStep() {
	d := &s.defrag
	for s.dbs[d.db] == nil {
		if s.nextDefragDB() {
			return
		}
	}
	db := s.dbs[d.db]
	d.refs = d.refs[:0]
	d.cursor = db.keys.Scan(d.cursor, func(ref slab.Ref) { d.refs = append(d.refs, ref) })
	for _, ref := range d.refs {
		db.defragEntry(ref)
	}
	if d.cursor == 0 {
		s.nextDefragDB()
	}
}

// nextDefragDB goes on to the next database, and reports true after the last.
func (s *Shard) nextDefragDB() (over bool) {
	d := &s.defrag
	d.db, d.cursor = d.db+1, 0
	if d.db == len(s.dbs) {
		d.running, d.db = false, 0
		return true
	}
	return false
}

// defragEntry moves what lies in sparse memory of the entry at ref.
func (db *DB) defragEntry(ref slab.Ref) {
	s, mem := db.shard, db.mem
	e := &s.defrag.scratch
	e.bind(db, 0, ref)
	moved := false
	if e.flags()&flagOutline != 0 {
		if r, n := e.outline(); mem.Sparse(r) {
			nr := mem.Alloc(max(n, 1))
			copy(mem.Bytes(nr, n), mem.Bytes(r, n))
			e.setOutline(nr, n)
			mem.Free(r)
			s.Stats.DefragHits++
			moved = true
		}
	}
	if mem.Sparse(ref) {
		e.hash = db.keys.Hash(e.Key())
		e.relocate(e.vlen())
		s.Stats.DefragHits++
		moved = true
	} else {
		s.Stats.DefragMisses++
	}
	if moved {
		s.Stats.DefragKeyHits++
	} else {
		s.Stats.DefragKeyMisses++
	}
}
