package script

import (
	"bytes"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/redweave/redweave/resp"
)

// Flags are what a script says of itself.
type Flags uint8

// The flags, by their names in a shebang.
const (
	NoWrites           Flags = 1 << iota // no-writes
	AllowOOM                             // allow-oom
	AllowStale                           // allow-stale
	NoCluster                            // no-cluster
	AllowCrossSlotKeys                   // allow-cross-slot-keys
	Compat                               // a script without shebang, to which older rules apply
)

var flagNames = []struct {
	flag Flags
	name string
}{
	{NoWrites, "no-writes"}, {AllowOOM, "allow-oom"}, {AllowStale, "allow-stale"}, {NoCluster, "no-cluster"},
	{AllowCrossSlotKeys, "allow-cross-slot-keys"},
}

// Names returns the names of the flags that are set.
func (f Flags) Names() []string {
	names := []string{}
	for _, n := range flagNames {
		if f&n.flag != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

func flagNamed(name string) (Flags, bool) {
	for _, n := range flagNames {
		if n.name == name {
			return n.flag, true
		}
	}
	return 0, false
}

// A Script is what EVAL runs: compiled for one State.
type Script struct {
	Body  string
	Flags Flags
	fn    *lua.LFunction
}

// Shebang reads the flags in a script's first line and returns the script behind it.
// The line's end stays, so that line numbers are right.
func Shebang(body string) (flags Flags, code string, err resp.Error) {
	if !strings.HasPrefix(body, "#!") {
		return Compat, body, ""
	}
	end := strings.IndexByte(body, '\n')
	if end < 0 {
		return 0, "", "ERR Invalid script shebang"
	}
	words, ok := splitArgs(body[:end])
	if !ok || len(words) == 0 {
		return 0, "", "ERR Invalid engine in script shebang"
	}
	if words[0] != "#!lua" {
		return 0, "", resp.Error("ERR Unexpected engine in script shebang: " + words[0])
	}
	for _, w := range words[1:] {
		list, ok := strings.CutPrefix(w, "flags=")
		if !ok {
			return 0, "", resp.Error("ERR Unknown lua shebang option: " + w)
		}
		if list == "" {
			continue
		}
		for _, name := range strings.Split(list, ",") {
			f, ok := flagNamed(name)
			if !ok {
				return 0, "", resp.Error("ERR Unexpected flag in script shebang: " + name)
			}
			flags |= f
		}
	}
	return flags, body[end:], ""
}

// splitArgs splits a line into words as redis.conf and the shebang do.
func splitArgs(line string) ([]string, bool) {
	var p resp.Parser
	args, n, err := p.Next([]byte(line + "\n"))
	if err != nil || n == 0 {
		return nil, false
	}
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = string(a)
	}
	return words, true
}

// Compile makes a script of its text.
func (s *State) Compile(body string) (*Script, resp.Error) {
	flags, code, err := Shebang(body)
	if err != "" {
		return nil, err
	}
	fn, cerr := s.compile(code, "@user_script")
	if cerr != nil {
		return nil, resp.Error("ERR Error compiling script (new function): " + cerr.Error())
	}
	return &Script{Body: body, Flags: flags, fn: fn}, ""
}

// Bytes estimates the memory a script takes.
func (sc *Script) Bytes() int64 { return int64(len(sc.Body))*2 + 256 }

// Run runs a script and appends its reply. When it fails, nothing is appended.
func (s *State) Run(sc *Script, keys, args [][]byte, out *resp.Writer) *Error {
	s.begin()
	s.globals.RawSetString("KEYS", s.list(keys))
	s.globals.RawSetString("ARGV", s.list(args))
	s.L.Push(sc.fn)
	return s.finish(s.protected(0, 1), out)
}

// finish replies what a function left.
func (s *State) finish(err *Error, out *resp.Writer) *Error {
	if err == nil {
		s.reply(out, s.L.Get(-1), 0)
	}
	s.L.SetTop(0)
	s.active = s.active[:0]
	for i := range s.calls {
		if cap(s.calls[i].text) > 1<<16 {
			s.calls[i] = callBuffers{}
		}
	}
	return err
}

// list makes a table of strings.
func (s *State) list(items [][]byte) *lua.LTable {
	t := s.L.CreateTable(len(items), 0)
	for _, item := range items {
		t.Append(lua.LString(item))
	}
	return t
}

// Reply formats an error as the reply that Redis gives: name is the script's digest
// or the function's name.
func (e *Error) Reply(name string) resp.Error {
	var b bytes.Buffer
	text, _, _ := strings.Cut(e.Text, "\x00") // where C takes it to end
	b.WriteString(text)
	b.WriteString(" script: ")
	b.WriteString(name)
	if e.Source != "" {
		b.WriteString(", on ")
		b.WriteString(e.Source)
		b.WriteByte(':')
		b.Write(appendNumber(nil, float64(e.Line)))
		b.WriteByte('.')
	}
	return resp.Error(b.String())
}
