package script

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// struct packs values into bytes by a format, as Roberto Ierusalimschy's library:
//
//	>  <     big, little endian         b B h H l L T   integers of 1, 2, 8, 8 bytes
//	!n       align to at most n         i I, iN IN      integers of 4 or N bytes
//	x        a zero byte                f d             floats
//	cN s     N bytes, a string up to its zero byte; c0 by the integer before
//
// A format is read one option at a time.
type packFormat struct {
	s   *State
	L   *lua.LState
	f   string
	pos int

	big   bool
	align int
}

const maxIntSize = 32

func (s *State) openStruct() {
	s.setLib("struct", map[string]lua.LGFunction{"pack": s.structPack, "unpack": s.structUnpack, "size": s.structSize})
}

func (s *State) packFormat(L *lua.LState) *packFormat {
	return &packFormat{s: s, L: L, f: cString(s.str(L, 1)), align: 1}
}

func (p *packFormat) number(def int) int {
	if p.pos >= len(p.f) || !isDigit(p.f[p.pos]) {
		return def
	}
	n := 0
	for p.pos < len(p.f) && isDigit(p.f[p.pos]) {
		d := int(p.f[p.pos] - '0')
		if n > math.MaxInt32/10 || n*10 > math.MaxInt32-d {
			p.s.fail(p.L, "integral size overflow")
		}
		n = n*10 + d
		p.pos++
	}
	return n
}

// next reads an option, and the size of what it stands for.
func (p *packFormat) next() (opt byte, size int) {
	opt = p.f[p.pos]
	p.pos++
	switch opt {
	case 'b', 'B', 'x':
		return opt, 1
	case 'h', 'H':
		return opt, 2
	case 'l', 'L', 'T', 'd':
		return opt, 8
	case 'f':
		return opt, 4
	case 'c':
		return opt, p.number(1)
	case 'i', 'I':
		n := p.number(4)
		if n > maxIntSize {
			p.s.fail(p.L, "integral size "+strconv.Itoa(n)+" is larger than limit of "+strconv.Itoa(maxIntSize))
		}
		return opt, n
	}
	return opt, 0
}

// padding returns how many bytes align what comes next.
func (p *packFormat) padding(at int, opt byte, size int) int {
	if size == 0 || opt == 'c' {
		return 0
	}
	size = min(size, p.align)
	if size <= 1 {
		return 0
	}
	return (size - at&(size-1)) & (size - 1)
}

// control obeys an option that is not a value.
func (p *packFormat) control(opt byte) {
	switch opt {
	case ' ':
	case '>':
		p.big = true
	case '<':
		p.big = false
	case '!':
		a := p.number(8)
		if a <= 0 || a&(a-1) != 0 {
			p.s.fail(p.L, "alignment "+strconv.Itoa(a)+" is not a power of 2")
		}
		p.align = a
	default:
		p.s.badArg(p.L, 1, "invalid format option '"+string([]byte{opt})+"'")
	}
}

func (s *State) structPack(L *lua.LState) int {
	p := s.packFormat(L)
	var b []byte
	arg := 2
	for p.pos < len(p.f) {
		s.spend(L, 1)
		opt, size := p.next()
		for range p.padding(len(b), opt, size) {
			b = append(b, 0)
		}
		switch opt {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			b = p.putInt(b, s.num(L, arg), size)
			arg++
		case 'x':
			b = append(b, 0)
		case 'f':
			b = p.put(b, uint64(math.Float32bits(float32(s.num(L, arg)))), 4)
			arg++
		case 'd':
			b = p.put(b, math.Float64bits(s.num(L, arg)), 8)
			arg++
		case 'c', 's':
			str := s.str(L, arg)
			arg++
			if size == 0 {
				size = len(str)
			}
			if len(str) < size {
				s.badArg(L, arg, "string too short")
			}
			s.take(L, len(b)+size)
			b = append(b, str[:size]...)
			if opt == 's' {
				b = append(b, 0)
			}
		default:
			p.control(opt)
		}
	}
	L.Push(lua.LString(b))
	return 1
}

func (p *packFormat) putInt(b []byte, f float64, size int) []byte {
	v := toUnsigned(f)
	return p.put(b, v, size)
}

// put appends the low size bytes of v; beyond eight they are zero.
func (p *packFormat) put(b []byte, v uint64, size int) []byte {
	for i := range size {
		shift := 8 * i
		if p.big {
			shift = 8 * (size - 1 - i)
		}
		c := byte(0)
		if shift < 64 {
			c = byte(v >> shift)
		}
		b = append(b, c)
	}
	return b
}

