package spec

import "strconv"

// A KeySpec says how to find some of a command's keys, in two steps: where to
// begin, and from there which arguments are keys.
//
//	ZUNIONSTORE  dest  2  a  b  WEIGHTS 1 2
//	             ────  ─  ────
//	  begin at 1 ─┘    │   │
//	  take one         │   └ as many keys as it says, from the next argument on
//	                   └ begin at 2, which counts the keys
//
// Argument 0 is the command's name; a subcommand's is argument 1.
type KeySpec struct {
	Begin   Begin
	Index   int    // BeginIndex: the argument to begin at
	Keyword string // BeginKeyword: begin behind this argument, whatever its case
	From    int    // BeginKeyword: where the search starts; negative: from the end, backwards

	Find  FindKeys
	Last  int // FindRange: the last key, counted from the first; negative: from the end of all
	Step  int // distance between keys
	Limit int // FindRange, Last -1: keys fill only 1/Limit of what follows; 0 and 1: all of it

	CountAt int // FindKeyNum: the argument that holds the number of keys, counted from the begin
	FirstAt int // FindKeyNum: the first key, counted from the begin

	Flags KeyFlags
	Notes string // what the flags do not say, for COMMAND INFO
}

// Begin is the way to find where keys begin.
type Begin uint8

// The ways; the names on the wire are index, keyword and unknown.
const (
	BeginIndex Begin = iota
	BeginKeyword
	BeginUnknown
)

// String returns the name on the wire.
func (b Begin) String() string { return [...]string{"index", "keyword", "unknown"}[b] }

// FindKeys is the way to tell keys from other arguments.
type FindKeys uint8

// The ways; the names on the wire are range, keynum and unknown.
const (
	FindRange FindKeys = iota
	FindKeyNum
	FindUnknown
)

// String returns the name on the wire.
func (f FindKeys) String() string { return [...]string{"range", "keynum", "unknown"}[f] }

// key is the spec of a single key.
func key(at int, f KeyFlags) KeySpec { return KeySpec{Index: at, Step: 1, Flags: f} }

// keys is the spec of a run of keys: from one argument to another, which is
// counted from the first, or from the end if negative.
func keys(at, last, step int, f KeyFlags) KeySpec {
	return KeySpec{Index: at, Last: last, Step: step, Flags: f}
}

// counted is the spec of keys with their number before them.
func counted(at, step int, f KeyFlags) KeySpec {
	return KeySpec{Index: at, Find: FindKeyNum, FirstAt: 1, Step: step, Flags: f}
}

// after is the spec of keys behind a keyword.
func after(keyword string, from, last, limit int, f KeyFlags) KeySpec {
	return KeySpec{Begin: BeginKeyword, Keyword: keyword, From: from, Last: last, Step: 1, Limit: limit, Flags: f}
}

// unknown is the spec of keys that only the command itself can find.
func unknown(f KeyFlags) KeySpec {
	return KeySpec{Begin: BeginUnknown, Find: FindUnknown, Flags: f}
}

// because adds a note.
func (s KeySpec) because(note string) KeySpec {
	s.Notes = note
	return s
}

// plain reports whether the spec is a run from a fixed argument on.
func (s *KeySpec) plain() bool { return s.Begin == BeginIndex && s.Find == FindRange }

// legacyRange sums the plain specs up as first key, last key and step. Of
// several, those count that follow each other without a gap, at step 1.
func (c *Command) legacyRange() (first, last, step int) {
	if len(c.Keys) == 1 && c.Keys[0].plain() {
		s := c.Keys[0]
		return s.Index, s.lastArg(), s.Step
	}
	for i := range c.Keys {
		s := &c.Keys[i]
		if !s.plain() || s.Step != 1 || last != 0 && last != s.Index-1 {
			continue
		}
		if first == 0 {
			first = s.Index
		}
		last, step = s.lastArg(), 1
	}
	return first, last, step
}

