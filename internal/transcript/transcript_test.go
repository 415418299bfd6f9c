package transcript

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const sample = `# A file begins with words.

# And goes on
@client other
@unordered
@float 1e-6
SMEMBERS "a b"
----
*["x" "y"]

(receive)
----
>["message"]

@match
TIME
----
\*\[.*
  .*\]
`

func TestParseFormat(t *testing.T) {
	f, err := Parse("sample", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(f.Format()); got != sample {
		t.Errorf("Format gives\n%s", cmp.Diff(sample, got))
	}
	var lines []int
	for _, s := range f.Steps {
		lines = append(lines, s.Line)
	}
	if diff := cmp.Diff([]int{1, 3, 11, 15}, lines); diff != "" {
		t.Error(diff)
	}
	s := f.Steps[1]
	if s.client != "other" || !s.unordered || s.tolerance != 1e-6 || len(s.Args) != 2 || s.Want != `*["x" "y"]` {
		t.Errorf("%+v", s)
	}
	if f.Steps[2].Args != nil || !f.Steps[3].match {
		t.Error("(receive) or @match is not understood")
	}
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{
		"----\n+OK",
		"GET a\nGET b\n----\n",
		"@nothing\nGET a\n----\n",
		"@client\nGET a\n----\n",
		"@client a b\nGET a\n----\n",
		"@advance soon\nGET a\n----\n",
		"@float much\nGET a\n----\n",
		"@skip-reference\nGET a\n----\n",
		"@config a\nGET a\n----\n",
		"@config a \"b\nGET a\n----\n",
		"@resp3 now\nGET a\n----\n",
		"@start maxmemory\nGET a\n----\n",
		"GET a\n----\n+OK\n\n@start hz 10\nGET a\n----\n",
		"@file users.acl\nGET a\n----\n",
		"@file users.acl \"a\" b\nGET a\n----\n",
		"@file ../users.acl \"a\"\nGET a\n----\n",
		"@name\nGET a\n----\n",
		"@await long\nGET a\n----\n",
		"GET \"a\n----\n",
		"GET \"a\"x\n----\n",
		"GET \"a\"*x\n----\n",
		"GET {1..9999999}\n----\n",
	} {
		if _, err := Parse("f", []byte(text)); err == nil {
			t.Errorf("%q is no error", text)
		} else if !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("%q: %v does not say where", text, err)
		}
	}
}

func TestParseArgs(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{"GET k", []string{"GET", "k"}},
		{"  GET   k ", []string{"GET", "k"}},
		{`SET "" "a b\x00\n"`, []string{"SET", "", "a b\x00\n"}},
		{`SET k "ab"*3`, []string{"SET", "k", "ababab"}},
		{`SET k "ab"*0 x`, []string{"SET", "k", "", "x"}},
		{"P {1..3} x", []string{"P", "1", "2", "3", "x"}},
		{"H {2..3: f% %v}", []string{"H", "f2", "2v", "f3", "3v"}},
		{"P {3..1}", []string{"P"}},
		{"P {-1..1}", []string{"P", "-1", "0", "1"}},
		{"GET {tag}k {} {a..b}", []string{"GET", "{tag}k", "{}", "{a..b}"}},
		{"GET {", []string{"GET", "{"}},
		{`KEYS a*b [x] `, []string{"KEYS", "a*b", "[x]"}},
	} {
		args, err := parseArgs(c.line)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
		}
		var got []string
		for _, a := range args {
			got = append(got, string(a))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.line, diff)
		}
	}
}