func (p *packFormat) get(data string, signed bool) lua.LValue {
	v := uint64(0)
	for i := range len(data) {
		c := data[i]
		if !p.big {
			c = data[len(data)-1-i]
		}
		v = v<<8 | uint64(c)
	}
	if !signed {
		if v < 1<<63 {
			return number(int64(v))
		}
		return lua.LNumber(v)
	}
	if n := len(data); n > 0 && n < 8 {
		shift := 64 - 8*n
		return number(int64(v<<shift) >> shift)
	}
	return number(int64(v))
}

func (s *State) structUnpack(L *lua.LState) int {
	p := s.packFormat(L)
	data := s.str(L, 2)
	pos := s.optInt(L, 3, 1)
	if pos < 1 {
		s.badArg(L, 3, "offset must be 1 or greater")
	}
	pos--
	n := 0
	need := func(size int) {
		if size < 0 || pos > len(data) || size > len(data)-pos {
			s.badArg(L, 2, "data string too short")
		}
	}
	for p.pos < len(p.f) {
		s.spend(L, 1)
		opt, size := p.next()
		pos += p.padding(pos, opt, size)
		need(size)
		if n >= maxResults {
			s.fail(L, "stack overflow (too many results)")
		}
		switch opt {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			L.Push(p.get(data[pos:pos+size], isLower(opt)))
			n++
		case 'x':
		case 'f':
			L.Push(lua.LNumber(math.Float32frombits(uint32(p.bits(data[pos : pos+4])))))
			n++
		case 'd':
			L.Push(lua.LNumber(math.Float64frombits(p.bits(data[pos : pos+8]))))
			n++
		case 'c':
			if size == 0 {
				last, ok := L.Get(-1).(lua.LNumber)
				if n == 0 || !ok {
					s.fail(L, "format 'c0' needs a previous size")
				}
				size = toInt(float64(last))
				L.Pop(1)
				n--
				need(size)
			}
			L.Push(lua.LString(data[pos : pos+size]))
			n++
		case 's':
			end := strings.IndexByte(data[pos:], 0)
			if end < 0 {
				s.fail(L, "unfinished string in data")
			}
			L.Push(lua.LString(data[pos : pos+end]))
			size = end + 1
			n++
		default:
			p.control(opt)
		}
		pos += size
	}
	L.Push(number(int64(pos + 1)))
	return n + 1
}

func (p *packFormat) bits(data string) uint64 {
	v := uint64(0)
	for i := range len(data) {
		c := data[i]
		if !p.big {
			c = data[len(data)-1-i]
		}
		v = v<<8 | uint64(c)
	}
	return v
}

func (s *State) structSize(L *lua.LState) int {
	p := s.packFormat(L)
	pos := 0
	for p.pos < len(p.f) {
		s.spend(L, 1)
		opt, size := p.next()
		pos += p.padding(pos, opt, size)
		if opt == 's' {
			s.badArg(L, 1, "option 's' has no fixed size")
		}
		if opt == 'c' && size == 0 {
			s.badArg(L, 1, "option 'c0' has no fixed size")
		}
		if !isAlpha(opt) && !isDigit(opt) {
			p.control(opt)
		}
		if pos += size; pos > math.MaxInt32 {
			s.fail(L, "integral size overflow")
		}
	}
	L.Push(number(int64(pos)))
	return 1
}

// cmsgpack is MessagePack as lua-cmsgpack 0.4.0 writes and reads it.

const (
	packNesting   = 16   // tables deeper than that are written as nil
	unpackNesting = 4000 // and cannot be read
)

func (s *State) openCMsgPack() {
	t := s.setLib("cmsgpack", map[string]lua.LGFunction{
		"pack":         s.mpPack,
		"unpack":       func(L *lua.LState) int { return s.mpUnpack(L, 0, 0, false) },
		"unpack_one":   func(L *lua.LState) int { return s.mpUnpack(L, 1, s.optInt(L, 2, 0), true) },
		"unpack_limit": func(L *lua.LState) int { return s.mpUnpack(L, s.int(L, 2), s.optInt(L, 3, 0), true) },
	})
	t.RawSetString("_NAME", lua.LString("cmsgpack"))
	t.RawSetString("_VERSION", lua.LString("lua-cmsgpack 0.4.0"))
	t.RawSetString("_COPYRIGHT", lua.LString("Copyright (C) 2012, Salvatore Sanfilippo"))
	t.RawSetString("_DESCRIPTION", lua.LString("MessagePack C implementation for Lua"))
}