// lastArg is the last key of a plain spec; negative counts from the end.
func (s *KeySpec) lastArg() int {
	if s.Last >= 0 {
		return s.Index + s.Last
	}
	return s.Last
}

// keysMove reports whether legacyRange leaves keys out.
func (c *Command) keysMove() bool {
	last := 0
	for i := range c.Keys {
		s := &c.Keys[i]
		if !s.plain() || s.Flags&Incomplete != 0 {
			return true
		}
		if len(c.Keys) > 1 && (s.Step != 1 || last != 0 && last != s.Index-1) {
			return true
		}
		last = s.lastArg()
	}
	return false
}

// shape is how much work it takes to find a command's keys.
type shape uint8

const (
	shapeNone shape = iota // no keys
	shapeOne               // one key, argument FirstKey, and never another
	shapeRun               // the arguments FirstKey to LastKey by Step, one spec
	shapeSpec              // the specs must be worked through
	shapeCode              // specs are not enough: see special
)

func (c *Command) keyShape() shape {
	switch {
	case !c.HasKeys():
		return shapeNone
	case special(c.Name) != nil:
		return shapeCode
	case len(c.Keys) == 1 && c.Keys[0].plain() && c.FirstKey == c.LastKey:
		return shapeOne
	case len(c.Keys) == 1 && c.Keys[0].plain():
		return shapeRun
	}
	return shapeSpec
}

// HasKeys reports whether the command can have keys. The channels of SPUBLISH
// and its like are none, although they are placed by hash slot like keys.
func (c *Command) HasKeys() bool {
	for i := range c.Keys {
		if c.Keys[i].Flags&NotKey == 0 {
			return true
		}
	}
	return false
}

// OneKey reports whether the command has exactly one key, argument FirstKey,
// whatever its other arguments are.
func (c *Command) OneKey() bool {
	return c.shape == shapeOne || c.shape == shapeCode && len(c.Keys) == 1 && c.Keys[0].plain()
}

// KeyPos is a key's place among a command's arguments, and its use.
type KeyPos struct {
	Pos   int
	Flags KeyFlags
}

// Error is the whole text of an error reply.
type Error string

// Error returns the text.
func (e Error) Error() string { return string(e) }

// The errors of COMMAND GETKEYS and COMMAND GETKEYSANDFLAGS.
const (
	ErrUnknown   Error = "ERR Invalid command specified"
	ErrNoKeys    Error = "ERR The command has no key arguments"
	ErrArity     Error = "ERR Invalid number of arguments specified for command"
	ErrArguments Error = "ERR Invalid arguments specified for command"
)

// GetKeys looks a whole command up and finds its keys, as COMMAND GETKEYS does.
func GetKeys(dst []KeyPos, args [][]byte) ([]KeyPos, error) {
	c := Lookup(args)
	if c == nil {
		return dst, ErrUnknown
	}
	return c.KeyPositions(dst, args)
}

// KeyPositions appends to dst the places of the keys in args, which begin with
// the command's name. The order is that of the specs; a key that is named
// twice stands there twice. It keeps nothing of args.
//
// It may be asked about arguments that the command itself will refuse: what
// makes no sense is [ErrArguments], except that a command flagged
// NoMandatoryKeys then simply has no keys.
func (c *Command) KeyPositions(dst []KeyPos, args [][]byte) ([]KeyPos, error) {
	if c.shape == shapeNone {
		return dst, ErrNoKeys
	}
	if !c.ArityOK(len(args)) {
		return dst, ErrArity
	}
	n := len(dst)
	switch c.shape {
	case shapeOne:
		return append(dst, KeyPos{c.FirstKey, c.Keys[0].Flags}), nil
	case shapeCode:
		dst = special(c.Name)(dst, args)
	default:
		dst = c.bySpecs(dst, args)
	}
	if len(dst) == n && c.Flags&NoMandatoryKeys == 0 {
		return dst, ErrArguments
	}
	return dst, nil
}

