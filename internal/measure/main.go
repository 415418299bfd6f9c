// Package main measures what keys cost: memory, and the work of the garbage
// collector, beside a Go map and beside a real redis-server.
//
//	go run ./internal/measure keys    # 5 million keys of 15 bytes, values of 32
//	go run ./internal/measure map     # the same in a Go map of pointers
//	go run ./internal/measure hashes  # a million hashes of 8 fields, here and in redis-server
//	go run ./internal/measure zset    # one sorted set of a million members, likewise
//	go run ./internal/measure growth  # 20 million keys, the slowest insertion
//
// Each prints one table. Memory is resident memory (package process) where a
// process is measured, and used_memory where two servers are compared; overhead
// is what is beyond the bytes of keys, fields, members and values.
package main

import (
	"fmt"
	"io"
	"os"
)

var measurements = map[string]func(w io.Writer) error{
	"keys": measureKeys, "map": measureMap, "hashes": measureHashes, "zset": measureZSet, "growth": measureGrowth,
}

func main() {
	if len(os.Args) != 2 || measurements[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: measure keys|map|hashes|zset|growth")
		os.Exit(2)
	}
	if err := measurements[os.Args[1]](os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}
