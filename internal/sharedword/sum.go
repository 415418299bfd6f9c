package sharedword

import "sync/atomic"

// A Sum is a number that several owners add to, each his own part, and anybody reads.
// The zero value is 0.
type Sum struct{ n atomic.Int64 }

// Add adds d.
func (s *Sum) Add(d int64) { s.n.Add(d) }

// Load returns the sum of all that was added.
func (s *Sum) Load() int64 { return s.n.Load() }