func (s *State) mpPack(L *lua.LState) int {
	n := L.GetTop()
	if n == 0 {
		s.badArg(L, 0, "MessagePack pack needs input.")
	}
	b := s.text[:0]
	for i := 1; i <= n; i++ {
		b = s.mpValue(L, b, L.Get(i), 0)
	}
	s.push(L, b)
	return 1
}

func (s *State) mpValue(L *lua.LState, b []byte, v lua.LValue, level int) []byte {
	s.spend(L, 1)
	if len(b) > 1<<16 && len(b) > cap(b)/2 {
		s.take(L, 2*cap(b))
	}
	switch v := v.(type) {
	case lua.LString:
		return append(mpLen(b, len(v), 0xA0, 32, 0xD9), v...)
	case lua.LBool:
		if v {
			return append(b, 0xC3)
		}
		return append(b, 0xC2)
	case lua.LNumber:
		f := float64(v)
		if i := int64(f); float64(i) == f && f < 1<<63 {
			return mpInt(b, i)
		}
		if f32 := float32(f); float64(f32) == f {
			return binary.BigEndian.AppendUint32(append(b, 0xCA), math.Float32bits(f32))
		}
		return binary.BigEndian.AppendUint64(append(b, 0xCB), math.Float64bits(f))
	case *lua.LTable:
		if level == packNesting {
			break
		}
		return s.mpTable(L, b, s.real(v), level+1)
	}
	return append(b, 0xC0)
}

// mpLen appends the header of something with a length: tiny with the length in it,
// or wide, wide+1 and wide+2 with one, two and four bytes of it.
func mpLen(b []byte, n int, tiny byte, tinyMost int, wide byte) []byte {
	switch {
	case n < tinyMost:
		return append(b, tiny|byte(n))
	case n < 1<<8 && wide == 0xD9:
		return append(b, wide, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, mpWide16(wide)), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, mpWide16(wide)+1), uint32(n))
}

// mpWide16 is the mark of a length of 16 bits; only strings have one of 8.
func mpWide16(wide byte) byte {
	if wide == 0xD9 {
		return 0xDA
	}
	return wide
}

func mpInt(b []byte, i int64) []byte {
	switch {
	case i >= 0 && i < 128, i < 0 && i >= -32:
		return append(b, byte(i))
	case i >= 0 && i < 1<<8:
		return append(b, 0xCC, byte(i))
	case i >= 0 && i < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 0xCD), uint16(i))
	case i >= 0 && i < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, 0xCE), uint32(i))
	case i >= 0:
		return binary.BigEndian.AppendUint64(append(b, 0xCF), uint64(i))
	case i >= -1<<7:
		return append(b, 0xD0, byte(i))
	case i >= -1<<15:
		return binary.BigEndian.AppendUint16(append(b, 0xD1), uint16(i))
	case i >= -1<<31:
		return binary.BigEndian.AppendUint32(append(b, 0xD2), uint32(i))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xD3), uint64(i))
}

func (s *State) mpTable(L *lua.LState, b []byte, t *lua.LTable, level int) []byte {
	items, most, isArray := 0, 0.0, true
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		f, ok := k.(lua.LNumber)
		if !ok || f <= 0 || math.Floor(float64(f)) != float64(f) {
			isArray = false
		}
		most = max(most, float64(f))
		items++
	}
	if isArray && most == float64(items) {
		b = mpLen(b, items, 0x90, 16, 0xDC)
		for i := 1; i <= items; i++ {
			b = s.mpValue(L, b, rawIndex(t, i), level)
		}
		return b
	}
	b = mpLen(b, items, 0x80, 16, 0xDE)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		b = s.mpValue(L, b, k, level)
		b = s.mpValue(L, b, v, level)
	}
	return b
}

