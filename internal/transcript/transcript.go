// Package transcript runs conversations with a server that are written down as
// text, and compares what the server answers with what stands there.
//
//	# SETNX leaves an existing key alone
//	SET k 1
//	----
//	+OK
//
//	SETNX k 2
//	----
//	:0
//
//	GET k
//	----
//	"1"
//
// The same files are played to a real redis-server, the reference, and to every
// engine of this module; nothing in a file says who answers.
//
// # A file
//
// A file is a sequence of steps with empty lines between them. A step is any
// number of comments (# …) and directives (@…), a command line, a line of four
// dashes, and the reply. A step may also consist of comments alone. A reply
// ends at the next empty line.
//
// A file begins with an empty server, default settings, and one connection,
// which speaks RESP2.
//
// # The command line
//
// Arguments are separated by spaces:
//
//	word             itself
//	"a\x00\r\n"      a string in Go's notation, "" being the empty one
//	"ab"*3           the same, repeated: "ababab"
//	{1..3}           the arguments 1, 2 and 3
//	{1..3: f% v%}    f1 v1 f2 v2 f3 v3
//	(receive)        alone on the line: send nothing, take the next reply
//
// # The reply
//
// Replies are shown by RESP's own marks; strings are quoted as in Go, in ASCII.
//
//	+OK              simple string           _                null (RESP3)
//	-ERR text        error                   ,1.5             double
//	:5               integer                 #t #f            boolean
//	"bulk"           bulk string             (12345           big number
//	(nil)            null bulk string        !"ERR text"      bulk error
//	(nil-array)      null array              =txt:"text"      verbatim string
//	"x"*100          bulk string of one byte over and over
//	*["a" :1]        array                   ~["a" "b"]       set
//	%["k": "v"]      map                     >["message" …]   push
//
// An aggregate wider than the page takes several lines, indented, between its
// brackets: a line per element, or lines filled with elements if these are all
// scalars.
//
// # Directives
//
// Directives stand before a step's command and work on that step alone, unless
// said otherwise.
//
//	@start NAME VALUE    start a server for this file, whose redis.conf has this line; in the
//	                     file's first step
//	@file NAME TEXT      put a file where that server runs; TEXT is written as an argument is
//	@resp3, @resp2       switch the connection's protocol by HELLO, for good
//	@client NAME         use another connection, opened when first named; for
//	                     good, "main" being the first one
//	@config NAME VALUE   CONFIG SET before the step; undone after the file
//	@advance 100ms       move the server's clock; where it is real, sleep
//	@unordered           order means nothing: elements are sorted (fields with
//	                     their values in a map), and the file shows them sorted
//	@pairs               with @unordered: elements of a flat array go in pairs
//	@float 1e-9          numbers may differ by that much of their size
//	@match               the reply written down is a regular expression that
//	                     the whole reply must match
//	@blocks              the command must not answer yet; the reply written
//	                     down is "(blocks)", and a later (receive) takes it
//	@await               ask over and over, each time on a new connection, until the
//	                     reply is the one written down
//	@name ID             the reply, a string, has a name from now on: (ID) stands for
//	                     it as an argument, and in the replies that follow
//	@skip-reference WHY  not for the reference: it is of another version and
//	                     answers differently, or knows nothing of the command
//
// The reference rewrites the expectations on request; steps under @match, @await
// and @skip-reference keep what they have.
package transcript

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A File is a parsed transcript.
type File struct {
	Name  string
	Start Start
	Steps []Step
}

// A Step is one command with its directives and the reply expected.
type Step struct {
	Line    int      // where the step begins
	head    []string // comments, directives and command line, as written
	Command string   // the command line, "" for a step of comments
	Args    [][]byte // nil for (receive)
	Want    string   // the reply in our notation, without a final newline

	directives
}

// directives are what the lines that begin with @ say.
type directives struct {
	protocol  int // 2 or 3 to switch, else 0
	client    string
	config    [][2]string
	advance   time.Duration
	unordered bool
	pairs     bool
	tolerance float64
	match     bool
	blocks    bool
	await     bool
	name      string // what the reply is called
	skip      string // why the reference leaves the step out
	start     Start
}

const (
	rule    = "----"
	receive = "(receive)"
)

// Parse reads a transcript. The name serves its errors.
func Parse(name string, text []byte) (*File, error) {
	f := &File{Name: name}
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); {
		if lines[i] == "" {
			i++
			continue
		}
		s := Step{Line: i + 1}
		for i < len(lines) && lines[i] != "" && lines[i] != rule {
			if err := s.addLine(lines[i]); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
			}
			i++
		}
		if i < len(lines) && lines[i] == rule {
			if s.Command == "" {
				return nil, fmt.Errorf("%s:%d: reply without a command", name, i+1)
			}
			start := i + 1
			for i++; i < len(lines) && lines[i] != ""; i++ {
			}
			s.Want = strings.Join(lines[start:i], "\n")
		}
		if len(f.Steps) == 0 {
			f.Start = s.start
		} else if s.start.Needed() {
			return nil, fmt.Errorf("%s:%d: the server has started", name, s.Line)
		}
		f.Steps = append(f.Steps, s)
	}
	return f, nil
}

