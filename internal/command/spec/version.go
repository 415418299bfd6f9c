package spec

import (
	"strconv"
	"strings"
)

// Version is a Redis version, as a number that sorts like versions do:
// 7.4.1 is 0x070401.
type Version uint32

// ParseVersion reads "7.4.1"; missing parts count as 0.
func ParseVersion(s string) (Version, bool) {
	var v Version
	parts := strings.Split(s, ".")
	if len(parts) > 3 {
		return 0, false
	}
	for i := range 3 {
		v <<= 8
		if i >= len(parts) {
			continue
		}
		n, err := strconv.ParseUint(parts[i], 10, 8)
		if err != nil {
			return 0, false
		}
		v |= Version(n)
	}
	return v, true
}

// String returns the version as "7.4.1".
func (v Version) String() string {
	b := strconv.AppendUint(nil, uint64(v>>16), 10)
	b = strconv.AppendUint(append(b, '.'), uint64(v>>8&0xFF), 10)
	b = strconv.AppendUint(append(b, '.'), uint64(v&0xFF), 10)
	return string(b)
}
