package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// memory counts what keys cost. Every non-blank line of the biggest files
// becomes a string of its own; then the same goes into a Go map. The keyspace's
// bytes are outside the garbage collector's sight, the map's are not.
func (t *tour) memory() error {
	t.heading("What it costs")
	used, err := t.infoNumber("memory", "used_memory")
	if err != nil {
		return err
	}
	identifiers, err := t.do("MEMORY", "USAGE", "identifiers", "SAMPLES", 0)
	if err != nil {
		return err
	}
	count, err := t.do("ZCARD", "identifiers")
	if err != nil {
		return err
	}
	t.printf("   used_memory is %s; the sorted set of identifiers takes %s, %d bytes a member\n",
		megabytes(used), megabytes(identifiers.Int), identifiers.Int/max(count.Int, 1))

	empty := timeGC()
	keys, payload, err := t.storeLines(t.ks.Set)
	if err != nil {
		return err
	}
	full, err := t.infoNumber("memory", "used_memory")
	if err != nil {
		return err
	}
	t.printf("   SET line:<file>:<number> <text>, %s times: %s of keys and values,\n   used_memory grew by %s, %.1f bytes a key on top\n",
		commas(keys), megabytes(payload), megabytes(full-used), float64(full-used-payload)/float64(max(keys, 1)))

	ours := timeGC()
	lines := make(map[string][]byte)
	if _, _, err := t.storeLines(func(key string, value []byte) error {
		lines[key] = bytes.Clone(value)
		return nil
	}); err != nil {
		return err
	}
	both := timeGC()
	t.printf("   a full garbage collection took %s before, takes %s with them in the keyspace,\n   and %s once a Go map holds the same %s keys\n",
		rounded(empty), rounded(ours), rounded(both), commas(len(lines)))
	runtime.KeepAlive(lines)
	return nil
}

// storeLines gives store the lines of the biggest files, up to the planned
// number, and returns how many there were and their bytes, keys included.
func (t *tour) storeLines(store func(key string, value []byte) error) (n int, payload int64, err error) {
	files, err := t.do("ZRANGE", "sizes", 0, -1, "REV")
	if err != nil {
		return 0, 0, err
	}
	for _, name := range files.Strings() {
		text, err := os.ReadFile(filepath.Join(t.root, name))
		if err != nil {
			return n, payload, err
		}
		number := 0
		for line := range bytes.Lines(text) {
			number++
			line = bytes.TrimSpace(line)
			if len(line) == 0 {
				continue
			}
			key := "line:" + name + ":" + strconv.Itoa(number)
			if err := store(key, line); err != nil {
				return n, payload, err
			}
			n++
			payload += int64(len(key) + len(line))
			if n == t.lines {
				return n, payload, nil
			}
		}
	}
	return n, payload, nil
}

// timeGC returns the time of a full garbage collection, the best of three.
func timeGC() time.Duration {
	best := time.Duration(1<<63 - 1)
	for range 3 {
		start := time.Now()
		runtime.GC()
		best = min(best, time.Since(start))
	}
	return best
}
