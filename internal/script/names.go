package script

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// # How errors find their words
//
// The machine says "attempt to index a non-table object(nil) with key 'x'" where Lua
// says "attempt to index local 'a' (a nil value)". The name is found as Lua finds it:
// the instruction at fault names a register; a local variable may live there, or else
// the last instruction that filled it tells where its value came from.
//
//	3  GETGLOBAL  R1  "a"       <── filled R1: it is global 'a'
//	4  GETTABLEKS R1  R1  "x"   <── at fault: it indexed R1

// A boundName is where a value that bindGlobals put among constants comes from.
type boundName struct{ kind, name string }

// onPanic is called in the place of an error, with the stack as it was and the value
// raised on top. It finds the place, words the machine's own messages anew, and goes on.
func (s *State) onPanic(L *lua.LState) {
	v := L.Get(-1)
	fn, line, pc := s.raiser(L)
	if s.stop != nil {
		v, fn = s.errorTable(s.stop.Error()), nil
	}
	if msg, ok := v.(lua.LString); ok && fn != nil && !fn.IsG {
		if rest, ok := strings.CutPrefix(string(msg), fn.Proto.SourceName+":"); ok {
			number, rest, _ := strings.Cut(rest, ": ")
			if n, err := strconv.Atoi(number); err == nil && n < 0 {
				dbg, _ := L.GetStack(0)
				reg := func(r int) lua.LValue {
					_, v := L.GetLocal(dbg, r+1)
					return v
				}
				v = lua.LString(fn.Proto.SourceName + ":" + strconv.Itoa(line) + ": " + s.word(rest, fn, pc, reg))
			}
		}
	}
	panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: v, StackTrace: "-"})
}

// raiser returns the function that raised an error, or called the library function
// that did, and notes the place for Redis's error handler.
func (s *State) raiser(L *lua.LState) (fn *lua.LFunction, line, pc int) {
	s.where = place{Source: "=[C]", Line: -1}
	for level := range 2 {
		dbg, ok := L.GetStack(level)
		if !ok {
			break
		}
		v, err := L.GetInfo("fl", dbg, nil)
		fn, ok = v.(*lua.LFunction)
		if err != nil || !ok {
			break
		}
		if !fn.IsG {
			line, pc = placeOf(fn, dbg.CurrentLine)
			s.where = place{Source: s.sourceOf(fn), Line: line}
			return fn, line, pc
		}
	}
	return fn, 0, 0
}

// placeOf returns the line and the instruction that stand behind what patch put in the
// place of a line.
func placeOf(fn *lua.LFunction, mark int) (line, pc int) {
	pc = -1 - mark
	if pc < 0 || pc >= len(fn.Proto.DbgCalls) {
		return 0, 0
	}
	return fn.Proto.DbgCalls[pc].Pc, pc
}

// sourceOf is the name a function's chunk was given, with the '@' that hides in
// messages.
func (s *State) sourceOf(fn *lua.LFunction) string {
	name := fn.Proto.SourceName
	if long, ok := s.sources[name]; ok {
		return long
	}
	return "@" + name
}

// at is the prefix that an error of a library function gets: where it was called, if
// that is in Lua. level 1 is the function's caller.
func (s *State) at(L *lua.LState, level int) string {
	dbg, ok := L.GetStack(level)
	if !ok {
		return ""
	}
	v, err := L.GetInfo("fl", dbg, nil)
	fn, isFn := v.(*lua.LFunction)
	if err != nil || !isFn || fn.IsG {
		return ""
	}
	line, _ := placeOf(fn, dbg.CurrentLine)
	return fn.Proto.SourceName + ":" + strconv.Itoa(line) + ": "
}

// fail raises an error of a library function, as luaL_error does.
func (s *State) fail(L *lua.LState, msg string) {
	L.Error(lua.LString(s.at(L, 1)+msg), 0)
}

// bare raises an error without a place.
func (s *State) failBare(L *lua.LState, msg string) { L.Error(lua.LString(msg), 0) }

