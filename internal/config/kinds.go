package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A kind is how a parameter's words become a value, and back.
//
//	            set                    get
//	"1mb"  ──────────▶  Values.field  ─────▶  "1048576"
//	                         │ rewrite
//	                         └──────▶  maxmemory 1mb
//
// set writes nothing when it fails. Its errors are the part of Redis's message
// behind the dash.
type kind interface {
	set(v *Values, words []string) error
	get(v *Values) string
	rewrite(r *rewriter, name string, v, def *Values)
}

// A problem is what is wrong with a value, in Redis's words.
type problem string

func (p problem) Error() string { return string(p) }

const (
	errBool        problem = "argument must be 'yes' or 'no'"
	errInteger     problem = "argument couldn't be parsed into an integer"
	errOctal       problem = "argument couldn't be parsed as an octal number"
	errMemory      problem = "argument must be a memory value"
	errMemoryOrPct problem = "argument must be a memory or percent value"
	errWrongNumber problem = "wrong number of arguments"
)

func oneWord(words []string) (string, error) {
	if len(words) != 1 {
		return "", errWrongNumber
	}
	return words[0], nil
}

// boolKind is yes or no.
type boolKind struct{ field func(*Values) *bool }

func (k boolKind) set(v *Values, words []string) error {
	word, err := oneWord(words)
	if err != nil {
		return err
	}
	switch {
	case strings.EqualFold(word, "yes"):
		*k.field(v) = true
	case strings.EqualFold(word, "no"):
		*k.field(v) = false
	default:
		return errBool
	}
	return nil
}

func (k boolKind) get(v *Values) string {
	if *k.field(v) {
		return "yes"
	}
	return "no"
}

func (k boolKind) rewrite(r *rewriter, name string, v, def *Values) {
	r.line(name, k.get(v), k.get(v) != k.get(def))
}

// numberKind is a number between lo and hi, written in some unit. Redis keeps all
// of them in 64 bits, signed or not by the type of the field; here hi tells.
type numberKind struct {
	unit  unit
	lo    int64
	hi    uint64
	load  func(*Values) int64
	store func(*Values, int64)
}

type unit uint8

const (
	plain           unit = iota // 10, -1
	memory                      // 10, 10k, 10mb
	memoryOrPercent             // or 10%, held as -10
	octal                       // 755
)

// number is a numberKind over a field. Where int has 32 bits a greater value is
// held as the greatest.
func number[T int | int64](u unit, lo int64, hi uint64, field func(*Values) *T) numberKind {
	return numberKind{u, lo, hi,
		func(v *Values) int64 { return int64(*field(v)) },
		func(v *Values, n int64) {
			if int64(T(n)) != n {
				n = min(max(n, math.MinInt32), math.MaxInt32)
			}
			*field(v) = T(n)
		}}
}

func loadMaxMemory(v *Values) int64 { return int64(v.maxMemory) }
func storeMaxMemory(v *Values, n int64) {
	v.maxMemory = uint64(n)
	v.MaxMemory = int64(min(v.maxMemory, math.MaxInt64))
}

// clampedHZ takes any number, as a wish, and holds what can be done.
func clampedHZ() numberKind {
	k := number(plain, 0, math.MaxInt32, func(v *Values) *int { return &v.HZ })
	k.store = func(v *Values, n int64) { v.HZ = int(min(max(n, 1), 500)) }
	return k
}

func (k numberKind) set(v *Values, words []string) error {
	word, err := oneWord(words)
	if err != nil {
		return err
	}
	n, err := k.parse(word)
	if err != nil {
		return err
	}
	if err := k.check(n); err != nil {
		return err
	}
	k.store(v, n)
	return nil
}

func (k numberKind) parse(s string) (int64, error) {
	switch k.unit {
	case memory, memoryOrPercent:
		if n, ok := ParseMemory(s); ok {
			return int64(n), nil
		}
		if k.unit == memory {
			return 0, errMemory
		}
		if digits, found := strings.CutSuffix(s, "%"); found {
			if n, ok := parseInteger(digits); ok && n >= 0 {
				return -n, nil
			}
		}
		return 0, errMemoryOrPct
	case octal:
		if n, ok := strtoll(s, 8); ok {
			return n, nil
		}
		return 0, errOctal
	}
	if n, ok := parseInteger(s); ok {
		return n, nil
	}
	return 0, errInteger
}

func (k numberKind) check(n int64) error {
	switch {
	case k.hi > math.MaxInt64: // unsigned, and all of it allowed
		return nil
	case k.unit == memoryOrPercent && n < 0:
		if n < k.lo {
			return problem(fmt.Sprintf("percentage argument must be less or equal to %d", -k.lo))
		}
	case n < k.lo || n > int64(k.hi):
		if k.unit == octal {
			return problem(fmt.Sprintf("argument must be between %o and %o inclusive", k.lo, k.hi))
		}
		return problem(fmt.Sprintf("argument must be between %d and %d inclusive", k.lo, k.hi))
	}
	return nil
}

