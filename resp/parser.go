package resp

import (
	"bytes"
	"fmt"
	"math"
)

// # Design
//
// A command is cut out in one of two ways.
//
// The whole way: the usual command lies in the buffer from its first byte to its last and has
// nothing odd about it. One pass over its headers checks them and notes the arguments:
//
//	*3\r\n $3\r\nSET\r\n $4\r\nuser\r\n $2\r\n42\r\n
//	           ^^^         ^^^^         ^^            args: three parts of the buffer, nothing is copied
//
// whole gives up at the first thing that is missing or unusual, without deciding which it was.
//
// The careful way: scan decides. It walks the same headers with every rule and limit, and it
// can stop anywhere:
//
//	buf    *1000000\r\n$5\r\nhello\r\n … $7\r\nwor|          the bytes so far
//	       ^0                            ^pos     ^len(buf)
//	                                         left = arguments not yet complete, bulk = 7, seen = 0
//
// All it keeps are numbers: where it stands (pos, an offset from the command's first byte, so
// that the caller may move the bytes between calls), what it waits for (left, bulk), and how
// much of an unfinished line holds no terminator (seen). It keeps no list of arguments: once
// everything is there, the whole way goes over the headers once more and makes it. So each byte
// is looked at a bounded number of times however it arrives, and a claim of a million arguments
// costs nothing before they come.
//
// # Rules, as observed at Redis 7
//
//   - A command begins with '*'; anything else is an inline line, which ends at '\n', with or
//     without '\r' before it.
//   - A header ends at '\r', and one more byte, whatever it is, belongs to it. Two bytes after
//     an argument's last are skipped unseen. A header is judged only once it is complete.
//   - A zero byte hides the rest of its line: no terminator is found behind it, so the line
//     grows until it is too long.
//   - A count of zero or below, and a blank line, are commands of no arguments; a server passes
//     over them.
//
// Redis measures a line against its limit by what has arrived when it happens to look. Here the
// limit is the same for any pieces: a terminator more than MaxInline bytes from the start of
// its line comes too late.
//
// # Invariants, verified by check
//
//   - left == 0 means that no multibulk has begun: then pos == 0
//   - bulk >= 0 only while left > 0; seen == 0 while bulk >= 0
//   - pos + seen is at most the length of the buffer last given

// Defaults and fixed limits of a [Parser], named as Redis names them.
const (
	defaultMaxInline = 64 << 10      // PROTO_INLINE_MAX_SIZE
	defaultMaxArgs   = math.MaxInt32 // what a count may claim
	defaultMaxBulk   = 512 << 20     // proto-max-bulk-len

	strangerMaxArgs = 10       // before authentication
	strangerMaxBulk = 16 << 10 // before authentication

	bigBulk     = 32 << 10 // PROTO_MBULK_BIG_ARG: from here on Need tells what is missing
	smallestArg = 6        // "$0\r\n\r\n"
	keepArgs    = 1024     // a longer list of arguments is not kept for the next command
)

// A Parser cuts the stream of bytes that a client sends into commands. The zero value is ready,
// with Redis's default limits. One Parser serves one connection, as it remembers how far it
// came in an unfinished command.
type Parser struct {
	// Limits. They may change between any two calls, and take effect from the next header on.
	// Zero is the default.
	MaxInline int // bytes of a line: inline commands and headers; default 64 KiB
	MaxArgs   int // arguments of a command; default 2^31-1
	MaxBulk   int // bytes of an argument; default 512 MiB

	// Unauthenticated holds a client that has not said who it is to ten arguments of 16 KiB.
	Unauthenticated bool

	hidden bool     // the unfinished line holds a zero byte: its end cannot be found
	big    bool     // the last command was big: args keep its buffer alive
	pos    int      // start of the unfinished line or argument
	seen   int      // bytes of the unfinished line without its end among them
	left   int      // arguments not complete
	bulk   int      // length of the unfinished argument, once its header is read
	inBulk bool     // bulk is valid
	need   int      // see Need
	args   [][]byte // the list Next hands out
}

// Next cuts one command from the start of buf, the unread part of what the client sent. It
// returns its arguments and the number of bytes it took. When the command is not complete yet,
// it returns nil, 0, nil: call again with the same bytes and more behind them (they may have
// moved meanwhile). A command of no arguments is an empty list, not nil.
//
// The arguments are parts of buf; the list itself is reused by the next call. After an error
// the stream is of no more use.
func (p *Parser) Next(buf []byte) (args [][]byte, n int, err error) {
	if p.big {
		p.letGo()
	}
	args, n, err = p.Append(p.args[:0], buf)
	if n == 0 {
		return nil, 0, err
	}
	p.args = args
	p.big = n > bigBulk
	if args == nil {
		args = [][]byte{}
	}
	return args, n, nil
}

