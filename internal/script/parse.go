package script

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// The parser is a recursive descent over Lua 5.1's grammar, as lparser.c has it, so
// that what is wrong with a script is said in the same words; it builds the trees that
// gopher-lua compiles. In two places it builds something else than was written:
//
//	a .. b .. c         becomes  (concat)(a, b, c)
//	local f = function  becomes  local f = function …, nil
//
// The first is a function of ours (see concat): it formats numbers as Lua does and
// bounds the length of the result. The name cannot be written in a script. The second
// keeps the compiler from taking the statement for "local function f".

// concatName is the global that .. calls.
const concatName = "(concat)"

const (
	maxLevels = 200   // of syntax in one another, as LUAI_MAXCCALLS
	maxChain  = 5000  // operators or suffixes in a row, which nest in the tree
	maxLocals = 200   // of a function, as LUAI_MAXVARS
	maxBlocks = 10000 // of else-ifs in a row, which nest in the tree
)

type parser struct {
	lexer
	levels int
	funcs  []funcState
}

// A funcState is a function whose body is being read.
type funcState struct {
	*function
	vararg bool
	line   int
	locals int // that are in scope: the register of the next
	loops  int
}

// A function is what is known of a function's variables, beyond what the compiler
// notes: it gets the ends of their scopes wrong.
type function struct {
	locals []local     // in the order of their declarations, as the compiler's
	inner  []*function // likewise
}

// A local is a variable: its register, and how many had been declared in its function
// when its scope ended, 0 when the function ended before.
type local struct{ reg, end int }

// parse reads a chunk. name is what error messages call it.
func parse(src, name string) (stmts []ast.Stmt, f *function, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(syntaxError)
			if !ok {
				panic(r)
			}
			err = compileError(e)
		}
	}()
	p := parser{lexer: lexer{src: src, name: name, line: 1, lastLine: 1}}
	f = &function{}
	p.funcs = []funcState{{vararg: true, function: f}}
	if len(src) > 0 && src[0] == '#' { // a first line for the shell
		for p.pos < len(src) && src[p.pos] != '\n' && src[p.pos] != '\r' {
			p.pos++
		}
	}
	p.advance()
	stmts = p.block()
	p.check(tEOS)
	return stmts, f, nil
}

// compileError is a script that does not compile.
type compileError string

func (e compileError) Error() string { return string(e) }

func (p *parser) fn() *funcState { return &p.funcs[len(p.funcs)-1] }

func (p *parser) enter() {
	p.levels++
	if p.levels > maxLevels {
		p.fail("chunk has too many syntax levels", "")
	}
}

func (p *parser) leave() { p.levels-- }

func (p *parser) check(t token) {
	if p.kind != t {
		p.failHere("'" + tokenText(t) + "' expected")
	}
}

