package keyspace

import "github.com/redweave/redweave/internal/invariants"

// overwriting says whether strings are overwritten beside readers: see overwrite.go.
const overwriting = !invariants.Enabled
