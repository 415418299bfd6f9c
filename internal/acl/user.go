package acl

import (
	"slices"
	"strings"
)

// A User is one user's rights.
type User struct {
	Name string

	on, nopass   bool
	skipSanitize bool
	passwords    []string // hashes, in the order they came
	selectors    []*selector
	unrestricted bool // the root selector allows everything
}

// newUser returns a user who may do nothing yet.
func newUser(name string, allChannels bool) *User {
	return &User{Name: name, selectors: []*selector{newSelector(allChannels)}}
}

func (u *User) clone() *User {
	c := *u
	c.passwords = slices.Clone(u.passwords)
	c.selectors = make([]*selector, len(u.selectors))
	for i, s := range u.selectors {
		c.selectors[i] = s.clone()
	}
	return &c
}

func (u *User) root() *selector { return u.selectors[0] }

// settle works out what follows from the rules.
func (u *User) settle() {
	r := u.root()
	u.unrestricted = r.allCommands() && r.allKeys && r.allChannels
}

// Enabled reports whether the user may come in.
func (u *User) Enabled() bool { return u.on }

// NoPassword reports whether any password will do.
func (u *User) NoPassword() bool { return u.nopass }

// Unrestricted reports whether there is nothing that the user may not do, so that
// nothing need be checked.
func (u *User) Unrestricted() bool { return u.unrestricted }

// apply applies one rule.
func (u *User) apply(rule string, allChannels bool) error {
	defer u.settle()
	switch word := strings.ToLower(rule); {
	case word == "on":
		u.on = true
	case word == "off":
		u.on = false
	case word == "nopass":
		u.nopass, u.passwords = true, nil
	case word == "resetpass":
		u.nopass, u.passwords = false, nil
	case word == "skip-sanitize-payload":
		u.skipSanitize = true
	case word == "sanitize-payload":
		u.skipSanitize = false
	case word == "clearselectors":
		u.selectors = u.selectors[:1]
	case word == "reset":
		*u = *newUser(u.Name, allChannels)
	case strings.HasPrefix(rule, ">"), strings.HasPrefix(rule, "#"):
		return u.addPassword(rule)
	case strings.HasPrefix(rule, "<"), strings.HasPrefix(rule, "!"):
		return u.removePassword(rule)
	case strings.HasPrefix(rule, "("):
		return u.addSelector(rule, allChannels)
	default:
		return u.root().apply(rule)
	}
	return nil
}

// hashIn returns the hash of the password that a rule names.
func hashIn(rule string) (string, error) {
	if rule[0] == '>' || rule[0] == '<' {
		return hashOf([]byte(rule[1:])), nil
	}
	hash := rule[1:]
	if len(hash) != 64 || strings.Trim(hash, "0123456789abcdef") != "" {
		return "", ErrHash
	}
	return hash, nil
}

func (u *User) addPassword(rule string) error {
	hash, err := hashIn(rule)
	if err != nil {
		return err
	}
	if !slices.Contains(u.passwords, hash) {
		u.passwords = append(u.passwords, hash)
	}
	u.nopass = false
	return nil
}

func (u *User) removePassword(rule string) error {
	hash, err := hashIn(rule)
	if err != nil {
		return err
	}
	i := slices.Index(u.passwords, hash)
	if i < 0 {
		return ErrNoPassword
	}
	u.passwords = slices.Delete(u.passwords, i, i+1)
	return nil
}

func (u *User) addSelector(rule string, allChannels bool) error {
	if !strings.HasSuffix(rule, ")") {
		return ErrSyntax
	}
	s := newSelector(allChannels)
	for part := range strings.FieldsSeq(rule[1 : len(rule)-1]) {
		if err := s.apply(part); err != nil {
			return err
		}
	}
	u.selectors = append(u.selectors, s)
	return nil
}

// Flags returns the user's flags as ACL GETUSER shows them.
func (u *User) Flags() (flags []string) {
	flags = append(flags, "off")
	if u.on {
		flags[0] = "on"
	}
	if u.nopass {
		flags = append(flags, "nopass")
	}
	if u.skipSanitize {
		return append(flags, "skip-sanitize-payload")
	}
	return append(flags, "sanitize-payload")
}

// Passwords returns the hashes of the passwords. The caller must not change them.
func (u *User) Passwords() []string { return u.passwords }

// A Description is a selector in words, as ACL GETUSER shows it.
type Description struct{ Commands, Keys, Channels string }

// Describe returns the root selector and the others.
func (u *User) Describe() (root Description, others []Description) {
	for _, s := range u.selectors[1:] {
		others = append(others, s.describe())
	}
	return u.root().describe(), others
}

// String returns the rules that make such a user, as ACL LIST shows them behind the
// name and an aclfile holds them.
func (u *User) String() string {
	words := u.Flags()
	for _, p := range u.passwords {
		words = append(words, "#"+p)
	}
	words = append(words, u.root().rules())
	for _, s := range u.selectors[1:] {
		words = append(words, "("+s.rules()+")")
	}
	return strings.Join(words, " ")
}

// Line is the user's line in an aclfile or in redis.conf.
func (u *User) Line() string { return "user " + u.Name + " " + u.String() }
