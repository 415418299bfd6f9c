package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	c := New(Options{})
	err := c.Load(Source{Options: `
# a comment
  PORT 7000
databases	4
requirepass "a \"b\x21\n"
syslog-ident 'it\'s'
save 900 1
save 300 10 60 10000
bind 127.0.0.1 -::1
client-output-buffer-limit normal 1mb 0 0
client-output-buffer-limit pubsub 0 0 0
hash-max-ziplist-entries 9
unixsocketperm 755
hz 1000
shutdown-on-sigterm nosave now
lua-replicate-commands yes
logfile a"b"
`})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"port": "7000", "databases": "4", "requirepass": "a \"b!\n", "syslog-ident": "it's", "save": "900 1 300 10 60 10000",
		"bind": "127.0.0.1 -::1", "hash-max-listpack-entries": "9", "unixsocketperm": "755", "hz": "500", "shutdown-on-sigterm": "nosave now",
		"client-output-buffer-limit": "normal 1048576 0 0 slave 268435456 67108864 60 pubsub 0 0 0", "logfile": "ab",
	} {
		if got := get(t, c, name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if c.UnixSocketPerm != 0o755 {
		t.Errorf("UnixSocketPerm = %o", c.UnixSocketPerm)
	}
}

func TestLoadSave(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "3600 1 300 100 60 10000",
		`save ""`:                        "",
		"save 1 2":                       "1 2",
		"save 1 2\nsave 3 4":             "1 2 3 4",
		"save 1 2\nsave \"\"":            "",
		"save 1 2\nsave \"\"\nsave 3 4":  "3 4",
		"save \"\"\nsave 3 4\nsave 5  6": "3 4 5 6",
	} {
		c := New(Options{})
		if err := c.Load(Source{Options: text}); err != nil {
			t.Fatal(err)
		}
		if got := get(t, c, "save"); got != want {
			t.Errorf("%q: save = %q, want %q", text, got, want)
		}
	}
}

