package resp

import "strings"

// An Error is a failure as a Redis client sees it: the whole text of an error reply, which by
// convention is an upper-case code, a space and a message. It is a string so that errors can be
// constants: searched for, compared with == or [errors.Is], free to return, impossible to
// reassign.
type Error string

// Error returns the reply's text.
func (e Error) Error() string { return string(e) }

// Code returns the first word, such as "ERR" or "WRONGTYPE".
func (e Error) Code() string { c, _, _ := strings.Cut(string(e), " "); return c }

// What a [Parser] says of a stream that cannot be a stream of commands. A server answers with
// the text and closes the connection, since nothing tells where the next command would begin.
const (
	ErrInlineTooBig         Error = "ERR Protocol error: too big inline request"
	ErrUnbalancedQuotes     Error = "ERR Protocol error: unbalanced quotes in request"
	ErrCountTooBig          Error = "ERR Protocol error: too big mbulk count string"
	ErrCount                Error = "ERR Protocol error: invalid multibulk length"
	ErrCountUnauthenticated Error = "ERR Protocol error: unauthenticated multibulk length"
	ErrBulkCountTooBig      Error = "ERR Protocol error: too big bulk count string"
	ErrBulk                 Error = "ERR Protocol error: invalid bulk length"
	ErrBulkUnauthenticated  Error = "ERR Protocol error: unauthenticated bulk length"
)

// ErrExpectedDollar is the error for an argument that begins with the byte got. A carriage
// return stands in it as it came; [Writer.Error] makes it a space, as Redis does.
func ErrExpectedDollar(got byte) Error {
	return "ERR Protocol error: expected '$', got '" + Error([]byte{got}) + "'"
}
