package resp

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// check verifies what parser.go promises of a Parser between calls; last is the buffer last given.
func (p *Parser) check(last []byte) error {
	switch {
	case p.left == 0 && p.pos != 0:
		return fmt.Errorf("nothing has begun, but pos = %d", p.pos)
	case p.inBulk && p.left == 0:
		return errors.New("in an argument of no command")
	case p.inBulk && p.seen != 0:
		return fmt.Errorf("in an argument, but seen = %d", p.seen)
	case !p.inBulk && p.bulk != 0:
		return fmt.Errorf("not in an argument, but bulk = %d", p.bulk)
	case p.pos+p.seen > len(last):
		return fmt.Errorf("pos %d + seen %d > %d", p.pos, p.seen, len(last))
	case p.need < 0 || p.need > 0 && (!p.inBulk || p.need != p.bulk+2-(len(last)-p.pos)):
		return fmt.Errorf("need = %d", p.need)
	}
	return nil
}

// outcome is what became of a stream.
type outcome struct {
	cmds [][]string
	err  error
	rest int // bytes not consumed
}

func (o outcome) String() string { return fmt.Sprintf("%q err=%v rest=%d", o.cmds, o.err, o.rest) }

func words(args [][]byte) []string {
	list := make([]string, len(args))
	for i, a := range args {
		list[i] = string(a)
	}
	return list
}

// drive feeds in to p in pieces of the sizes that size gives, moving the bytes each time, as a
// server does.
func drive(t testing.TB, p *Parser, in []byte, size func() int) (o outcome) {
	t.Helper()
	var unread []byte
	for {
		for {
			args, n, err := p.Next(unread)
			if cerr := p.check(unread[n:]); cerr != nil {
				t.Fatalf("after %q: %v", unread, cerr)
			}
			if err != nil {
				o.err, o.rest = err, len(unread)+len(in)
				return o
			}
			if n == 0 {
				if args != nil {
					t.Fatalf("incomplete, but args = %q", args)
				}
				break
			}
			if args == nil {
				t.Fatalf("%d bytes consumed, but args == nil", n)
			}
			o.cmds = append(o.cmds, words(args))
			unread = unread[n:]
		}
		if len(in) == 0 {
			o.rest = len(unread)
			return o
		}
		k := min(max(size(), 1), len(in))
		unread = append(bytes.Clone(unread), in[:k]...)
		in = in[k:]
	}
}

// naive reads a stream with the plainest code: the whole of it, again and again from the start
// of each command.
func naive(in []byte, maxInline, maxArgs, maxBulk int, stranger bool) (o outcome) {
	text := string(in)
	for text != "" {
		args, n, err := naiveOne(text, maxInline, maxArgs, maxBulk, stranger)
		if err != nil || n == 0 {
			o.err = err
			break
		}
		o.cmds = append(o.cmds, args)
		text = text[n:]
	}
	o.rest = len(text)
	return o
}

func naiveOne(text string, maxInline, maxArgs, maxBulk int, stranger bool) ([]string, int, error) {
	// to returns the index of c, unless a zero byte hides it or it stands too far out.
	to := func(s string, c byte) (i int, late bool) {
		i = strings.IndexByte(s, c)
		if z := strings.IndexByte(s, 0); i < 0 || z >= 0 && z < i || i > maxInline {
			return -1, len(s) > maxInline
		}
		return i, false
	}
	number := func(s string) (int64, bool) {
		v, err := strconv.ParseInt(s, 10, 64)
		return v, err == nil && strconv.FormatInt(v, 10) == s
	}
	if text[0] != '*' {
		i, late := to(text, '\n')
		if late {
			return nil, 0, ErrInlineTooBig
		}
		if i < 0 {
			return nil, 0, nil
		}
		args, ok := naiveWords(strings.TrimSuffix(text[:i], "\r"))
		if !ok {
			return nil, 0, ErrUnbalancedQuotes
		}
		return args, i + 1, nil
	}
	i, late := to(text, '\r')
	if late {
		return nil, 0, ErrCountTooBig
	}
	if i < 0 || i+2 > len(text) {
		return nil, 0, nil
	}
	count, ok := number(text[1:i])
	if !ok || count > int64(maxArgs) {
		return nil, 0, ErrCount
	}
	if stranger && count > 10 {
		return nil, 0, ErrCountUnauthenticated
	}
	args, n := []string{}, i+2
	for ; count > 0; count-- {
		i, late := to(text[n:], '\r')
		if late {
			return nil, 0, ErrBulkCountTooBig
		}
		if i < 0 || n+i+2 > len(text) {
			return nil, 0, nil
		}
		if text[n] != '$' {
			return nil, 0, Error("ERR Protocol error: expected '$', got '" + text[n:n+1] + "'")
		}
		size, ok := number(text[n+1 : n+i])
		if !ok || size < 0 || size > int64(maxBulk) {
			return nil, 0, ErrBulk
		}
		if stranger && size > 16384 {
			return nil, 0, ErrBulkUnauthenticated
		}
		n += i + 2
		if int64(len(text)-n) < size+2 {
			return nil, 0, nil
		}
		args = append(args, text[n:n+int(size)])
		n += int(size) + 2
	}
	return args, n, nil
}

