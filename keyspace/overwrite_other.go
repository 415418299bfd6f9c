//go:build !amd64

package keyspace

// overwriting says whether strings are overwritten beside readers: see overwrite.go.
const overwriting = false
