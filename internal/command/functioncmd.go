package command

import (
	"slices"
	"strings"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/glob"
	"github.com/redweave/redweave/internal/rdb"
	"github.com/redweave/redweave/internal/script"
	"github.com/redweave/redweave/resp"
)

// # Functions
//
// A library is code that registers functions when it is loaded; FCALL calls them by name.
// All libraries share a Lua machine, which goes when FUNCTION FLUSH takes them all.

var functionHandlers = handlers{
	"fcall": cmdFCall, "fcall_ro": cmdFCall,
	"function|delete": cmdFunctionDelete, "function|dump": cmdFunctionDump, "function|flush": cmdFunctionFlush,
	"function|help": cmdHelp, "function|kill": cmdFunctionKill, "function|list": cmdFunctionList,
	"function|load": cmdFunctionLoad, "function|restore": cmdFunctionRestore, "function|stats": cmdFunctionStats,
}

const (
	errNoFunction    resp.Error = "ERR Function not found"
	errNoLibrary     resp.Error = "ERR Library not found"
	errBadKeyCount   resp.Error = "ERR Bad number of keys provided"
	errFunctionFlush resp.Error = "ERR FUNCTION FLUSH only supports SYNC|ASYNC option"
	errListNoName    resp.Error = "ERR library name argument was not given"
	errPolicy        resp.Error = "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."
	errLibraryFormat resp.Error = "ERR failed loading functions payload"
)

// functionEngine is the libraries that are loaded.
type functionEngine struct {
	state     *script.State // nil until it is needed
	libraries map[string]*script.Library
	functions map[string]*script.Function // by their names in lower case
	order     []*script.Library           // as they were loaded
	bytes     int64
}

// function finds a function by its name in any case, nil when there is none.
func (e *functionEngine) function(name []byte) *script.Function {
	var b [64]byte
	return e.functions[string(lowerInto(b[:0], name))]
}

func (x *Exec) functionState() *script.State {
	e := &x.scripts.functions
	if e.state == nil {
		e.state = script.New(x.scriptOptions(true))
		e.state.CountError = x.scripts.run.returned
	}
	return e.state
}

func cmdFCall(c *Ctx) {
	c.showEval()
	f := c.scripts.functions.function(c.Args[1])
	if f == nil {
		c.Fail(errNoFunction)
		return
	}
	n, ok := c.intOr(2, errBadKeyCount)
	switch {
	case !ok:
		return
	case n > int64(len(c.Args)-3):
		c.Fail(errManyKeys)
		return
	case n < 0:
		c.Fail(errNegativeKeys)
		return
	}
	readOnly := c.cmd.flags&spec.ReadOnly != 0
	if err := c.admitScript(f.Flags, readOnly); err != "" {
		c.Fail(err)
		return
	}
	r := c.beginRun(f.Name, f.Flags, readOnly, true)
	err := c.scripts.functions.state.Call(f, c.Args[3:3+n], c.Args[3+n:], r.reply())
	c.endRun(r, err)
}

func cmdFunctionLoad(c *Ctx) {
	replace := false
	for i := 2; i < len(c.Args)-1; i++ {
		if !c.is(i, "REPLACE") {
			c.Fail(resp.Error("ERR Unknown option given: " + asText(c.Args[i])))
			return
		}
		replace = true
	}
	code := string(c.Args[len(c.Args)-1])
	name, body, err := script.Metadata(code)
	if err != "" {
		c.Fail(err)
		return
	}
	e := &c.scripts.functions
	old := e.libraries[name]
	if old != nil && !replace {
		c.Fail(resp.Error("ERR Library '" + name + "' already exists"))
		return
	}
	lib, err := c.loadLibrary(name, code, body)
	if err == "" {
		err = e.collides(lib, old)
	}
	if err != "" {
		c.Fail(err)
		return
	}
	e.add(lib)
	c.Out.BulkString(name)
}

// loadLibrary runs the code of a library.
func (c *Ctx) loadLibrary(name, code, body string) (*script.Library, resp.Error) {
	r := &c.scripts.run
	r.x, r.c = c.Exec, c
	return c.functionState().Load(name, code, body)
}

// collides reports that a function of lib is another library's than old.
func (e *functionEngine) collides(lib, old *script.Library) resp.Error {
	for _, f := range lib.Functions {
		if other := e.functions[strings.ToLower(f.Name)]; other != nil && other.Library != old {
			return resp.Error("ERR Function " + f.Name + " already exists")
		}
	}
	return ""
}

// add adds a library, in the place of one of its name.
func (e *functionEngine) add(lib *script.Library) {
	e.remove(e.libraries[lib.Name])
	if e.libraries == nil {
		e.libraries, e.functions = map[string]*script.Library{}, map[string]*script.Function{}
	}
	e.libraries[lib.Name] = lib
	e.order = append(e.order, lib)
	for _, f := range lib.Functions {
		e.functions[strings.ToLower(f.Name)] = f
	}
	e.bytes += libraryBytes(lib)
}

func (e *functionEngine) remove(lib *script.Library) {
	if lib == nil {
		return
	}
	delete(e.libraries, lib.Name)
	e.order = slices.DeleteFunc(e.order, func(l *script.Library) bool { return l == lib })
	for _, f := range lib.Functions {
		delete(e.functions, strings.ToLower(f.Name))
	}
	e.bytes -= libraryBytes(lib)
}

// libraryBytes estimates the memory of a library.
func libraryBytes(lib *script.Library) int64 {
	return int64(2*len(lib.Code) + 256*(1+len(lib.Functions)))
}

