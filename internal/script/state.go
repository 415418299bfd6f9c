package script

import (
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/redweave/redweave/resp"
)

// A Host is the server, as scripts see it. All is called by the goroutine that runs
// the script.
type Host interface {
	// Call runs a command and returns its reply, good until the next call. The bytes
	// of args are the callee's to read during the call.
	Call(args [][]byte, proto int) []byte
	// Tick is called about every millisecond while a script runs; stop is why it must
	// end.
	Tick() (stop error)
	// Permitted reports whether the script's user may run a command; it is an error
	// when there is no such command.
	Permitted(args [][]byte) (ok, known bool)
	// Log writes a line of the script to the server's log.
	Log(level int, line string)
	// Nanos is the monotonic time, for os.clock.
	Nanos() int64
}

// Options are what a State is made from.
type Options struct {
	Host       Host
	Version    string // as redis.REDIS_VERSION has it
	VersionNum int
	Functions  bool // the state is for libraries of functions, not for EVAL
	MaxBytes   int64
}

const (
	// maxFrames is how deep Lua functions may call each other: LUAI_MAXCALLS.
	maxFrames = 20000
	// maxNested is how deep Go and Lua may call each other: LUAI_MAXCCALLS.
	maxNested = 200
	// maxRegisters bounds the values on the stack.
	maxRegisters = 1 << 20
	// maxResults is what unpack and its kin return at most: LUAI_MAXCSTACK.
	maxResults = 8000
	// maxString is the length of a string at most.
	maxString = 512 << 20

	// stepsPerLook is how many instructions go by between two looks at the clock.
	stepsPerLook = 128
	// tickNanos is how often the host is asked whether to go on.
	tickNanos = int64(time.Millisecond)
	// bytesPerLook is how much memory goes by before it is measured.
	bytesPerLook = 64 << 20

	defaultMaxBytes = 512 << 20
)

// gopher-lua fills a table with nils up to an index that it takes for one of an array, be
// it alone: a gigabyte for t[6e7] = 1. It leaves to its users how far that goes; whatever
// lies beyond is kept as any other key, and does not count for the length.
func init() { lua.MaxArrayIndex = 1 << 22 }

// A State is a Lua machine with Redis's libraries. It belongs to one goroutine at a
// time; scripts run on it one after the other and leave nothing behind: whatever
// outlives a script is sealed.
type State struct {
	L    *lua.LState
	host Host
	opt  Options

	bound   map[string]lua.LValue       // what scripts read of globals, for bindGlobals
	names   map[lua.LValue]boundName    // the same, backwards
	sealed  map[*lua.LTable]*lua.LTable // a table nobody can change → what stands in it
	globals *lua.LTable                 // what _G shows

	nextFn, ipairsFn   *lua.LFunction
	trampoline         *lua.LFunction
	coCreate, coResume lua.LGFunction
	globalsMT          *lua.LTable    // what getmetatable(_G) gives
	gate               *lua.LTable    // the metatable of _G
	loadGlobals        *lua.LTable    // what _G shows while a library is loaded
	null               *lua.LUserData // cjson.null
	sources            map[string]string

	threads []*lua.LState // spare ones for pcall
	active  []coroutine   // that run, one inside another
	nested  int           // calls from Go into Lua
	text    []byte        // where a string is put together

	// Of the script that runs.
	proto     int // what redis.call speaks
	calls     [2]callBuffers
	turn      int       // which of them is used
	start     time.Time // of elapsed
	steps     int
	lastTick  int64
	sinceLook int64 // bytes
	heapBase  uint64
	heapRead  int64 // when heapBase was
	stop      error // set when the script must end, whatever it catches
	where     place // of the last error
	loading   *Library
	loadEnds  int64 // when its time is up

	// CountError is told of errors that a script returned; counted says that it is one of
	// a command that the script has called, which has been counted there.
	CountError func(err resp.Error, counted bool)

	sample [1]metrics.Sample
	random rand48
}

// A place is where a script failed.
type place struct {
	Source string
	Line   int
}

// New returns a machine.
func New(o Options) *State {
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	s := &State{
		host: o.Host, opt: o, start: time.Now(), sealed: map[*lua.LTable]*lua.LTable{}, bound: map[string]lua.LValue{},
		names: map[lua.LValue]boundName{},
	}
	s.sample[0].Name = "/memory/classes/heap/objects:bytes"
	s.L = lua.NewState(lua.Options{
		CallStackSize: maxFrames, RegistrySize: 1024, RegistryMaxSize: maxRegisters, RegistryGrowStep: 4096,
		SkipOpenLibs: true,
	})
	s.L.SetContext(hook{s})
	// Threads begin small.
	s.L.Options.MinimizeStackMemory = true
	s.L.Options.RegistrySize = 256
	s.L.Options.RegistryGrowStep = 256
	s.random.seed(0)
	s.globals = s.L.CreateTable(0, 48)
	s.openLibs()
	return s
}

// # What runs between instructions
//
// gopher-lua asks its context before each instruction whether it is done. Ours counts,
// and looks at the clock now and then; that costs a twelfth of a loop's time. A script
// that must end gets the error at every further instruction, so that it cannot catch
// it for good.