// naiveWords walks a line as a machine with three states, one byte after another, ended by a zero byte.
func naiveWords(line string) ([]string, bool) {
	const space = " \t\n\v\f\r"
	at := func(i int) byte {
		if i < len(line) {
			return line[i]
		}
		return 0
	}
	list := []string{}
	for i := 0; ; {
		for i < len(line) && strings.IndexByte(space, line[i]) >= 0 {
			i++
		}
		if i >= len(line) {
			return list, true
		}
		word, state := "", byte(0)
		for done := false; !done; i++ {
			c := at(i)
			hex, err := strconv.ParseUint(line[min(i+2, len(line)):min(i+4, len(line))], 16, 8)
			switch {
			case state != 0 && i >= len(line):
				return nil, false
			case state == '"' && c == '\\' && at(i+1) == 'x' && i+4 <= len(line) && err == nil:
				word += string([]byte{byte(hex)})
				i += 3
			case state == '"' && c == '\\' && i+1 < len(line):
				i++
				word += string([]byte{map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'a': '\a'}[at(i)] | at(i)*b2(strings.IndexByte("nrtba", at(i)) < 0)})
			case state == '\'' && c == '\\' && at(i+1) == '\'':
				i++
				word += "'"
			case state != 0 && c == state:
				if i+1 < len(line) && strings.IndexByte(space, at(i+1)) < 0 {
					return nil, false
				}
				done = true
			case state != 0:
				word += string([]byte{c})
			case i >= len(line) || strings.IndexByte(" \n\r\t", c) >= 0:
				done = true
			case c == '"' || c == '\'':
				state = c
			default:
				word += string([]byte{c})
			}
		}
		list = append(list, word)
	}
}

