// Package interop tests redweave with the client libraries of others, and measures
// it beside other stores. It is a module of its own, so that whoever imports
// redweave inherits none of them.
//
//	go test ./...                      clients: go-redis, redigo, rueidis; linearizability
//	go test -run '^$' -bench . ./...   rivals: maps, caches, miniredis
package interop
