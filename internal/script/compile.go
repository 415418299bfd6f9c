package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// # From source to code
//
//	source ──parse──> tree ──lua.Compile──> code ──patch──> code of ours
//
// patch changes the compiled code in two ways.
//
// Globals are constants here: nobody can assign to them. What a script reads of the
// libraries is therefore put where its other constants are, once:
//
//	GETGLOBAL  1  "redis"               LOADK  1  (the function redis.call)
//	GETTABLEKS 1  1  "call"             NOP
//
// And where the compiler noted the line of an instruction, patch notes the instruction,
// so that whoever raises an error knows which it was, and can name the variable at fault
// (see names.go). The lines go where calls were noted, for stack traces that nobody makes:
//
//	DbgSourcePositions[pc]   -1-pc
//	DbgCalls[pc].Pc          line
//	DbgLocals[i].EndPc       register << 20 | end of scope      from the parser: see localName

// compile makes a function of a source. name is what errors say the chunk is.
func (s *State) compile(src, name string) (*lua.LFunction, error) {
	stmts, info, err := parse(src, shortName(name))
	if err != nil {
		return nil, err
	}
	proto, err := lua.Compile(stmts, shortName(name))
	if err != nil {
		return nil, compileError(shortName(name) + ":1: " + compilerSays(err))
	}
	if proto.IsVarArg&lua.VarArgNeedsArg != 0 {
		proto.IsVarArg = 0 // the chunk does not use "..."
	}
	if !s.patch(proto, info, s.opt.Functions) {
		return nil, compileError(shortName(name) + ":1: function or expression too complex")
	}
	return s.L.NewFunctionFromProto(proto), nil
}

// compilerSays is the message of a limit that gopher-lua's compiler met.
func compilerSays(err error) string {
	if e, ok := err.(*lua.CompileError); ok && strings.Contains(e.Message, "constants") {
		return "constant table overflow"
	}
	return "function or expression too complex"
}

// shortName is how messages call a chunk: "@name" by its name, a chunk named by its
// source by the first line of that.
func shortName(name string) string {
	const room = 60 // LUA_IDSIZE
	if name != "" && (name[0] == '@' || name[0] == '=') {
		return name[1:]
	}
	line := name
	if i := strings.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	most := room - len(`[string "..."]`) - 1
	if len(line) < len(name) || len(line) > most {
		return `[string "` + line[:min(len(line), most)] + `..."]`
	}
	return `[string "` + line + `"]`
}

// Instructions, as gopher-lua's opcode.go lays them out.
const (
	opBits   = 26
	argABits = 18
	argCBits = 9
	maxRKReg = 1 << 8
	maxBx    = 1<<18 - 1
	sbxZero  = maxBx >> 1

	scopeBits = 20
)

func opOf(inst uint32) int { return int(inst >> opBits) }
func argA(inst uint32) int { return int(inst>>argABits) & 0xff }
func argB(inst uint32) int { return int(inst & 0x1ff) }
func argC(inst uint32) int { return int(inst>>argCBits) & 0x1ff }
func argBx(inst uint32) int {
	return int(inst & maxBx)
}

func instABx(op, a, bx int) uint32 { return uint32(op)<<opBits | uint32(a)<<argABits | uint32(bx) }

// patch rewrites a function and those inside it. It reports false when the
// compiler understood something else than the parser.
//
// The code of a library itself, which runs when it is loaded, sees other globals than
// its functions do later: it is outermost, and nothing is bound in it. That goes for
// what only stands in one of the two libraries "redis" as well.
func (s *State) patch(p *lua.FunctionProto, info *function, outermost bool) bool {
	if len(p.FunctionPrototypes) != len(info.inner) || len(p.DbgLocals) != len(info.locals) {
		return false
	}
	if !outermost {
		s.bindGlobals(p)
	} else {
		s.bindConcat(p)
	}
	p.DbgCalls = make([]lua.DbgCall, len(p.DbgSourcePositions))
	for pc, line := range p.DbgSourcePositions {
		p.DbgCalls[pc].Pc = line
		p.DbgSourcePositions[pc] = -1 - pc
	}
	for i, l := range info.locals {
		p.DbgLocals[i].EndPc = l.reg<<scopeBits | min(l.end, 1<<scopeBits-1)
	}
	for i, inner := range p.FunctionPrototypes {
		if !s.patch(inner, info.inner[i], false) {
			return false
		}
	}
	return true
}

