//go:build !amd64

package sharedword

// Overwriting says whether this build overwrites shared strings: see [Stripe].
const Overwriting = false
