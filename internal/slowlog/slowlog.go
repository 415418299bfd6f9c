// Package slowlog remembers the latest commands that took long, for SLOWLOG.
//
//	var l slowlog.Log
//	if slow := tookMicros >= threshold; slow {
//		l.Push(slowlog.Entry{UnixSeconds: now, Micros: tookMicros, Client: addr, Name: name}, argv, maxLen)
//	}
//	for e := range l.Newest() { … }
//
// # Guarantees
//
// Push is O(1) but for the copying of arguments, of which it keeps at most 32 of 128 bytes
// each: an entry never holds on to a client's buffers, nor to a large value. IDs
// count from 0 and are not reused, not even after Reset.
//
// A Log has one owner at a time.
package slowlog

import (
	"iter"
	"strconv"
)

// What an entry keeps of a command.
const (
	MaxArgs     = 32  // the last of them says how many more there were
	MaxArgBytes = 128 // a longer one is cut and says how much was
)

// An Entry is a command that took long.
type Entry struct {
	ID          int64 // given by Push
	UnixSeconds int64 // when it was done
	Micros      int64 // how long it ran
	Args        []string
	Client      string // address and port
	Name        string // as of CLIENT SETNAME
}

// A Log is a ring of entries. The zero value is an empty log.
//
//	entries | 4 | 5 | 2 | 3 |      next = 6, the id of the next entry
//	              ^first is 2      id is at index id mod len(entries)
//
// Invariants:
//   - ids are first … next-1, and next-first <= len(entries)
//   - the other places are zero, so that they keep nothing alive
type Log struct {
	entries []Entry
	first   int64
	next    int64
}

// Len returns the number of entries.
func (l *Log) Len() int { return int(l.next - l.first) }

// Reset forgets all entries.
func (l *Log) Reset() { l.resize(0) }

// Push adds e with what is worth keeping of args, and forgets the oldest entries
// beyond maxLen. With a maxLen of 0 it is e itself that is forgotten: its ID is
// gone all the same.
func (l *Log) Push(e Entry, args [][]byte, maxLen int) {
	if maxLen <= 0 {
		l.next++
		l.Reset()
		return
	}
	e.ID = l.next
	e.Args = keep(args)
	if l.Len() == len(l.entries) && len(l.entries) < maxLen {
		l.resize(min(max(2*len(l.entries), 16), maxLen))
	}
	l.Trim(maxLen - 1)
	*l.at(l.next) = e
	l.next++
}

// Trim forgets the oldest entries beyond maxLen: to be called when
// slowlog-max-len changes.
func (l *Log) Trim(maxLen int) {
	for l.Len() > max(maxLen, 0) {
		*l.at(l.first) = Entry{}
		l.first++
	}
}

// Newest returns the entries from the latest to the oldest. The log must not
// be changed on the way.
func (l *Log) Newest() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for id := l.next - 1; id >= l.first; id-- {
			if !yield(l.at(id)) {
				return
			}
		}
	}
}

func (l *Log) at(id int64) *Entry { return &l.entries[id%int64(len(l.entries))] }

// resize moves the latest n entries, or what there is of them, to a ring of n.
func (l *Log) resize(n int) {
	old := *l
	l.entries = make([]Entry, n)
	l.first = max(old.first, old.next-int64(n))
	for id := l.first; id < l.next; id++ {
		*l.at(id) = *old.at(id)
	}
}

// keep copies what an entry shows of a command's arguments.
func keep(args [][]byte) []string {
	kept := make([]string, min(len(args), MaxArgs))
	for i := range kept {
		arg := args[i]
		switch {
		case i == MaxArgs-1 && len(args) > MaxArgs:
			kept[i] = "... (" + strconv.Itoa(len(args)-MaxArgs+1) + " more arguments)"
		case len(arg) > MaxArgBytes:
			kept[i] = string(arg[:MaxArgBytes]) + "... (" + strconv.Itoa(len(arg)-MaxArgBytes) + " more bytes)"
		default:
			kept[i] = string(arg)
		}
	}
	return kept
}
