// Package eventloop is what the loops of all models share: sockets and their clients,
// everything that a client may have to wait for, limits, kills, messages of other
// goroutines, the cron and the counters. It is a box of verbs, not a framework: a
// model's package spells out its loop's turn with them, and calls; nothing calls back.
//
//	for lp.Wait() {                         // sleeps; then messages, mail and kills
//		for _, ev := range lp.Events {
//			if c := lp.Greet(ev); c != nil {     // doors, full sockets that have room again, …
//				… lp.Read(c, b) …                  // he has sent something: the model's affair
//			}
//		}
//		for _, c := range lp.Resumable() {      // those who had to wait and may go on
//			… lp.Resume(c, b) …
//		}
//		… b.Execute(x) … lp.Finish(b) …        // here or elsewhere: the model's answer
//		lp.Flush()                              // writes what was replied
//		lp.EndTurn()                            // cron, counters, whoever waits for the turn's end
//	}
//	lp.End()
//
// A [Group] is the loops of one engine, and the half of [threading.Engine] and of
// [command.Host] that is the same for all of them: where a new client goes, who is
// told what, closing.
//
// # What a client waits for
//
// A [Client] is a connection with its session. Its loop knows what it waits for:
//
//	          ┌───────────────────── wants input ◄──────────────────────┐
//	          │ read, parsed                                            │
//	          ▼                                                         │
//	away: its token is with a batch                                     │
//	          │ Finish                                                  │
//	          ├──► held       until CLIENT PAUSE ends ───┐              │
//	          ├──► stalled    until its output is written ├► Resumable ─┤
//	          ├──► waiting    until its command unblocks ┘              │
//	          ├──► ending     until its output is written ──► closed    │
//	          └─────────────────────────────────────────────────────────┘
//
// Beside that it may be blocked: its socket is full.
//
// # Whose is what
//
// A loop's fields are its goroutine's, except where they say otherwise. Of a client,
// the session and the reading and writing side of the socket belong to whoever has
// its token; the rest is the loop's always. A client has one token. Its loop has it
// as long as the client is not away: a loop lends it with the batch that the client's
// commands are in ([Loop.Lend]) and has it back with [Loop.Finish]. What happens to a
// client meanwhile (a kill, mail, input, room in its socket) is noted, and done when
// it is back. Only the loop asks its poller for something, and only the loop closes.
package eventloop
