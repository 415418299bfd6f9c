// Package script is Lua 5.1 as Redis offers it to scripts, on gopher-lua: compiled and
// run by the rules, with the libraries and in the words of redis-server.
//
//	s := script.New(script.Options{Host: server})     // one for each server
//	sc, err := s.Compile("return redis.call('GET', KEYS[1])")
//	failed := s.Run(sc, keys, args, &out)             // the reply is in out, or failed says why not
//
// It knows nothing of keys, commands or clients: redis.call gives the arguments to the
// [Host] and takes the bytes of a reply.
//
// # What is gopher-lua's, and what is not
//
//	source ──parser──> tree ──lua.Compile──> code ──patch──> code ──lua.LState──> values ──> reply
//	         ours            gopher-lua              ours          gopher-lua           ours
//
// The compiler, the machine, tables and coroutines are gopher-lua's. The parser is ours,
// as it says what is wrong in Lua's words (parse.go); so are errors, which name variables
// as Lua does (names.go); and all libraries, which format numbers, match patterns and
// complain as Lua's do (base.go, strings.go, pattern.go, libs.go, cjson.go, pack.go).
//
// # Guarantees
//
//   - A script leaves nothing behind. Globals and libraries are sealed (libs.go); what
//     remains is what a library of functions keeps in its local variables.
//   - It gets at nothing outside: no files, no processes, no code but Lua source.
//   - It can be stopped at any instruction, whatever it catches, and inside every library
//     function that may take long ([Host.Tick]).
//   - Its memory is bounded, as far as a machine without accounts allows: no string is
//     longer than 512 MiB, and when the heap has grown by [Options].MaxBytes since it
//     began, it ends. So is the depth of calls, of Lua's functions and of ours.
//
// # Differences from Redis
//
// The order of pairs is that of insertion. string.dump has nothing to give. Strings in
// arithmetic are read as gopher-lua reads them, in which "010" is eight. A table with an
// index in the millions takes memory up to there.
//
// # Concurrency
//
// None: a [State] belongs to one goroutine at a time.
package script