func (k numberKind) get(v *Values) string {
	switch n := k.load(v); {
	case k.unit == memoryOrPercent && n < 0:
		return strconv.FormatInt(-n, 10) + "%"
	case k.unit == memory:
		return strconv.FormatUint(uint64(n), 10)
	case k.unit == octal:
		return strconv.FormatInt(n, 8)
	default:
		return strconv.FormatInt(n, 10)
	}
}

func (k numberKind) rewrite(r *rewriter, name string, v, def *Values) {
	n := k.load(v)
	text := k.get(v)
	if k.unit == memory || k.unit == memoryOrPercent && n >= 0 {
		text = FormatMemory(uint64(n))
	}
	r.line(name, text, n != k.load(def))
}

// stringKind is any text. An optional one that is empty is as good as absent,
// and leaves no line in the file.
type stringKind struct {
	field    func(*Values) *string
	valid    func(string) error // nil: anything goes
	optional bool
}

func (k stringKind) set(v *Values, words []string) error {
	word, err := oneWord(words)
	if err != nil {
		return err
	}
	if k.valid != nil {
		if err := k.valid(word); err != nil {
			return err
		}
	}
	*k.field(v) = word
	return nil
}

func (k stringKind) get(v *Values) string { return *k.field(v) }

func (k stringKind) rewrite(r *rewriter, name string, v, def *Values) {
	if k.optional && k.get(v) == "" {
		r.processed(name)
		return
	}
	r.line(name, quote(k.get(v)), k.get(v) != k.get(def))
}

// baseName refuses paths, and, unless mayBeEmpty, nothing.
func baseName(param, what string, mayBeEmpty bool) func(string) error {
	return func(s string) error {
		switch {
		case s == "" && !mayBeEmpty:
			return problem(param + " can't be empty")
		case strings.ContainsAny(s, `/\`):
			return problem(param + " can't be a path, just a " + what)
		}
		return nil
	}
}

// titleVariables are what a process title may contain, with a stand-in for what
// they become. Redis does not know its title and socket while it checks.
var titleVariables = map[string]string{"title": "", "unixsocket": "", "listen-addr": "*", "server-mode": "s",
	"port": "0", "tls-port": "0", "config-file": "-"}

// validHostname checks what a cluster's node says it is called.
func validHostname(s string) error {
	const (
		tooLong problem = "Hostnames must be less than 256 characters"
		bad     problem = "Hostnames may only contain alphanumeric characters, hyphens or dots"
	)
	if len(s) >= 256 {
		return tooLong
	}
	for _, c := range []byte(s) {
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.') {
			return bad
		}
	}
	return nil
}

// validTitle checks that all {variables} of a process title are known, and that
// there is something to see.
func validTitle(s string) error {
	const bad problem = "template format is invalid or contains unknown variables"
	visible := ""
	for {
		literal, rest, found := strings.Cut(s, "{")
		visible += literal
		if !found {
			break
		}
		if after, ok := strings.CutPrefix(rest, "{"); ok { // {{ is a brace
			visible, s = visible+"{", after
			continue
		}
		variable, after, closed := strings.Cut(rest, "}")
		value, known := titleVariables[variable]
		if !closed || !known {
			return bad
		}
		visible, s = visible+value, after
	}
	if strings.Trim(visible, " ") == "" {
		return bad
	}
	return nil
}

// validLocale allows the one collation there is: by bytes.
func validLocale(s string) error {
	if s == "" || s == "C" || s == "POSIX" {
		return nil
	}
	return problem("Invalid locale name")
}

// enumKind is one of some names. The value is the name's index.
type enumKind struct {
	names []string
	load  func(*Values) int
	store func(*Values, int)
}

// enum is an enumKind whose field is the index.
func enum[T ~int](names []string, field func(*Values) *T) enumKind {
	return enumKind{names,
		func(v *Values) int { return int(*field(v)) },
		func(v *Values, i int) { *field(v) = T(i) }}
}

// oomScore takes "relative" for "yes".
func oomScore() enumKind {
	k := enum(oomScoreNames, func(v *Values) *OOMScore { return &v.OOMScoreAdj })
	k.store = func(v *Values, i int) {
		if v.OOMScoreAdj = OOMScore(i); v.OOMScoreAdj == oomScoreRelative {
			v.OOMScoreAdj = OOMScoreYes
		}
	}
	return k
}

// choice is an enumKind whose field is the name, for what no code here looks at
// closely.
func choice(field func(*Values) *string, names ...string) enumKind {
	return enumKind{names,
		func(v *Values) int { return slices.Index(names, *field(v)) },
		func(v *Values, i int) { *field(v) = names[i] }}
}

func (k enumKind) set(v *Values, words []string) error {
	word, err := oneWord(words)
	if err != nil {
		return err
	}
	i := indexFold(k.names, word)
	if i < 0 {
		return notOneOf(k.names)
	}
	k.store(v, i)
	return nil
}

func (k enumKind) get(v *Values) string { return k.names[k.load(v)] }

func (k enumKind) rewrite(r *rewriter, name string, v, def *Values) {
	r.line(name, k.get(v), k.load(v) != k.load(def))
}

func indexFold(names []string, word string) int {
	return slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, word) })
}

func notOneOf(names []string) error {
	return problem("argument(s) must be one of the following: " + strings.Join(names, ", "))
}