func TestRender(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{"+OK\r\n", "+OK"},
		{"-ERR no\r\n", "-ERR no"},
		{":-5\r\n", ":-5"},
		{"$3\r\na\r\n\r\n", `"a\r\n"`[:3] + `r\n"`},
		{"$0\r\n\r\n", `""`},
		{"$2\r\n\xc3\xa9\r\n", `"\u00e9"`},
		{"$1\r\n\xff\r\n", `"\xff"`},
		{"$-1\r\n", "(nil)"},
		{"*-1\r\n", "(nil-array)"},
		{"_\r\n", "_"},
		{"#t\r\n", "#t"},
		{",1.5\r\n", ",1.5"},
		{"(12345678901234567890\r\n", "(12345678901234567890"},
		{"!5\r\nERR x\r\n", `!"ERR x"`},
		{"=7\r\ntxt:a\nb\r\n", `=txt:"a\nb"`},
		{"*0\r\n", "*[]"},
		{"*2\r\n:1\r\n*1\r\n$1\r\na\r\n", `*[:1 *["a"]]`},
		{"~1\r\n:1\r\n", "~[:1]"},
		{">1\r\n:1\r\n", ">[:1]"},
		{"%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n", "%[+a: :1 +b: :2]"},
		{"|1\r\n+a\r\n:1\r\n+b\r\n", "|[+a: :1 +b]"},
		{"$32\r\n" + strings.Repeat("x", 32) + "\r\n", `"x"*32`},
		{"$31\r\n" + strings.Repeat("x", 31) + "\r\n", `"` + strings.Repeat("x", 31) + `"`},
		{array(30, "$4\r\nabcd\r\n"), "*[\n" +
			"  " + strings.TrimSpace(strings.Repeat(`"abcd" `, 12)) + "\n" +
			"  " + strings.TrimSpace(strings.Repeat(`"abcd" `, 12)) + "\n" +
			"  " + strings.TrimSpace(strings.Repeat(`"abcd" `, 6)) + "\n]"},
		{"*2\r\n" + array(1, "+x\r\n") + array(1, "+"+strings.Repeat("y", 90)+"\r\n"), "*[\n  *[+x]\n  *[\n    +" + strings.Repeat("y", 90) + "\n  ]\n]"},
	} {
		got, err := Render([]byte(c.raw))
		if err != nil || got != c.want {
			t.Errorf("%q, %v:\n%s", c.raw, err, cmp.Diff(c.want, got))
		}
		raw, err := ReadRaw(bufio.NewReader(strings.NewReader(c.raw + "+next\r\n")))
		if err != nil || string(raw) != c.raw {
			t.Errorf("ReadRaw(%q) = %q, %v", c.raw, raw, err)
		}
	}
	for _, raw := range []string{"", "+OK", "+OK\n", "?\r\n", "$x\r\n", "$-2\r\n", "$3\r\nab\r\n", "$1\r\nabc", "*2\r\n:1\r\n", "+OK\r\n+OK\r\n"} {
		if got, err := Render([]byte(raw)); err == nil {
			t.Errorf("%q is rendered as %s", raw, got)
		}
	}
}

func array(n int, elem string) string {
	return fmt.Sprintf("*%d\r\n%s", n, strings.Repeat(elem, n))
}

func TestSortElems(t *testing.T) {
	for _, c := range []struct {
		raw, want string
		pairs     bool
	}{
		{"*3\r\n+c\r\n+a\r\n+b\r\n", "*[+a +b +c]", false},
		{"~2\r\n:2\r\n:1\r\n", "~[:1 :2]", false},
		{"%2\r\n+b\r\n:1\r\n+a\r\n:2\r\n", "%[+a: :2 +b: :1]", false},
		{"*4\r\n+b\r\n:1\r\n+a\r\n:2\r\n", "*[+a :2 +b :1]", true},
		{"*2\r\n+0\r\n*2\r\n+b\r\n+a\r\n", "*[*[+b +a] +0]", false},
		{"+OK\r\n", "+OK", true},
		{"*-1\r\n", "(nil-array)", false},
	} {
		v, err := Decode([]byte(c.raw))
		if err != nil {
			t.Fatal(err)
		}
		v.Sort(c.pairs)
		if got := v.render(0); got != c.want {
			t.Errorf("%q: %s, want %s", c.raw, got, c.want)
		}
	}
}

func TestAccepts(t *testing.T) {
	for _, c := range []struct {
		d         directives
		want, got string
		ok        bool
	}{
		{directives{}, "+OK", "+OK", true},
		{directives{}, "+OK", "+OK2", false},
		{directives{match: true}, `:\d+`, ":12", true},
		{directives{match: true}, `:\d+`, ":12x", false},
		{directives{match: true}, `a|b`, "ab", false},
		{directives{match: true}, `\*\[.*\]`, "*[\n  :1\n]", true},
		{directives{match: true}, `(`, "(", false},
		{directives{tolerance: 1e-3}, `*["1.0001" :5]`, `*["1.0002" :5]`, true},
		{directives{tolerance: 1e-3}, `*["1.0001" :5]`, `*["1.1" :5]`, false},
		{directives{tolerance: 1e-3}, `*["1.0001" :5]`, `*["1.0002" :5 :6]`, false},
		{directives{tolerance: 1e-3}, `"1e10"`, `"10000000001"`, true},
	} {
		s := Step{Want: c.want, directives: c.d}
		if got := s.accepts(c.got); got != c.ok {
			t.Errorf("%+v: %q for %q = %v", c.d, c.got, c.want, got)
		}
	}
}

