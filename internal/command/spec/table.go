package spec

import (
	"encoding/binary"
	"strings"
)

// all is every command, containers before their subcommands; all[c.ID] == c.
var all = build()

// index finds top-level commands by name; see Find.
var index = newNameIndex(all)

// build derives what the literals leave out and lines the commands up.
func build() []*Command {
	groups := [...]struct {
		group    Group
		commands []*Command
	}{
		{Generic, genericCommands},
		{String, stringCommands},
		{List, listCommands},
		{Set, setCommands},
		{SortedSet, sortedSetCommands},
		{Hash, hashCommands},
		{Stream, streamCommands},
		{Geo, geoCommands},
		{Bitmap, bitmapCommands},
		{HyperLogLog, hyperLogLogCommands},
		{PubSubGroup, pubSubCommands},
		{Transactions, transactionsCommands},
		{Scripting, scriptingCommands},
		{Connection, connectionCommands},
		{Server, serverCommands},
		{Cluster, clusterCommands},
		{SentinelGroup, sentinelCommands},
		{VectorSet, vectorSetCommands},
		{Array, arrayCommands},
	}
	list := make([]*Command, 0, 512)
	for _, g := range groups {
		for _, c := range g.commands {
			list = c.derive(list, g.group, nil)
			for _, sub := range c.Subcommands {
				list = sub.derive(list, g.group, c)
			}
		}
	}
	return list
}

func (c *Command) derive(list []*Command, g Group, parent *Command) []*Command {
	c.Group, c.Parent, c.ID = g, parent, len(list)
	c.ACL = implied(c.Flags, c.ACL)
	c.FirstKey, c.LastKey, c.Step = c.legacyRange()
	if c.keysMove() {
		c.Flags |= MovableKeys
	}
	c.shape = c.keyShape()
	var ok bool
	if c.since, ok = ParseVersion(c.Since); !ok {
		panic("spec: " + c.Name + " has no version in Since: " + c.Since)
	}
	c.subName = c.Name[strings.IndexByte(c.Name, '|')+1:]
	c.lo, c.hi = fold([]byte(c.subName))
	return append(list, c)
}

// Names are compared as two words.
//
//	length   lo                          hi                         example
//	  >= 8   the first eight bytes       the last eight             "zrangebyscore" = zrangeby, gebyscore
//	4 .. 7   the first four              the last four              "lpush" = lpus, push
//	1 .. 3   first, middle, last byte    0                          "get" = get
//
// Setting bit 5 of every byte folds the case of letters, and letters only come
// from letters this way; length and both words thus settle the identity of a
// name of at most 16 letters. A name that is longer or has a '-' or '_' (whose
// folds other bytes share) is compared in full once the words agree.

const lowerBits = 0x2020202020202020

// fold returns the two words of a name.
func fold(name []byte) (lo, hi uint64) {
	n := len(name)
	switch {
	case n >= 8:
		lo = binary.LittleEndian.Uint64(name)
		hi = binary.LittleEndian.Uint64(name[n-8:])
	case n >= 4:
		lo = uint64(binary.LittleEndian.Uint32(name))
		hi = uint64(binary.LittleEndian.Uint32(name[n-4:]))
	case n > 0:
		lo = uint64(name[0]) | uint64(name[n/2])<<8 | uint64(name[n-1])<<16
	}
	return lo | lowerBits, hi | lowerBits
}

// A nameIndex is an open-addressed hash table of command names, a quarter full
// so that nearly every name is found at its first slot.
type nameIndex struct {
	slots [1 << indexBits]nameSlot
}

const indexBits = 10

// A nameSlot is half a cache line: a hit without a probe reads one.
type nameSlot struct {
	lo, hi uint64
	cmd    *Command
	n      uint32
	inFull bool // lo, hi and n do not settle the name
}

// slotOf hashes a name's words. The multipliers are the best of 200,000 random
// pairs on these names: 18 of 241 miss their first slot.
func slotOf(lo, hi uint64, n int) uint64 {
	h := (lo ^ uint64(n)) * 0xA1157E06E66274FF
	h = (h ^ h>>32 ^ hi) * 0x399E30BCF357B141
	return h >> (64 - indexBits)
}

func newNameIndex(list []*Command) *nameIndex {
	x := new(nameIndex)
	for _, c := range list {
		if c.Parent != nil {
			continue
		}
		i := slotOf(c.lo, c.hi, len(c.Name))
		for x.slots[i].cmd != nil {
			i = (i + 1) % (1 << indexBits)
		}
		x.slots[i] = nameSlot{
			lo: c.lo, hi: c.hi, cmd: c, n: uint32(len(c.Name)),
			inFull: len(c.Name) > 16 || strings.ContainsAny(c.Name, "-_"),
		}
	}
	return x
}

// Find returns the command of a name in any case, nil when there is none. Of
// subcommands it finds only the container.
func Find(name []byte) *Command {
	lo, hi := fold(name)
	for i := slotOf(lo, hi, len(name)); ; i++ {
		s := &index.slots[i%(1<<indexBits)]
		if s.lo == lo && s.hi == hi && int(s.n) == len(name) {
			if !s.inFull || equalFold(name, s.cmd.Name) {
				return s.cmd
			}
		}
		if s.cmd == nil {
			return nil
		}
	}
}

// Sub returns the subcommand of a name in any case, nil when there is none.
func (c *Command) Sub(name []byte) *Command {
	lo, hi := fold(name)
	for _, s := range c.Subcommands {
		if s.lo == lo && s.hi == hi && equalFold(name, s.subName) {
			return s
		}
	}
	return nil
}

// Lookup returns the command that args begin with: the subcommand if they name
// a container and more, nil if either part is unknown.
func Lookup(args [][]byte) *Command {
	if len(args) == 0 {
		return nil
	}
	c := Find(args[0])
	if c == nil || c.Subcommands == nil || len(args) == 1 {
		return c
	}
	return c.Sub(args[1])
}

// ByName returns the command of a full name in any case, such as "get" or
// "config|get", nil when there is none.
func ByName(name string) *Command {
	base, sub, isSub := strings.Cut(name, "|")
	c := Find([]byte(base))
	if c == nil || !isSub {
		return c
	}
	return c.Sub([]byte(sub))
}

// equalFold reports whether name, its ASCII letters made lower case, is want.
func equalFold(name []byte, want string) bool {
	if len(name) != len(want) {
		return false
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		if b != want[i] {
			return false
		}
	}
	return true
}
