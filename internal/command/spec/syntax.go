package spec

// The syntax notation.
//
// COMMAND DOCS describes a command's arguments as a tree. The table holds that
// tree as one line that reads like the manual:
//
//	key value [condition{NX|XX}] [GET] [expiration{EX seconds:int|KEEPTTL}]
//
//	word             an argument of that name
//	word:type        …of a type: int, double, time (Unix time), pattern, key, string;
//	                 without one, key is a key and any other name a string
//	word"text"       …shown to people under another text
//	WORD             a token that stands for itself
//	word=TOKEN       …when its name is not the token in lower case
//	WORD argument    an argument that its token comes before
//	name{a b}        a block: a, then b
//	name{a|b}        a choice: a or b
//	[argument]       may be left out
//	argument ...     may be repeated
//	argument *...    may be repeated, its token each time
//	argument^6.2.0   known since a version
//	argument~2.8.12  deprecated since a version
//	argument@1       leads to the keys of that key spec
//
// Arguments of type key belong to the key specs in order: the first to spec 0,
// the next to spec 1, unless @ says otherwise.

import (
	"fmt"
	"strings"
)

// Arg is an argument, or a group of them, as COMMAND DOCS shows it.
type Arg struct {
	Name            string
	Type            ArgType
	Display         string // what to show people; the name unless stated; "" for groups
	Token           string // the word before it, or the word it is
	KeySpec         int    // which of the command's Keys it leads to, -1 none
	Since           string // "" if as old as the command
	DeprecatedSince string
	Flags           ArgFlags
	Args            []Arg // of a OneOf or Block
}

// ArgType is what an argument is.
type ArgType uint8

// The types.
const (
	StringArg ArgType = iota
	IntegerArg
	DoubleArg
	KeyArg
	PatternArg
	UnixTimeArg
	PureToken // the token alone
	OneOf     // one of Args
	Block     // all of Args
)

var argTypeNames = [...]string{
	"string", "integer", "double", "key", "pattern", "unix-time", "pure-token", "oneof", "block",
}

// String returns the type's name on the wire.
func (t ArgType) String() string { return argTypeNames[t] }

// ArgFlags say how often an argument may stand.
type ArgFlags uint8

// The flags, in the order of COMMAND DOCS.
const (
	Optional ArgFlags = 1 << iota
	Multiple
	MultipleToken
	endArgFlags
)

var argFlagNames = [...]string{"optional", "multiple", "multiple_token"}

// Names lists the flags' names in the order of COMMAND DOCS.
func (f ArgFlags) Names() []string { return names(uint64(f), argFlagNames[:]) }

// Args returns the tree of the command's arguments, without its name. It reads
// the syntax anew at each call: whoever asks is a person at a prompt, and a
// tree for every command kept in memory would serve nobody else.
func (c *Command) Args() []Arg {
	args, err := parseSyntax(c.Syntax, len(c.Keys))
	if err != nil {
		panic("spec: syntax of " + c.Name + ": " + err.Error())
	}
	return args
}

// Usage returns the command as a manual shows it, such as
// "GET key" or "EXPIRE key seconds [NX | XX | GT | LT]".
func (c *Command) Usage() string {
	b := []byte(strings.ToUpper(strings.ReplaceAll(c.Name, "|", " ")))
	for _, a := range c.Args() {
		b = a.appendUsage(append(b, ' '))
	}
	return string(b)
}

func (a *Arg) appendUsage(b []byte) []byte {
	if a.Flags&Optional != 0 {
		b = append(b, '[')
	}
	b = a.appendOnce(b, true)
	switch {
	case a.Flags&Multiple == 0:
	case len(a.Args) > 3: // too long to say twice
		b = append(b, " ..."...)
	default:
		b = a.appendOnce(append(b, " ["...), a.Flags&MultipleToken != 0)
		b = append(b, " ...]"...)
	}
	if a.Flags&Optional != 0 {
		b = append(b, ']')
	}
	return b
}

// appendOnce appends the argument without repetition; a choice that no
// brackets enclose gets angle brackets.
func (a *Arg) appendOnce(b []byte, token bool) []byte {
	if a.Type == PureToken {
		if a.Token == "" {
			return append(b, `""`...)
		}
		return append(b, a.Token...)
	}
	if token && a.Token != "" {
		b = append(append(b, a.Token...), ' ')
	}
	if a.Type != OneOf && a.Type != Block {
		return append(b, a.Display...)
	}
	between := " "
	enclose := false
	if a.Type == OneOf {
		between = " | "
		enclose = a.Flags&Optional == 0 || a.Token != "" || a.Flags&Multiple != 0
	}
	if enclose {
		b = append(b, '<')
	}
	for i := range a.Args {
		if i > 0 {
			b = append(b, between...)
		}
		b = a.Args[i].appendUsage(b)
	}
	if enclose {
		b = append(b, '>')
	}
	return b
}

// parseSyntax reads a syntax line of a command with some number of key specs.
func parseSyntax(text string, keySpecs int) ([]Arg, error) {
	p := syntaxParser{rest: text, keySpecs: keySpecs}
	args, oneOf, err := p.list("")
	if err == nil && oneOf {
		err = p.errorf("a choice needs a name")
	}
	return args, err
}

// A syntaxParser reads the notation by recursive descent.
type syntaxParser struct {
	rest     string
	nextKey  int // the spec of the next argument of type key
	keySpecs int
}