func (s *Step) addLine(line string) error {
	s.head = append(s.head, line)
	switch {
	case s.Command != "":
		return fmt.Errorf("a second command: %s", line)
	case line[0] == '#':
		return nil
	case line[0] == '@':
		return s.directives.add(line)
	}
	s.Command = line
	if line == receive {
		return nil
	}
	var err error
	s.Args, err = parseArgs(line)
	return err
}

func (d *directives) add(line string) error {
	name, rest, _ := strings.Cut(line, " ")
	words := strings.Fields(rest)
	want := 0
	switch name {
	case "@client", "@advance", "@float", "@name":
		want = 1
	case "@config":
		want = 2
	case "@start", "@file":
		return d.start.add(name, rest)
	case "@skip-reference":
		if rest == "" {
			return fmt.Errorf("%s needs a reason", name)
		}
		d.skip = rest
		return nil
	}
	if len(words) != want {
		return fmt.Errorf("%s takes %d words: %s", name, want, line)
	}
	var err error
	switch name {
	case "@resp2":
		d.protocol = 2
	case "@resp3":
		d.protocol = 3
	case "@client":
		d.client = words[0]
	case "@config":
		value, err := parseArgs(words[1])
		if err != nil || len(value) != 1 {
			return fmt.Errorf("@config: bad value %s", words[1])
		}
		d.config = append(d.config, [2]string{words[0], string(value[0])})
	case "@advance":
		d.advance, err = time.ParseDuration(words[0])
	case "@unordered":
		d.unordered = true
	case "@pairs":
		d.pairs = true
	case "@float":
		d.tolerance, err = strconv.ParseFloat(words[0], 64)
	case "@match":
		d.match = true
	case "@blocks":
		d.blocks = true
	case "@await":
		d.await = true
	case "@name":
		d.name = words[0]
	default:
		return fmt.Errorf("unknown directive %s", name)
	}
	return err
}

// Format writes the transcript down, in the form that Parse reads.
func (f *File) Format() []byte {
	var b bytes.Buffer
	for i := range f.Steps {
		s := &f.Steps[i]
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, line := range s.head {
			b.WriteString(line + "\n")
		}
		if s.Command != "" {
			b.WriteString(rule + "\n" + s.Want + "\n")
		}
	}
	return b.Bytes()
}

// parseArgs splits a command line; see the package comment.
func parseArgs(line string) ([][]byte, error) {
	var args [][]byte
	for rest := strings.TrimLeft(line, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		var err error
		switch rest[0] {
		case '"':
			var arg []byte
			arg, rest, err = quotedArg(rest)
			args = append(args, arg)
		case '{':
			args, rest, err = spreadArgs(args, rest)
		default:
			word := rest
			if i := strings.IndexByte(rest, ' '); i >= 0 {
				word = rest[:i]
			}
			args, rest = append(args, []byte(word)), rest[len(word):]
		}
		if err != nil {
			return nil, err
		}
	}
	return args, nil
}

// quotedArg reads "text" or "text"*n at the head of s.
func quotedArg(s string) (arg []byte, rest string, err error) {
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return nil, s, fmt.Errorf("bad string: %s", s)
	}
	text, err := strconv.Unquote(quoted)
	if err != nil {
		return nil, s, fmt.Errorf("bad string: %s", quoted)
	}
	rest = s[len(quoted):]
	times := 1
	if strings.HasPrefix(rest, "*") {
		word, _, _ := strings.Cut(rest[1:], " ")
		if times, err = strconv.Atoi(word); err != nil || times < 0 {
			return nil, s, fmt.Errorf("bad repetition: %s", s)
		}
		rest = rest[1+len(word):]
	}
	if rest != "" && rest[0] != ' ' {
		return nil, s, fmt.Errorf("no space after %s", quoted)
	}
	return bytes.Repeat([]byte(text), times), rest, nil
}

// spreadArgs reads {a..b} or {a..b: template} at the head of s. A brace that
// is not of this form begins a plain word.
func spreadArgs(args [][]byte, s string) ([][]byte, string, error) {
	end := strings.IndexByte(s, '}')
	body, template := "", "%"
	if end > 0 {
		body = s[1:end]
		if i := strings.IndexByte(body, ':'); i >= 0 {
			body, template = body[:i], body[i+1:]
		}
	}
	lo, hi, ok := strings.Cut(body, "..")
	from, err1 := strconv.Atoi(lo)
	to, err2 := strconv.Atoi(hi)
	if !ok || err1 != nil || err2 != nil {
		word, _, _ := strings.Cut(s, " ")
		return append(args, []byte(word)), s[len(word):], nil
	}
	if to-from > 1_000_000 {
		return nil, s, fmt.Errorf("too many arguments: %s", s[:end+1])
	}
	for n := from; n <= to; n++ {
		for _, word := range strings.Fields(template) {
			args = append(args, []byte(strings.ReplaceAll(word, "%", strconv.Itoa(n))))
		}
	}
	return args, s[end+1:], nil
}
