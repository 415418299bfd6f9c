package stream

import (
	"math"
	"strconv"
)

// An ID names an entry: the time in Unix milliseconds at which it was added, and
// a number that tells entries of one millisecond apart. IDs order entries; the
// zero ID is before all of them and names none.
type ID struct {
	Ms, Seq uint64
}

// MaxID is the greatest ID.
var MaxID = ID{math.MaxUint64, math.MaxUint64}

// IsZero reports whether id is 0-0.
func (id ID) IsZero() bool { return id.Ms|id.Seq == 0 }

// Less reports whether id comes before o.
func (id ID) Less(o ID) bool { return id.Ms < o.Ms || id.Ms == o.Ms && id.Seq < o.Seq }

// Compare returns -1, 0 or 1 as id comes before o, is o, or comes after it.
func (id ID) Compare(o ID) int {
	switch {
	case id.Less(o):
		return -1
	case id == o:
		return 0
	}
	return 1
}

// Next returns the ID after id; ok is false after the greatest.
func (id ID) Next() (next ID, ok bool) {
	switch {
	case id.Seq != math.MaxUint64:
		return ID{id.Ms, id.Seq + 1}, true
	case id.Ms != math.MaxUint64:
		return ID{id.Ms + 1, 0}, true
	}
	return ID{}, false
}

// Prev returns the ID before id; ok is false before the zero ID.
func (id ID) Prev() (prev ID, ok bool) {
	switch {
	case id.Seq != 0:
		return ID{id.Ms, id.Seq - 1}, true
	case id.Ms != 0:
		return ID{id.Ms - 1, math.MaxUint64}, true
	}
	return MaxID, false
}

// Append appends the ID's text, "ms-seq", to b: at most 41 bytes.
func (id ID) Append(b []byte) []byte {
	b = append(strconv.AppendUint(b, id.Ms, 10), '-')
	return strconv.AppendUint(b, id.Seq, 10)
}

func (id ID) String() string { return string(id.Append(nil)) }
