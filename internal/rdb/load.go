package rdb

import (
	"math"
	"slices"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/intset"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/datatypes/quicklist"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/internal/slab"
)

// Load reads a value, as [Open] returned it, into the slot s, over whatever bytes it
// held, and returns its type. Encodings are those that lim asks for. The slot may
// then hold a part of value, not a copy. A hash of which all fields are due is
// empty; nothing else is.
//
// Bytes behind the value are left alone, as Redis does. After an error the slot is
// of no use, and nothing of the arena is taken.
func Load(value []byte, s datatypes.Slot, lim *Limits, nowMs int64) (t datatypes.Type, err error) {
	r := &reader{b: value}
	l := loader{reader: r, s: s, lim: lim, nowMs: nowMs}
	t = l.load(r.byte())
	if r.bad {
		Discard(s)
		return datatypes.None, ErrFormat
	}
	return t, nil
}

// Discard frees a value that was loaded in vain. The slot is empty after it.
func Discard(s datatypes.Slot) {
	if o := s.Object(); o != nil {
		a := s.Arena()
		b := slab.NewBatch(a.Snapshot())
		for !o.Release(b, 1<<12) {
		}
		a.Splice(b)
	}
	s.SetBytes(datatypes.Raw, nil)
}

type loader struct {
	*reader
	s     datatypes.Slot
	lim   *Limits
	nowMs int64
}

func (l *loader) load(kind byte) datatypes.Type {
	switch kind {
	case typeString:
		l.scalar()
		return datatypes.String
	case typeList, typeZiplist, typeQuicklist, typeQuicklist2:
		l.list(kind)
		return datatypes.List
	case typeSet:
		l.set()
		return datatypes.Set
	case typeIntset:
		l.intset()
		return datatypes.Set
	case typeSetPack:
		l.packedSet()
		return datatypes.Set
	case typeZSet, typeZSet2:
		l.zset(kind)
		return datatypes.ZSet
	case typeZSetPack, typeZSetZip:
		l.packedZSet(l.packed(kind == typeZSetZip))
		return datatypes.ZSet
	case typeHash, typeHashTTL:
		l.hash(kind == typeHashTTL)
		return datatypes.Hash
	case typeHashPack, typeHashZip:
		l.packedHash(l.packed(kind == typeHashZip))
		return datatypes.Hash
	case typeZipmap:
		l.zipmap()
		return datatypes.Hash
	case typeStream1, typeStream2, typeStream3:
		l.stream(kind)
		return datatypes.Stream
	}
	l.fail()
	return datatypes.None
}

// embStrMax is the longest string that OBJECT ENCODING calls embstr.
const embStrMax = 44

func (l *loader) scalar() {
	b := l.str(0)
	switch n, isInt := listpack.ParseInt(b); {
	case l.bad:
	case isInt:
		l.s.SetBytes(datatypes.Int, le.AppendUint64(nil, uint64(n)))
	case len(b) <= embStrMax:
		l.s.SetBytes(datatypes.EmbStr, slices.Clip(b))
	default:
		l.s.SetBytes(datatypes.Raw, slices.Clip(b))
	}
}

// packed reads a string that is a listpack, or a ziplist to be made one. What it
// returns is valid, every element in its shortest form, as searches take for granted.
func (l *loader) packed(zip bool) []byte {
	b := l.str(0)
	if l.bad {
		return nil
	}
	if zip {
		lp, ok := fromZiplist(b)
		if !ok {
			l.fail()
		}
		return lp
	}
	if listpack.Validate(b, true) != nil {
		l.fail()
		return nil
	}
	return slices.Clip(b)
}

func (l *loader) list(kind byte) {
	loaded := list.LoadNodes(l.s, l.lim.List, func(q *quicklist.List) {
		q.SetPackedThreshold(l.lim.List.PackedThreshold)
		switch kind {
		case typeList:
			for range l.count(1) {
				if elem := l.str(0); !l.bad {
					q.PushTail(elem)
				}
			}
		case typeZiplist:
			q.AppendListpack(l.nodeOr(listpack.New, true))
		default:
			for range l.count(1) {
				l.node(q, kind == typeQuicklist)
				if l.bad {
					return
				}
			}
		}
	})
	if loaded.Len() == 0 {
		l.fail()
	}
}

// nodeOr reads a node, or makes one up when there is none.
func (l *loader) nodeOr(none func() []byte, zip bool) []byte {
	if lp := l.packed(zip); !l.bad {
		return lp
	}
	return none()
}

// node reads a node of a list. A large element is pushed as if it came in a command,
// so that whether it has a node of its own depends on its size alone.
func (l *loader) node(q *quicklist.List, zip bool) {
	kind := byte(nodePacked)
	if !zip {
		kind = l.byte()
	}
	switch kind {
	case nodePlain:
		if elem := l.str(0); !l.bad {
			q.PushTail(elem)
		}
	case nodePacked:
		q.AppendListpack(l.nodeOr(listpack.New, zip))
	default:
		l.fail()
	}
}