// letGo forgets the last command's arguments, so that they do not keep a big buffer alive, and
// their list when it was long.
func (p *Parser) letGo() {
	p.big = false
	if cap(p.args) > keepArgs {
		p.args = nil
	}
	clear(p.args[:cap(p.args)])
}

// Append is [Parser.Next] for those who gather many commands before they run them: it appends
// the arguments to dst, a list of the caller's. With n == 0 the command is incomplete, and dst
// comes back as it was.
func (p *Parser) Append(dst [][]byte, buf []byte) (args [][]byte, n int, err error) {
	if p.left == 0 && len(buf) >= 10 && buf[0] == '*' {
		maxArgs, maxBulk := p.limits()
		if args, n = whole(dst, buf, maxArgs, maxBulk); n > 0 {
			p.seen = 0 // a header that came in pieces may have left something
			return args, n, nil
		}
	}
	return p.careful(dst, buf)
}

// limits returns what counts and lengths may be now.
func (p *Parser) limits() (maxArgs, maxBulk int) {
	maxArgs, maxBulk = p.MaxArgs, p.MaxBulk
	if maxArgs <= 0 {
		maxArgs = defaultMaxArgs
	}
	if maxBulk <= 0 {
		maxBulk = defaultMaxBulk
	}
	if p.Unauthenticated {
		maxArgs, maxBulk = min(maxArgs, strangerMaxArgs), min(maxBulk, strangerMaxBulk)
	}
	return maxArgs, maxBulk
}

// whole appends the arguments of the multibulk command at the start of buf, which begins with
// '*' and has at least 10 bytes. It returns n == 0 when anything is missing, unusual or beyond
// the limits, and leaves it to scan to say what.
func whole(dst [][]byte, buf []byte, maxArgs, maxBulk int) (args [][]byte, n int) {
	count, i := int(buf[1]-'0'), 4
	if buf[2] != '\r' || uint(count-1) > 8 {
		count, i = header(buf[1:])
		i++
	}
	// Each argument takes six bytes at least, so a list is never longer than what has come can fill.
	if count <= 0 || count > maxArgs || count > len(buf)/smallestArg {
		return dst, 0
	}
	args = dst
	for ; count > 0; count-- {
		if i > len(buf)-smallestArg {
			return dst, 0
		}
		s := buf[i : i+smallestArg]
		size := int(s[1] - '0')
		if s[0] != '$' {
			return dst, 0
		}
		if s[2] == '\r' && size <= 9 {
			i += 4
		} else if d := int(s[2] - '0'); s[3] == '\r' && d <= 9 && uint(size-1) <= 8 {
			size = size*10 + d
			i += 5
		} else {
			var k int
			size, k = header(buf[i+1:])
			if k == 0 {
				return dst, 0
			}
			i += k + 1
		}
		if size > maxBulk || size > len(buf)-2-i {
			return dst, 0
		}
		args = append(args, buf[i:i+size:i+size])
		i += size + 2
	}
	return args, i
}

// header reads the number at the start of b up to '\r' and the byte behind it. It returns k ==
// 0 unless they are there, and the number is canonical, not negative, and an int of 18 digits
// at most.
func header(b []byte) (v, k int) {
	var u int64
	for k = 0; k < len(b)-1 && k <= 18; k++ {
		d := int64(b[k] - '0')
		if d > 9 {
			if b[k] != '\r' || k == 0 || (b[0] == '0' && k > 1) || u > math.MaxInt {
				return 0, 0
			}
			return int(u), k + 2
		}
		u = u*10 + d
	}
	return 0, 0
}

// careful is Append when the quick way has failed, or an unfinished command goes on.
func (p *Parser) careful(dst [][]byte, buf []byte) (args [][]byte, n int, err error) {
	if len(buf) < p.pos+p.seen {
		p.Reset() // not the bytes we knew: begin anew rather than read past their end
	}
	p.need = 0
	if len(buf) == 0 {
		return dst, 0, nil
	}
	if buf[0] == '*' {
		args, n, err = p.multibulk(dst, buf)
	} else {
		args, n, err = p.inline(dst, buf)
	}
	if n == 0 && err == nil {
		return dst, 0, nil
	}
	p.Reset()
	return args, n, err
}

