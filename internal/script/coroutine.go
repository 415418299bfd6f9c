package script

import (
	lua "github.com/yuin/gopher-lua"
)

// Coroutines are gopher-lua's, behind functions that keep our books: which of them run,
// one inside another, and whether a yield would pass a function of Go's.

// A coroutine that runs: resumed and not back.
type coroutine struct {
	th     *lua.LState
	nested int // State.nested when it was resumed
}

func (s *State) openCoroutine() {
	s.L.Push(s.L.NewFunction(lua.OpenCoroutine))
	s.L.Call(0, 1)
	lib := s.L.Get(-1).(*lua.LTable)
	s.L.Pop(1)
	s.coCreate = lib.RawGetString("create").(*lua.LFunction).GFunction
	s.coResume = lib.RawGetString("resume").(*lua.LFunction).GFunction
	s.setLib("coroutine", map[string]lua.LGFunction{
		"create": s.create, "resume": s.resume, "running": s.running, "status": s.status, "wrap": s.wrap,
		"yield": s.yield,
	})
}

func (s *State) create(L *lua.LState) int {
	if f, ok := L.Get(1).(*lua.LFunction); !ok || f.IsG {
		s.badArg(L, 1, "Lua function expected")
	}
	s.take(L, 8<<10)
	s.coCreate(L)
	th := L.Get(-1).(*lua.LState)
	th.SetContext(&firstHook{hook{s}, th})
	return 1
}

// firstHook is the context of a coroutine. Before the first instruction, which is after
// gopher-lua gave the thread its own way with errors, it sets ours.
type firstHook struct {
	hook
	th *lua.LState
}

// Done counts an instruction.
func (h *firstHook) Done() <-chan struct{} {
	h.th.Panic = h.onPanic
	return h.hook.Done()
}

func (s *State) coroutine(L *lua.LState, n int) *lua.LState {
	th, ok := L.Get(n).(*lua.LState)
	if !ok {
		s.badArg(L, n, "coroutine expected")
	}
	return th
}

func (s *State) statusOf(th *lua.LState) string {
	for i, c := range s.active {
		if c.th == th {
			if i == len(s.active)-1 {
				return "running"
			}
			return "normal"
		}
	}
	if th.Dead {
		return "dead"
	}
	return "suspended"
}

func (s *State) status(L *lua.LState) int {
	L.Push(lua.LString(s.statusOf(s.coroutine(L, 1))))
	return 1
}

func (s *State) running(L *lua.LState) int {
	if n := len(s.active); n > 0 {
		L.Push(s.active[n-1].th)
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

func (s *State) yield(L *lua.LState) int {
	n := len(s.active)
	if n == 0 || s.active[n-1].th != L || s.active[n-1].nested != s.nested {
		s.failBare(L, "attempt to yield across metamethod/C-call boundary")
	}
	return -1
}

func (s *State) resume(L *lua.LState) int {
	th := s.coroutine(L, 1)
	if st := s.statusOf(th); st != "suspended" {
		L.Push(lua.LFalse)
		L.Push(lua.LString("cannot resume " + st + " coroutine"))
		return 2
	}
	return s.run(L, th)
}

// run resumes the coroutine that stands before its arguments.
func (s *State) run(L, th *lua.LState) int {
	s.nest(L)
	s.active = append(s.active, coroutine{th, s.nested})
	current := L.G.CurrentThread
	n := s.coResume(L)
	L.G.CurrentThread = current
	s.nested = s.active[len(s.active)-1].nested - 1
	s.active = s.active[:len(s.active)-1]
	if s.stop != nil {
		s.failRedis(L, s.stop.Error())
	}
	return n
}

func (s *State) wrap(L *lua.LState) int {
	s.create(L)
	th := L.Get(-1).(*lua.LState)
	L.Push(L.NewFunction(func(L *lua.LState) int {
		L.Insert(th, 1)
		if st := s.statusOf(th); st != "suspended" {
			s.fail(L, "cannot resume "+st+" coroutine")
		}
		n := s.run(L, th)
		if L.Get(-n) == lua.LTrue {
			return n - 1
		}
		failed := L.Get(-1)
		if str, ok := failed.(lua.LString); ok {
			failed = lua.LString(s.at(L, 1)) + str
		}
		L.Error(failed, 0)
		return 0
	}))
	return 1
}