func (p *parser) accept(t token) bool {
	if p.kind == t {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expect(t token) {
	p.check(t)
	p.advance()
}

// match expects the partner of a token that stood in a line above.
func (p *parser) match(what, who token, line int) {
	if p.accept(what) {
		return
	}
	if line == p.line {
		p.check(what)
	}
	p.failHere("'" + tokenText(what) + "' expected (to close '" + tokenText(who) + "' at line " + strconv.Itoa(line) + ")")
}

func (p *parser) name_() string {
	p.check(tName)
	s := p.text
	p.advance()
	return s
}

// declare counts local variables, of which a function has so many at most.
func (p *parser) declare(n int) {
	f := p.fn()
	for range n {
		f.function.locals = append(f.function.locals, local{reg: f.locals})
		f.locals++
	}
	if f.locals > maxLocals {
		p.limit("local variables", maxLocals)
	}
}

// undeclare ends the scope of all local variables but the first n.
func (p *parser) undeclare(n int) {
	f := p.fn()
	list := f.function.locals
	for i := len(list) - 1; i >= 0 && f.locals > n; i-- {
		if list[i].end == 0 {
			list[i].end = len(list)
			f.locals--
		}
	}
}

func (p *parser) limit(what string, n int) {
	where := "main function"
	if f := p.fn(); f.line > 0 {
		where = "function at line " + strconv.Itoa(f.line)
	}
	p.fail(where+" has more than "+strconv.Itoa(n)+" "+what, "")
}

func (p *parser) blockEnds() bool {
	switch p.kind {
	case tElse, tElseif, tEnd, tEOS, tUntil:
		return true
	}
	return false
}

// block reads statements, and forgets the locals declared among them.
func (p *parser) block() []ast.Stmt {
	locals := p.fn().locals
	stmts := p.statements()
	p.undeclare(locals)
	return stmts
}

func (p *parser) statements() []ast.Stmt {
	stmts := []ast.Stmt{}
	p.enter()
	for last := false; !last && !p.blockEnds(); {
		line := p.line
		var s ast.Stmt
		s, last = p.statement()
		s.SetLine(line)
		s.SetLastLine(p.lastLine)
		p.accept(';')
		stmts = append(stmts, s)
	}
	p.leave()
	return stmts
}

func (p *parser) statement() (s ast.Stmt, last bool) {
	line := p.line
	switch p.kind {
	case tIf:
		return p.ifStatement(line, 0), false
	case tWhile:
		p.advance()
		cond := p.expr()
		p.expect(tDo)
		body := p.loopBody()
		p.match(tEnd, tWhile, line)
		return &ast.WhileStmt{Condition: cond, Stmts: body}, false
	case tDo:
		p.advance()
		body := p.block()
		p.match(tEnd, tDo, line)
		return &ast.DoBlockStmt{Stmts: body}, false
	case tFor:
		return p.forStatement(line), false
	case tRepeat:
		p.advance()
		locals := p.fn().locals
		p.fn().loops++
		body := p.statements()
		p.fn().loops--
		p.match(tUntil, tRepeat, line)
		cond := p.expr()
		p.undeclare(locals)
		return &ast.RepeatStmt{Condition: cond, Stmts: body}, false
	case tFunction:
		return p.functionStatement(line), false
	case tLocal:
		p.advance()
		if p.accept(tFunction) {
			name := p.name_()
			p.declare(1)
			return &ast.LocalAssignStmt{Names: []string{name}, Exprs: []ast.Expr{p.body(line, false)}}, false
		}
		return p.localStatement(), false
	case tReturn:
		p.advance()
		s := &ast.ReturnStmt{}
		if !p.blockEnds() && p.kind != ';' {
			s.Exprs = p.exprList()
		}
		return s, true
	case tBreak:
		p.advance()
		if p.fn().loops == 0 {
			p.failHere("no loop to break")
		}
		return &ast.BreakStmt{}, true
	}
	return p.expressionStatement(), false
}

func (p *parser) ifStatement(line, nested int) ast.Stmt {
	if nested > maxBlocks {
		p.fail("chunk has too many syntax levels", "")
	}
	s := &ast.IfStmt{}
	at := p.line
	p.advance() // if, elseif
	s.Condition = p.expr()
	p.expect(tThen)
	s.Then = p.block()
	switch p.kind {
	case tElseif:
		s.Else = []ast.Stmt{p.ifStatement(line, nested+1)}
	case tElse:
		p.advance()
		s.Else = p.block()
		p.match(tEnd, tIf, line)
	default:
		p.match(tEnd, tIf, line)
	}
	s.SetLine(at)
	s.SetLastLine(p.lastLine)
	return s
}

func (p *parser) loopBody() []ast.Stmt {
	p.fn().loops++
	body := p.block()
	p.fn().loops--
	return body
}

func (p *parser) forStatement(line int) ast.Stmt {
	p.advance()
	locals := p.fn().locals
	defer func() { p.undeclare(locals) }()
	names := []string{p.name_()}
	switch p.kind {
	case '=':
		p.advance()
		s := &ast.NumberForStmt{Name: names[0]}
		s.Init = p.expr()
		p.expect(',')
		s.Limit = p.expr()
		if p.accept(',') {
			s.Step = p.expr()
		}
		p.declare(4)
		p.expect(tDo)
		s.Stmts = p.loopBody()
		p.match(tEnd, tFor, line)
		return s
	case ',', tIn:
		for p.accept(',') {
			names = append(names, p.name_())
		}
		p.expect(tIn)
		s := &ast.GenericForStmt{Names: names, Exprs: p.exprList()}
		p.declare(3 + len(names))
		p.expect(tDo)
		s.Stmts = p.loopBody()
		p.match(tEnd, tFor, line)
		return s
	}
	p.failHere("'=' or 'in' expected")
	return nil
}

func (p *parser) functionStatement(line int) ast.Stmt {
	p.advance()
	name := &ast.FuncName{Func: p.ident()}
	for p.kind == '.' {
		p.advance()
		name.Func = p.get(name.Func, p.constant())
	}
	method := p.accept(':')
	if method {
		name.Receiver, name.Func = name.Func, nil
		name.Method = p.name_()
	}
	return &ast.FuncDefStmt{Name: name, Func: p.body(line, method)}
}

func (p *parser) localStatement() ast.Stmt {
	s := &ast.LocalAssignStmt{Names: []string{p.name_()}}
	for p.accept(',') {
		s.Names = append(s.Names, p.name_())
	}
	if p.accept('=') {
		s.Exprs = p.exprList()
	}
	p.declare(len(s.Names))
	if len(s.Names) == 1 && len(s.Exprs) == 1 {
		if _, ok := s.Exprs[0].(*ast.FunctionExpr); ok {
			null := &ast.NilExpr{}
			p.mark(null)
			s.Exprs = append(s.Exprs, null)
		}
	}
	return s
}

func (p *parser) expressionStatement() ast.Stmt {
	first := p.primary()
	if call, ok := first.(*ast.FuncCallExpr); ok && !call.AdjustRet {
		return &ast.FuncCallStmt{Expr: call}
	}
	s := &ast.AssignStmt{}
	for e := first; ; {
		switch e.(type) {
		case *ast.IdentExpr, *ast.AttrGetExpr:
		default:
			p.failHere("syntax error")
		}
		s.Lhs = append(s.Lhs, e)
		if len(s.Lhs) > maxLevels {
			p.limit("variables in assignment", maxLevels)
		}
		if !p.accept(',') {
			break
		}
		e = p.primary()
	}
	p.expect('=')
	s.Rhs = p.exprList()
	for _, e := range s.Lhs {
		p.markAt(e, p.lastLine)
	}
	return s
}

func (p *parser) exprList() []ast.Expr {
	list := []ast.Expr{p.expr()}
	for p.accept(',') {
		list = append(list, p.expr())
	}
	return list
}

// An instruction has the line of the last token that was read before it was generated;
// a call has that of its arguments' beginning.

// mark gives a node the current line.
func (p *parser) mark(n ast.PositionHolder) { p.markAt(n, p.line) }

func (p *parser) markAt(n ast.PositionHolder, line int) {
	n.SetLine(line)
	n.SetLastLine(line)
}

func (p *parser) ident() ast.Expr {
	line := p.line
	e := &ast.IdentExpr{Value: p.name_()}
	p.markAt(e, line)
	return e
}

// constant reads a name that stands for a string.
func (p *parser) constant() ast.Expr {
	line := p.line
	e := &ast.StringExpr{Value: p.name_()}
	p.markAt(e, line)
	return e
}

func (p *parser) get(object, key ast.Expr) ast.Expr {
	e := &ast.AttrGetExpr{Object: object, Key: key}
	p.markAt(e, p.lastLine)
	return e
}

// prefix reads what a chain of calls and fields begins with.
func (p *parser) prefix() ast.Expr {
	switch p.kind {
	case '(':
		line := p.line
		p.advance()
		e := p.expr()
		p.match(')', '(', line)
		switch e := e.(type) {
		case *ast.FuncCallExpr:
			e.AdjustRet = true
		case *ast.Comma3Expr:
			e.AdjustRet = true
		case *ast.IdentExpr, *ast.AttrGetExpr:
			return &paren{Expr: e}
		}
		return e
	case tName:
		return p.ident()
	}
	p.failHere("unexpected symbol")
	return nil
}

// paren is a variable between parentheses, which cannot be assigned to. It lives
// during parsing only.
type paren struct{ ast.Expr }

// bare takes the parentheses off.
func bare(e ast.Expr) ast.Expr {
	if e, ok := e.(*paren); ok {
		return e.Expr
	}
	return e
}

func (p *parser) primary() ast.Expr {
	e := p.prefix()
	for chain := 0; ; chain++ {
		if chain > maxChain {
			p.fail("chunk has too many syntax levels", "")
		}
		switch p.kind {
		case '.':
			p.advance()
			e = p.get(bare(e), p.constant())
		case '[':
			p.advance()
			key := p.expr()
			p.expect(']')
			e = p.get(bare(e), key)
		case ':':
			p.advance()
			method := p.name_()
			e = p.call(&ast.FuncCallExpr{Receiver: bare(e), Method: method})
		case '(', tString, '{':
			e = p.call(&ast.FuncCallExpr{Func: bare(e)})
		default:
			return e
		}
	}
}

// call reads a call's arguments.
func (p *parser) call(e *ast.FuncCallExpr) ast.Expr {
	line := p.line
	switch p.kind {
	case '(':
		if line != p.lastLine {
			p.failHere("ambiguous syntax (function call x new statement)")
		}
		p.advance()
		if p.kind != ')' {
			e.Args = p.exprList()
		}
		p.match(')', '(', line)
	case '{':
		e.Args = []ast.Expr{p.table()}
	case tString:
		s := &ast.StringExpr{Value: p.text}
		p.mark(s)
		p.advance()
		e.Args = []ast.Expr{s}
	default:
		p.failHere("function arguments expected")
	}
	p.markAt(e, line)
	return e
}

func (p *parser) table() ast.Expr {
	line := p.line
	t := &ast.TableExpr{Fields: []*ast.Field{}}
	p.expect('{')
	for p.kind != '}' {
		switch {
		case p.kind == tName && p.peek() == '=':
			key := p.constant()
			p.advance()
			t.Fields = append(t.Fields, &ast.Field{Key: key, Value: p.expr()})
		case p.kind == '[':
			p.advance()
			key := p.expr()
			p.expect(']')
			p.expect('=')
			t.Fields = append(t.Fields, &ast.Field{Key: key, Value: p.expr()})
		default:
			t.Fields = append(t.Fields, &ast.Field{Value: p.expr()})
		}
		if !p.accept(',') && !p.accept(';') {
			break
		}
	}
	p.match('}', '{', line)
	p.markAt(t, line)
	return t
}

// body reads a function from its parameters on.
func (p *parser) body(line int, method bool) *ast.FunctionExpr {
	f := &ast.FunctionExpr{ParList: &ast.ParList{Names: []string{}}}
	inner := &function{}
	p.fn().inner = append(p.fn().inner, inner)
	p.funcs = append(p.funcs, funcState{line: line, function: inner})
	if method {
		p.declare(1)
	}
	p.expect('(')
	for p.kind != ')' {
		switch p.kind {
		case tName:
			f.ParList.Names = append(f.ParList.Names, p.name_())
			p.declare(1)
		case tDots:
			p.advance()
			f.ParList.HasVargs = true
			p.fn().vararg = true
			p.declare(1)
		default:
			p.failHere("<name> or '...' expected")
		}
		if f.ParList.HasVargs || !p.accept(',') {
			break
		}
		if p.kind == ')' {
			p.failHere("<name> or '...' expected")
		}
	}
	p.expect(')')
	f.Stmts = p.block()
	f.SetLine(line)
	f.SetLastLine(p.line)
	p.match(tEnd, tFunction, line)
	p.funcs = p.funcs[:len(p.funcs)-1]
	return f
}

func (p *parser) simple() ast.Expr {
	var e ast.Expr
	switch p.kind {
	case tNumber:
		e = &ast.NumberExpr{Value: numberText(p.number)}
	case tString:
		e = &ast.StringExpr{Value: p.text}
	case tNil:
		e = &ast.NilExpr{}
	case tTrue:
		e = &ast.TrueExpr{}
	case tFalse:
		e = &ast.FalseExpr{}
	case tDots:
		if !p.fn().vararg {
			p.failHere("cannot use '...' outside a vararg function")
		}
		e = &ast.Comma3Expr{}
	case '{':
		return p.table()
	case tFunction:
		line := p.line
		p.advance()
		return p.body(line, false)
	default:
		return bare(p.primary())
	}
	p.mark(e)
	p.advance()
	return e
}

// numberText writes a number so that the compiler reads it right: what begins with a
// zero would be octal to it.
func numberText(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// Priorities of binary operators, left and right: .. and ^ group to the right.
var priorities = map[token][2]int{
	'+': {6, 6}, '-': {6, 6}, '*': {7, 7}, '/': {7, 7}, '%': {7, 7}, '^': {10, 9}, tConcat: {5, 4},
	tNe: {3, 3}, tEq: {3, 3}, '<': {3, 3}, tLe: {3, 3}, '>': {3, 3}, tGe: {3, 3}, tAnd: {2, 2}, tOr: {1, 1},
}

const unaryPriority = 8

func (p *parser) expr() ast.Expr { return p.subexpr(0) }

func (p *parser) subexpr(limit int) ast.Expr {
	p.enter()
	var e ast.Expr
	switch p.kind {
	case tNot:
		p.advance()
		e = &ast.UnaryNotOpExpr{Expr: p.subexpr(unaryPriority)}
		p.markAt(e, p.lastLine)
	case '-':
		p.advance()
		e = &ast.UnaryMinusOpExpr{Expr: p.subexpr(unaryPriority)}
		p.markAt(e, p.lastLine)
	case '#':
		p.advance()
		e = &ast.UnaryLenOpExpr{Expr: p.subexpr(unaryPriority)}
		p.markAt(e, p.lastLine)
	default:
		e = p.simple()
	}
	for chain := 0; ; chain++ {
		op := p.kind
		pri, ok := priorities[op]
		if !ok || pri[0] <= limit {
			break
		}
		if chain > maxChain {
			p.fail("chunk has too many syntax levels", "")
		}
		p.advance()
		e = p.binary(op, e, p.subexpr(pri[1]))
		p.markAt(e, p.lastLine)
	}
	p.leave()
	return e
}

func (p *parser) binary(op token, l, r ast.Expr) ast.Expr {
	switch op {
	case tAnd, tOr:
		return &ast.LogicalOpExpr{Operator: tokenText(op), Lhs: l, Rhs: r}
	case tEq, tNe, '<', tLe, '>', tGe:
		return &ast.RelationalOpExpr{Operator: tokenText(op), Lhs: l, Rhs: r}
	case tConcat:
		return p.concat(l, r)
	}
	return &ast.ArithmeticOpExpr{Operator: tokenText(op), Lhs: l, Rhs: r}
}

// concat makes a call of (concat) of l and r, taking the operands of r over when it
// is such a call itself.
func (p *parser) concat(l, r ast.Expr) ast.Expr {
	args := []ast.Expr{single(l)}
	if call, ok := r.(*ast.FuncCallExpr); ok && isConcat(call) {
		args = append(args, call.Args...)
	} else {
		args = append(args, single(r))
	}
	if len(args) > maxLevels {
		p.fail("function or expression too complex", "")
	}
	f := &ast.IdentExpr{Value: concatName}
	p.markAt(f, p.lastLine)
	return &ast.FuncCallExpr{Func: f, Args: args, AdjustRet: true}
}

func isConcat(call *ast.FuncCallExpr) bool {
	f, ok := call.Func.(*ast.IdentExpr)
	return ok && f.Value == concatName
}

// single makes an expression of many values one of a single value.
func single(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}
