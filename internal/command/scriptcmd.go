package command

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redweave/redweave/internal/acl"
	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/script"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// # Scripts
//
// A script is compiled once, kept under its SHA-1, and run by an owner of all shards, so
// that it is atomic whatever keys it touches. The Lua machine belongs to the server and is
// used for one script after another:
//
//	EVALSHA ──> scripts.cached[sha] ──> script.State.Run ──redis.call──> scriptRun.Call ──> Ctx.call ──> handler
//	                                          │                                                │
//	                                     (Lua values) <──── straight from the reply's bytes ───┘
//
// Libraries of functions have a machine of their own: what a library keeps in its local
// variables lives as long as the library.
//
// # A script that runs too long
//
// Every millisecond or so a running script asks whether to go on ([scriptRun.Tick]). Once
// it has run for busy-reply-threshold, it lets others in each time: [BusyHost.Meanwhile] gives
// the ownership back, and takes it again when whoever waited had a turn. All that they get
// is BUSY, from [Exec.Do], except for the few commands that are allowed then; whatever else
// would touch data asks [Server.ScriptRunning] and waits or goes away.
//
//	script    ──owns──│ Meanwhile │──owns──│ Meanwhile │── … ──> stopped: error
//	others               BUSY, BUSY           SCRIPT KILL
//
// The state of the command that runs the script is put aside meanwhile.

var scriptHandlers = handlers{
	"eval": cmdEval, "eval_ro": cmdEval, "evalsha": cmdEvalSHA, "evalsha_ro": cmdEvalSHA,
	"script|debug": cmdScriptDebug, "script|exists": cmdScriptExists, "script|flush": cmdScriptFlush,
	"script|help": cmdHelp, "script|kill": cmdScriptKill, "script|load": cmdScriptLoad,
}

const (
	errNoScript      resp.Error = "NOSCRIPT No matching script. Please use EVAL."
	errNotBusy       resp.Error = "NOTBUSY No scripts in execution right now."
	errUnkillable    resp.Error = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
	errBusyFunction  resp.Error = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
	errScriptFlush   resp.Error = "ERR SCRIPT FLUSH only support SYNC|ASYNC option"
	errScriptDebug   resp.Error = "ERR Use SCRIPT DEBUG YES/SYNC/NO"
	errScriptCluster resp.Error = "ERR Can not run script on cluster, 'no-cluster' flag is set."
	errScriptRO      resp.Error = "ERR Can not execute a script with write flag using *_ro command."

	// What redis.call raises.
	errScriptUnknown   resp.Error = "ERR Unknown Redis command called from script"
	errScriptArity     resp.Error = "ERR Wrong number of args calling Redis command from script"
	errScriptDenied    resp.Error = "ERR This Redis command is not allowed from script"
	errScriptWrites    resp.Error = "ERR Write commands are not allowed from read-only scripts."
	errScriptNoCommand resp.Error = "ERR The user executing the script can't run this command or subcommand"
	errScriptNoKey     resp.Error = "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments"
	errScriptNoChannel resp.Error = "ERR The user executing the script can't publish to the channel mentioned in the command"
	errScriptDown      resp.Error = "ERR Script attempted to execute a command while the cluster is down"
	errScriptDownRO    resp.Error = "ERR Script attempted to execute a write command while the cluster is down and readonly"
	errScriptForeign   resp.Error = "ERR Script attempted to access a non local key in a cluster node"
	errScriptSlots     resp.Error = "ERR Script attempted to access keys that do not hash to the same slot"
)

// Why a script was stopped.
const (
	errKilledScript   resp.Error = "ERR Script killed by user with SCRIPT KILL..."
	errKilledFunction resp.Error = "ERR Script killed by user with FUNCTION KILL..."
	errServerCloses   resp.Error = "ERR Script stopped: the server is closing."
)

// A BusyHost is an engine that can let others in while a script runs.
type BusyHost interface {
	// Meanwhile gives up what x owns, lets others have a turn, and takes it again.
	Meanwhile(x *Exec)
	// Ending reports whether the engine is to end.
	Ending() bool
	// Unbusy tells that the script which called Meanwhile has ended.
	Unbusy()
}