// badArg raises the error of a wrong argument.
func (s *State) badArg(L *lua.LState, n int, msg string) {
	name := "?"
	dbg, ok := L.GetStack(0)
	if ok {
		caller, isLua := L.GetStack(1)
		if isLua {
			v, _ := L.GetInfo("fl", caller, nil)
			if fn, ok := v.(*lua.LFunction); ok && !fn.IsG {
				_, pc := placeOf(fn, caller.CurrentLine)
				kind, called := s.called(fn, pc)
				if kind == "method" {
					n--
					if n == 0 {
						s.fail(L, "calling '"+called+"' on bad self ("+msg+")")
					}
				}
				if called != "" {
					name = called
				}
			}
		}
		_ = dbg
	}
	s.fail(L, "bad argument #"+strconv.Itoa(n)+" to '"+name+"' ("+msg+")")
}

// called names the function that the instruction at pc calls.
func (s *State) called(fn *lua.LFunction, pc int) (kind, name string) {
	inst := fn.Proto.Code[pc]
	switch opOf(inst) {
	case lua.OP_CALL, lua.OP_TAILCALL:
		return s.nameOf(fn, pc, argA(inst))
	}
	return "", ""
}

// word says in Lua's words what the machine said in its own.
func (s *State) word(msg string, fn *lua.LFunction, pc int, reg func(int) lua.LValue) string {
	inst := fn.Proto.Code[pc]
	switch {
	case strings.HasPrefix(msg, "attempt to index a non-table object("):
		typ, _, _ := strings.Cut(strings.TrimPrefix(msg, "attempt to index a non-table object("), ")")
		r := argB(inst)
		if op := opOf(inst); op == lua.OP_SETTABLE || op == lua.OP_SETTABLEKS {
			r = argA(inst)
		}
		return s.typeError("index", typ, fn, pc, r)
	case msg == "attempt to call a non-function object":
		r := argA(inst)
		typ := typeName(reg(r))
		if opOf(inst) == lua.OP_TFORLOOP {
			return "attempt to call a " + typ + " value"
		}
		return s.typeError("call", typ, fn, pc, r)
	case strings.HasPrefix(msg, "cannot perform "):
		_, types, _ := strings.Cut(msg, " between ")
		left, right, _ := strings.Cut(types, " and ")
		if left == "number" || left == "string" && convertible(s.operand(fn, argB(inst), reg)) {
			return s.typeError("perform arithmetic on", right, fn, pc, argC(inst))
		}
		return s.typeError("perform arithmetic on", left, fn, pc, argB(inst))
	case msg == "__unm undefined":
		return s.typeError("perform arithmetic on", typeName(s.operand(fn, argB(inst), reg)), fn, pc, argB(inst))
	case msg == "__len undefined":
		return s.typeError("get length of", typeName(s.operand(fn, argB(inst), reg)), fn, pc, argB(inst))
	case strings.HasPrefix(msg, "attempt to compare "):
		left, right, _ := strings.Cut(strings.TrimPrefix(msg, "attempt to compare "), " with ")
		if left == right {
			return "attempt to compare two " + left + " values"
		}
		return msg
	}
	if other, ok := machineSays[msg]; ok {
		return other
	}
	return msg
}

// machineSays holds messages of the machine and what Lua says in their place.
var machineSays = map[string]string{
	"registry overflow":                    "stack overflow",
	"for statement init must be a number":  "'for' initial value must be a number",
	"for statement limit must be a number": "'for' limit must be a number",
	"for statement step must be a number":  "'for' step must be a number",
	"too many recursions in gettable":      "loop in gettable",
	"too many recursions in settable":      "loop in settable",
}

// operand is the value of an operand: a register or a constant.
func (s *State) operand(fn *lua.LFunction, rk int, reg func(int) lua.LValue) lua.LValue {
	if rk >= maxRKReg {
		return fn.Proto.Constants[rk&^maxRKReg]
	}
	return reg(rk)
}

func convertible(v lua.LValue) bool {
	str, ok := v.(lua.LString)
	if !ok {
		return false
	}
	_, ok = parseNumber(string(str))
	return ok
}