// TestCorpusIsTidy checks that every transcript parses, is written as Format
// writes it, and expects something of every command.
func TestCorpusIsTidy(t *testing.T) {
	steps := 0
	for path, text := range corpus(t) {
		f, err := Parse(path, text)
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(f.Format(), text) {
			t.Errorf("%s is not as Format writes it", path)
		}
		for _, s := range f.Steps {
			if s.Command != "" && s.Want == "" {
				t.Errorf("%s:%d: %s expects nothing", path, s.Line, s.Command)
			}
			steps++
		}
	}
	if steps < 1000 {
		t.Errorf("only %d steps", steps)
	}
}

// An echo is a server with a clock of its own that answers with the command's
// second argument as it stands, to TIME with the time, and to COUNT with how often it
// was asked that.
type echo struct {
	now     time.Duration
	dialled int
	counted int
	sent    []string
}

type echoConn struct {
	s       *echo
	replies []string
}

func (e *echo) Dial() (Conn, error)     { e.dialled++; return &echoConn{s: e}, nil }
func (e *echo) Advance(d time.Duration) { e.now += d }
func (c *echoConn) Close() error        { return nil }

func (c *echoConn) Send(args [][]byte) error {
	c.s.sent = append(c.s.sent, string(bytes.Join(args, []byte(" "))))
	reply := "+OK\r\n"
	switch string(args[0]) {
	case "TIME":
		reply = fmt.Sprintf(":%d\r\n", c.s.now.Milliseconds())
	case "COUNT":
		c.s.counted++
		reply = fmt.Sprintf(":%d\r\n", c.s.counted)
	case "RAW":
		reply = string(args[1])
	case "CONFIG":
		if string(args[1]) == "GET" {
			reply = "*2\r\n+x\r\n$3\r\nold\r\n"
		}
	}
	if reply != "" {
		c.replies = append(c.replies, reply)
	}
	return nil
}

func (c *echoConn) Receive(time.Duration) ([]byte, error) {
	if len(c.replies) == 0 {
		return nil, ErrWaiting
	}
	r := c.replies[0]
	c.replies = c.replies[1:]
	return []byte(r), nil
}

func TestRun(t *testing.T) {
	f, err := Parse("f", []byte(`@resp3
RAW "*2\r\n+b\r\n+a\r\n"
----
*[+b +a]

@unordered
RAW "*2\r\n+b\r\n+a\r\n"
----
*[+b +a]

@advance 1500ms
TIME
----
:1500

@client two
@blocks
RAW ""
----
(blocks)

@client main
@config x new
RAW "+a\r\n+b\r\n"
----
+a

@skip-reference it is for us
RAW "+mine\r\n"
----
+mine

@match
RAW "+abc\r\n"
----
\+a.*
`))
	if err != nil {
		t.Fatal(err)
	}
	// Two replies in one are not ours to judge: the raw bytes are one reply.
	f.Steps[4].Args[1] = []byte("+a\r\n")
	e := new(echo)
	failures, err := Run(f, e, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(failures) != 1 || failures[0].Line != 6 || failures[0].Got != "*[+a +b]" {
		t.Errorf("failures %v", failures)
	}
	if e.dialled != 3 {
		t.Errorf("%d connections, want main, two and the one that undoes settings", e.dialled)
	}
	want := []string{"FLUSHALL", "FUNCTION FLUSH", "HELLO 3", "CONFIG GET x", "CONFIG SET x new", "CONFIG SET x old"}
	var own []string
	for _, s := range e.sent {
		if !strings.HasPrefix(s, "RAW") && s != "TIME" {
			own = append(own, s)
		}
	}
	if diff := cmp.Diff(want, own); diff != "" {
		t.Error(diff)
	}

	if _, err := Run(f, new(echo), Options{Reference: true, Update: true}); err != nil {
		t.Fatal(err)
	}
	if got := f.Steps[1].Want; got != "*[+a +b]" {
		t.Errorf("updated to %s", got)
	}
	if f.Steps[5].Want != "+mine" || f.Steps[6].Want != `\+a.*` {
		t.Error("update touched a step that is not the reference's")
	}
	if failures, err := Run(f, new(echo), Options{}); err != nil || len(failures) > 0 {
		t.Errorf("after the update: %v, %v", failures, err)
	}
}

func TestStart(t *testing.T) {
	f, err := Parse("f", []byte(`# About users
@start aclfile users.acl
@start save 3600 1 300 100
@file users.acl "user a on\nuser b off\n"
GET a
----
+OK
`))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	conf, err := f.Start.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		conf: "aclfile users.acl\nsave 3600 1 300 100\n", filepath.Join(dir, "users.acl"): "user a on\nuser b off\n",
	} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v, want %q", path, got, err, want)
		}
	}
	if plain, _ := Parse("f", []byte("GET a\n----\n+OK\n")); !f.Start.Needed() || plain.Start.Needed() {
		t.Error("who needs a server of its own?")
	}
}