// scripts is what a Server has of scripts. It belongs to an owner of all shards.
type scripts struct {
	eval   *script.State // nil until it is needed
	cached map[string]*cachedScript
	bytes  int64 // of those

	// Scripts that only EVAL loaded, those first that were not used for the longest
	// time. When they are too many these go.
	oldest, newest *cachedScript
	passing        int
	evicted        int64

	functions functionEngine

	run     scriptRun
	running atomic.Bool // run is a script's that has run too long: anybody may ask
}

// passingMost is how many scripts are kept that only EVAL loaded.
const passingMost = 500

// A cachedScript is a script under its SHA-1.
type cachedScript struct {
	*script.Script
	sha        string
	passing    bool // only EVAL loaded it
	prev, next *cachedScript
}

// A scriptRun is a script or function in execution: the [script.Host] of it.
type scriptRun struct {
	x    *Exec
	c    *Ctx
	cl   Client      // who runs its commands: the caller, but for database and protocol
	out  resp.Writer // their replies
	name string      // SHA-1 or function's name
	args [][]byte    // of the command that runs it

	active    bool
	function  bool
	readOnly  bool
	allowOOM  bool
	crossSlot bool
	full      bool // memory was used up when it began
	dirty     bool // it has written
	slot      int  // 1 + that of its keys, in a cluster; 0 before it has any
	began     int64
	ticked    time.Time // real time at the first tick, zero before
	late      bool      // it has run too long
	kill      error
}

// scriptState returns the machine for EVAL.
func (x *Exec) scriptState() *script.State {
	s := &x.scripts
	if s.eval == nil {
		s.eval = script.New(x.scriptOptions(false))
		s.eval.CountError = s.run.returned
	}
	return s.eval
}

func (x *Exec) scriptOptions(functions bool) script.Options {
	return script.Options{
		Host: &x.Server.scripts.run, Functions: functions, Version: x.Version, VersionNum: versionNumber(x.Version),
	}
}

// versionNumber is 0x00MMmmpp of a version.
func versionNumber(v string) (n int) {
	parts := strings.SplitN(v, ".", 3)
	for i := range 3 {
		part := 0
		if i < len(parts) {
			part, _ = strconv.Atoi(parts[i])
		}
		n = n<<8 | part&0xff
	}
	return n
}

// scriptKeys reads the number of keys, and returns the keys and what follows them.
func (c *Ctx) scriptKeys() (keys, args [][]byte, ok bool) {
	n, ok := c.int(2)
	if !ok {
		return nil, nil, false
	}
	switch {
	case n > int64(len(c.Args)-3):
		c.Fail(errManyKeys)
		return nil, nil, false
	case n < 0:
		c.Fail(errNegativeKeys)
		return nil, nil, false
	}
	return c.Args[3 : 3+n], c.Args[3+n:], true
}

func cmdEval(c *Ctx) {
	c.showEval()
	keys, args, ok := c.scriptKeys()
	if !ok {
		return
	}
	sc, err := c.loadScript(c.Args[1], true)
	if err != "" {
		c.Fail(err)
		return
	}
	c.runScript(sc, keys, args)
}

func cmdEvalSHA(c *Ctx) {
	c.showEval()
	if len(c.Args[1]) != 40 {
		c.Fail(errNoScript)
		return
	}
	keys, args, ok := c.scriptKeys()
	if !ok {
		return
	}
	sc := c.findScript(c.Args[1])
	if sc == nil {
		c.Fail(errNoScript)
		return
	}
	c.runScript(sc, keys, args)
}

// findScript finds a script by its SHA-1 in any case.
func (x *Exec) findScript(sha []byte) *cachedScript {
	if sc := x.scripts.cached[string(sha)]; sc != nil {
		return sc
	}
	var b [40]byte
	if len(sha) != len(b) {
		return nil
	}
	return x.scripts.cached[string(lowerInto(b[:0], sha))]
}

