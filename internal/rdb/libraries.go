package rdb

// libraryOpcode stands before the code of a library of functions: RDB_OPCODE_FUNCTION2.
const libraryOpcode = 0xF5

// AppendLibraries appends the code of libraries as FUNCTION DUMP gives them, with the
// footer.
//
//	F5 | code | F5 | code | … | version | checksum
func AppendLibraries(dst []byte, codes []string) []byte {
	at := len(dst)
	for _, code := range codes {
		dst = appendBlob(append(dst, libraryOpcode), []byte(code))
	}
	return append(dst[:at], Seal(dst[at:], version70)...)
}

// Libraries reads what stands before the footer of a FUNCTION DUMP.
func Libraries(value []byte) (codes []string, err error) {
	r := reader{b: value}
	for len(r.b) > 0 {
		if r.byte() != libraryOpcode {
			return nil, ErrFormat
		}
		code := string(r.str(0))
		if r.bad {
			return nil, ErrFormat
		}
		codes = append(codes, code)
	}
	if r.bad {
		return nil, ErrFormat
	}
	return codes, nil
}
