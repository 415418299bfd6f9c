package acl

import (
	"strings"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/glob"
)

// A use is what a command does with a key.
type use uint8

const (
	read use = 1 << iota
	write
)

// A keyPattern is a pattern of keys and what may be done with those it matches.
type keyPattern struct {
	uses    use
	pattern []byte
}

// A selector is a set of commands, keys and channels.
type selector struct {
	allowed     []uint64         // a bit for each command of the table
	future      bool             // and for those that it does not know
	firstArgs   map[int][]string // by command: what its first argument may be, if it is not allowed as a whole
	rulesText   string           // what was said of commands since the last rule for all of them
	allKeys     bool
	keys        []keyPattern
	allChannels bool
	channels    [][]byte
}

func newSelector(allChannels bool) *selector {
	return &selector{allowed: make([]uint64, (spec.Count()+63)/64), allChannels: allChannels}
}

func (s *selector) clone() *selector {
	c := *s
	c.allowed = append([]uint64(nil), s.allowed...)
	c.keys = append([]keyPattern(nil), s.keys...)
	c.channels = append([][]byte(nil), s.channels...)
	c.firstArgs = nil
	for id, args := range s.firstArgs {
		c.allowFirst(id, args...)
	}
	return &c
}

// allCommands reports whether every command is allowed.
func (s *selector) allCommands() bool { return s.future && s.rulesText == "" }

// apply applies one rule.
func (s *selector) apply(rule string) error {
	switch word := strings.ToLower(rule); {
	case word == "allkeys", rule == "~*":
		s.allKeys, s.keys = true, nil
	case word == "resetkeys":
		s.allKeys, s.keys = false, nil
	case word == "allchannels", rule == "&*":
		s.allChannels, s.channels = true, nil
	case word == "resetchannels":
		s.allChannels, s.channels = false, nil
	case word == "allcommands", word == "+@all":
		s.setAll(true)
	case word == "nocommands", word == "-@all":
		s.setAll(false)
	case strings.HasPrefix(rule, "~"):
		return s.addKeys(read|write, rule[1:])
	case strings.HasPrefix(rule, "%"):
		return s.addKeysFor(rule[1:])
	case strings.HasPrefix(rule, "&"):
		return s.addChannels(rule[1:])
	case strings.HasPrefix(rule, "+@"), strings.HasPrefix(rule, "-@"):
		return s.setCategory(word[2:], rule[0] == '+')
	case strings.HasPrefix(rule, "+"), strings.HasPrefix(rule, "-"):
		return s.setCommand(word[1:], rule[0] == '+')
	default:
		return ErrSyntax
	}
	return nil
}

// addKeysFor adds keys by a rule such as %R~pattern.
func (s *selector) addKeysFor(rule string) error {
	letters, pattern, _ := strings.Cut(rule, "~") // without one the pattern is empty
	if letters == "" {
		return ErrSyntax
	}
	var uses use
	for _, c := range letters {
		var one use
		switch c {
		case 'R', 'r':
			one = read
		case 'W', 'w':
			one = write
		}
		if one == 0 || uses&one != 0 { // nor may a letter stand there twice
			return ErrSyntax
		}
		uses |= one
	}
	if pattern == "*" && uses == read|write {
		s.allKeys, s.keys = true, nil
		return nil
	}
	return s.addKeys(uses, pattern)
}

func (s *selector) addKeys(uses use, pattern string) error {
	if s.allKeys {
		return ErrAfterKeys
	}
	if hasSpaces(pattern) {
		return ErrSyntax
	}
	for i := range s.keys {
		if string(s.keys[i].pattern) == pattern {
			s.keys[i].uses |= uses
			return nil
		}
	}
	s.keys = append(s.keys, keyPattern{uses, []byte(pattern)})
	return nil
}

func (s *selector) addChannels(pattern string) error {
	if s.allChannels {
		return ErrAfterChans
	}
	if hasSpaces(pattern) {
		return ErrSyntax
	}
	for _, have := range s.channels {
		if string(have) == pattern {
			return nil
		}
	}
	s.channels = append(s.channels, []byte(pattern))
	return nil
}

// setAll allows or denies every command.
func (s *selector) setAll(allow bool) {
	fill := uint64(0)
	if allow {
		fill = ^fill
	}
	for i := range s.allowed {
		s.allowed[i] = fill
	}
	s.future, s.firstArgs, s.rulesText = allow, nil, ""
}

func (s *selector) setCategory(name string, allow bool) error {
	cat, ok := spec.CategoryNamed(name)
	if !ok {
		return ErrUnknown
	}
	for c := range spec.All() {
		if c.ACL&cat != 0 {
			s.setBit(c, allow)
		}
	}
	s.note("@"+name, allow)
	return nil
}

