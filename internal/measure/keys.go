package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/redweave/redweave/internal/process"
	"github.com/redweave/redweave/keyspace"
)

const (
	manyKeys   = 5_000_000
	growthKeys = 20_000_000
	keyLen     = 15
	valueLen   = 32
	payload    = keyLen + valueLen
)

// appendKey appends the i-th key, of keyLen bytes.
func appendKey(dst []byte, i int) []byte {
	n := len(dst)
	dst = append(dst, "key:00000000000"...)
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], int64(i), 10)
	copy(dst[n+keyLen-len(d):], d)
	return dst
}

// load fills db with n keys and returns the slowest single insertion.
func load(db *keyspace.DB, n int) (slowest time.Duration) {
	var e keyspace.Entry
	key, value := make([]byte, 0, keyLen), make([]byte, valueLen)
	for i := range value {
		value[i] = 'v'
	}
	last := time.Now()
	for i := range n {
		key = appendKey(key[:0], i)
		db.Lookup(&e, key, keyspace.Write)
		db.SetString(&e, key, keyspace.StringOf(value), 0)
		now := time.Now()
		slowest = max(slowest, now.Sub(last))
		last = now
	}
	return slowest
}

// collections returns the median time of a full collection.
func collections() time.Duration {
	var took []time.Duration
	for range 9 {
		start := time.Now()
		runtime.GC()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

func row(w io.Writer, what string, format string, args ...any) {
	fmt.Fprintf(w, "%-44s %s\n", what, fmt.Sprintf(format, args...))
}

func measureKeys(w io.Writer) error {
	debug.FreeOSMemory()
	before := process.RSS()
	s := keyspace.New(keyspace.Options{SmallPages: true})
	defer s.Close()
	s.Tick(time.Now().UnixMilli())
	start := time.Now()
	slowest := load(s.DB(0), manyKeys)
	took := time.Since(start)
	debug.FreeOSMemory()
	rss := process.RSS()
	index, _ := s.DB(0).IndexBytes()
	row(w, "keys of 15 bytes with values of 32", "%d", manyKeys)
	row(w, "resident, of it before loading", "%.1f MB, %.1f MB", mb(rss), mb(before))
	row(w, "resident beyond payload, a key", "%.2f B", perKey(rss-payload*manyKeys))
	row(w, "used_memory beyond payload, a key", "%.2f B", perKey(s.Used()-payload*manyKeys))
	row(w, "of it the index, a key", "%.2f B", perKey(index))
	row(w, "a full garbage collection", "%v", collections())
	row(w, "insertion, mean and slowest", "%v, %v", took/manyKeys, slowest)
	return nil
}

func mb(n int64) float64     { return float64(n) / 1e6 }
func perKey(n int64) float64 { return float64(n) / manyKeys }

// measureMap is the baseline: what a Go program would do without a library.
func measureMap(w io.Writer) error {
	m := map[string]*[]byte{}
	start := time.Now()
	for i := range manyKeys {
		value := make([]byte, valueLen)
		m[string(appendKey(nil, i))] = &value
	}
	took := time.Since(start)
	debug.FreeOSMemory()
	rss := process.RSS()
	row(w, "keys in a Go map of pointers", "%d", len(m))
	row(w, "resident beyond payload, a key", "%.2f B", perKey(rss-payload*manyKeys))
	row(w, "a full garbage collection", "%v", collections())
	row(w, "insertion, mean", "%v", took/manyKeys)
	runtime.KeepAlive(m)
	return nil
}

func measureGrowth(w io.Writer) error {
	s := keyspace.New(keyspace.Options{SmallPages: true})
	defer s.Close()
	s.Tick(time.Now().UnixMilli())
	slowest := load(s.DB(0), growthKeys)
	row(w, "keys", "%d", growthKeys)
	row(w, "slowest insertion", "%v", slowest)
	return nil
}
