package command

import (
	"bytes"

	"github.com/redweave/redweave/resp"
)

// Every error reply, text for text as Redis words it. A reply with arguments is
// built by a function at the end of the file.
const (
	errSyntax        resp.Error = "ERR syntax error"
	ErrWrongType     resp.Error = "WRONGTYPE Operation against a key holding the wrong kind of value"
	errNotInteger    resp.Error = "ERR value is not an integer or out of range"
	errNotFloat      resp.Error = "ERR value is not a valid float"
	errNotPositive   resp.Error = "ERR value is out of range, must be positive"
	errOutOfRange    resp.Error = "ERR value is out of range"
	errOverflow      resp.Error = "ERR increment or decrement would overflow"
	errDecrOverflow  resp.Error = "ERR decrement would overflow"
	errNaN           resp.Error = "ERR increment would produce NaN or Infinity"
	errStringTooLong resp.Error = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	errOffset        resp.Error = "ERR offset is out of range"
	errNoSuchKey     resp.Error = "ERR no such key"
	errIndexRange    resp.Error = "ERR index out of range"
	errSameObject    resp.Error = "ERR source and destination objects are the same"
	errDBRange       resp.Error = "ERR DB index is out of range"
	errInvalidDB     resp.Error = "ERR invalid DB index"
	errInvalidCursor resp.Error = "ERR invalid cursor"
	errOOM           resp.Error = "OOM command not allowed when used memory > 'maxmemory'."
	errNoAuth        resp.Error = "NOAUTH Authentication required."
	errWrongPass     resp.Error = "WRONGPASS invalid username-password pair or user is disabled."
	errNoPassword    resp.Error = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
	errDebugDenied   resp.Error = `ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.`
	errNoProto       resp.Error = "NOPROTO unsupported protocol version"
)

// asText is an argument inside an error text: C takes a zero byte for its end.
func asText(arg []byte) string {
	before, _, _ := bytes.Cut(arg, []byte{0})
	return string(before)
}

// arityError is the reply to a command with too few or too many arguments.
// name is the full name, "config|get" for a subcommand.
func arityError(name string) resp.Error {
	return resp.Error("ERR wrong number of arguments for '" + name + "' command")
}

// unknownCommand is the reply to a command that is not in the table, with the
// first of its arguments, at most 128 bytes of each part, as Redis shows them.
func unknownCommand(args [][]byte) resp.Error {
	const limit = 128
	b := []byte("ERR unknown command '")
	b = append(b, asText(args[0][:min(len(args[0]), limit)])...)
	b = append(b, "', with args beginning with: "...)
	shown := 0
	for _, a := range args[1:] {
		if shown >= limit {
			break
		}
		part := asText(a[:min(len(a), limit-shown)])
		b = append(b, '\'')
		b = append(b, part...)
		b = append(b, "' "...)
		shown += len(part) + 3
	}
	return resp.Error(b)
}

// unknownSubcommand is the reply to a container command's unknown subcommand.
func unknownSubcommand(container string, sub []byte) resp.Error {
	return resp.Error("ERR unknown subcommand '" + asText(sub[:min(len(sub), 128)]) + "'. Try " +
		upper(container) + " HELP.")
}

// subcommandSyntax is the reply of a container that reads its subcommands
// itself, DEBUG, or counts their arguments beyond the arity.
func subcommandSyntax(container string, sub []byte) resp.Error {
	return resp.Error("ERR unknown subcommand or wrong number of arguments for '" +
		asText(sub[:min(len(sub), 128)]) + "'. Try " + container + " HELP.")
}

// invalidExpire is the reply to an expiry that is not positive or overflows.
func invalidExpire(command string) resp.Error {
	return resp.Error("ERR invalid expire time in '" + command + "' command")
}

func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
