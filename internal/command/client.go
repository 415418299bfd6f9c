package command

import (
	"strconv"
	"sync/atomic"

	"github.com/redweave/redweave/internal/acl"
	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/internal/mailbox"
	"github.com/redweave/redweave/resp"
)

// A Client is what the server knows of one connection, or of one in-process
// caller. It has one owner at a time: whoever executes its commands.
type Client struct {
	ID            uint64
	Name          string
	LibName       string
	LibVersion    string
	User          *acl.User
	registered    *acl.User // who it was at first
	DB            int
	Flags         ClientFlags
	Authenticated bool

	// Out is the pending output; its protocol is the client's.
	Out resp.Writer

	// Mail is what others have for the client. Whoever has its output takes it
	// before the next command runs, or when [Host.Notify] says so.
	Mail mailbox.Box

	// Arrived tells an in-process caller that there is mail.
	Arrived chan struct{}

	// Conn is the connection, nil for an in-process caller.
	Conn Conn

	tx      *transaction // what is queued since MULTI; kept for the next one
	queued  queuedBytes
	watches []*watch
	blocked *blocked // what it waits in; kept for the next time

	LastCommand  *Command
	CreatedNanos int64 // monotonic
	LastNanos    int64 // monotonic, of the last command

	listener *listener     // nil: listens to no channel
	tracker  *tracker      // nil: tracks no keys
	outside  atomic.Uint32 // see outsideRESP3

	keyRoom []spec.KeyPos // for the places of a command's keys: see Server.Place

	// prev and next link the registry, oldest first.
	prev, next *Client
}

// ClientFlags are a client's states.
type ClientFlags uint32

// The flags.
const (
	replyOff      ClientFlags = 1 << iota // CLIENT REPLY OFF
	replySkip                             // this command's reply is skipped
	replySkipNext                         // the next command's will be
	closeAfterReply
	closeNow
	noEvict   // CLIENT NO-EVICT
	noTouch   // CLIENT NO-TOUCH
	isUnix    // connected over a unix socket
	isLocal   // connected from this machine
	inProcess // no connection: a caller in this process
	staying   // in process, and takes its mail between calls
	listening // has subscriptions
	tracking  // CLIENT TRACKING ON
	inMulti   // between MULTI and EXEC
	isBlocked // in a command that waits
	isMonitor // is shown all commands
	forgetful // its watches are none of its own any more: see Reset

	silent = replyOff | replySkip | replySkipNext
)

// A Conn is a client's connection, as commands see it: what CLIENT LIST shows of
// it and the means to end it. The threading model implements it.
type Conn interface {
	// RemoteAddr and LocalAddr are host:port, or a unix socket's path and ":0".
	RemoteAddr() string
	LocalAddr() string
	// FD is the file descriptor, -1 where there is none.
	FD() int
	// QueryBuffer returns the bytes read and not yet executed, and the room.
	QueryBuffer() (used, free int)
	// Output returns the bytes of replies not yet written.
	Output() int
}

// MemoryBytes is what the client costs: its buffers and itself.
func (cl *Client) MemoryBytes() int64 {
	const itself = 1024
	n := itself + cl.queued.memory.Load()
	if cl.Conn != nil {
		used, free := cl.Conn.QueryBuffer()
		n += int64(used + free + cl.Conn.Output())
	}
	return n
}

// appendInfo appends the client's line of CLIENT LIST.
func (cl *Client) appendInfo(b []byte, now int64) []byte {
	field := func(name string, v int64) {
		b = append(b, name...)
		b = strconv.AppendInt(b, v, 10)
	}
	text := func(name, v string) {
		b = append(b, name...)
		b = append(b, v...)
	}
	remote, local, fd := "", "", -1
	qbuf, qfree, out := 0, 0, 0
	if cl.Conn != nil {
		remote, local, fd = cl.Conn.RemoteAddr(), cl.Conn.LocalAddr(), cl.Conn.FD()
		qbuf, qfree = cl.Conn.QueryBuffer()
		out = cl.Conn.Output()
	}
	field("id=", int64(cl.ID))
	text(" addr=", remote)
	text(" laddr=", local)
	field(" fd=", int64(fd))
	text(" name=", cl.Name)
	field(" age=", (now-cl.CreatedNanos)/1e9)
	field(" idle=", (now-cl.LastNanos)/1e9)
	text(" flags=", cl.flagLetters())
	field(" db=", int64(cl.DB))
	field(" sub=", int64(cl.listens(toChannel)))
	field(" psub=", int64(cl.listens(toPattern)))
	field(" ssub=", int64(cl.listens(toShard)))
	multi := int64(-1)
	if cl.Flags&inMulti != 0 {
		multi = int64(len(cl.tx.queue))
	}
	field(" multi=", multi)
	field(" watch=", int64(cl.watched()))
	field(" qbuf=", int64(qbuf))
	field(" qbuf-free=", int64(qfree))
	field(" argv-mem=", 0)
	field(" multi-mem=", cl.queued.memory.Load())
	field(" rbs=", int64(out))
	field(" rbp=", int64(out))
	// Redis has a buffer of this size for replies, and a list of such for more.
	const buffer = 16 << 10
	field(" obl=", int64(min(out, buffer)))
	field(" oll=", int64((max(out-buffer, 0)+buffer-1)/buffer))
	field(" omem=", int64(max(out-buffer, 0)))
	field(" tot-mem=", cl.MemoryBytes())
	text(" events=", "r")
	text(" cmd=", cl.lastCommandName())
	text(" user=", cl.User.Name)
	field(" redir=", cl.redirection())
	field(" resp=", int64(cl.Out.Proto))
	text(" lib-name=", cl.LibName)
	text(" lib-ver=", cl.LibVersion)
	return b
}