// set reads members one by one.
func (l *loader) set() {
	n := l.count(1)
	if n == 0 {
		l.fail()
		return
	}
	first := l.str(0)
	s := set.Create(l.s, first, n, l.lim.Set)
	for i := 0; i < n && !l.bad; i++ {
		if i > 0 {
			first = l.str(0)
		}
		if !l.bad && !s.Add(first, l.lim.Set) {
			l.fail()
		}
	}
}

func (l *loader) intset() {
	b := l.str(0)
	if l.bad || intset.Validate(b, true) != nil || intset.Len(b) == 0 {
		l.fail()
		return
	}
	l.s.SetBytes(datatypes.IntSet, slices.Clip(b))
	set.Open(l.s).ConvertFor(intset.Len(b), l.lim.Set)
}

func (l *loader) packedSet() {
	lp := l.packed(false)
	if l.bad || listpack.Len(lp) == 0 || !distinct(lp, 1) {
		l.fail()
		return
	}
	l.s.SetBytes(datatypes.ListPack, lp)
	set.Open(l.s).ConvertFor(listpack.Len(lp), l.lim.Set)
}

// distinct reports whether no two of the elements that are step apart are the same.
func distinct(lp []byte, step int) bool {
	seen := make(map[string]struct{}, min(listpack.Len(lp)/step, someElements))
	var buf []byte
	for p := listpack.First(lp); p >= 0; p = listpack.Skip(lp, p, step) {
		buf = listpack.Get(lp, p).Append(buf[:0])
		if _, again := seen[string(buf)]; again {
			return false
		}
		seen[string(buf)] = struct{}{}
	}
	return true
}

// someElements is for how many elements memory is taken in advance: a number in a
// payload is not worth more.
const someElements = 1 << 12

// zset reads members and scores one by one.
func (l *loader) zset(kind byte) {
	size := 1 + 8
	if kind == typeZSet {
		size = 1 + 1
	}
	n := l.count(size)
	pairs := make([]zset.Pair, 0, min(n, someElements))
	seen := make(map[string]struct{}, min(n, someElements))
	for range n {
		m := string(l.str(0))
		score := 0.0
		if kind == typeZSet {
			score = l.textScore()
		} else {
			score = l.double()
		}
		if _, again := seen[m]; again {
			l.fail()
		}
		if l.bad {
			return
		}
		seen[m] = struct{}{}
		pairs = append(pairs, zset.Pair{Member: []byte(m), Score: score})
	}
	if n == 0 {
		l.fail()
		return
	}
	slices.Reverse(pairs) // they come with the highest score first
	zset.Store(l.s, pairs, l.lim.ZSet)
}

// textScore reads a score of the oldest kind: a length in one byte and digits, or a
// byte that stands for NaN or an infinity.
func (l *loader) textScore() float64 {
	switch c := l.byte(); c {
	case 253:
		return l.score(math.NaN())
	case 254:
		return math.Inf(1)
	case 255:
		return math.Inf(-1)
	default:
		f, ok := zset.ParseScore(l.take(uint64(c)))
		if !ok {
			l.fail()
		}
		return f
	}
}

func (l *loader) packedZSet(lp []byte) {
	if l.bad || listpack.Len(lp) == 0 || zset.Validate(lp) != nil {
		l.fail()
		return
	}
	l.s.SetBytes(datatypes.ListPack, lp)
	zset.Open(l.s).ConvertFor(listpack.Len(lp)/2, l.lim.ZSet)
}

// hash reads fields and values one by one, and with ttls their expiries.
func (l *loader) hash(ttls bool) {
	n := l.count(2)
	if n == 0 {
		l.fail()
		return
	}
	h := hash.Init(l.s)
	for range n {
		field, value, at := l.str(0), l.str(1), int64(0)
		if ttls {
			if at = int64(l.uint64()); at < 0 {
				l.fail()
			}
		}
		if l.bad {
			return
		}
		if at != 0 && at <= l.nowMs {
			continue
		}
		// The past is not now: what was read a moment ago must not be due.
		if !h.Set(field, value, l.lim.Hash, math.MinInt64) {
			l.fail()
			return
		}
		if at != 0 {
			h.Expire(field, at, hash.Always, math.MinInt64)
		}
	}
}

func (l *loader) packedHash(lp []byte) {
	if l.bad || listpack.Len(lp) == 0 || hash.Validate(datatypes.ListPack, lp) != nil {
		l.fail()
		return
	}
	if listpack.Len(lp)/2 <= l.lim.Hash.ListPackEntries {
		l.s.SetBytes(datatypes.ListPack, lp)
		return
	}
	h := hash.Init(l.s)
	var field, value []byte
	for p := listpack.First(lp); p >= 0; p = listpack.Skip(lp, p, 2) {
		field = listpack.Get(lp, p).Append(field[:0])
		value = listpack.Get(lp, listpack.Next(lp, p)).Append(value[:0])
		h.Set(field, value, l.lim.Hash, 0)
	}
}