// A parameter of several words takes them in one pair of quotes, too: a command line
// says --save "60 1".
func TestLoadQuotedWords(t *testing.T) {
	for text, want := range map[string]string{
		`save "60 1 300 10"`:   "60 1 300 10",
		`save "  60 1 "`:       "60 1",
		`save " "`:             "",
		`bind "127.0.0.1 ::1"`: "127.0.0.1 ::1",
		`latency-tracking-info-percentiles "50 99.5"`: "50 99.5",
		`shutdown-on-sigterm "save now"`:              "save now",
		`requirepass "a b"`:                           "a b",
	} {
		c := New(Options{})
		if err := c.Load(Source{Options: text}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		name, _, _ := strings.Cut(text, " ")
		if got := get(t, c, name); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{`save "60 1" "300 10"`, `save "60"`, `client-output-buffer-limit ""`, `port "7 8"`} {
		if New(Options{}).Load(Source{Options: text}) == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

// Texts as redis-server 7.0.15 writes them, but for the version.
func TestLoadErrors(t *testing.T) {
	for _, tt := range []struct {
		text string
		line int
		want string // the message, or with a line's text before a |
	}{
		{"port 7000\nfoo bar\n", 2, "foo bar|Bad directive or wrong number of arguments"},
		{"port 7000\nmaxmemory \"10 mb\n", 2, "maxmemory \"10 mb|Unbalanced quotes in configuration line"},
		{"requirepass 'a'b'", 1, "requirepass 'a'b'|Unbalanced quotes in configuration line"},
		{"port 1 4", 1, "port 1 4|wrong number of arguments"},
		{"port", 1, "port|wrong number of arguments"},
		{"maxmemory 1gb # x", 1, "maxmemory 1gb # x|wrong number of arguments"},
		{"  hz   foo  ", 1, "hz   foo|argument couldn't be parsed into an integer"},
		{"hz \"\"", 1, "hz \"\"|argument couldn't be parsed into an integer"},
		{"\n\nsave 1", 3, "save 1|Invalid save parameters"},
		{"dir /nonexist", 1, "dir /nonexist|No such file or directory"},
		{"unixsocketperm 999", 1, "unixsocketperm 999|argument couldn't be parsed as an octal number"},
		{"unixsocketperm 1777", 1, "unixsocketperm 1777|argument must be between 0 and 777 inclusive"},
		{"appendfilename a/b", 1, "appendfilename a/b|appendfilename can't be a path, just a filename"},
		{"appendfilename \"\"", 1, "appendfilename \"\"|appendfilename can't be empty"},
		{"appenddirname a/b", 1, "appenddirname a/b|appenddirname can't be a path, just a dirname"},
		{"shutdown-on-sigint \"save soon\"", 1, "shutdown-on-sigint \"save soon\"|argument(s) must be one of the following: default, save, nosave, now, force"},
		{"include", 1, "include|Bad directive or wrong number of arguments"},
		{"\"-x\"", 1, "\"-x\"|Bad directive or wrong number of arguments"},
		{"user bob nope", 1, "user bob nope|Error in user declaration 'nope': Syntax error"},
		{"repl-timeout 5", 1, "repl-timeout 5|Bad directive or wrong number of arguments"},
		{"threading-model nope", 1, "threading-model nope|argument(s) must be one of the following: single-loop, sync-drain, async-io, pipeline, multi-loop, sharded"},
	} {
		c := New(Options{Version: "7.4.9", Directives: map[string]func([]string) error{
			"user": func(args []string) error {
				return errors.New("Error in user declaration '" + args[1] + "': Syntax error")
			},
		}})
		before := c.Get("*")
		err := c.Load(Source{Options: tt.text})
		text, msg, _ := strings.Cut(tt.want, "|")
		want := LoadError{Version: "7.4.9", Line: tt.line + 1, Text: text, Msg: msg} // Options follow the end of a file
		var got *LoadError
		if !errors.As(err, &got) || *got != want {
			t.Errorf("Load(%q) = %+v, want %+v", tt.text, got, want)
		}
		if !slices.Equal(c.Get("*"), before) {
			t.Errorf("Load(%q) failed and changed something", tt.text)
		}
	}
	err := New(Options{}).Load(Source{Options: "port 7000\nfoo bar\n"})
	want := "*** FATAL CONFIG FILE ERROR (Redis " + DefaultVersion + ") ***\nReading the configuration file, at line 3\n>>> 'foo bar'\nBad directive or wrong number of arguments"
	if errText(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	err = &LoadError{Version: "7.4.9", Msg: "Can't open the log file: No such file or directory"}
	if want := "*** FATAL CONFIG FILE ERROR (Redis 7.4.9) ***\nCan't open the log file: No such file or directory"; err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadFiles(t *testing.T) {
	dir := t.TempDir()
	main := write(t, dir, "redis.conf", "hz 20\ninclude conf.d/*.conf\ninclude more.conf\ninclude none*.conf\ntimeout 1\n")
	write(t, dir, "conf.d/a.conf", "hz 30\n")
	write(t, dir, "conf.d/b.conf", "databases 3\n")
	write(t, dir, "conf.d/.hidden.conf", "nonsense\n")
	write(t, dir, "more.conf", "port 7001\n")

	c := New(Options{Dir: dir})
	if err := c.Load(Source{File: main, Stdin: strings.NewReader("timeout 2\nport 7002"), Options: "port 7003"}); err != nil {
		t.Fatal(err)
	}
	if c.HZ != 30 || c.Databases != 3 || c.Timeout != 2 || c.Port != 7003 {
		t.Errorf("hz %d, databases %d, timeout %d, port %d", c.HZ, c.Databases, c.Timeout, c.Port)
	}
	if c.File() != main {
		t.Errorf("File = %q, want %q", c.File(), main)
	}

	write(t, dir, "more.conf", "\n\nport x\n")
	var bad *LoadError
	if err := c.Load(Source{File: main}); !errors.As(err, &bad) || bad.Line != 3 || bad.Text != "port x" {
		t.Errorf("an error in an included file: %v", err)
	}
	write(t, dir, "more.conf", "include gone.conf\n")
	err := c.Load(Source{File: main})
	if want := "Fatal error, can't open config file 'gone.conf': No such file or directory"; errText(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Error("not os.ErrNotExist")
	}
	write(t, dir, "more.conf", "include more.conf\n")
	if err := c.Load(Source{File: main}); !errors.As(err, &bad) || bad.Msg != "Too many nested includes" {
		t.Errorf("a file that includes itself: %v", err)
	}
}

func TestParseArgs(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want CommandLine
	}{
		{nil, CommandLine{}},
		{[]string{"-v"}, CommandLine{Version: true}},
		{[]string{"--version"}, CommandLine{Version: true}},
		{[]string{"-h"}, CommandLine{Help: true}},
		{[]string{"--help"}, CommandLine{Help: true}},
		{[]string{"-"}, CommandLine{Stdin: true}},
		{[]string{"redis.conf"}, CommandLine{File: "redis.conf"}},
		{[]string{"redis.conf", "-"}, CommandLine{File: "redis.conf", Stdin: true}},
		{[]string{"redis.conf", "--port", "7000", "--save", "900", "1"}, CommandLine{File: "redis.conf", Options: "port \"7000\" \nsave \"900\" \"1\" "}},
		{[]string{"--port", "7000", "-"}, CommandLine{Options: "port \"7000\" ", Stdin: true}},
		{[]string{"--port 7000", "--hz", "5"}, CommandLine{Options: "port 7000 \nhz \"5\" "}},
		{[]string{"--save", "--hz", "5"}, CommandLine{Options: "save \"\"\nhz \"5\" "}},
		{[]string{"--hz", "5", "--save"}, CommandLine{Options: "hz \"5\" \nsave \"\""}},
		{[]string{"--save", ""}, CommandLine{Options: "save \"\" "}},
		{[]string{"--requirepass", "--x"}, CommandLine{Options: "requirepass \"--x\" "}},
		{[]string{"--port", "7000", "--"}, CommandLine{Options: "port \"7000\" \n "}},
		{[]string{"-x"}, CommandLine{Options: "\"-x\" "}},
	} {
		if got := ParseArgs(tt.args); got != tt.want {
			t.Errorf("ParseArgs(%q)\n got %+v\nwant %+v", tt.args, got, tt.want)
		}
	}
}

// What redis-server 7.0.15 says to these command lines.
func TestArgsErrors(t *testing.T) {
	for _, tt := range []struct {
		args []string
		line int
		want string
	}{
		{[]string{"--port"}, 2, "port|wrong number of arguments"},
		{[]string{"--port", "21502", "--foo"}, 3, "foo|Bad directive or wrong number of arguments"},
		{[]string{"--foo", "bar"}, 2, "foo \"bar\"|Bad directive or wrong number of arguments"},
		{[]string{"--port", "x", "--hz", "1"}, 2, "port \"x\"|argument couldn't be parsed into an integer"},
		{[]string{"-x"}, 2, "\"-x\"|Bad directive or wrong number of arguments"},
		{[]string{"--port", "21502", "--save", "--hz"}, 4, "hz|wrong number of arguments"},
		{[]string{"--port", "21502", "foo"}, 2, "port \"21502\" \"foo\"|wrong number of arguments"},
		{[]string{"--port 21502 --hz"}, 2, "port 21502 --hz|wrong number of arguments"},
		{[]string{"--bind", "", "--port", "x"}, 3, "port \"x\"|argument couldn't be parsed into an integer"},
		{[]string{"--maxmemory-clients", "5%", "--foo"}, 3, "foo|Bad directive or wrong number of arguments"},
	} {
		err := New(Options{}).Load(Source{Options: ParseArgs(tt.args).Options})
		text, msg, _ := strings.Cut(tt.want, "|")
		var got *LoadError
		if want := (LoadError{DefaultVersion, tt.line, text, msg}); !errors.As(err, &got) || *got != want {
			t.Errorf("%q\n got %+v\nwant %+v", tt.args, got, want)
		}
	}
}

func TestSplitWords(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string // nil: refused
	}{
		{"", []string{}},
		{" a  b\tc ", []string{"a", "b", "c"}},
		{`"a b" 'c d'`, []string{"a b", "c d"}},
		{`"\n\r\t\b\a\\\"\q\x41\xZZ"`, []string{"\n\r\t\b\a\\\"qAxZZ"}},
		{`'\'\n'`, []string{`'\n`}},
		{`a"b"`, []string{"ab"}},
		{`"" ''`, []string{"", ""}},
		{`"a`, nil},
		{`'a`, nil},
		{`"a"b`, nil},
		{`'a'b`, nil},
		{`"a\`, nil},
	} {
		got, ok := splitWords(tt.line)
		if ok != (tt.want != nil) || !slices.Equal(got, tt.want) {
			t.Errorf("splitWords(%q) = %q, %v; want %q", tt.line, got, ok, tt.want)
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add("a \"b\xff\n\\'")
	f.Fuzz(func(t *testing.T, s string) {
		if words, ok := splitWords(quote(s)); !ok || len(words) != 1 || words[0] != s {
			t.Fatalf("splitWords(quote(%q)) = %q, %v", s, words, ok)
		}
		splitWords(s)
	})
}

// FuzzLoad loads any text, and when that works rewrites it and loads it again.
func FuzzLoad(f *testing.F) {
	f.Add("port 1\nsave 1 2\nsave \"\"\nhash-max-ziplist-value 1kb\n# x\n\n\nuser bob on\nrename-command a b")
	f.Add("notify-keyspace-events gAn\nbind \"\"\nrequirepass \"\\x00\"\nTIMEOUT 1\ntimeout 2")
	for _, p := range New(Options{}).Get("*") {
		f.Add(p.Name + " " + p.Value + "\n" + p.Name + " " + p.Value)
	}
	directives := map[string]func([]string) error{"user": func([]string) error { return nil }}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "include") || strings.Contains(text, "INCLUDE") {
			return // leave the disk alone
		}
		c := New(Options{Directives: directives})
		if c.Load(Source{Options: text}) == nil {
			checkRewrite(t, c, []byte(text))
		}
	})
}