func (cl *Client) lastCommandName() string {
	if cl.LastCommand == nil {
		return "NULL"
	}
	return cl.LastCommand.Name
}

func (cl *Client) flagLetters() string {
	var b []byte
	letter := func(l byte, is bool) {
		if is {
			b = append(b, l)
		}
	}
	letter('O', cl.Flags&isMonitor != 0)
	letter('P', cl.Flags&listening != 0)
	letter('x', cl.Flags&inMulti != 0)
	letter('b', cl.Flags&isBlocked != 0)
	if t := cl.tracker; t != nil {
		letter('t', true)
		letter('R', t.broken.Load())
		letter('B', t.bcast)
	}
	letter('d', cl.changed())
	letter('c', cl.Flags&closeAfterReply != 0)
	letter('A', cl.Flags&closeNow != 0)
	letter('U', cl.Flags&isUnix != 0)
	letter('e', cl.Flags&noEvict != 0)
	letter('T', cl.Flags&noTouch != 0)
	if len(b) == 0 {
		return "N"
	}
	return string(b)
}

// validName reports whether a client or library name has no spaces, newlines or
// other characters that would break CLIENT LIST.
func validName(b []byte) bool {
	for _, c := range b {
		if c < '!' || c > '~' {
			return false
		}
	}
	return true
}

// Connected notes where the client connected from: over a unix socket, from this
// machine or from elsewhere.
func (cl *Client) Connected(unix, local bool) {
	cl.setFlag(isUnix, unix)
	cl.setFlag(isLocal, local)
}

// Closing reports whether the client is to be disconnected: nothing it sent is
// executed any more.
func (cl *Client) Closing() bool { return cl.Flags&(closeAfterReply|closeNow) != 0 }

// NoEvict reports whether the client asked not to be closed for memory.
func (cl *Client) NoEvict() bool { return cl.Flags&noEvict != 0 }

// local reports whether the client is on this machine.
func (cl *Client) local() bool { return cl.Flags&(inProcess|isLocal|isUnix) != 0 }

// restricted reports whether there is anything that the client may not do. Calls in this
// process may do everything.
func (cl *Client) restricted() bool {
	return cl.Flags&inProcess == 0 && !cl.User.Unrestricted()
}

// Reset makes the client as good as new, with the given protocol: what CLIENT
// and SELECT had changed is forgotten. It is for in-process callers, between
// calls that must not know of each other.
func (cl *Client) Reset(proto int) {
	cl.DB, cl.Flags, cl.LastCommand = 0, inProcess, nil
	cl.queued.args.Store(0)
	cl.queued.memory.Store(0)
	if len(cl.watches) > 0 {
		cl.Flags |= forgetful // who has the client does not own the keys' shards now
	}
	cl.Name, cl.LibName, cl.LibVersion, cl.User = "", "", "", cl.registered
	cl.SetProto(proto)
	cl.Out.Reset()
}

// OutputClass is the client's class for client-output-buffer-limit. Anybody may ask.
func (cl *Client) OutputClass() int {
	if cl.outside.Load()&outsideListens != 0 {
		return config.ClassPubSub
	}
	return config.ClassNormal
}

// What others must know of a client to send it something, whoever has it at present.
const (
	outsideRESP3    = 1 << iota // push messages are in RESP3
	outsideListens              // it has subscriptions
	outsideTracks               // it tracks keys
	outsideWatches              // it watches keys
	outsideBlocked              // it waits for keys
	outsideMonitors             // it is shown all commands
)

// pushes is the protocol of the client's push messages. Anybody may ask.
func (cl *Client) pushes() int { return 2 + int(cl.outside.Load()&outsideRESP3) }

// SetProto switches the client's protocol.
func (cl *Client) SetProto(proto int) {
	cl.Out.Proto = proto
	cl.tell(outsideRESP3, proto == 3)
}

// setListening notes that the client's first subscription began, or its last ended.
func (cl *Client) setListening(on bool) {
	cl.setFlag(listening, on)
	cl.tell(outsideListens, on)
}

// Entangled reports whether others know of the client, for its subscriptions, for tracking
// or watching keys or waiting for them, so that it takes an owner of everything to
// unregister it. Anybody may ask.
func (cl *Client) Entangled() bool { return cl.outside.Load()&^outsideRESP3 != 0 }

// disentangle ends all that others know the client for.
func (x *Exec) disentangle(cl *Client) {
	cl.discard()
	x.unmonitor(cl)
	if cl.Flags&isBlocked != 0 {
		x.Server.unblock(cl)
	}
	x.forgetListener(cl)
	x.stopTracking(cl)
}

func (cl *Client) tell(bit uint32, on bool) {
	v := cl.outside.Load() &^ bit
	if on {
		v |= bit
	}
	cl.outside.Store(v)
}

// Stay makes an in-process client one that stays from call to call and takes its mail:
// it may subscribe.
func (cl *Client) Stay() { cl.Flags |= staying }

// transient reports whether nobody will be there to take messages: the client is that
// of a single call.
func (cl *Client) transient() bool { return cl.Flags&(inProcess|staying) == inProcess }