func (p *syntaxParser) errorf(format string, args ...any) error {
	return fmt.Errorf("before %q: %s", p.rest, fmt.Sprintf(format, args...))
}

// accept skips spaces and then s, if s comes next.
func (p *syntaxParser) accept(s string) bool {
	p.rest = strings.TrimLeft(p.rest, " ")
	rest, ok := strings.CutPrefix(p.rest, s)
	if ok {
		p.rest = rest
	}
	return ok
}

// list reads arguments up to the closing bracket, "" meaning the end of text.
func (p *syntaxParser) list(closing string) (args []Arg, oneOf bool, err error) {
	for {
		if p.accept(closing) && (closing != "" || p.rest == "") {
			return args, oneOf, nil
		}
		if p.rest == "" {
			return nil, false, p.errorf("%q is missing", closing)
		}
		if p.accept("|") {
			oneOf = true
			continue
		}
		a, err := p.item()
		if err != nil {
			return nil, false, err
		}
		args = append(args, a)
	}
}

// item reads one argument with its brackets and repetition.
func (p *syntaxParser) item() (Arg, error) {
	if p.accept("[") {
		args, _, err := p.list("]")
		if err == nil && len(args) != 1 {
			err = p.errorf("%d arguments in brackets", len(args))
		}
		if err != nil {
			return Arg{}, err
		}
		args[0].Flags |= Optional
		return args[0], nil
	}
	a, err := p.argument()
	if err != nil {
		return a, err
	}
	switch {
	case p.accept("..."):
		a.Flags |= Multiple
	case p.accept("*..."):
		a.Flags |= Multiple | MultipleToken
	}
	return a, nil
}

const (
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	joints = "0123456789-_"
)

// word reads the letters of one case with digits and hyphens.
func (p *syntaxParser) word(letters string) string {
	n := strings.IndexFunc(p.rest, func(r rune) bool {
		return !strings.ContainsRune(letters, r) && !strings.ContainsRune(joints, r)
	})
	if n < 0 {
		n = len(p.rest)
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	return w
}

// argument reads one argument with its token, type and marks.
func (p *syntaxParser) argument() (Arg, error) {
	a := Arg{KeySpec: -1}
	p.accept("")
	if token := p.word(upper); token != "" {
		a.Token = token
		p.accept("")
		if p.rest == "" || !strings.ContainsRune(lower, rune(p.rest[0])) {
			a.Name, a.Type, a.Display = strings.ToLower(token), PureToken, strings.ToLower(token)
			return a, p.marks(&a)
		}
	}
	if a.Name = p.word(lower); a.Name == "" {
		return a, p.errorf("no argument here")
	}
	a.Display = a.Name
	if rest, ok := strings.CutPrefix(p.rest, "="); ok {
		a.Type = PureToken
		n := strings.IndexAny(rest[min(1, len(rest)):], "^ |]}")
		if n < 0 {
			n = len(rest)
		} else {
			n++
		}
		a.Token, p.rest = strings.Trim(rest[:n], `"`), rest[n:]
		return a, p.marks(&a)
	}
	if rest, ok := strings.CutPrefix(p.rest, `"`); ok {
		if a.Display, p.rest, ok = strings.Cut(rest, `"`); !ok {
			return a, p.errorf("a quote is open")
		}
	}
	if strings.HasPrefix(p.rest, "{") {
		return a, p.group(&a)
	}
	if err := p.argType(&a); err != nil {
		return a, err
	}
	err := p.marks(&a)
	if a.Type == KeyArg {
		if a.KeySpec < 0 {
			a.KeySpec = min(p.nextKey, p.keySpecs-1)
		}
		p.nextKey = a.KeySpec + 1
	}
	return a, err
}

// group reads what a name's braces hold.
func (p *syntaxParser) group(a *Arg) error {
	p.accept("{")
	args, oneOf, err := p.list("}")
	if err != nil {
		return err
	}
	a.Args, a.Display, a.Type = args, "", Block
	if oneOf {
		a.Type = OneOf
	}
	return p.marks(a)
}

func (p *syntaxParser) argType(a *Arg) error {
	rest, ok := strings.CutPrefix(p.rest, ":")
	if !ok {
		if a.Name == "key" {
			a.Type = KeyArg
		}
		return nil
	}
	p.rest = rest
	switch t := p.word(lower); t {
	case "int":
		a.Type = IntegerArg
	case "double":
		a.Type = DoubleArg
	case "time":
		a.Type = UnixTimeArg
	case "pattern":
		a.Type = PatternArg
	case "key":
		a.Type = KeyArg
	case "string":
	default:
		return p.errorf("%q is no type", t)
	}
	return nil
}

// marks reads the suffixes @, ^ and ~ in any order.
func (p *syntaxParser) marks(a *Arg) error {
	for p.rest != "" {
		mark := p.rest[0]
		if mark != '@' && mark != '^' && mark != '~' {
			break
		}
		n := 1
		for n < len(p.rest) && (p.rest[n] == '.' || '0' <= p.rest[n] && p.rest[n] <= '9') {
			n++
		}
		if n == 1 {
			return p.errorf("%q without a number", mark)
		}
		value := p.rest[1:n]
		p.rest = p.rest[n:]
		switch mark {
		case '@':
			a.KeySpec = leadingInt([]byte(value))
		case '^':
			a.Since = value
		case '~':
			a.DeprecatedSince = value
		}
	}
	return nil
}