// mpUnpack reads limit values from offset on, all of them if limit is 0; partial
// says that the offset behind them is returned first.
func (s *State) mpUnpack(L *lua.LState, limit, offset int, partial bool) int {
	data := s.str(L, 1)
	switch {
	case offset < 0 || limit < 0:
		s.fail(L, "Invalid request to unpack with offset of "+strconv.Itoa(offset)+" and limit of "+strconv.Itoa(len(data))+".")
	case offset > len(data):
		s.fail(L, "Start offset "+strconv.Itoa(offset)+" greater than input length "+strconv.Itoa(len(data))+".")
	}
	d := &mpDecoder{s: s, L: L, in: data, pos: offset}
	var first int
	if partial {
		L.Push(number(0))
		first = L.GetTop()
	}
	n := 0
	for d.pos < len(data) && (limit == 0 || n < limit) {
		if n >= maxResults {
			s.fail(L, "stack overflow (in function mp_unpack_full)")
		}
		L.Push(d.value(0))
		n++
	}
	if partial {
		at := d.pos
		if at == len(data) {
			at = -1
		}
		L.Replace(first, number(int64(at)))
		n++
	}
	return n
}

type mpDecoder struct {
	s   *State
	L   *lua.LState
	in  string
	pos int
}

// bytes takes n bytes.
func (d *mpDecoder) bytes(n int) string {
	if n > len(d.in)-d.pos {
		d.s.fail(d.L, "Missing bytes in input.")
	}
	b := d.in[d.pos : d.pos+n]
	d.pos += n
	return b
}

// uint takes a number of n bytes.
func (d *mpDecoder) uint(n int) (v uint64) {
	b := d.bytes(n)
	for i := range n {
		v = v<<8 | uint64(b[i])
	}
	return v
}

func (d *mpDecoder) value(depth int) lua.LValue {
	d.s.spend(d.L, 1)
	if depth > unpackNesting {
		d.s.fail(d.L, "stack overflow (in function mp_decode_to_lua_type)")
	}
	switch c := d.bytes(1)[0]; {
	case c < 0x80:
		return number(int64(c))
	case c >= 0xE0:
		return number(int64(int8(c)))
	case c&0xE0 == 0xA0:
		return lua.LString(d.bytes(int(c & 31)))
	case c&0xF0 == 0x90:
		return d.array(int(c&15), depth)
	case c&0xF0 == 0x80:
		return d.dict(int(c&15), depth)
	default:
		return d.wide(c, depth)
	}
}

func (d *mpDecoder) wide(c byte, depth int) lua.LValue {
	switch c {
	case 0xC0:
		return lua.LNil
	case 0xC2, 0xC3:
		return lua.LBool(c == 0xC3)
	case 0xCA:
		return lua.LNumber(math.Float32frombits(uint32(d.uint(4))))
	case 0xCB:
		return lua.LNumber(math.Float64frombits(d.uint(8)))
	case 0xCC, 0xCD, 0xCE:
		return number(int64(d.uint(1 << (c - 0xCC))))
	case 0xCF:
		return lua.LNumber(d.uint(8))
	case 0xD0:
		return number(int64(int8(d.uint(1))))
	case 0xD1:
		return number(int64(int16(d.uint(2))))
	case 0xD2:
		return number(int64(int32(d.uint(4))))
	case 0xD3:
		return number(int64(d.uint(8)))
	case 0xD9, 0xDA, 0xDB:
		return lua.LString(d.bytes(int(d.uint(1 << (c - 0xD9)))))
	case 0xDC, 0xDD:
		return d.array(int(d.uint(2<<(c-0xDC))), depth)
	case 0xDE, 0xDF:
		return d.dict(int(d.uint(2<<(c-0xDE))), depth)
	}
	d.s.fail(d.L, "Bad data format in input.")
	return nil
}

func (d *mpDecoder) array(n, depth int) lua.LValue {
	t := d.L.CreateTable(min(n, 16), 0)
	for i := 1; i <= n; i++ {
		t.RawSetInt(i, d.value(depth+1))
		d.s.take(d.L, 32)
	}
	d.s.take(d.L, 128)
	return t
}

func (d *mpDecoder) dict(n, depth int) lua.LValue {
	t := d.L.CreateTable(0, 1)
	for range n {
		k := d.value(depth + 1)
		v := d.value(depth + 1)
		d.s.take(d.L, 256)
		switch k := k.(type) {
		case *lua.LNilType:
			d.s.failBare(d.L, "table index is nil")
		case lua.LNumber:
			if k != k {
				d.s.failBare(d.L, "table index is NaN")
			}
			if float64(k) > float64(t.Len()+1) && float64(k) < 1<<26 {
				d.s.take(d.L, 16*int(k)) // gopher-lua fills up to there
			}
		}
		t.RawSet(k, v)
	}
	d.s.take(d.L, 128)
	return t
}