// typeError is luaG_typeerror.
func (s *State) typeError(action, typ string, fn *lua.LFunction, pc, rk int) string {
	if rk < maxRKReg {
		if kind, name := s.nameOf(fn, pc, rk); kind != "" {
			return "attempt to " + action + " " + kind + " '" + name + "' (a " + typ + " value)"
		}
	}
	return "attempt to " + action + " a " + typ + " value"
}

// nameOf tells what a register holds before the instruction at pc: getobjname.
func (s *State) nameOf(fn *lua.LFunction, pc, reg int) (kind, name string) {
	p := fn.Proto
	if local := localName(p, pc, reg); local != "" {
		return "local", local
	}
	at := lastSetter(p, pc, reg)
	if at < 0 {
		return "", ""
	}
	inst := p.Code[at]
	switch opOf(inst) {
	case lua.OP_GETGLOBAL:
		return "global", constantText(p, argBx(inst))
	case lua.OP_LOADK:
		n := s.names[p.Constants[argBx(inst)]]
		return n.kind, n.name
	case lua.OP_MOVE, lua.OP_MOVEN:
		if argB(inst) < argA(inst) {
			return s.nameOf(fn, at, argB(inst))
		}
	case lua.OP_GETTABLE, lua.OP_GETTABLEKS:
		return "field", constantName(p, argC(inst))
	case lua.OP_GETUPVAL:
		if b := argB(inst); b < len(p.DbgUpvalues) {
			return "upvalue", p.DbgUpvalues[b]
		}
	case lua.OP_SELF:
		return "method", constantName(p, argC(inst))
	}
	return "", ""
}

// localName returns the name of the local variable in a register, "" when there is none.
// patch put its register and the end of its scope in the place of EndPc.
func localName(p *lua.FunctionProto, pc, reg int) string {
	declared := 0
	for declared < len(p.DbgLocals) && p.DbgLocals[declared].StartPc <= pc {
		declared++
	}
	for i := declared - 1; i >= 0; i-- {
		l := p.DbgLocals[i]
		if end := l.EndPc & (1<<scopeBits - 1); l.EndPc>>scopeBits != reg || end != 0 && end < declared {
			continue
		}
		if strings.HasPrefix(l.Name, "(") { // of a for statement
			return ""
		}
		return l.Name
	}
	return ""
}

// constantName is the text of an operand that is a constant string.
func constantName(p *lua.FunctionProto, rk int) string {
	if rk >= maxRKReg {
		return constantText(p, rk&^maxRKReg)
	}
	return "?"
}

func constantText(p *lua.FunctionProto, k int) string {
	if str, ok := p.Constants[k].(lua.LString); ok {
		return string(str)
	}
	return "?"
}

// lastSetter returns the last instruction before pc that filled reg, -1 for none. It
// follows jumps forward that do not pass pc: symbexec.
func lastSetter(p *lua.FunctionProto, pc, reg int) int {
	last := -1
	for i := 0; i < pc; i++ {
		inst := p.Code[i]
		a := argA(inst)
		switch opOf(inst) {
		case lua.OP_CLOSURE:
			if a == reg {
				last = i
			}
			i += int(p.FunctionPrototypes[argBx(inst)].NumUpvalues)
		case lua.OP_JMP:
			if to := i + 1 + argBx(inst) - sbxZero; to > i && to <= pc {
				i = to - 1
			}
		case lua.OP_LOADNIL:
			if a <= reg && reg <= argB(inst) {
				last = i
			}
		case lua.OP_SELF:
			if reg == a || reg == a+1 {
				last = i
			}
		case lua.OP_CALL, lua.OP_TAILCALL, lua.OP_VARARG:
			if reg >= a {
				last = i
			}
		case lua.OP_TFORLOOP:
			if reg >= a+2 {
				last = i
			}
		case lua.OP_SETGLOBAL, lua.OP_SETUPVAL, lua.OP_SETTABLE, lua.OP_SETTABLEKS, lua.OP_EQ, lua.OP_LT, lua.OP_LE,
			lua.OP_TEST, lua.OP_RETURN, lua.OP_SETLIST, lua.OP_CLOSE, lua.OP_NOP:
		default:
			if reg == a {
				last = i
			}
		}
	}
	return last
}
