package sharedword

import "github.com/redweave/redweave/internal/invariants"

// Overwriting says whether this build overwrites shared strings: see [Stripe].
const Overwriting = !invariants.Enabled
