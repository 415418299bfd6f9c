package rdb

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"strconv"

	"github.com/redweave/redweave/datatypes"
)

// A file is a whole keyspace:
//
//	REDIS0010                                  magic and version
//	FA | name | value                          about the file, any number of times
//	F5 | code                                  a library of functions, likewise
//	FE | database | FB | keys | of them with a TTL
//	  [FC | u64 LE, Unix ms] [F8 | seconds idle] [F9 | u8 frequency]  type | key | value
//	  …
//	FF | u64 LE, the CRC-64 of all before it, or 0
//
// Values are those of payloads, without footers.

// What stands where an entry's type would.
const (
	opFunction  = 0xF5
	opModule    = 0xF7
	opIdle      = 0xF8
	opFrequency = 0xF9
	opAbout     = 0xFA
	opSizes     = 0xFB
	opExpireMs  = 0xFC
	opExpireSec = 0xFD
	opDatabase  = 0xFE
	opEnd       = 0xFF
)

const magic = "REDIS"

// A Writer writes a file. Its first error stays, and Close reports it.
type Writer struct {
	w   *bufio.Writer
	crc uint64
	buf []byte
	err error
}

// NewWriter begins a file. own says that some hash's fields have TTLs, which only we
// can read.
func NewWriter(w io.Writer, own bool) *Writer {
	version := version70
	if own {
		version = versionTTL
	}
	f := &Writer{w: bufio.NewWriterSize(w, 64<<10), crc: ^uint64(0)}
	f.write(fmt.Appendf(nil, "%s%04d", magic, version))
	return f
}

func (f *Writer) write(b []byte) {
	if f.err == nil {
		f.crc = crc64.Update(f.crc, jones, b)
		_, f.err = f.w.Write(b)
	}
}

// About writes something about the file, such as who wrote it.
func (f *Writer) About(name, value string) {
	f.buf = append(f.buf[:0], opAbout)
	f.buf = appendString(appendString(f.buf, []byte(name)), []byte(value))
	f.write(f.buf)
}

// Function writes the code of a library.
func (f *Writer) Function(code string) {
	f.buf = appendBlob(append(f.buf[:0], opFunction), []byte(code))
	f.write(f.buf)
}

// Database begins a database of so many keys, some of which have a TTL.
func (f *Writer) Database(i, keys, volatile int) {
	f.buf = appendLen(append(f.buf[:0], opDatabase), uint64(i))
	f.buf = appendLen(append(f.buf, opSizes), uint64(keys))
	f.write(appendLen(f.buf, uint64(volatile)))
}

// An Entry is a key and what a file says of it beside its value.
type Entry struct {
	DB          int
	Key         []byte
	ExpireAtMs  int64 // Unix milliseconds; 0: never
	IdleSeconds int64 // -1: not said
	Freq        int   // -1: not said
}

// Entry writes a key with the value in s.
func (f *Writer) Entry(e *Entry, t datatypes.Type, s datatypes.Slot, nowMs int64) {
	b := f.buf[:0]
	if e.ExpireAtMs != 0 {
		b = le.AppendUint64(append(b, opExpireMs), uint64(e.ExpireAtMs))
	}
	if e.IdleSeconds >= 0 {
		b = appendLen(append(b, opIdle), uint64(e.IdleSeconds))
	}
	if e.Freq >= 0 {
		b = append(b, opFrequency, byte(e.Freq))
	}
	at := len(b)
	b, _ = Append(b, t, s, nowMs)
	kind := b[at]
	value := b[at+1:]
	f.write(b[:at])
	f.write(appendString([]byte{kind}, e.Key))
	f.write(value)
	f.buf = b
	if cap(b) > 16<<20 {
		f.buf = nil
	}
}

// Close ends the file, and returns the first error there was. It does not close what
// it wrote to.
func (f *Writer) Close() error {
	f.write([]byte{opEnd})
	f.write(le.AppendUint64(nil, ^f.crc))
	if f.err == nil {
		f.err = f.w.Flush()
	}
	return f.err
}

// ErrShort says that a file ends before its end.
var ErrShort = errors.New("rdb: the file is cut off")

// A File is a file that is being read.
//
//	for f.Next() {
//		if f.Function != "" { … } else { t, err := f.Load(slot, &limits, nowMs) }
//	}
//	err := f.Err()
type File struct {
	Entry           // where Next stands
	Function string // or the code of a library, when it stands there

	r    reader
	kind byte
	err  error
}

// Read begins to read a file. Its checksum is held against the rest, if asked for and
// if the file has one. What Load returns may be a part of b.
func Read(b []byte, checksum bool) (*File, error) {
	const head = len(magic) + 4
	if len(b) < head+1 {
		return nil, ErrShort
	}
	version, err := strconv.Atoi(string(b[len(magic):head]))
	if string(b[:len(magic)]) != magic || err != nil || version < 1 || version > versionMax {
		return nil, ErrFormat
	}
	body := b
	if version >= 5 { // as from then on there is a checksum
		if len(b) < head+9 {
			return nil, ErrShort
		}
		n := len(b) - 8
		if sum := le.Uint64(b[n:]); checksum && sum != 0 && sum != Checksum(b[:n]) {
			return nil, ErrFooter
		}
		body = b[:n]
	}
	return &File{r: reader{b: body[head:]}}, nil
}

// Next moves to the next key or library, and reports whether there is one. Before, the
// value of the last key must have been loaded.
func (f *File) Next() bool {
	f.ExpireAtMs, f.IdleSeconds, f.Freq, f.Function = 0, -1, -1, ""
	for f.err == nil && !f.r.bad {
		switch kind := f.r.byte(); kind {
		case opEnd:
			return false
		case opFunction:
			f.Function = string(f.r.str(0))
			if f.Function != "" || f.r.bad {
				return !f.r.bad
			}
		case opAbout:
			f.r.str(0)
			f.r.str(1)
		case opDatabase:
			f.DB = int(min(f.r.number(), 1<<31-1))
		case opSizes:
			f.r.number()
			f.r.number()
		case opIdle:
			f.IdleSeconds = int64(f.r.number())
		case opFrequency:
			f.Freq = int(f.r.byte())
		case opExpireMs:
			f.ExpireAtMs = int64(f.r.uint64())
		case opExpireSec:
			if b := f.r.take(4); b != nil {
				f.ExpireAtMs = 1000 * int64(int32(le.Uint32(b)))
			}
		case opModule:
			f.err = errors.New("rdb: the file holds data of modules")
		default:
			f.kind = kind
			f.Key = append(f.Key[:0], f.r.str(0)...) // the reader's room is for the value
			return !f.r.bad
		}
	}
	return false
}

// Load reads the value of the key that Next found, as the function [Load] does.
func (f *File) Load(s datatypes.Slot, lim *Limits, nowMs int64) (t datatypes.Type, err error) {
	l := loader{reader: &f.r, s: s, lim: lim, nowMs: nowMs}
	t = l.load(f.kind)
	if f.r.bad {
		Discard(s)
		return datatypes.None, ErrFormat
	}
	return t, nil
}

// Err returns what was wrong with the file, once Next returned false.
func (f *File) Err() error {
	switch {
	case f.err != nil:
		return f.err
	case f.r.bad:
		return ErrFormat
	}
	return nil
}