func cmdFunctionDelete(c *Ctx) {
	e := &c.scripts.functions
	lib := e.libraries[string(c.Args[2])]
	if lib == nil {
		c.Fail(errNoLibrary)
		return
	}
	e.remove(lib)
	c.OK()
}

func cmdFunctionFlush(c *Ctx) {
	if len(c.Args) > 3 {
		c.Fail(subcommandSyntax("FUNCTION", c.Args[1]))
		return
	}
	if len(c.Args) == 3 && !c.is(2, "SYNC") && !c.is(2, "ASYNC") {
		c.Fail(errFunctionFlush)
		return
	}
	c.scripts.functions = functionEngine{}
	c.OK()
}

func cmdFunctionKill(c *Ctx) { c.killScript(true) }

func cmdFunctionList(c *Ctx) {
	var pattern []byte
	withCode := false
	for i := 2; i < len(c.Args); i++ {
		switch {
		case !withCode && c.is(i, "WITHCODE"):
			withCode = true
		case pattern == nil && c.is(i, "LIBRARYNAME"):
			if i++; i >= len(c.Args) {
				c.Fail(errListNoName)
				return
			}
			pattern = c.Args[i]
		default:
			c.Fail(resp.Error("ERR Unknown argument " + asText(c.Args[i])))
			return
		}
	}
	m := c.Out.ReserveArray(len(c.scripts.functions.order))
	n := 0
	for _, lib := range c.scripts.functions.order {
		if pattern != nil && !glob.Match(pattern, []byte(lib.Name), true) {
			continue
		}
		c.listLibrary(lib, withCode)
		n++
	}
	c.Out.SetLen(m, n)
}

func (c *Ctx) listLibrary(lib *script.Library, withCode bool) {
	out := c.Out
	fields := 3
	if withCode {
		fields++
	}
	out.MapHeader(fields)
	out.BulkString("library_name")
	out.BulkString(lib.Name)
	out.BulkString("engine")
	out.BulkString("LUA")
	out.BulkString("functions")
	out.ArrayHeader(len(lib.Functions))
	for _, f := range lib.Functions {
		out.MapHeader(3)
		out.BulkString("name")
		out.BulkString(f.Name)
		out.BulkString("description")
		if f.Described {
			out.BulkString(f.Description)
		} else {
			out.Null()
		}
		out.BulkString("flags")
		names := f.Flags.Names()
		out.SetHeader(len(names))
		for _, name := range names {
			out.SimpleString(name)
		}
	}
	if withCode {
		out.BulkString("library_code")
		out.BulkString(lib.Code)
	}
}

func cmdFunctionStats(c *Ctx) {
	out, r, e := c.Out, &c.scripts.run, &c.scripts.functions
	if r.active && !r.function && c.ScriptRunning() {
		c.Fail(errBusyScript)
		return
	}
	out.MapHeader(2)
	out.BulkString("running_script")
	if r.active {
		out.MapHeader(3)
		out.BulkString("name")
		out.BulkString(r.name)
		out.BulkString("command")
		out.ArrayHeader(len(r.args))
		for _, a := range r.args {
			out.BulkBytes(a)
		}
		out.BulkString("duration_ms")
		out.Int((c.clock.Nanos() - r.began) / nanosPerMs)
	} else {
		out.Null()
	}
	out.BulkString("engines")
	out.MapHeader(1)
	out.BulkString("LUA")
	out.MapHeader(2)
	out.BulkString("libraries_count")
	out.Int(int64(len(e.libraries)))
	out.BulkString("functions_count")
	out.Int(int64(len(e.functions)))
}

func cmdFunctionDump(c *Ctx) {
	var codes []string
	for _, lib := range c.scripts.functions.order {
		codes = append(codes, lib.Code)
	}
	c.Out.BulkBytes(rdb.AppendLibraries(nil, codes))
}

func cmdFunctionRestore(c *Ctx) {
	if len(c.Args) > 4 {
		c.Fail(subcommandSyntax("FUNCTION", c.Args[1]))
		return
	}
	policy := "APPEND"
	if len(c.Args) == 4 {
		policy = strings.ToUpper(asText(c.Args[3]))
		if policy != "APPEND" && policy != "REPLACE" && policy != "FLUSH" {
			c.Fail(errPolicy)
			return
		}
	}
	value, err := rdb.Open(c.Args[2], true)
	if err != nil {
		c.Fail(errPayload)
		return
	}
	codes, err := rdb.Libraries(value)
	if err != nil {
		c.Fail(errLibraryFormat)
		return
	}
	if rerr := c.restoreLibraries(codes, policy); rerr != "" {
		c.Fail(rerr)
		return
	}
	c.OK()
}

// restoreLibraries loads libraries, all of them or none.
func (c *Ctx) restoreLibraries(codes []string, policy string) resp.Error {
	e := &c.scripts.functions
	saved := *e
	saved.order = slices.Clone(e.order)
	saved.libraries, saved.functions = cloneMap(e.libraries), cloneMap(e.functions)
	if policy == "FLUSH" {
		*e = functionEngine{}
	}
	for _, code := range codes {
		name, body, err := script.Metadata(code)
		if err == "" && policy != "REPLACE" && e.libraries[name] != nil {
			err = resp.Error("ERR Library " + name + " already exists")
		}
		var lib *script.Library
		if err == "" {
			lib, err = c.loadLibrary(name, code, body)
		}
		if err == "" {
			err = e.collides(lib, e.libraries[name])
		}
		if err != "" {
			*e = saved
			return err
		}
		e.add(lib)
	}
	return ""
}

func cloneMap[V any](m map[string]V) map[string]V {
	c := make(map[string]V, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}