// bindGlobals replaces reads of known globals.
func (s *State) bindGlobals(p *lua.FunctionProto) {
	var targets []bool
	for pc := 0; pc < len(p.Code); pc++ {
		inst := p.Code[pc]
		if opOf(inst) == lua.OP_CLOSURE {
			pc += int(p.FunctionPrototypes[argBx(inst)].NumUpvalues)
			continue
		}
		if opOf(inst) != lua.OP_GETGLOBAL {
			continue
		}
		name, _ := p.Constants[argBx(inst)].(lua.LString)
		v := s.bound[string(name)]
		if v == nil {
			continue
		}
		a := argA(inst)
		if field, ok := s.fieldRead(p, pc, a); ok && v != nil {
			if targets == nil {
				targets = jumpTargets(p)
			}
			if fv := s.fieldOf(v, field); fv != nil && !targets[pc+1] {
				if k, ok := addConstant(p, fv); ok {
					p.Code[pc] = instABx(lua.OP_LOADK, a, k)
					p.Code[pc+1] = uint32(lua.OP_NOP) << opBits

					continue
				}
			}
		}
		if s.opt.Functions && name == "redis" {
			continue
		}
		if k, ok := addConstant(p, v); ok {
			p.Code[pc] = instABx(lua.OP_LOADK, a, k)
		}
	}
}

// bindConcat replaces reads of the function behind "..".
func (s *State) bindConcat(p *lua.FunctionProto) {
	for pc, inst := range p.Code {
		if opOf(inst) != lua.OP_GETGLOBAL || p.Constants[argBx(inst)] != lua.LString(concatName) {
			continue
		}
		if k, ok := addConstant(p, s.bound[concatName]); ok {
			p.Code[pc] = instABx(lua.OP_LOADK, argA(inst), k)
		}
	}
}

// fieldRead returns the name of the field, if the instruction after pc reads a field
// of register a into a.
func (s *State) fieldRead(p *lua.FunctionProto, pc, a int) (string, bool) {
	if pc+1 >= len(p.Code) {
		return "", false
	}
	inst := p.Code[pc+1]
	c := argC(inst)
	if opOf(inst) != lua.OP_GETTABLEKS || argA(inst) != a || argB(inst) != a || c < maxRKReg {
		return "", false
	}
	field, ok := p.Constants[c&^maxRKReg].(lua.LString)
	return string(field), ok
}

// fieldOf returns what a library has under a name, nil when there is nothing.
func (s *State) fieldOf(lib lua.LValue, field string) lua.LValue {
	t, ok := lib.(*lua.LTable)
	if !ok {
		return nil
	}
	real := s.sealed[t]
	if real == nil {
		return nil
	}
	if v := real.RawGetString(field); v != lua.LNil {
		return v
	}
	return nil
}

func addConstant(p *lua.FunctionProto, v lua.LValue) (int, bool) {
	for i, k := range p.Constants {
		if k == v {
			return i, true
		}
	}
	if len(p.Constants) > maxBx {
		return 0, false
	}
	p.Constants = append(p.Constants, v)
	return len(p.Constants) - 1, true
}

// jumpTargets marks the instructions that are reached from elsewhere than the one
// before.
func jumpTargets(p *lua.FunctionProto) []bool {
	t := make([]bool, len(p.Code)+2)
	for pc := 0; pc < len(p.Code); pc++ {
		inst := p.Code[pc]
		to := -1
		switch opOf(inst) {
		case lua.OP_CLOSURE:
			pc += int(p.FunctionPrototypes[argBx(inst)].NumUpvalues)
		case lua.OP_JMP, lua.OP_FORLOOP, lua.OP_FORPREP:
			to = pc + 1 + argBx(inst) - sbxZero
		case lua.OP_EQ, lua.OP_LT, lua.OP_LE, lua.OP_TEST, lua.OP_TESTSET, lua.OP_TFORLOOP, lua.OP_LOADBOOL:
			to = pc + 2
		}
		if to >= 0 && to < len(t) {
			t[to] = true
		}
	}
	return t
}