func b2(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func TestParserCommands(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for _, c := range []struct {
		in   string
		want [][]string
		rest int
	}{
		{"", nil, 0},
		{"*1\r\n$4\r\nPING\r\n", [][]string{{"PING"}}, 0},
		{"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", [][]string{{"SET", "k", ""}, {"GET", "k"}}, 0},
		{"*2\r\n$3\r\nGET\r\n$1\r\n", nil, 17},
		{"*12\r\n" + strings.Repeat("$1\r\na\r\n", 12), [][]string{strings.Fields(strings.Repeat("a ", 12))}, 0},
		{"*2\r\n$3\r\nGET\r\n$100000\r\n" + long + "\r\nPING\r\n", [][]string{{"GET", long}, {"PING"}}, 0},
		{"*1\r\n$10\r\nbin\x00\r\n$*\xffz\r\n", [][]string{{"bin\x00\r\n$*\xffz"}}, 0},
		// No arguments: passed over, but consumed.
		{"*0\r\n*-1\r\n*-9223372036854775808\r\n\r\n\n \t \r\n", [][]string{{}, {}, {}, {}, {}, {}}, 0},
		// What follows '\r', and what follows an argument, is not looked at.
		{"*1\rx$4\ryPINGzz*0\r!", [][]string{{"PING"}, {}}, 0},
		// Inline.
		{"PING\r\nPING\nECHO a  b\t c \r\n", [][]string{{"PING"}, {"PING"}, {"ECHO", "a", "b", "c"}}, 0},
		{"PING\r", nil, 5},
		{`SET "a b" 'c d' "\x41\n\"\\\q" 'it\'s' x"y z"` + "\n", [][]string{{"SET", "a b", "c d", "A\n\"\\q", "it's", "xy z"}}, 0},
		{"a\rb\r\r\n", [][]string{{"a", "b"}}, 0},
		{"a\vb \v\fc\n", [][]string{{"a\vb", "c"}}, 0},
		{`"" ''` + "\n", [][]string{{"", ""}}, 0},
		{"\"a\"\vb\n", [][]string{{"a", "b"}}, 0},
		{"$3\r\nfoo\r\n", [][]string{{"$3"}, {"foo"}}, 0},
		// A zero byte hides the line's end.
		{"PI\x00NG\r\n", nil, 7},
		{"*1\x00\r\n$4\r\nPING\r\n", nil, 15},
		{"*1\r\n\x004\r\nPING\r\n", nil, 14},
		{"*1\r\n$0\r\n\x00\x00PING\r\n", [][]string{{""}, {"PING"}}, 0},
	} {
		want := outcome{cmds: c.want, rest: c.rest}
		for _, size := range []int{1, 2, 3, 7, 1 << 20} {
			var p Parser
			if size < 7 && len(c.in) > 1000 {
				continue
			}
			if got := drive(t, &p, []byte(c.in), func() int { return size }); got.String() != want.String() {
				t.Errorf("%.200q in pieces of %d:\n got %.300v\nwant %.300v", c.in, size, got, want)
			}
		}
		if got := naive([]byte(c.in), 64<<10, 1<<31-1, 512<<20, false); got.String() != want.String() {
			t.Errorf("%.200q by the naive model: got %.300v, want %.300v", c.in, got, want)
		}
	}
}

func TestParserErrors(t *testing.T) {
	long := strings.Repeat("1", 64<<10)
	for _, c := range []struct {
		in   string
		want Error
	}{
		{"*\r\n", ErrCount},
		{"*abc\r\n", ErrCount},
		{"*+1\r\n", ErrCount},
		{"*01\r\n", ErrCount},
		{"*-0\r\n", ErrCount},
		{"* 1\r\n", ErrCount},
		{"*1 \r\n", ErrCount},
		{"*1.0\r\n", ErrCount},
		{"*3\n$1\r\n", ErrCount}, // the first '\r' ends the header
		{"*2147483648\r\n", ErrCount},
		{"*9223372036854775808\r\n", ErrCount},
		{"*99999999999999999999999999\r\n", ErrCount},
		{"*1\r\n$\r\n", ErrBulk},
		{"*1\r\n$-1\r\n", ErrBulk},
		{"*1\r\n$01\r\n", ErrBulk},
		{"*1\r\n$x\r\n", ErrBulk},
		{"*1\r\n$536870913\r\n", ErrBulk},
		{"*1\r\n$1073741824\r\n", ErrBulk},
		{"*1\r\n$18446744073709551616\r\n", ErrBulk},
		{"*2\r\n$1\r\na\r\n$-5\r\n", ErrBulk},
		{"*1\r\nPING\r\n", ErrExpectedDollar('P')},
		{"*1\r\n\r\n", ErrExpectedDollar('\r')},
		{"*1\r\n\n\r\n", ErrExpectedDollar('\n')},
		{"*1\r\n\xff\r\n", ErrExpectedDollar(0xff)},
		{"*2\r\n$4\r\nPING\r\n*1\r\n", ErrExpectedDollar('*')},
		{"*2\r\n$3\r\nPING\r\n$1\r\na\r\n", ErrExpectedDollar('\n')},
		{"SET \"a\r\n", ErrUnbalancedQuotes},
		{"SET 'a\n", ErrUnbalancedQuotes},
		{"SET \"a\"b\n", ErrUnbalancedQuotes},
		{"SET 'a''b'\n", ErrUnbalancedQuotes},
		{"SET \"a\\\n", ErrUnbalancedQuotes},
		{"x" + long, ErrInlineTooBig},
		{"x" + long + "\n", ErrInlineTooBig},
		{"x\x00\n" + long, ErrInlineTooBig},
		{"*" + long, ErrCountTooBig},
		{"*" + long + "\r\n", ErrCountTooBig},
		{"*1\r\n$" + long, ErrBulkCountTooBig},
		{"*1\r\n$" + long + "\r\n", ErrBulkCountTooBig},
		{"*1\r\nx" + long, ErrBulkCountTooBig}, // judged only once its end is there
	} {
		for _, size := range []int{1, 3, 1000, 1 << 20} {
			var p Parser
			if size < 1000 && len(c.in) > 1000 {
				continue
			}
			if got := drive(t, &p, []byte(c.in), func() int { return size }); got.err != c.want {
				t.Errorf("%.60q in pieces of %d: got %v, want %v", c.in, size, got.err, c.want)
			}
		}
		if got := naive([]byte(c.in), 64<<10, 1<<31-1, 512<<20, false); got.err != c.want {
			t.Errorf("%.60q by the naive model: got %v, want %v", c.in, got.err, c.want)
		}
	}
}

func TestParserLimits(t *testing.T) {
	eleven := "*11\r\n" + strings.Repeat("$1\r\na\r\n", 11)
	big := "*2\r\n$3\r\nGET\r\n$16385\r\n" + strings.Repeat("b", 16385) + "\r\n"
	fits := "*2\r\n$3\r\nGET\r\n$16384\r\n" + strings.Repeat("b", 16384) + "\r\n"
	for _, c := range []struct {
		p    Parser
		in   string
		want error
	}{
		{Parser{Unauthenticated: true}, eleven, ErrCountUnauthenticated},
		{Parser{Unauthenticated: true}, big, ErrBulkUnauthenticated},
		{Parser{Unauthenticated: true}, fits, nil},
		{Parser{Unauthenticated: true}, "*2147483648\r\n", ErrCount},
		{Parser{Unauthenticated: true}, "*1\r\n$536870913\r\n", ErrBulk},
		{Parser{}, eleven + big, nil},
		{Parser{MaxArgs: 10}, eleven, ErrCount},
		{Parser{MaxArgs: 11}, eleven, nil},
		{Parser{MaxBulk: 16384}, big, ErrBulk},
		{Parser{MaxBulk: 16385}, big, nil},
		{Parser{MaxInline: 3}, "PING\n", ErrInlineTooBig},
		{Parser{MaxInline: 4}, "PING\n", nil},
		{Parser{MaxInline: 4}, "PING\r\n", ErrInlineTooBig},
	} {
		for _, size := range []int{1, 11, 1 << 20} {
			p := c.p
			if got := drive(t, &p, []byte(c.in), func() int { return size }); got.err != c.want || c.want == nil && got.rest != 0 {
				t.Errorf("%+v: %.40q in pieces of %d: got %v, want %v", c.p, c.in, size, got, c.want)
			}
		}
	}
}

// A limit lowered between header and body must not undo what was accepted, nor break the parser.
func TestParserLimitLoweredInsideCommand(t *testing.T) {
	var p Parser
	in := "*2\r\n$3\r\nGET\r\n$20\r\n" + strings.Repeat("b", 20) + "\r\n"
	if _, n, err := p.Next([]byte(in[:len(in)-5])); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	p.MaxBulk, p.MaxArgs, p.Unauthenticated = 1, 1, true
	if args, n, err := p.Next([]byte(in)); n != len(in) || err != nil || len(args) != 2 {
		t.Fatal(args, n, err)
	}
}

// What a client claims costs nothing until it comes.
func TestParserBelievesNothing(t *testing.T) {
	for _, in := range []string{"*2147483647\r\n", "*2147483647\r\n$1\r\na\r\n", "*1\r\n$536870912\r\nabc", "*3\r\n$536870912\r\n"} {
		var p Parser
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, n, err := p.Next([]byte(in)); n != 0 || err != nil {
			t.Fatalf("%q: %d, %v", in, n, err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 4096 {
			t.Errorf("%q: %d bytes allocated", in, got)
		}
	}
}

func TestParserNeed(t *testing.T) {
	var p Parser
	in := "*2\r\n$3\r\nSET\r\n$40000\r\n" + strings.Repeat("v", 40000) + "\r\n"
	for _, have := range []int{10, 15, 20, 21, 1000, len(in) - 1, len(in)} {
		_, n, err := p.Next([]byte(in[:have]))
		want := 0
		if have >= 21 && n == 0 {
			want = len(in) - have
		}
		if err != nil || p.Need() != want {
			t.Errorf("with %d bytes: Need = %d, want %d (%v)", have, p.Need(), want, err)
		}
	}
}

// A million arguments in pieces of 16 KB take time in proportion to their bytes: the careful
// way must not begin anew with each piece.
func TestParserPiecesAreLinear(t *testing.T) {
	var in []byte
	const count = 1 << 20
	in = append(in, "*"+strconv.Itoa(count)+"\r\n"...)
	for range count {
		in = append(in, "$5\r\nhello\r\n"...)
	}
	var p Parser
	steps := 0
	for have := 0; ; have = min(have+16<<10, len(in)) {
		from := p.pos
		args, n, err := p.Next(in[:have])
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			if n != len(in) || len(args) != count {
				t.Fatalf("%d bytes, %d arguments", n, len(args))
			}
			break
		}
		steps += p.pos - from
	}
	if steps > len(in) {
		t.Errorf("%d bytes walked of %d", steps, len(in))
	}
	// The list and the buffer behind it are let go.
	if _, _, err := p.Next(nil); err != nil || cap(p.args) != 0 {
		t.Errorf("a list of %d stays (%v)", cap(p.args), err)
	}
}

func TestParserAppendGathers(t *testing.T) {
	var p Parser
	var args [][]byte
	var err error
	in := []byte("*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n*0\r\n*2\r\n$3\r\nGET\r\n$1")
	var sizes []int
	for {
		n := 0
		if args, n, err = p.Append(args, in); n == 0 {
			break
		}
		sizes = append(sizes, len(args))
		in = in[n:]
	}
	if err != nil || !slices.Equal(sizes, []int{2, 3, 3}) || !slices.Equal(words(args), []string{"GET", "a", "PING"}) {
		t.Errorf("%v %q %v", sizes, args, err)
	}
}

func TestParserAllocatesNothing(t *testing.T) {
	in := AppendCommand(nil, "SET", "key:000000000042", strings.Repeat("v", 300))
	in = append(in, "GET key\r\n"...)
	var p Parser
	if got := testing.AllocsPerRun(100, func() {
		for b := in; len(b) > 0; {
			_, n, err := p.Next(b)
			if n == 0 || err != nil {
				t.Fatal(n, err)
			}
			b = b[n:]
		}
		p.Next(in[:20])
		p.Reset()
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// streams are the seeds of the fuzzer and the pieces the random test is made of.
var streams = []string{
	"*1\r\n$4\r\nPING\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n42\r\n", "*0\r\n", "*-1\r\n", "\r\n", "PING\r\n", "PING a \"b c\" 'd'\n",
	"*2\r\n$12\r\nhello, world\r\n$0\r\n\r\n", "*12\r\n$1\r\na\r\n", "$1\r\na\r\n", "*1\r\n$5000000\r\n", "*1000000\r\n", "*1\r\n$-3\r\n",
	"*1\r\n$3x\r\n", "*x\r\n", "*1\r\n:1\r\n", "\"", "'", "\\", "\x00", "\n", "\r", "*", "$", "9", "-", "\"\\x4f\\n\" ", "'\\''\n",
	"*1\r\n$1073741824\r\n", "*2147483648\r\n", "*1\r\n$100\r\n", strings.Repeat("a", 120) + "\r\n", "*" + strings.Repeat("1", 120),
	"*1\r\n$" + strings.Repeat("1", 120), "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}

// testStream is the body of the random test and the fuzzer: in, however cut, gives what the
// naive parser says.
func testStream(t testing.TB, in []byte, seed uint64) {
	const maxInline, maxArgs, maxBulk = 100, 1000, 60_000
	rnd := rand.New(rand.NewPCG(seed, 1))
	stranger := rnd.IntN(4) == 0
	want := naive(in, maxInline, maxArgs, maxBulk, stranger).String()
	most := 1 + rnd.IntN(40)
	for name, size := range map[string]func() int{
		"at once":       func() int { return len(in) },
		"byte by byte":  func() int { return 1 },
		"random pieces": func() int { return 1 + rnd.IntN(most) },
	} {
		p := Parser{MaxInline: maxInline, MaxArgs: maxArgs, MaxBulk: maxBulk, Unauthenticated: stranger}
		if got := drive(t, &p, in, size).String(); got != want {
			t.Fatalf("%q %s (seed %d):\n got %s\nwant %s", in, name, seed, got, want)
		}
	}
}

func TestParserRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(42, 7))
	for i := range 20_000 {
		var in []byte
		for range 1 + rnd.IntN(6) {
			in = append(in, streams[rnd.IntN(len(streams))]...)
		}
		if rnd.IntN(2) == 0 {
			in[rnd.IntN(len(in))] = byte(rnd.IntN(256))
		}
		testStream(t, in, uint64(i))
	}
}

func FuzzParser(f *testing.F) {
	for i, s := range streams {
		f.Add([]byte(s), uint64(i))
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		if len(in) > 4096 {
			return
		}
		testStream(t, in, seed)
	})
}

func BenchmarkParser(b *testing.B) {
	for _, c := range []struct {
		name string
		cmd  []byte
	}{
		{"op=GET", AppendCommand(nil, "GET", "key:000000000042")},
		{"op=SET", AppendCommand(nil, "SET", "key:000000000042", "0123456789abcdef0123456789abcdef")},
		{"op=SET/size=1000", AppendCommand(nil, "SET", "key:000000000042", strings.Repeat("v", 1000))},
		{"op=MSET/args=201", AppendCommand(nil, append([]string{"MSET"}, strings.Fields(strings.Repeat("key:000000000042 0123456789abcdef ", 100))...)...)},
		{"op=inline", []byte("SET key:000000000042 0123456789abcdef0123456789abcdef\r\n")},
	} {
		b.Run(c.name, func(b *testing.B) {
			const depth = 64
			in := bytes.Repeat(c.cmd, depth)
			var p Parser
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for buf := in; len(buf) > 0; n++ {
					_, k, _ := p.Next(buf)
					buf = buf[k:]
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/cmd")
		})
	}
}