// multibulk waits until all of a command is there, then lists its arguments.
func (p *Parser) multibulk(dst [][]byte, buf []byte) (args [][]byte, n int, err error) {
	n, err = p.scan(buf)
	if n == 0 || p.pos == 0 { // incomplete or wrong; or a count of nothing, which begins no list
		return dst, n, err
	}
	// Every limit was met when its header was read. Here they no longer count, as they may have
	// changed since.
	args, k := whole(dst, buf[:n:n], math.MaxInt, math.MaxInt)
	if k != n {
		panic(fmt.Sprintf("resp: Parser found a command of %d bytes, then one of %d", n, k))
	}
	return args, n, nil
}

// Reset forgets an unfinished command.
func (p *Parser) Reset() {
	p.pos, p.seen, p.left, p.bulk, p.need = 0, 0, 0, 0, 0
	p.inBulk, p.hidden = false, false
}

// Need tells, after a call that found a command incomplete, how many bytes are missing from the
// argument it stands in, when that is a big one (32 KiB or more), and 0 otherwise. A caller can
// make room for exactly so many and read them in place. It should not do so at once, but by
// doubling: the number is the client's word, while room is ours.
func (p *Parser) Need() int { return p.need }

// scan walks a multibulk command from where it last stopped. It returns its size once all of it
// is there, 0 before.
func (p *Parser) scan(buf []byte) (n int, err error) {
	maxArgs, maxBulk := p.limits()
	if p.left == 0 {
		end, err := p.line(buf, '\r', ErrCountTooBig)
		if end < 0 {
			return 0, err
		}
		v, ok := ParseInt(buf[1:end])
		switch {
		case !ok || v > int64(p.limit(p.MaxArgs, defaultMaxArgs)):
			return 0, ErrCount
		case v > int64(maxArgs):
			return 0, ErrCountUnauthenticated
		case v <= 0:
			return end + 2, nil
		}
		p.pos, p.seen, p.left = end+2, 0, int(v)
	}
	for p.left > 0 {
		if !p.inBulk {
			end, err := p.line(buf, '\r', ErrBulkCountTooBig)
			if end < 0 {
				return 0, err
			}
			if buf[p.pos] != '$' {
				return 0, ErrExpectedDollar(buf[p.pos])
			}
			v, ok := ParseInt(buf[p.pos+1 : end])
			switch {
			case !ok || v < 0 || v > int64(p.limit(p.MaxBulk, defaultMaxBulk)):
				return 0, ErrBulk
			case v > int64(maxBulk):
				return 0, ErrBulkUnauthenticated
			}
			p.pos, p.seen, p.bulk, p.inBulk = end+2, 0, int(v), true
		}
		if missing := p.bulk + 2 - (len(buf) - p.pos); missing > 0 {
			if p.bulk >= bigBulk {
				p.need = missing
			}
			return 0, nil
		}
		p.pos += p.bulk + 2
		p.bulk, p.inBulk = 0, false
		p.left--
	}
	return p.pos, nil
}

// limit returns a limit or its default.
func (*Parser) limit(v, byDefault int) int {
	if v <= 0 {
		return byDefault
	}
	return v
}

// line finds the byte that ends the line at p.pos: '\n', or '\r' with another byte behind it.
// It returns -1 when it has not arrived, with tooLong when it should have.
func (p *Parser) line(buf []byte, ender byte, tooLong Error) (end int, err error) {
	rest, limit := buf[p.pos:], p.limit(p.MaxInline, defaultMaxInline)
	window := rest[:min(len(rest), limit+1)]
	if !p.hidden && p.seen < len(window) {
		fresh := window[p.seen:]
		i := bytes.IndexByte(fresh, ender)
		if i >= 0 {
			fresh = fresh[:i]
		}
		switch {
		case bytes.IndexByte(fresh, 0) >= 0:
			p.hidden = true
		case i >= 0 && (ender == '\n' || p.seen+i+1 < len(rest)):
			return p.pos + p.seen + i, nil
		case i >= 0:
			p.seen += i // the byte behind '\r' is still to come
			return -1, nil
		}
		p.seen = len(window)
	}
	if len(rest) > limit {
		return -1, tooLong
	}
	return -1, nil
}

// inline cuts a command that is a line of words.
func (p *Parser) inline(dst [][]byte, buf []byte) (args [][]byte, n int, err error) {
	end, err := p.line(buf, '\n', ErrInlineTooBig)
	if end < 0 {
		return dst, 0, err
	}
	line := buf[:end:end]
	if end > 0 && buf[end-1] == '\r' {
		line = buf[: end-1 : end-1]
	}
	args, ok := splitWords(dst, line)
	if !ok {
		return dst, 0, ErrUnbalancedQuotes
	}
	return args, end + 1, nil
}
