package spec

import (
	"strings"
	"testing"
)

// TestSyntaxOfAll reads every row's syntax and checks the tree against the row.
func TestSyntaxOfAll(t *testing.T) {
	for c := range All() {
		args, err := parseSyntax(c.Syntax, len(c.Keys))
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if c.Subcommands != nil {
			continue
		}
		least := 1 + leastArgs(args)
		if c.Parent != nil {
			least++
		}
		exact := c.Arity > 0 && !strings.ContainsAny(c.Syntax, "[.")
		switch c.Name {
		case "hotkeys|start", "vadd", "vrem", "vsim":
			least = -c.Arity // these leave the counting to the command
		}
		if exact && least != c.Arity || c.Arity > 0 && least > c.Arity || c.Arity < 0 && least > -c.Arity {
			t.Errorf("%s: %q takes at least %d arguments, arity %d", c.Name, c.Syntax, least, c.Arity)
		}
		if c.Arity != least && c.Syntax == "" && c.Arity != -1 {
			t.Errorf("%s: no syntax for arity %d", c.Name, c.Arity)
		}
		keys := 0
		walkArgs(args, func(a *Arg) {
			switch {
			case a.Type == KeyArg && c.Name != "georadius" && c.Name != "georadiusbymember":
				keys++
				if a.KeySpec < 0 || a.KeySpec >= len(c.Keys) {
					if c.Flags&PubSub == 0 {
						t.Errorf("%s: argument %s leads to key spec %d of %d", c.Name, a.Name, a.KeySpec, len(c.Keys))
					}
				}
			case (a.Type == OneOf || a.Type == Block) != (len(a.Args) > 0):
				t.Errorf("%s: argument %s has type %v and %d arguments", c.Name, a.Name, a.Type, len(a.Args))
			}
		})
	}
}

func walkArgs(args []Arg, visit func(*Arg)) {
	for i := range args {
		visit(&args[i])
		walkArgs(args[i].Args, visit)
	}
}

// leastArgs is the number of words the shortest form of args takes.
func leastArgs(args []Arg) int {
	n := 0
	for i := range args {
		a := &args[i]
		if a.Flags&Optional != 0 {
			continue
		}
		if a.Token != "" && a.Type != PureToken {
			n++
		}
		switch a.Type {
		case Block:
			n += leastArgs(a.Args)
		case OneOf:
			least := 1 << 30
			for j := range a.Args {
				one := a.Args[j]
				one.Flags &^= Optional
				least = min(least, leastArgs([]Arg{one}))
			}
			n += least
		default:
			n++
		}
	}
	return n
}

func TestParseSyntax(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"key", "key:key#0"},
		{"key value", "key:key#0 value:string"},
		{"a:key b:key c:key", "a:key#0 b:key#1 c:key#1"},
		{"a:key b:key@0", "a:key#0 b:key#0"},
		{"[BY by-pattern\"pattern\":pattern@1]", "by-pattern(pattern):pattern<BY>#1?"},
		{"[GET pattern:pattern *...]", "pattern:pattern<GET>?+*"},
		{"key ... timeout:double", "key:key#0+ timeout:double"},
		{"[NX^2.6.12]", "nx:pure-token<NX>^2.6.12?"},
		{"old~2.8.12", "old:string~2.8.12"},
		{"trim{MAXLEN|MINID^6.2.0} threshold", "trim:oneof{maxlen:pure-token<MAXLEN> minid:pure-token<MINID>^6.2.0} threshold:string"},
		{"op{equal==|approximately=~}", "op:oneof{equal:pure-token<=> approximately:pure-token<~>}"},
		{"id{auto-id=*|id}", "id:oneof{auto-id:pure-token<*> id:string}"},
		{`key-selector{key|empty-string=""}`, "key-selector:oneof{key:key#0 empty-string:pure-token<>}"},
		{"LIMIT limit{offset:int count:int}^6.2.0", "limit:block<LIMIT>{offset:integer count:integer}^6.2.0"},
		{"no-one{NO ONE}", "no-one:block{no:pure-token<NO> one:pure-token<ONE>}"},
		{"at:time", "at:unix-time"},
	} {
		args, err := parseSyntax(c.in, 2)
		if got := render(args); err != nil || got != c.want {
			t.Errorf("%q:\n got %s, %v\nwant %s", c.in, got, err, c.want)
		}
	}
	for _, in := range []string{"a|b", "a{", "a{b|c", "[a", "[a b]", "]", "a:", "a:float", "a^", "a@x", `a"b`, "{a}", "..."} {
		if args, err := parseSyntax(in, 1); err == nil {
			t.Errorf("%q is read as %s", in, render(args))
		}
	}
}

func render(args []Arg) string {
	var list []string
	for _, a := range args {
		s := a.Name
		if a.Display != a.Name && a.Display != "" {
			s += "(" + a.Display + ")"
		}
		s += ":" + a.Type.String()
		if a.Token != "" || a.Type == PureToken {
			s += "<" + a.Token + ">"
		}
		if a.KeySpec >= 0 {
			s += "#" + string(rune('0'+a.KeySpec))
		}
		if len(a.Args) > 0 {
			s += "{" + render(a.Args) + "}"
		}
		if a.Since != "" {
			s += "^" + a.Since
		}
		if a.DeprecatedSince != "" {
			s += "~" + a.DeprecatedSince
		}
		for i, mark := range "?+*" {
			if a.Flags&(1<<i) != 0 {
				s += string(mark)
			}
		}
		list = append(list, s)
	}
	return strings.Join(list, " ")
}

func FuzzParseSyntax(f *testing.F) {
	for c := range All() {
		f.Add(c.Syntax)
	}
	f.Fuzz(func(t *testing.T, text string) {
		args, err := parseSyntax(text, 1)
		if err != nil {
			return
		}
		walkArgs(args, func(a *Arg) {
			if a.Name == "" {
				t.Errorf("%q: argument without a name", text)
			}
		})
	})
}

func TestUsage(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"get", "GET key"},
		{"config|get", "CONFIG GET parameter [parameter ...]"},
		{"mset", "MSET key value [key value ...]"},
		{"expire", "EXPIRE key seconds [NX | XX | GT | LT]"},
		{"lmove", "LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>"},
		{"sort_ro", "SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]"},
		{"migrate", `MIGRATE host port <key | ""> destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 username password] [KEYS key [key ...]]`},
		{"ping", "PING [message]"},
		{"eval", "EVAL script numkeys [key [key ...]] [arg [arg ...]]"},
	} {
		if got := ByName(c.name).Usage(); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