// loadScript returns the script of a text, compiled and kept.
func (x *Exec) loadScript(text []byte, passing bool) (*cachedScript, resp.Error) {
	s := &x.scripts
	body := string(text)
	sha := script.SHA1(body)
	if sc := s.cached[sha]; sc != nil {
		if sc.passing && !passing {
			s.unlink(sc)
			sc.passing = false
		}
		return sc, ""
	}
	compiled, err := x.scriptState().Compile(body)
	if err != "" {
		return nil, err
	}
	sc := &cachedScript{Script: compiled, sha: sha, passing: passing}
	if s.cached == nil {
		s.cached = map[string]*cachedScript{}
	}
	s.cached[sha] = sc
	s.bytes += sc.Bytes()
	if passing {
		s.link(sc)
		if s.passing > passingMost {
			old := s.oldest
			s.unlink(old)
			delete(s.cached, old.sha)
			s.bytes -= old.Bytes()
			s.evicted++
		}
	}
	return sc, ""
}

func (s *scripts) link(sc *cachedScript) {
	sc.prev, sc.next = s.newest, nil
	if s.newest != nil {
		s.newest.next = sc
	} else {
		s.oldest = sc
	}
	s.newest = sc
	s.passing++
}

func (s *scripts) unlink(sc *cachedScript) {
	if sc.prev != nil {
		sc.prev.next = sc.next
	} else {
		s.oldest = sc.next
	}
	if sc.next != nil {
		sc.next.prev = sc.prev
	} else {
		s.newest = sc.prev
	}
	sc.prev, sc.next = nil, nil
	s.passing--
}

// runScript runs a script for EVAL and its kin.
func (c *Ctx) runScript(sc *cachedScript, keys, args [][]byte) {
	s := &c.scripts
	if sc.passing && s.newest != sc {
		s.unlink(sc)
		s.link(sc)
	}
	readOnly := c.cmd.flags&spec.ReadOnly != 0
	if err := c.admitScript(sc.Flags, readOnly); err != "" {
		c.Fail(err)
		return
	}
	r := c.beginRun(sc.sha, sc.Flags, readOnly, false)
	err := s.eval.Run(sc.Script, keys, args, r.reply())
	c.endRun(r, err)
}

// admitScript checks what a script's flags ask for.
func (c *Ctx) admitScript(f script.Flags, readOnly bool) resp.Error {
	if f&script.Compat != 0 {
		return ""
	}
	switch {
	case f&script.NoCluster != 0 && c.cluster != nil:
		return errScriptCluster
	case f&script.NoWrites == 0 && readOnly:
		return errScriptRO
	case f&(script.AllowOOM|script.NoWrites) == 0 && c.maxMemory > 0 && c.evict() == keyspace.Full:
		return errOOM
	}
	return ""
}

// beginRun prepares for a script.
func (c *Ctx) beginRun(name string, f script.Flags, readOnly, function bool) *scriptRun {
	c.settleQuick()
	r := &c.scripts.run
	compat := f&script.Compat != 0
	r.x, r.c, r.name, r.args = c.Exec, c, name, c.Args
	r.function = function
	r.readOnly = readOnly || f&script.NoWrites != 0
	r.allowOOM = f&script.AllowOOM != 0
	r.crossSlot = compat || f&script.AllowCrossSlotKeys != 0
	r.full = c.maxMemory > 0 && c.evict() == keyspace.Full
	r.dirty, r.late, r.kill, r.slot, r.ticked = false, false, nil, 0, time.Time{}
	if c.cluster != nil {
		r.slot = c.slotSoFar()
	}
	r.began = c.nanos
	r.active = true
	cl := c.Client
	r.cl.ID, r.cl.Name, r.cl.User, r.cl.DB = cl.ID, cl.Name, cl.User, cl.DB
	r.cl.Flags = cl.Flags & (inProcess | noTouch | isLocal | isUnix)
	r.cl.Authenticated, r.cl.Conn = true, cl.Conn
	c.inScript = true
	return r
}

// showEval shows monitors the command that runs a script, before those of the script, and
// before it is known whether there is one to run.
func (c *Ctx) showEval() {
	if !c.monitored() {
		return
	}
	line := c.appendMonitorLine(nil, c, c.Args)
	for _, cl := range *c.monitors.Load() {
		c.post(cl, line, false)
	}
}

// reply is where the script's own reply goes.
func (r *scriptRun) reply() *resp.Writer { return r.c.Out }

// returned counts an error that a script returned, unless a command did that it called.
// What ran the script has failed either way.
func (r *scriptRun) returned(err resp.Error, counted bool) {
	r.c.failed = true
	if !counted {
		r.x.countError(err)
	}
}

