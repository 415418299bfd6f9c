// Package acl holds the users of a server and what each may do: the rules of ACL
// SETUSER, of user lines in redis.conf and of an aclfile.
//
//	t := acl.New(acl.Options{})
//	err := t.Set("alice", []string{"on", ">secret", "~cache:*", "+@read"})
//	u := t.Authenticate("alice", "secret")     // nil: wrong, or disabled
//	d := u.Check(cmd, args)                    // acl.OK, or what is denied
//
// # Terms
//
// A user has passwords and selectors. A selector is a set of commands, of patterns
// of keys, each for reading, writing or both, and of patterns of channels. A command
// is allowed when one selector allows all of it: the command itself, every key for
// what the command does with it, every channel.
//
//	user ─┬─ root selector      +@read -get  ~cache:*  &news:*     the plain rules
//	      ├─ selector           (+set %W~in:*)                     in parentheses
//	      └─ …
//
// A selector's commands are a bit each, by the command's place in the table, and the
// rules that led there as text, which is what ACL LIST shows. Commands that a later
// version brings are allowed if the last rule for all of them said so.
//
// # Guarantees
//
// Checking does not allocate. A Table and its users have one owner at a time; nothing
// here locks. A [User] is valid as long as somebody holds it, also when the table has
// none of its name any more.
package acl

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// An Error is the reason why a rule is refused, in Redis's words.
type Error string

func (e Error) Error() string { return string(e) }

// The reasons.
const (
	ErrUnknown     Error = "Unknown command or category name in ACL"
	ErrSyntax      Error = "Syntax error"
	ErrAfterKeys   Error = "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
	ErrAfterChans  Error = "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels"
	ErrNoPassword  Error = "The password you are trying to remove from the user does not exist"
	ErrHash        Error = "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
	ErrSubFirstArg Error = "Allowing first-arg of a subcommand is not supported"
	ErrSpaces      Error = "Spaces not allowed in ACL usernames"
	ErrDuplicate   Error = "Duplicate user found. A user can only be defined once in config files"
)

// A RuleError says which rule is refused, and why.
type RuleError struct {
	Rule string
	Err  error
}

func (e *RuleError) Error() string {
	rule, _, _ := strings.Cut(e.Rule, "\x00") // where C takes it to end
	return "Error in ACL SETUSER modifier '" + rule + "': " + e.Err.Error()
}

func (e *RuleError) Unwrap() error { return e.Err }

// A ParenthesisError says that a selector does not end.
type ParenthesisError struct{ Rule string }

func (e *ParenthesisError) Error() string {
	return "Unmatched parenthesis in acl selector starting at '" + e.Rule + "'."
}

// Options are what a Table is made from.
type Options struct {
	// AllChannels says that new users may use every channel (acl-pubsub-default).
	AllChannels bool
}

// A Table is a server's users.
type Table struct {
	o     Options
	users map[string]*User
}

// DefaultName is the user of clients that have not said who they are.
const DefaultName = "default"

// New returns a table with the default user, who may do everything without a
// password.
func New(o Options) *Table {
	t := &Table{o: o, users: map[string]*User{}}
	t.users[DefaultName] = newDefault()
	return t
}

func newDefault() *User {
	u := newUser(DefaultName, true)
	for _, rule := range []string{"+@all", "~*", "&*", "on", "nopass"} {
		if err := u.apply(rule, true); err != nil {
			panic("acl: default user: " + err.Error())
		}
	}
	return u
}

// SetAllChannels is acl-pubsub-default, for users to come.
func (t *Table) SetAllChannels(on bool) { t.o.AllChannels = on }

// Default returns the default user: it always exists.
func (t *Table) Default() *User { return t.users[DefaultName] }

// Get returns the user of a name, nil when there is none.
func (t *Table) Get(name string) *User { return t.users[name] }

// Names returns all names, sorted.
func (t *Table) Names() []string { return slices.Sorted(maps.Keys(t.users)) }

// Set applies rules to the user of a name, who is made if there is none. When a rule
// is refused nothing has changed. The error is a [RuleError] or a [ParenthesisError].
func (t *Table) Set(name string, rules []string) error {
	rules, err := joinSelectors(rules)
	if err != nil {
		return err
	}
	u := t.users[name]
	if u == nil {
		u = newUser(name, t.o.AllChannels)
	}
	draft := u.clone()
	for _, rule := range rules {
		if err := draft.apply(rule, t.o.AllChannels); err != nil {
			return &RuleError{rule, err}
		}
	}
	draft.settle()
	*u = *draft // clients hold on to the user
	t.users[name] = u
	return nil
}

// Delete removes a user, and returns it; nil when there was none.
func (t *Table) Delete(name string) *User {
	u := t.users[name]
	delete(t.users, name)
	return u
}

// SetDefaultPassword is requirepass: the default user's only password, "" for none.
func (t *Table) SetDefaultPassword(password string) {
	u := t.Default()
	rules := []string{"resetpass", ">" + password}
	if password == "" {
		rules = []string{"nopass"}
	}
	for _, rule := range rules {
		if err := u.apply(rule, false); err != nil {
			panic("acl: requirepass: " + err.Error())
		}
	}
}

// Authenticate returns the user if he exists, is enabled and the password is one of
// his, or he needs none; else nil. It takes the same time for every wrong password.
func (t *Table) Authenticate(name, password []byte) *User {
	u := t.users[string(name)]
	if u == nil || !u.on {
		return nil
	}
	if u.nopass {
		return u
	}
	sum := hashOf(password)
	found := 0
	for _, p := range u.passwords {
		found |= subtle.ConstantTimeCompare([]byte(p), []byte(sum))
	}
	if found == 0 {
		return nil
	}
	return u
}

// hashOf is how passwords are kept: SHA-256 in hexadecimal.
func hashOf(password []byte) string {
	sum := sha256.Sum256(password)
	return hex.EncodeToString(sum[:])
}

// ValidName reports whether a user may be called so.
func ValidName(name string) bool { return !hasSpaces(name) }

// hasSpaces reports whether s has white space or a zero byte.
func hasSpaces(s string) bool {
	return strings.ContainsAny(s, " \t\n\v\f\r\x00")
}

// joinSelectors puts selectors together that were split at their spaces.
func joinSelectors(rules []string) (joined []string, err error) {
	open := -1
	for i, rule := range rules {
		switch {
		case open < 0 && strings.HasPrefix(rule, "(") && !strings.HasSuffix(rule, ")"):
			open = i
		case open < 0:
			joined = append(joined, rule)
		case strings.HasSuffix(rule, ")"):
			joined = append(joined, strings.Join(rules[open:i+1], " "))
			open = -1
		}
	}
	if open >= 0 {
		return nil, &ParenthesisError{rules[open]}
	}
	return joined, nil
}
