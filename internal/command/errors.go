package command

import (
	"bytes"

	"github.com/redweave/redweave/resp"
)

// The error replies that several families have, text for text as Redis words them. One
// that a single family has stands at the top of its file. A reply with arguments is
// built by a function at the end of this file, or in its family's.
const (
	errSyntax          resp.Error = "ERR syntax error"
	ErrWrongType       resp.Error = "WRONGTYPE Operation against a key holding the wrong kind of value"
	errNotInteger      resp.Error = "ERR value is not an integer or out of range"
	errNotFloat        resp.Error = "ERR value is not a valid float"
	errNotPositive     resp.Error = "ERR value is out of range, must be positive"
	errOutOfRange      resp.Error = "ERR value is out of range"
	errOverflow        resp.Error = "ERR increment or decrement would overflow"
	errNaN             resp.Error = "ERR increment would produce NaN or Infinity"
	errStringTooLong   resp.Error = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	errNoSuchKey       resp.Error = "ERR no such key"
	errDBRange         resp.Error = "ERR DB index is out of range"
	errOOM             resp.Error = "OOM command not allowed when used memory > 'maxmemory'."
	errNoAuth          resp.Error = "NOAUTH Authentication required."
	errClientName      resp.Error = "ERR Client names cannot contain spaces, newlines or special characters."
	errCountNotMore    resp.Error = "ERR count should be greater than 0"
	errCrossSlot       resp.Error = "CROSSSLOT Keys in request don't hash to the same slot"
	errFieldsMismatch  resp.Error = "ERR The `numfields` parameter must match the number of arguments"
	errLimitNeg        resp.Error = "ERR LIMIT can't be negative"
	errNoFields        resp.Error = "ERR Mandatory argument FIELDS is missing or not at the right position"
	errNoPermChannel   resp.Error = "NOPERM No permissions to access a channel"
	errNoPermKey       resp.Error = "NOPERM No permissions to access a key"
	errNotInMulti      resp.Error = "ERR Command not allowed inside a transaction"
	errNumFieldsRead   resp.Error = "ERR Number of fields must be a positive integer"
	errNumKeys         resp.Error = "ERR numkeys should be greater than 0"
	errBelowMinimum    resp.Error = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
	errNotInt32        resp.Error = "ERR value is out of range, value must between -2147483648 and 2147483647"
	errTimeoutNotInt   resp.Error = "ERR timeout is not an integer or out of range"
	errTimeoutNegative resp.Error = "ERR timeout is negative"
	errCountPositive   resp.Error = "ERR COUNT must be > 0"
	errPayload         resp.Error = "ERR DUMP payload version or checksum are wrong"
	errManyKeys        resp.Error = "ERR Number of keys can't be greater than number of args"
	errNegativeKeys    resp.Error = "ERR Number of keys can't be negative"
	errBusyScript      resp.Error = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
	errReplyTooLarge   resp.Error = "ERR the reply would be larger than twice proto-max-bulk-len"
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
