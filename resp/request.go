package resp

import "strconv"

// AppendCommand appends a request: an array of bulk strings, which both versions of the protocol share.
func AppendCommand[T string | []byte](dst []byte, args ...T) []byte {
	dst = appendHead(dst, '*', len(args))
	for _, a := range args {
		dst = appendHead(dst, '$', len(a))
		dst = append(dst, a...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}

func appendHead(dst []byte, kind byte, n int) []byte {
	dst = strconv.AppendInt(append(dst, kind), int64(n), 10)
	return append(dst, '\r', '\n')
}