// endRun ends what beginRun began, and replies the error of a script that failed.
func (c *Ctx) endRun(r *scriptRun, err *script.Error) {
	c.settleQuick()
	c.nanos = r.began // the script's time is that of all its commands
	c.inScript = false
	r.active = false
	r.args, r.cl.Conn, r.cl.User = nil, nil, nil
	if r.late {
		r.late = false
		c.scripts.running.Store(false)
		if h, ok := c.host.(BusyHost); ok {
			h.Unbusy()
		}
	}
	if cap(r.out.Bytes()) > 1<<20 {
		r.out.Attach(nil)
	}
	if err == nil {
		return
	}
	text := err.Reply(r.name)
	if err.Stats { // it has been counted
		c.failed = true
		c.Out.Error(text)
		return
	}
	c.Fail(text)
}

// refuse is the reply to a command that a script may not run.
func (r *scriptRun) refuse(cmd *Command, err resp.Error) []byte {
	if cmd != nil {
		r.x.stats[cmd.id].Rejected++
	}
	r.x.countError(err)
	r.out.Error(err)
	return r.out.Bytes()
}

// Call implements [script.Host].
func (r *scriptRun) Call(args [][]byte, proto int) []byte {
	x, c := r.x, r.c
	r.out.Reset()
	r.out.Proto = proto
	cmd, unknownSub := find(args)
	if cmd == nil || unknownSub {
		return r.refuse(nil, errScriptUnknown)
	}
	if !arityFits(cmd, len(args)) {
		return r.refuse(cmd, errScriptArity)
	}
	if cmd.flags&(spec.NoScript|spec.Write|spec.DenyOOM) != 0 || r.cl.restricted() || x.cluster != nil {
		if err := r.admit(cmd, args); err != "" {
			return r.refuse(cmd, err)
		}
	}
	if cmd.flags&spec.Fast == 0 {
		x.settleQuick()
	}
	c.call(&r.cl, cmd, args, &r.out)
	return r.out.Bytes()
}

// admit checks what a script's command must pass.
func (r *scriptRun) admit(cmd *Command, args [][]byte) resp.Error {
	x := r.x
	if cmd.flags&spec.NoScript != 0 {
		return errScriptDenied
	}
	if err, ok := x.allowed(&r.cl, cmd, args, "lua"); !ok {
		switch err {
		case errNoPermKey:
			return errScriptNoKey
		case errNoPermChannel:
			return errScriptNoChannel
		}
		return errScriptNoCommand
	}
	if cmd.flags&spec.Write != 0 && r.readOnly {
		return errScriptWrites
	}
	if r.full && cmd.flags&spec.DenyOOM != 0 && !r.allowOOM && !r.dirty {
		return errOOM
	}
	if cmd.flags&spec.Write != 0 {
		r.dirty = true
	}
	if x.cluster != nil && cmd.hasSlot() {
		return r.local(cmd, args)
	}
	return ""
}

// local checks that a command's keys are this node's, and those of a slot.
func (r *scriptRun) local(cmd *Command, args [][]byte) resp.Error {
	slot, _, ok := r.x.slotOf(cmd, args)
	if !ok {
		return errScriptForeign
	}
	if slot < 0 {
		return ""
	}
	switch r.x.downFor(cmd) {
	case errClusterDown:
		return errScriptDown
	case errClusterReadOnly:
		return errScriptDownRO
	}
	switch {
	case r.crossSlot:
	case r.slot == 0:
		r.slot = slot + 1
	case r.slot != slot+1:
		return errScriptSlots
	}
	return ""
}

// Permitted implements [script.Host].
func (r *scriptRun) Permitted(args [][]byte) (ok, known bool) {
	cmd, unknownSub := find(args)
	if cmd == nil || unknownSub {
		return false, false
	}
	if !r.cl.restricted() {
		return true, true
	}
	return r.cl.User.Check(cmd.Command, args).Reason == acl.OK, true
}

// Log implements [script.Host].
func (r *scriptRun) Log(level int, line string) {
	switch level {
	case 0, 1:
		r.x.log.Debug(line)
	case 2:
		r.x.log.Info(line)
	default:
		r.x.log.Warn(line)
	}
}

