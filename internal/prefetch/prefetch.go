// Package prefetch asks the processor to bring memory into its caches before it
// is needed.
//
// A lookup in a large table waits for memory twice: for the bucket, then for the
// element. Whoever knows several lookups ahead can have all of them wait at the
// same time. Where the processor has no such instruction that we know of, nothing
// happens.
package prefetch

import "unsafe"

// T0 asks for the cache line at p. p may be any address: an invalid one is
// ignored by the processor.
func T0(p unsafe.Pointer) { t0(p) }

// Pair asks for the cache line at p and for the one 64 bytes further on, which need not
// be memory of the same variable, nor of any.
func Pair(p unsafe.Pointer) { pair(p) }
