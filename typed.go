package redweave

import (
	"time"
	"unsafe"

	"github.com/redweave/redweave/internal/command"
)

// The typed calls are the commonest commands without argument vectors and
// replies. They work on database 0.

// bytesOf is s as bytes that nobody may change: the keyspace only reads keys.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// Get returns the string at key; the slice is the caller's. ok is false when
// there is no such key. The error is resp's WRONGTYPE when the key holds
// something else, or ErrClosed. O(1).
func (k *Keyspace) Get(key string) (value []byte, ok bool, err error) {
	return k.typed.AppendGet(nil, 0, bytesOf(key))
}

// AppendGet appends the string at key to dst, like Get, and allocates only when
// dst has no room.
func (k *Keyspace) AppendGet(dst []byte, key string) (value []byte, ok bool, err error) {
	return k.typed.AppendGet(dst, 0, bytesOf(key))
}

// SetOptions modify [Keyspace.SetWith].
type SetOptions struct {
	// TTL is the time the key lives; 0 means for ever, and less is an error. It is
	// kept to the millisecond, at least one.
	TTL time.Duration
	// KeepTTL leaves an existing key's TTL as it is. It excludes TTL.
	KeepTTL bool
	// NX sets only a key that is not there, XX only one that is. They exclude each
	// other.
	NX, XX bool
}

// Set stores value under key, over whatever was there, without a TTL. The bytes
// are copied. The error is an OOM error reply under noeviction, or ErrClosed. O(1).
func (k *Keyspace) Set(key string, value []byte) error {
	return k.typed.Set(0, bytesOf(key), value)
}

// SetWith is Set with options. It reports whether the value was stored. Options that SET
// refuses are its error replies.
func (k *Keyspace) SetWith(key string, value []byte, o SetOptions) (bool, error) {
	if err := command.CheckSet(o.TTL, o.KeepTTL, o.NX, o.XX); err != nil {
		return false, err
	}
	x := k.typed.OwnTyped(bytesOf(key), true)
	if x == nil {
		return false, ErrClosed
	}
	set, err := x.Set(0, bytesOf(key), value, o.TTL, o.KeepTTL, o.NX, o.XX)
	k.typed.ReleaseSet(x)
	return set, err
}

// Del removes keys and returns how many were there. They go together: nobody sees some
// of them gone. O(1) for a string, O(n) for a value of n elements unless the parameter
// lazyfree-lazy-user-del leaves them to the background. The error can only be ErrClosed.
func (k *Keyspace) Del(keys ...string) (int, error) {
	if len(keys) == 0 {
		return 0, nil
	}
	x := k.typed.OwnKeys(keys, true)
	if x == nil {
		return 0, ErrClosed
	}
	n := 0
	for _, key := range keys {
		if x.Delete(0, bytesOf(key)) {
			n++
		}
	}
	k.typed.ReleaseSet(x)
	return n, nil
}

// Exists returns how many of the keys are there; one named twice counts twice. O(1) for
// each. The error can only be ErrClosed.
func (k *Keyspace) Exists(keys ...string) (int, error) {
	if len(keys) == 0 {
		return 0, nil
	}
	x := k.typed.OwnKeys(keys, false)
	if x == nil {
		return 0, ErrClosed
	}
	n := 0
	for _, key := range keys {
		if x.Exists(0, bytesOf(key)) {
			n++
		}
	}
	k.typed.ReleaseSet(x)
	return n, nil
}

// Expire makes key expire after ttl, at once when ttl is not positive. It is kept to
// the millisecond, at least one. Expire reports whether there is such a key. O(1). The
// error can only be ErrClosed.
func (k *Keyspace) Expire(key string, ttl time.Duration) (bool, error) {
	x := k.typed.OwnTyped(bytesOf(key), true)
	if x == nil {
		return false, ErrClosed
	}
	ok := x.Expire(0, bytesOf(key), ttl)
	k.typed.ReleaseSet(x)
	return ok, nil
}

// TTL returns the time key still lives, to the millisecond, negative when it does not
// expire. ok is false when there is no such key. O(1). The error can only be ErrClosed.
func (k *Keyspace) TTL(key string) (ttl time.Duration, ok bool, err error) {
	x := k.typed.OwnTyped(bytesOf(key), false)
	if x == nil {
		return 0, false, ErrClosed
	}
	ttl, ok = x.TTL(0, bytesOf(key))
	k.typed.ReleaseSet(x)
	return ttl, ok, nil
}

// Incr adds by, which may be negative, to the integer at key, 0 when it is not there,
// and returns the sum. The key's TTL stays. The error is an error reply (not an integer,
// an overflow, wrong type, OOM) or ErrClosed. O(1).
func (k *Keyspace) Incr(key string, by int64) (int64, error) {
	x := k.typed.OwnTyped(bytesOf(key), true)
	if x == nil {
		return 0, ErrClosed
	}
	n, err := x.Incr(0, bytesOf(key), by)
	k.typed.ReleaseSet(x)
	return n, err
}
