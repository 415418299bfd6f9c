package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Source is where a configuration is loaded from. All of its parts are read one
// after another as one text: what comes later wins.
type Source struct {
	File    string    // a path; "": no file
	Stdin   io.Reader // nil: none
	Options string    // lines, as ParseArgs makes them of a command line
}

// A LoadError says what is wrong with a configuration, and where.
type LoadError struct {
	Version string // of Redis, as the message names it
	Line    int    // counted from 1, in the file and what follows it; 0 when no line is to blame
	Text    string // the line
	Msg     string // what is wrong with it
}

// Error returns the lines that redis-server writes before it gives up.
func (e *LoadError) Error() string {
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf("Reading the configuration file, at line %d\n>>> '%s'\n", e.Line, e.Text)
	}
	return fmt.Sprintf("*** FATAL CONFIG FILE ERROR (Redis %s) ***\n%s%s", e.Version, where, e.Msg)
}

// An OpenError says that a configuration file cannot be read.
type OpenError struct {
	Path string
	Err  error
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("Fatal error, can't open config file '%s': %s", e.Path, strerror(e.Err))
}

func (e *OpenError) Unwrap() error { return e.Err }

// Load reads parameters, immutable ones too, on top of those that are set. When it
// fails, the error is an [OpenError] or a [LoadError] and no parameter has changed
// (Directives may have been called).
func (c *Config) Load(s Source) error {
	l := loader{c: c, v: c.Values}
	var text strings.Builder
	file := ""
	if s.File != "" {
		var err error
		if file, err = filepath.Abs(s.File); err != nil {
			return &OpenError{s.File, err}
		}
		if err := l.read(&text, file); err != nil {
			return err
		}
	}
	if s.Stdin != nil {
		if _, err := io.Copy(&text, s.Stdin); err != nil {
			return &OpenError{"-", err}
		}
	}
	text.WriteByte('\n')
	text.WriteString(s.Options)
	if err := l.parse(text.String()); err != nil {
		return err
	}
	c.Values = l.v
	if file != "" {
		c.file = file
	}
	return nil
}

// maxIncludes is how deep files may include files. Redis has no limit, and dies
// of a file that includes itself.
const maxIncludes = 64

// A loader is one Load on its way.
type loader struct {
	c        *Config
	v        Values // becomes c.Values in the end
	saveSeen bool   // there was a save line: the next one adds to it
	depth    int    // of includes
}

// obsolete are parameters of old that are still let pass, without effect.
var obsolete = []string{"list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"}

func (l *loader) parse(text string) error {
	for i, line := range strings.Split(text, "\n") {
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		err := l.line(line)
		switch err.(type) {
		case nil:
		case *OpenError, *LoadError: // of an included file
			return err
		default:
			return &LoadError{l.c.version, i + 1, line, err.Error()}
		}
	}
	return nil
}

func (l *loader) line(line string) error {
	words, ok := splitWords(line)
	if !ok {
		return problem("Unbalanced quotes in configuration line")
	}
	if len(words) == 0 {
		return nil // blanks of a rarer sort
	}
	name, args := strings.ToLower(words[0]), words[1:]
	if e, ok := theTable().lookup(name); ok {
		return l.param(e, args)
	}
	if directive, ok := l.c.directives[name]; ok {
		return directive(args)
	}
	switch {
	case name == "include" && len(args) == 1:
		return l.include(args[0])
	case slices.Contains(obsolete, name) && len(args) == 1:
		return nil
	}
	return problem("Bad directive or wrong number of arguments")
}

// param sets a parameter. Several words may come as one, in quotes, as a command line
// has them. Unlike any other, save adds to what an earlier line said, unless it is told
// to save nothing.
func (l *loader) param(e entry, args []string) error {
	if e.flags&multiArg != 0 && len(args) == 1 && args[0] != "" {
		if words, ok := splitWords(args[0]); ok {
			args = words
		}
	}
	before := l.v.Save
	if err := e.kind.set(&l.v, args); err != nil {
		return err
	}
	if e.name == "save" {
		if l.saveSeen && len(l.v.Save) > 0 {
			l.v.Save = slices.Concat(before, l.v.Save)
		}
		l.saveSeen = true
	}
	return nil
}

// include loads another file, or, for a pattern, all files it matches as one text;
// that may be none.
func (l *loader) include(pattern string) error {
	if l.depth == maxIncludes {
		return problem("Too many nested includes")
	}
	l.depth++
	defer func() { l.depth-- }()
	paths := []string{pattern}
	if strings.ContainsAny(pattern, "*?[") {
		paths, _ = filepath.Glob(l.v.resolve(pattern)) // fails on a broken pattern only, which matches nothing
		paths = slices.DeleteFunc(paths, func(path string) bool {
			return strings.HasPrefix(filepath.Base(path), ".") && !strings.HasPrefix(filepath.Base(pattern), ".")
		})
	}
	var text strings.Builder
	for _, path := range paths {
		if err := l.read(&text, path); err != nil {
			return err
		}
	}
	return l.parse(text.String())
}

func (l *loader) read(text *strings.Builder, path string) error {
	b, err := os.ReadFile(l.v.resolve(path))
	if err != nil {
		return &OpenError{path, err}
	}
	text.Write(b)
	return nil
}
