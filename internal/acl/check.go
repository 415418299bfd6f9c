package acl

import "github.com/redweave/redweave/internal/command/spec"

// A Reason says why a command is denied.
type Reason uint8

// The reasons, those last that come nearest to being allowed.
const (
	OK Reason = iota
	DeniedCommand
	DeniedKey
	DeniedAuth // not by Check: a client could not say who it is
	DeniedChannel
)

var reasonNames = [...]string{"", "command", "key", "auth", "channel"}

// String returns the reason as ACL LOG shows it.
func (r Reason) String() string { return reasonNames[r] }

// A Denial is the outcome of a check: what is denied, and the argument that is to
// blame where it is a key or a channel.
type Denial struct {
	Reason Reason
	Arg    int
}

// Check reports whether the user may run a command. args begin with its name, and
// their number has been checked. Where several selectors say no, it tells of the one
// that came nearest. It allocates nothing for commands of up to sixteen keys.
func (u *User) Check(c *spec.Command, args [][]byte) Denial {
	if u.unrestricted {
		return Denial{}
	}
	var room [16]spec.KeyPos
	var keys []spec.KeyPos
	if c.HasKeys() {
		keys, _ = c.KeyPositions(room[:0], args)
	}
	var worst Denial
	for _, s := range u.selectors {
		d := s.check(c, args, keys)
		if d.Reason == OK {
			return d
		}
		if d.Reason > worst.Reason || d.Reason == worst.Reason && d.Arg > worst.Arg {
			worst = d
		}
	}
	return worst
}

func (s *selector) check(c *spec.Command, args [][]byte, keys []spec.KeyPos) Denial {
	if !s.allows(c, args) {
		return Denial{DeniedCommand, 0}
	}
	for _, k := range keys {
		if k.Flags&spec.NotKey == 0 && !s.hasKey(args[k.Pos], usesOf(k.Flags)) {
			return Denial{DeniedKey, k.Pos}
		}
	}
	if s.allChannels {
		return Denial{}
	}
	first, last, isPattern := channelsOf(c, len(args))
	for i := first; i < last; i++ {
		if !s.hasChannel(args[i], isPattern) {
			return Denial{DeniedChannel, i}
		}
	}
	return Denial{}
}

// usesOf returns what a key is used for.
func usesOf(f spec.KeyFlags) (u use) {
	if f&spec.Access != 0 {
		u |= read
	}
	if f&(spec.Insert|spec.Delete|spec.Update) != 0 {
		u |= write
	}
	return u
}

// channelsOf returns which of n arguments are channels, or patterns of such.
func channelsOf(c *spec.Command, n int) (first, last int, isPattern bool) {
	switch c.Name {
	case "publish", "spublish":
		return 1, 2, false
	case "subscribe", "ssubscribe":
		return 1, n, false
	case "psubscribe":
		return 1, n, true
	}
	return 0, 0, false
}

// AllKeys reports whether the user may read every key with some selector.
func (u *User) AllKeys() bool {
	for _, s := range u.selectors {
		if s.allKeys {
			return true
		}
	}
	return false
}

// AllowsChannel reports whether the user may use a channel, or a pattern of channels.
func (u *User) AllowsChannel(channel []byte, isPattern bool) bool {
	for _, s := range u.selectors {
		if s.hasChannel(channel, isPattern) {
			return true
		}
	}
	return false
}
