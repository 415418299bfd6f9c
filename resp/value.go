package resp

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// A Kind says what a [Value] is. It is the type byte of the protocol, except for protocol 2's
// two ways to say nothing.
type Kind byte

// The kinds of values.
const (
	SimpleString Kind = '+'
	SimpleError  Kind = '-'
	Integer      Kind = ':'
	BulkString   Kind = '$'
	Array        Kind = '*'
	Null         Kind = '_' // also protocol 2's null bulk "$-1"
	NullArray    Kind = 'N' // protocol 2's "*-1"
	Boolean      Kind = '#'
	Double       Kind = ','
	BigNumber    Kind = '('
	BulkError    Kind = '!'
	Verbatim     Kind = '='
	Map          Kind = '%'
	Set          Kind = '~'
	Push         Kind = '>'
)

// A Value is a reply, read: a tree. Which fields count depends on its Kind.
type Value struct {
	Kind  Kind
	Str   string  // strings, errors, big numbers; the text of a Double; of a Verbatim, format, colon and text
	Int   int64   // Integer; Boolean: 1 or 0
	Float float64 // Double
	Elems []Value // Array, Set, Push; Map: key, value, key, value, …
	Attr  []Value // attributes that came before this value: key, value, …
}

// IsNull tells whether v is one of the ways to say nothing.
func (v Value) IsNull() bool { return v.Kind == Null || v.Kind == NullArray }

// Err returns v as an [Error] if it is one.
func (v Value) Err() error {
	if v.Kind == SimpleError || v.Kind == BulkError {
		return Error(v.Str)
	}
	return nil
}

// Text returns a string, or a number or boolean in the protocol's spelling, and "" for anything else.
func (v Value) Text() string {
	switch v.Kind {
	case Integer, Boolean:
		return strconv.FormatInt(v.Int, 10)
	case Verbatim:
		return v.Str[min(4, len(v.Str)):]
	}
	return v.Str
}

// Int64 returns an integer, also one that came as a string.
func (v Value) Int64() (n int64, ok bool) {
	switch v.Kind {
	case Integer, Boolean:
		return v.Int, true
	case BulkString, SimpleString, BigNumber:
		return ParseInt([]byte(v.Str))
	}
	return 0, false
}

// Float64 returns a floating-point number, also one that came as an integer or a string.
func (v Value) Float64() (f float64, ok bool) {
	switch v.Kind {
	case Double:
		return v.Float, true
	case Integer:
		return float64(v.Int), true
	case BulkString, SimpleString, BigNumber:
		f, err := strconv.ParseFloat(v.Str, 64)
		return f, err == nil
	}
	return 0, false
}

// Strings returns the elements as text.
func (v Value) Strings() []string {
	list := make([]string, len(v.Elems))
	for i, e := range v.Elems {
		list[i] = e.Text()
	}
	return list
}

// Pairs walks the pairs of a map, or of the array it is in protocol 2.
func (v Value) Pairs() iter.Seq2[Value, Value] {
	return func(yield func(key, value Value) bool) {
		for i := 0; i+1 < len(v.Elems); i += 2 {
			if !yield(v.Elems[i], v.Elems[i+1]) {
				return
			}
		}
	}
}

// String shows v on one line, for people: ["a" 1 nil {"k" 2}].
func (v Value) String() string {
	var b strings.Builder
	v.show(&b)
	return b.String()
}

// Brackets of aggregates.
var brackets = map[Kind][2]string{Array: {"[", "]"}, Map: {"{", "}"}, Set: {"#{", "}"}, Push: {">[", "]"}}

func (v Value) show(b *strings.Builder) {
	switch v.Kind {
	case Array, Map, Set, Push:
		b.WriteString(brackets[v.Kind][0])
		for i, e := range v.Elems {
			if i > 0 {
				b.WriteByte(' ')
			}
			e.show(b)
		}
		b.WriteString(brackets[v.Kind][1])
	case Null, NullArray:
		b.WriteString("nil")
	case Integer:
		b.WriteString(strconv.FormatInt(v.Int, 10))
	case Boolean:
		b.WriteString(strconv.FormatBool(v.Int != 0))
	case SimpleError, BulkError:
		fmt.Fprintf(b, "error(%s)", v.Str)
	case SimpleString, Double, BigNumber:
		b.WriteString(v.Str)
	default:
		b.WriteString(strconv.Quote(v.Str))
	}
}