// Nanos implements [script.Host].
func (r *scriptRun) Nanos() int64 { return r.x.clock.Nanos() }

// Tick implements [script.Host]. It lets others in when the script has run too long, by
// the engine's clock or, if a test holds that, by the real one.
func (r *scriptRun) Tick() error {
	x := r.x
	if r.ticked.IsZero() {
		r.ticked = time.Now()
	}
	host, ok := x.host.(BusyHost)
	if !ok {
		return r.kill
	}
	most := x.config.BusyReplyThreshold
	if most <= 0 {
		if host.Ending() {
			return errServerCloses
		}
		return nil
	}
	if max(x.clock.Nanos()-r.began, int64(time.Since(r.ticked))) < most*nanosPerMs {
		return nil
	}
	if !r.late {
		r.late = true
		x.scripts.running.Store(true)
		x.log.Warn("Slow script detected: still in execution", "ms", (x.clock.Nanos()-r.began)/nanosPerMs, "script", r.name)
	}
	c := r.c
	x.settleQuick()
	outer, own, ownKeys, ownTracker, nanos := c.frame, x.own, x.ownKeys, x.ownTracker, x.nanos
	x.own, x.ownKeys, x.ownTracker = resp.Writer{Proto: own.Proto}, changedKeys{}, nil
	inTransaction := c.inTransaction
	c.inScript, c.inTransaction = false, false
	host.Meanwhile(x)
	c.inScript, c.inTransaction = true, inTransaction
	c.frame, x.own, x.ownKeys, x.ownTracker, x.nanos = outer, own, ownKeys, ownTracker, nanos
	if r.kill == nil && host.Ending() {
		r.kill = errServerCloses
	}
	return r.kill
}

// ScriptRunning reports whether a script has run for so long that others are let in, to
// be told so. Whoever finds it running must not touch data. Anybody may ask.
func (s *Server) ScriptRunning() bool { return s.scripts.running.Load() }

// busy is the reply to a command while a script has run too long, or "".
func (x *Exec) busy(cmd *Command) resp.Error {
	if !x.scripts.running.Load() || cmd.flags&spec.AllowBusy != 0 {
		return ""
	}
	return x.busyWith()
}

// busyWith says with what the server is busy.
func (x *Exec) busyWith() resp.Error {
	if x.scripts.run.function {
		return errBusyFunction
	}
	return errBusyScript
}

// killScript is SCRIPT KILL and FUNCTION KILL.
func (c *Ctx) killScript(function bool) {
	r := &c.scripts.run
	switch {
	case !r.active:
		c.Fail(errNotBusy)
	case r.dirty:
		c.Fail(errUnkillable)
	case r.function && !function:
		c.Fail(errBusyFunction)
	case !r.function && function:
		c.Fail(errBusyScript)
	default:
		r.kill = errKilledScript
		if function {
			r.kill = errKilledFunction
		}
		c.OK()
	}
}

func cmdScriptKill(c *Ctx) { c.killScript(false) }

func cmdScriptDebug(c *Ctx) {
	if !c.is(2, "NO") && !c.is(2, "YES") && !c.is(2, "SYNC") {
		c.Fail(errScriptDebug)
		return
	}
	c.OK() // there is no debugger to attach
}

func cmdScriptExists(c *Ctx) {
	c.Out.ArrayHeader(len(c.Args) - 2)
	for _, sha := range c.Args[2:] {
		n := int64(0)
		if c.findScript(sha) != nil {
			n = 1
		}
		c.Out.Int(n)
	}
}

func cmdScriptLoad(c *Ctx) {
	sc, err := c.loadScript(c.Args[2], false)
	if err != "" {
		c.Fail(err)
		return
	}
	c.Out.BulkString(sc.sha)
}

func cmdScriptFlush(c *Ctx) {
	if len(c.Args) > 3 || len(c.Args) == 3 && !c.is(2, "SYNC") && !c.is(2, "ASYNC") {
		c.Fail(errScriptFlush)
		return
	}
	s := &c.scripts
	if c.inScript {
		c.Fail(errScriptDenied)
		return
	}
	s.eval, s.cached, s.bytes = nil, nil, 0
	s.oldest, s.newest, s.passing = nil, nil, 0
	c.OK()
}