// bySpecs works the specs through. One that cannot be followed makes all of
// them void, and the keys are then counted as leniently as Redis does.
func (c *Command) bySpecs(dst []KeyPos, args [][]byte) []KeyPos {
	n := len(dst)
	for i := range c.Keys {
		s := &c.Keys[i]
		if s.Flags&NotKey != 0 {
			continue
		}
		var ok bool
		if dst, ok = s.follow(dst, args); !ok {
			return c.countedLeniently(dst[:n], args)
		}
	}
	return dst
}

// follow appends the keys one spec finds. Not ok means that the arguments do
// not fit the spec; a keyword that is missing is no misfit.
func (s *KeySpec) follow(dst []KeyPos, args [][]byte) (_ []KeyPos, ok bool) {
	first := s.Index
	switch s.Begin {
	case BeginKeyword:
		if first = s.behindKeyword(args); first == 0 {
			return dst, true
		}
	case BeginUnknown:
		return dst, false
	}
	var last int
	switch s.Find {
	case FindRange:
		switch {
		case s.Last >= 0:
			last = first + s.Last
		case s.Limit <= 1:
			last = len(args) + s.Last
		default:
			last = first + (len(args)-first)/s.Limit + s.Last
		}
	case FindKeyNum:
		if first+s.CountAt >= len(args) {
			return dst, false
		}
		num, err := strconv.ParseInt(string(args[first+s.CountAt]), 10, 64)
		if err != nil || num < 0 || num > int64(len(args)) {
			return dst, false
		}
		first += s.FirstAt
		last = first + (int(num)-1)*s.Step
	default:
		return dst, false
	}
	if first >= len(args) || last >= len(args) || last < first {
		return dst, false
	}
	for i := first; i <= last; i += s.Step {
		dst = append(dst, KeyPos{i, s.Flags})
	}
	return dst, s.Flags&Incomplete == 0
}

// behindKeyword returns the argument behind the keyword, 0 when it is missing.
// The search forward leaves the last argument out: nothing would follow it.
func (s *KeySpec) behindKeyword(args [][]byte) int {
	if s.From > 0 {
		for i := s.From; i < len(args)-1; i++ {
			if isWord(args[i], s.Keyword) {
				return i + 1
			}
		}
		return 0
	}
	for i := len(args) + s.From; i > 1; i-- {
		if isWord(args[i], s.Keyword) {
			return i + 1
		}
	}
	return 0
}

// countedLeniently finds the keys of a command whose specs failed, if their
// number stands before them: the number may then end in rubbish, and the key
// that is stored to comes last. What the keys are used for is not known.
func (c *Command) countedLeniently(dst []KeyPos, args [][]byte) []KeyPos {
	store := 0
	for i := range c.Keys {
		s := &c.Keys[i]
		if s.plain() {
			store = s.Index
		}
		if s.Find != FindKeyNum || s.Index >= len(args) {
			continue
		}
		first, num := s.Index+s.FirstAt, leadingInt(args[s.Index])
		if num < 1 || num > (len(args)-first)/s.Step {
			return dst
		}
		for k := range num {
			dst = append(dst, KeyPos{Pos: first + k*s.Step})
		}
		if store != 0 {
			dst = append(dst, KeyPos{Pos: store})
		}
		return dst
	}
	return dst
}

// leadingInt reads the digits that b begins with, as C's atoi does.
func leadingInt(b []byte) int {
	n := 0
	for _, d := range b {
		if d < '0' || d > '9' || n > 1<<30 {
			break
		}
		n = n*10 + int(d-'0')
	}
	return n
}

// isWord reports whether an argument is a word given in upper case.
func isWord(arg []byte, upper string) bool {
	if len(arg) != len(upper) {
		return false
	}
	for i, b := range arg {
		if 'a' <= b && b <= 'z' {
			b &^= 0x20
		}
		if b != upper[i] {
			return false
		}
	}
	return true
}