// What has a name is meant by it in arguments, and shown by it in replies.
func TestNames(t *testing.T) {
	f, err := Parse("f", []byte(`@match
@name id
RAW "$5\r\nabcde\r\n"
----
"[a-e]{5}"

RAW "*2\r\n$5\r\nabcde\r\n+no abcde here\r\n"
----
*["(id)" +no (id) here]

ECHO (id) (other)
----
+OK
`))
	if err != nil {
		t.Fatal(err)
	}
	e := new(echo)
	failures, err := Run(f, e, Options{})
	if err != nil || len(failures) > 0 {
		t.Errorf("%v, %v", failures, err)
	}
	if got := e.sent[len(e.sent)-1]; got != "ECHO abcde (other)" {
		t.Errorf("sent %s", got)
	}
}

// @await asks until it hears what it wants, and each time on a new connection.
func TestAwait(t *testing.T) {
	f, err := Parse("f", []byte("@await\nCOUNT\n----\n:3\n\nPING\n----\n+OK\n"))
	if err != nil {
		t.Fatal(err)
	}
	e := new(echo)
	failures, err := Run(f, e, Options{Update: true})
	if err != nil || len(failures) > 0 || e.counted != 3 || e.dialled != 3 {
		t.Errorf("%v, %v, asked %d times on %d connections", failures, err, e.counted, e.dialled)
	}
}

func TestRunBreaksOff(t *testing.T) {
	for _, text := range []string{
		"(receive)\n----\n+OK\n",
		"RAW \"?\\r\\n\"\n----\n+OK\n",
		"@resp3\nRAW \"+a\\r\\n\"\n----\n+a\n\n(receive)\n----\n+b\n",
	} {
		f, err := Parse("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Run(f, new(echo), Options{}); err == nil {
			t.Errorf("%q runs through", text)
		}
	}
	f, _ := Parse("f", []byte("GET a\n----\n+OK\n"))
	broken := errors.New("broken")
	if _, err := Run(f, failing{broken}, Options{}); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

type failing struct{ err error }

func (f failing) Dial() (Conn, error)   { return nil, f.err }
func (f failing) Advance(time.Duration) {}

// FuzzRender feeds the judge's own RESP reader bytes of any kind.
func FuzzRender(f *testing.F) {
	f.Add([]byte("*2\r\n$1\r\na\r\n%1\r\n+b\r\n:1\r\n"))
	f.Add([]byte("|1\r\n+a\r\n:1\r\n+b\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 1<<12 {
			return
		}
		Render(raw)
	})
}

// FuzzParse checks that what Format writes means the same when read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Fuzz(func(t *testing.T, text []byte) {
		x, err := Parse("f", text)
		if err != nil {
			return
		}
		written := x.Format()
		y, err := Parse("f", written)
		if err != nil {
			t.Fatalf("%q: written as %q, which is an error: %v", text, written, err)
		}
		if again := y.Format(); !bytes.Equal(again, written) {
			t.Errorf("%q: written as %q, then as %q", text, written, again)
		}
	})
}
