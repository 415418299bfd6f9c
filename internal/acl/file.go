package acl

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// An aclfile has a line for each user:
//
//	user alice on #<hash> ~cache:* resetchannels -@all +@read
//
// Empty lines and those that begin with # do not count. Users that the file does not
// name cease to exist, but for the default user, who then is what he was at first.

// Start returns the users that a server starts with: those of lines, which are the
// words behind "user" in redis.conf, or of the aclfile; and the default user with the
// password of requirepass. The error is what redis-server says before it gives up, in one
// line or two.
func Start(o Options, requirePass string, lines [][]string, aclFile string) (*Table, error) {
	t := New(o)
	if requirePass != "" {
		t.SetDefaultPassword(requirePass)
	}
	if len(lines) > 0 && aclFile != "" {
		return nil, Error("Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is invalid. This setup is very likely to lead to configuration errors and security holes, please define either an ACL file or declare users directly in your redis.conf, but not both.")
	}
	for _, words := range lines {
		if words[0] == DefaultName {
			t.users[DefaultName] = newUser(DefaultName, o.AllChannels)
		}
		if strings.Contains(words[0], " ") {
			return nil, errorf("%v\n%s", ErrSpaces, exiting)
		}
		if err := t.Set(words[0], words[1:]); err != nil {
			rule, reason := blame(err)
			return nil, errorf("Error loading ACL rule '%s' for the user named '%s': %v\n%s", rule, words[0], reason, exiting)
		}
	}
	if aclFile == "" {
		return t, nil
	}
	if err := t.Load(aclFile); err != nil {
		return nil, errorf("Aborting Redis startup because of ACL errors: %v", err)
	}
	return t, nil
}

// exiting is redis-server's last word on users it cannot load from redis.conf.
const exiting = "Critical error while loading ACLs. Exiting."

// blame returns the rule that err is about, "" for none, and what is wrong with it.
func blame(err error) (rule string, reason error) {
	if bad := (*RuleError)(nil); errors.As(err, &bad) {
		return bad.Rule, bad.Err
	}
	return "", err
}

// ValidateLine checks the words behind "user" in redis.conf, but for names of commands,
// which modules could bring later: those are left to [Start].
func ValidateLine(words []string, earlier [][]string) error {
	if len(words) == 0 {
		return Error("Bad directive or wrong number of arguments")
	}
	for _, e := range earlier {
		if e[0] == words[0] {
			return errorf("Error in user declaration '%s': %v", words[0], ErrDuplicate)
		}
	}
	if err := New(Options{}).Set(words[0], words[1:]); err != nil && !errors.Is(err, ErrUnknown) {
		rule, reason := blame(err)
		return errorf("Error in user declaration '%s': %v", cmp.Or(rule, words[0]), reason)
	}
	return nil
}

// Load replaces all users by those of the file at path, or none when something in it
// is wrong. Users who exist before and after stay the same [User].
func (t *Table) Load(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return errorf("Error loading ACLs, opening file '%s': %s", path, systemText(err))
	}
	next, faults := t.parse(path, string(text))
	if faults != "" {
		return Error(faults + "WARNING: ACL errors detected, no change to the previously active ACL rules was performed")
	}
	for name, u := range next.users {
		if old := t.users[name]; old != nil {
			*old = *u
			next.users[name] = old
		}
	}
	t.users = next.users
	return nil
}

// parse reads an aclfile into a new table, and says what is wrong with it.
func (t *Table) parse(path, text string) (next *Table, faults string) {
	next = New(t.o)
	seen := map[string]bool{}
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		words := strings.Fields(line)
		if words[0] != "user" || len(words) < 2 {
			fmt.Fprintf(&b, "%s:%d should start with user keyword followed by the username. ", path, i+1)
			continue
		}
		name := words[1]
		if seen[name] {
			fmt.Fprintf(&b, "WARNING: Duplicate user '%s' found on line %d. ", name, i+1)
			continue
		}
		seen[name] = true
		if name == DefaultName {
			next.users[name] = newUser(name, t.o.AllChannels)
		}
		switch err := next.Set(name, words[2:]).(type) {
		case *ParenthesisError:
			fmt.Fprintf(&b, "%s:%d: Unmatched parenthesis in selector definition.", path, i+1)
		case *RuleError:
			if err.Err == ErrUnknown {
				fmt.Fprintf(&b, "%s:%d: Error in applying operation '%s': %s. ", path, i+1, err.Rule, err.Err)
			} else {
				fmt.Fprintf(&b, "%s:%d: %s. ", path, i+1, err.Err)
			}
		}
	}
	return next, b.String()
}

// Lines returns all users' lines, sorted by name.
func (t *Table) Lines() (lines []string) {
	for _, name := range t.Names() {
		lines = append(lines, t.users[name].Line())
	}
	return lines
}

// Save writes the users to the file at path, by way of a temporary file beside it.
func (t *Table) Save(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(t.Lines(), "\n") + "\n")
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// systemText is the system's own words for an error.
func systemText(err error) string {
	if errors.Is(err, os.ErrNotExist) {
		return "No such file or directory"
	}
	if bad := (*os.PathError)(nil); errors.As(err, &bad) {
		err = bad.Err
	}
	return err.Error()
}

func errorf(format string, args ...any) Error { return Error(fmt.Sprintf(format, args...)) }
