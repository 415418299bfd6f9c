// Package transcripts holds the conversations with a server that every engine
// must be able to have, and redis-server too. See internal/transcript for how to
// read one.
package transcripts

import "embed"

// Files holds the transcripts, a folder per family of commands.
//
//go:embed */*.txt
var Files embed.FS
