// Package resp speaks the Redis serialization protocol, versions 2 and 3: bytes in, values out,
// and back. It knows nothing of keys, commands, sockets or goroutines.
//
//	var p resp.Parser                    // one per connection
//	args, n, err := p.Next(unread)       // n == 0: more bytes are needed
//	w.BulkString("PONG")                 // the server's side of an answer
//	v, n, err := resp.Parse(replyBytes)  // the client's side of it
//
// # What is here
//
//   - [Parser] cuts commands out of what a client sent. It is the hot path of a server: no
//     copy, no allocation.
//   - [Writer] builds replies in a byte slice, in the version of the protocol its connection chose.
//   - [Value], [Parse] and [Reader] are the reading side of replies: clients, tests, in-process calls.
//   - [AppendCommand] encodes a request.
//   - [Error] is a failure as the wire carries it; the protocol's own are the constants Err….
//   - [ParseInt] and [AppendDouble] hold Redis's notion of how numbers are written.
//
// # Guarantees
//
// Whatever arrives, in whatever pieces, Parser, Parse and Reader neither panic nor allocate on
// the word of a length alone: what they hold is bounded by what has really arrived. A stream of
// bytes gives the same commands and the same error however it was cut into pieces. Each byte is
// looked at a bounded number of times.
//
// # Ownership of bytes
//
// Arguments that [Parser] hands out are parts of the buffer it was given (quoted inline
// arguments alone are copies), so they live as long as the caller leaves that buffer alone.
// [Value] owns its strings. [Writer] copies what it is given.
//
// # Concurrency
//
// None: each Parser, Writer and Reader belongs to one goroutine at a time.
package resp
