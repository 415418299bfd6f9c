package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// A load is what clients do.
type load struct {
	name, story string
	clients     int
	pipeline    int  // commands that a client sends before it reads replies
	inProcess   bool // makes sense for callers of this process, too
	fill        func(send func(args ...string))
	// command appends a client's next command. Clients are numbered from 0.
	command func(dst []string, client int, r *rand.Rand) []string
	// quick says whose latency counts: nil means everybody's.
	quick func(client int) bool
}

const (
	spreadKeys = 100_000
	slowList   = 20_000 // elements of the list that the slow command reads
	manyKeys   = 8      // of a cross-shard command
)

func key(r *rand.Rand) string { return "key:" + strconv.Itoa(r.IntN(spreadKeys)) }

func get(dst []string, _ int, r *rand.Rand) []string { return append(dst, "GET", key(r)) }

func fillKeys(send func(args ...string)) {
	value := strings.Repeat("x", 32)
	for i := 0; i < spreadKeys; i += 100 {
		args := []string{"MSET"}
		for j := i; j < i+100; j++ {
			args = append(args, "key:"+strconv.Itoa(j), value)
		}
		send(args...)
	}
}

// loads are the built-in workloads.
var loads = []load{
	{
		name: "tiny", story: "pipelined GETs of small values: parsing and writing are all there is",
		clients: 8, pipeline: 32, inProcess: true, fill: fillKeys, command: get,
	},
	{
		name: "many", story: "200 clients, one GET at a time: system calls are all there is",
		clients: 200, pipeline: 1, fill: fillKeys, command: get,
	},
	{
		name: "slow", story: "one client reads a list of 20,000 while 15 others GET: who waits for whom (latency of the others)",
		clients: 16, pipeline: 1, inProcess: true,
		fill: func(send func(args ...string)) {
			fillKeys(send)
			for i := 0; i < slowList; i += 1000 {
				args := []string{"RPUSH", "list"}
				for j := range 1000 {
					args = append(args, fmt.Sprintf("element:%08d", i+j))
				}
				send(args...)
			}
		},
		command: func(dst []string, client int, r *rand.Rand) []string {
			if client == 0 {
				return append(dst, "LRANGE", "list", "0", "-1")
			}
			return get(dst, client, r)
		},
		quick: func(client int) bool { return client > 0 },
	},
	{
		name: "hot", story: "everybody increments one key: shards cannot help",
		clients: 8, pipeline: 16, inProcess: true,
		command: func(dst []string, _ int, _ *rand.Rand) []string { return append(dst, "INCR", "hot") },
	},
	{
		name: "spread", story: "the same over 100,000 keys: shards can",
		clients: 8, pipeline: 16, inProcess: true,
		command: func(dst []string, _ int, r *rand.Rand) []string {
			return append(dst, "INCR", "n:"+strconv.Itoa(r.IntN(spreadKeys)))
		},
	},
	{
		name: "cross", story: "MGET and MSET of 8 keys, wherever they are, beside GETs: what shards pay",
		clients: 8, pipeline: 4, inProcess: true, fill: fillKeys,
		command: func(dst []string, client int, r *rand.Rand) []string {
			switch r.IntN(4) {
			case 0:
				dst = append(dst, "MGET")
				for range manyKeys {
					dst = append(dst, key(r))
				}
				return dst
			case 1:
				dst = append(dst, "MSET")
				for range manyKeys {
					dst = append(dst, key(r), "0123456789abcdef0123456789abcdef")
				}
				return dst
			}
			return get(dst, client, r)
		},
	},
}

func loadNames() (names []string) {
	for _, l := range loads {
		names = append(names, l.name)
	}
	return names
}

// loadsNamed returns the loads of a list of names, or all.
func loadsNamed(list string) (ls []load, err error) {
	if list == "all" {
		return loads, nil
	}
next:
	for name := range strings.SplitSeq(list, ",") {
		for _, l := range loads {
			if l.name == name {
				ls = append(ls, l)
				continue next
			}
		}
		return nil, fmt.Errorf("there is no load %q, but %s", name, strings.Join(loadNames(), ", "))
	}
	return ls, nil
}
