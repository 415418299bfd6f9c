// Package redweave is a keyspace with Redis's semantics that lives inside a Go
// program, under the threading model its owner picks.
//
//	ks, err := redweave.Open(redweave.Options{})
//	if err != nil { … }
//	defer ks.Close()
//
//	ks.Set("greeting", []byte("hello"))
//	v, ok, err := ks.Get("greeting")
//	n, err := ks.Do(ctx, "ZADD", "board", 100, "ann")
//
//	go ks.ListenAndServe("localhost:6379") // redis-cli, go-redis, … are welcome
//
// # Ownership
//
// A shard is a piece of the keyspace with one owner at a time. A call from the
// program takes ownership, runs the command on its own stack and gives ownership
// back: no goroutine is woken, no message sent. A server's event loop is just
// another owner. Opened without a listener, a keyspace starts no goroutine that
// outlives its work.
//
// # Memory
//
// Keys and values live outside the garbage collector's sight, in blocks that are
// counted to the byte: Options.MaxMemory is kept, and a full collection with
// millions of keys loaded costs what an empty one does. Bytes passed in are
// copied; bytes handed out belong to the caller.
//
// # Concurrency
//
// A [Keyspace] may be used by any number of goroutines. Each command is atomic.
// Reads of strings by [Keyspace.Get] run side by side.
//
// # Where to read on
//
// Package threading explains the models, keyspace the databases, datatypes/… the
// structures, resp the protocol, resp/resptest the fake server for tests. The
// README walks the source from the simplest structure up.
package redweave