// hook is a State as the context of its Lua threads.
type hook struct{ *State }

func (hook) Deadline() (time.Time, bool) { return time.Time{}, false }
func (hook) Value(any) any               { return nil }

// Err is what is raised when Done says so.
func (h hook) Err() error {
	if h.stop == nil {
		return errNotStopped
	}
	return h.stop
}

// errText is an error that is nothing but its text.
type errText string

func (e errText) Error() string { return string(e) }

const (
	errNotStopped = errText("script: not stopped")
	errMemory     = errText("ERR not enough memory")
)

var stopped = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Done counts an instruction.
func (h hook) Done() <-chan struct{} {
	s := h.State
	s.steps--
	if s.steps > 0 {
		return nil
	}
	return s.look()
}

// look sees whether the script may go on.
func (s *State) look() <-chan struct{} {
	if s.stop != nil {
		s.steps = 0
		return stopped
	}
	s.steps = stepsPerLook
	now := s.elapsed()
	if now-s.lastTick < tickNanos && s.sinceLook < bytesPerLook {
		return nil
	}
	s.lastTick = now
	switch {
	case s.loading == nil:
		s.stop = s.host.Tick()
	case now > s.loadEnds:
		s.stop = errLoadTime
	}
	if s.stop == nil {
		s.stop = s.measure()
	}
	if s.stop != nil {
		s.steps = 0
		return stopped
	}
	return nil
}

// spend notes that a library function did so much work, in units of an instruction,
// and raises the error of a script that must end.
func (s *State) spend(L *lua.LState, work int) {
	s.steps -= work
	if s.steps <= 0 {
		s.lookFor(L)
	}
}

func (s *State) lookFor(L *lua.LState) {
	if s.look() != nil {
		s.failRedis(L, s.stop.Error())
	}
}

// take notes that bytes of memory are about to be taken.
func (s *State) take(L *lua.LState, bytes int) {
	if bytes > maxString {
		s.failRedis(L, errMemory.Error())
	}
	s.sinceLook += int64(bytes)
	if s.sinceLook >= bytesPerLook {
		s.spend(L, stepsPerLook)
	}
}

// measure sees whether the heap grew too much since the script began. Garbage counts
// until it is too much; then it is collected first.
func (s *State) measure() error {
	s.sinceLook = 0
	if s.heap() < s.heapBase+uint64(s.opt.MaxBytes) {
		return nil
	}
	runtime.GC()
	if s.heap() < s.heapBase+uint64(s.opt.MaxBytes) {
		return nil
	}
	return errMemory
}

func (s *State) heap() uint64 {
	metrics.Read(s.sample[:])
	return s.sample[0].Value.Uint64()
}

// elapsed is the time that scripts are stopped by: not the engine's, which may stand still.
func (s *State) elapsed() int64 { return int64(time.Since(s.start)) }

// begin prepares for a script.
func (s *State) begin() {
	s.stop, s.where, s.proto = nil, place{}, 2
	s.steps, s.sinceLook = stepsPerLook, 0
	s.lastTick = s.elapsed()
	s.nested = 0
	if s.heapBase == 0 || s.lastTick-s.heapRead > int64(time.Second) {
		s.heapBase, s.heapRead = s.heap(), s.lastTick
	}
}

// An Error is a script that failed.
type Error struct {
	Text   string // what it raised, with a code
	Source string // of the chunk, "" when unknown
	Line   int
	Stats  bool // it is a command's, and counted
}

func (e *Error) Error() string { return e.Text }

// protected calls a function with the arguments pushed behind it, and leaves nret
// results.
func (s *State) protected(nargs, nret int) *Error {
	L := s.L
	L.Insert(s.trampoline, L.GetTop()-nargs)
	err := L.PCall(nargs+1, nret, nil)
	if err == nil {
		return nil
	}
	return s.describe(err)
}

// trampoline calls its first argument with the others, errors being worded by us.
func (s *State) jump(L *lua.LState) int {
	L.Panic = s.onPanic
	L.Call(L.GetTop()-1, lua.MultRet)
	return L.GetTop()
}

// describe is what Redis's error handler makes of an error.
func (s *State) describe(err error) *Error {
	v := s.errorValue(err)
	e := &Error{Source: s.where.Source, Line: s.where.Line}
	t, ok := v.(*lua.LTable)
	if !ok {
		e.Text = "ERR " + toText(v)
		return e
	}
	switch text := t.RawGetString("err").(type) {
	case lua.LString:
		e.Text = string(text)
	case lua.LNumber:
		e.Text = toText(text)
	default:
		e.Text = "ERR unknown error"
	}
	e.Stats = t.RawGetString("ignore_error_stats_update") == lua.LTrue
	return e
}

// errorValue is the value that was raised. Panics of Go's that are none of Lua's, such
// as a full stack of a coroutine's, end the script, not the server.
func (s *State) errorValue(err error) lua.LValue {
	e, ok := err.(*lua.ApiError)
	if !ok {
		return lua.LString(err.Error())
	}
	if e.Type == lua.ApiErrorPanic {
		text := e.Object.String()
		if strings.Contains(text, "callstack overflow") {
			return lua.LString("stack overflow")
		}
		return lua.LString("internal error: " + text)
	}
	return e.Object
}
