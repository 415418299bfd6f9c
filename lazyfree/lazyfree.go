// Package lazyfree gives the memory of large values back without keeping
// anybody waiting.
//
//	rec := lazyfree.New()            // one for a keyspace
//	home := rec.Home(arena)          // one for each shard
//	home.Free(obj, settings.Lazy(lazyfree.UserDel))
//	…
//	home.Collect()                   // every now and then, by the owner
//	rec.Close()                      // before the arenas
//
// # Redis's rules
//
// A value is freed in the background iff the deletion is of a kind that may be
// (UNLINK always may, others by a setting: see [Settings]) and its effort is
// above [Threshold]: 65 members and more, 64 are freed at once. A string is one
// block, whatever its size, and never worth it. What is pending, and what was
// freed since the last reset, is counted in objects as INFO shows them:
// lazyfree_pending_objects, lazyfreed_objects.
//
// # The way of a value
//
// The blocks of a value belong to a shard's arena, and only the shard's owner
// may touch an arena. So the reclaimer, a goroutine that lives while there is
// work, takes the value apart into a [slab.Batch]: it reads through a
// [slab.View] and threads the blocks into chains, one for each span of memory.
// The owner joins those to its arena, a span at a time, whenever it passes by.
//
//	owner                               reclaimer
//	─────                               ─────────
//	unlink key                   ┌────> take a job
//	Submit: object, View ── FIFO ┘      ┌─> Release a piece into a Batch
//	go on                               │   yield
//	  ⋮                                 └── until done
//	Collect: anything ready?  <──────── hand the Batch over
//	join some spans
//
// Submit costs the owner the same whatever the size of the value: a place in a
// queue (BenchmarkSubmit). Collect costs one atomic load when nothing is ready,
// else at most spansPerCollect joins of two chains.
//
// # One core
//
// The reclaimer may share its core with the owner. It works in pieces of some
// tens of microseconds, chooses their size by the clock, and sleeps after each for
// as long as it took: a client's wait grows by one piece at most, and half the core
// is the owner's.
//
// # Memory between two owners
//
// Blocks in a Batch are free but not usable. The reclaimer hands over every
// batchBlocks blocks or batchBytes bytes, if the owner took what was handed over
// before. If not, the owner does not need memory badly: the reclaimer keeps
// filling the same Batch, which takes memory by the span and not by the block. So
// a shard never has more than three: one that its owner joins, two waiting or
// being filled.
//
// # Who may call what
//
// The methods of a [Home] are for the owner of its arena. Those of a [Reclaimer]
// are for anyone. Submit happens before the reclaimer's reads of the object; its
// last read of a block happens before Collect joins that block.
package lazyfree

import (
	"time"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/internal/slab"
)

// Threshold is the effort above which a value is freed in the background.
const Threshold = 64

// A Cause is why a value goes away.
type Cause uint8

// The causes of deletion. All but the first two are governed by a setting.
const (
	Sync         Cause = iota // never in the background: GETDEL, FLUSHALL SYNC
	Async                     // always: UNLINK, FLUSHALL ASYNC
	UserDel                   // DEL
	UserFlush                 // FLUSHALL, FLUSHDB, SCRIPT FLUSH, FUNCTION FLUSH that say neither SYNC nor ASYNC
	ServerDel                 // a side effect: SET or RENAME over a key, a *STORE, the last element popped
	Expire                    // the key's time was up, or was set to one past
	Eviction                  // maxmemory
	ReplicaFlush              // a replica empties itself before a full synchronization
)

// Settings say which causes may free in the background. The zero value is the
// default of Redis: none.
type Settings struct {
	Eviction     bool // lazyfree-lazy-eviction
	Expire       bool // lazyfree-lazy-expire
	ServerDel    bool // lazyfree-lazy-server-del
	UserDel      bool // lazyfree-lazy-user-del
	UserFlush    bool // lazyfree-lazy-user-flush
	ReplicaFlush bool // replica-lazy-flush
}

// Lazy reports whether a deletion for cause c may free in the background. It
// also decides what is propagated: UNLINK if so, else DEL.
func (s *Settings) Lazy(c Cause) bool {
	switch c {
	case Async:
		return true
	case UserDel:
		return s.UserDel
	case UserFlush:
		return s.UserFlush
	case ServerDel:
		return s.ServerDel
	case Expire:
		return s.Expire
	case Eviction:
		return s.Eviction
	case ReplicaFlush:
		return s.ReplicaFlush
	}
	return false
}

const (
	spansPerCollect = 256     // joins in one Collect
	batchBlocks     = 1 << 15 // a Batch is handed over from this many blocks on
	batchBytes      = 4 << 20 // … or this many bytes
	releaseBlocks   = 1 << 15 // freed between two Splices when freeing at once

	minPiece, maxPiece = 32, 2048 // blocks between two yields
	pieceTime          = 50 * time.Microsecond
	longestRest        = time.Millisecond
)

// A Home is the reclaimer's place in one shard. Its methods are for the owner of
// the shard's arena.
type Home struct {
	rec   *Reclaimer
	arena *slab.Arena
	open  *slab.Batch // being joined, piece by piece
	now   *slab.Batch // for Release
	shelf shelf
}

// Free frees o, which nothing may use any more: in the background if lazy is set
// and it is worth it, else at once.
func (h *Home) Free(o datatypes.Object, lazy bool) {
	if lazy && o.Effort() > Threshold {
		h.Submit(o, 1)
		return
	}
	h.Release(o)
}

// Submit frees o in the background, whatever its effort. It counts as count
// objects: 1 for a value, the number of keys for a database. o is the
// reclaimer's from now on. After the reclaimer was closed, o is freed at once.
func (h *Home) Submit(o datatypes.Object, count int64) {
	if !h.rec.put(job{home: h, view: h.arena.Snapshot(), object: o, count: count}) {
		h.Release(o)
	}
}

// Release frees o at once.
func (h *Home) Release(o datatypes.Object) {
	if h.now == nil {
		h.now = slab.NewBatch(h.arena.Snapshot())
	}
	h.now.SetView(h.arena.Snapshot())
	for done := false; !done; {
		done = o.Release(h.now, releaseBlocks)
		h.arena.Splice(h.now)
	}
}

// Ready reports whether Collect has anything to do.
func (h *Home) Ready() bool { return h.open != nil || h.shelf.ready.Load() }

// Collect makes memory that the reclaimer freed usable again, some of it if
// there is much. It is cheap enough to be called with every command.
func (h *Home) Collect() {
	if h.Ready() {
		h.collect()
	}
}

func (h *Home) collect() {
	if h.open == nil {
		if h.open = h.shelf.take(); h.open == nil {
			return
		}
	}
	if h.arena.SpliceSome(h.open, spansPerCollect) {
		h.shelf.giveBack(h.open)
		h.open = nil
	}
}

// CollectAll is Collect for all there is.
func (h *Home) CollectAll() {
	for h.Ready() {
		h.collect()
	}
}

// Await waits until there is something to collect, for limit at most and not if
// nothing is pending, and collects it. It reports whether it did. An owner short
// of memory calls it before it evicts more.
func (h *Home) Await(limit time.Duration) bool {
	if !h.Ready() && h.rec.Pending() > 0 {
		h.shelf.wait(limit)
	}
	if !h.Ready() {
		return false
	}
	h.collect()
	return true
}