// setCommand allows or denies a command, a subcommand ("config|get") or, where there
// are no such, a command with a certain first argument ("select|0").
func (s *selector) setCommand(name string, allow bool) error {
	if c := spec.ByName(name); c != nil {
		s.setBit(c, allow)
		for _, sub := range c.Subcommands {
			s.setBit(sub, allow)
		}
		s.note(name, allow)
		return nil
	}
	container, arg, ok := strings.Cut(name, "|")
	if !ok {
		return ErrUnknown
	}
	c := spec.ByName(container)
	switch {
	case c == nil:
		return ErrUnknown
	case strings.Contains(arg, "|"):
		if spec.ByName(container+"|"+arg[:strings.IndexByte(arg, '|')]) == nil {
			return ErrUnknown
		}
		return ErrSubFirstArg
	case c.Subcommands != nil, !allow:
		return ErrUnknown
	case arg == "":
		return ErrSyntax
	}
	s.allowFirst(c.ID, arg)
	s.note(name, allow)
	return nil
}

// setBit allows or denies one command.
func (s *selector) setBit(c *spec.Command, allow bool) {
	bit := uint64(1) << (c.ID % 64)
	if allow {
		s.allowed[c.ID/64] |= bit
	} else {
		s.allowed[c.ID/64] &^= bit
	}
	delete(s.firstArgs, c.ID)
}

func (s *selector) allowFirst(id int, args ...string) {
	if s.firstArgs == nil {
		s.firstArgs = map[int][]string{}
	}
	for _, arg := range args {
		have := false
		for _, a := range s.firstArgs[id] {
			have = have || a == arg
		}
		if !have {
			s.firstArgs[id] = append(s.firstArgs[id], arg)
		}
	}
}

// note adds a rule to the text of rules, in place of those it makes void: the same
// one, and those for subcommands of what it names.
func (s *selector) note(name string, allow bool) {
	var kept []string
	for rule := range strings.FieldsSeq(s.rulesText) {
		if old := rule[1:]; old != name && !strings.HasPrefix(old, name+"|") {
			kept = append(kept, rule)
		}
	}
	sign := "-"
	if allow {
		sign = "+"
	}
	s.rulesText = strings.Join(append(kept, sign+name), " ")
}

// describe returns the selector in words.
func (s *selector) describe() Description {
	d := Description{Commands: "-@all"}
	if s.future {
		d.Commands = "+@all"
	}
	if s.rulesText != "" {
		d.Commands += " " + s.rulesText
	}
	if s.allKeys {
		d.Keys = "~*"
	}
	for i, k := range s.keys {
		if i > 0 {
			d.Keys += " "
		}
		d.Keys += k.String()
	}
	if s.allChannels {
		d.Channels = "&*"
	}
	for i, c := range s.channels {
		if i > 0 {
			d.Channels += " "
		}
		d.Channels += "&" + string(c)
	}
	return d
}

func (k keyPattern) String() string {
	switch k.uses {
	case read:
		return "%R~" + string(k.pattern)
	case write:
		return "%W~" + string(k.pattern)
	}
	return "~" + string(k.pattern)
}

// rules returns the rules that make such a selector.
func (s *selector) rules() string {
	d := s.describe()
	words := make([]string, 0, 4)
	if d.Keys != "" {
		words = append(words, d.Keys)
	}
	if !s.allChannels {
		words = append(words, "resetchannels")
	}
	if d.Channels != "" {
		words = append(words, d.Channels)
	}
	return strings.Join(append(words, d.Commands), " ")
}

// allows reports whether the selector has the command, given its arguments.
func (s *selector) allows(c *spec.Command, args [][]byte) bool {
	if s.allowed[c.ID/64]>>(c.ID%64)&1 != 0 || c.Flags&spec.NoAuth != 0 {
		return true
	}
	at := 1
	if c.Parent != nil {
		at = 2
	}
	if at >= len(args) {
		return false
	}
	for _, first := range s.firstArgs[c.ID] {
		if strings.EqualFold(first, string(args[at])) {
			return true
		}
	}
	return false
}

// hasKey reports whether the selector allows all uses of a key.
func (s *selector) hasKey(key []byte, uses use) bool {
	if s.allKeys {
		return true
	}
	for i := range s.keys {
		if k := &s.keys[i]; k.uses&uses == uses && glob.Match(k.pattern, key, false) {
			return true
		}
	}
	return false
}

// hasChannel reports whether the selector has a channel, or a pattern of channels,
// which must be literally one of its own.
func (s *selector) hasChannel(channel []byte, isPattern bool) bool {
	if s.allChannels {
		return true
	}
	for _, p := range s.channels {
		if isPattern && string(p) == string(channel) || !isPattern && glob.Match(p, channel, false) {
			return true
		}
	}
	return false
}
