package config

import "strings"

// A CommandLine is what the arguments of redis-server ask for.
type CommandLine struct {
	Version bool // print the version, no more
	Help    bool // print the usage, no more

	File    string // the configuration file, or ""
	Stdin   bool   // read configuration from standard input too
	Options string // the rest, as lines of a configuration file
}

// ParseArgs reads the arguments of redis-server, without the program's name:
//
//	[/path/to/redis.conf] [--name value … [--name value …]] [-]
//
// It cannot fail: what is wrong with an option Load will say, with the line of
// Options it has become.
func ParseArgs(args []string) CommandLine {
	var cl CommandLine
	if len(args) == 0 {
		return cl
	}
	switch args[0] {
	case "-v", "--version":
		return CommandLine{Version: true}
	case "-h", "--help":
		return CommandLine{Help: true}
	}
	first := 0
	if !strings.HasPrefix(args[0], "-") {
		cl.File = args[0]
		first = 1
	}
	var b strings.Builder
	named := false // the argument before was a bare --name: this one is its value, whatever it looks like
	for i := first; i < len(args); i++ {
		arg, last := args[i], i == len(args)-1
		switch {
		case arg == "-" && (i == 0 || last):
			cl.Stdin = true
		case !named && strings.HasPrefix(arg, "--"):
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(arg[2:] + " ")
			words, ok := splitWords(arg)
			named = ok && len(words) == 1
			if named && emptySave(arg, args[i+1:]) {
				b.WriteString(`""`)
				named = false
			}
		default:
			b.WriteString(quote(arg) + " ")
			named = false
		}
	}
	cl.Options = b.String()
	return cl
}

// emptySave reports whether a --save has no value of its own, which before
// Redis 7 meant the empty one, and is still taken so.
func emptySave(arg string, rest []string) bool {
	return strings.EqualFold(arg, "--save") && (len(rest) == 0 || strings.HasPrefix(rest[0], "--"))
}
