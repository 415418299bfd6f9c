//go:build !invariants && !race

// Package invariants holds one constant that says whether the structures
// check themselves.
//
// Code guarded by
//
//	if invariants.Enabled { … }
//
// compiles to nothing in an ordinary build. Under -tags invariants or -race
// it recounts links, poisons freed memory, and shrinks thresholds so that
// conversions and rehashing happen early.
package invariants

// Enabled is true in builds with -tags invariants or -race.
const Enabled = false
