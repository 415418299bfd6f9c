package command

import (
	"strings"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/glob"
	"github.com/redweave/redweave/resp"
)

// COMMAND shows the table to clients. It speaks only of commands that somebody
// here runs: what the specification knows beyond that is nobody's to call.

var commandHandlers = handlers{
	"command":                 cmdCommand,
	"command|count":           cmdCommandCount,
	"command|docs":            cmdCommandDocs,
	"command|getkeys":         cmdCommandGetKeys,
	"command|getkeysandflags": cmdCommandGetKeysAndFlags,
	"command|help":            cmdHelp,
	"command|info":            cmdCommandInfo,
	"command|list":            cmdCommandList,
}

func cmdCommand(c *Ctx) {
	if len(c.Args) > 1 {
		c.Fail(unknownSubcommand(c.cmd.Name, c.Args[1]))
		return
	}
	replyAllInfo(c.Out)
}

func cmdCommandCount(c *Ctx) { c.Out.Int(int64(len(commands.list))) }

func cmdCommandInfo(c *Ctx) {
	names := c.Args[2:]
	if len(names) == 0 {
		replyAllInfo(c.Out)
		return
	}
	c.Out.ArrayHeader(len(names))
	for _, name := range names {
		if cmd := commandNamed(name); cmd != nil {
			replyInfo(c.Out, cmd)
		} else {
			c.Out.Null()
		}
	}
}

func replyAllInfo(o *resp.Writer) {
	o.ArrayHeader(len(commands.list))
	for _, cmd := range commands.list {
		replyInfo(o, cmd)
	}
}

// replyInfo replies what COMMAND INFO says of a command: name, arity, flags,
// first key, last key, step, categories, tips, key specs, subcommands.
func replyInfo(o *resp.Writer, cmd *Command) {
	o.ArrayHeader(10)
	o.BulkString(cmd.Name)
	o.Int(int64(cmd.Arity))
	replyStatuses(o, "", (cmd.flags &^ spec.Hidden).Names())
	o.Int(int64(cmd.FirstKey))
	o.Int(int64(cmd.LastKey))
	o.Int(int64(cmd.Step))
	replyStatuses(o, "@", cmd.ACL.Names())
	o.SetHeader(len(cmd.Tips))
	for _, tip := range cmd.Tips {
		o.BulkString(tip)
	}
	o.SetHeader(len(cmd.Keys))
	for i := range cmd.Keys {
		replyKeySpec(o, &cmd.Keys[i])
	}
	if len(cmd.subs) == 0 {
		o.SetHeader(0)
		return
	}
	o.ArrayHeader(len(cmd.subs))
	for sub := range cmd.subcommands() {
		replyInfo(o, sub)
	}
}

// subcommands yields the subcommands in the specification's order.
func (cmd *Command) subcommands() func(yield func(*Command) bool) {
	return func(yield func(*Command) bool) {
		for _, s := range cmd.Subcommands {
			if sub := commands.byID[s.ID]; sub != nil && !yield(sub) {
				return
			}
		}
	}
}

// replyStatuses replies a set of statuses, each with a prefix.
func replyStatuses(o *resp.Writer, prefix string, names []string) {
	o.SetHeader(len(names))
	for _, name := range names {
		o.SimpleString(prefix + name)
	}
}

func replyKeySpec(o *resp.Writer, k *spec.KeySpec) {
	fields := 3
	if k.Notes != "" {
		fields++
	}
	o.MapHeader(fields)
	if k.Notes != "" {
		replyField(o, "notes", k.Notes)
	}
	o.BulkString("flags")
	replyStatuses(o, "", k.Flags.Names())
	o.BulkString("begin_search")
	o.MapHeader(2)
	replyField(o, "type", k.Begin.String())
	o.BulkString("spec")
	switch k.Begin {
	case spec.BeginIndex:
		o.MapHeader(1)
		replyNumber(o, "index", k.Index)
	case spec.BeginKeyword:
		o.MapHeader(2)
		replyField(o, "keyword", k.Keyword)
		replyNumber(o, "startfrom", k.From)
	default:
		o.MapHeader(0)
	}
	o.BulkString("find_keys")
	o.MapHeader(2)
	replyField(o, "type", k.Find.String())
	o.BulkString("spec")
	switch k.Find {
	case spec.FindRange:
		o.MapHeader(3)
		replyNumber(o, "lastkey", k.Last)
		replyNumber(o, "keystep", k.Step)
		replyNumber(o, "limit", k.Limit)
	case spec.FindKeyNum:
		o.MapHeader(3)
		replyNumber(o, "keynumidx", k.CountAt)
		replyNumber(o, "firstkey", k.FirstAt)
		replyNumber(o, "keystep", k.Step)
	default:
		o.MapHeader(0)
	}
}

func replyField(o *resp.Writer, name, value string) {
	o.BulkString(name)
	o.BulkString(value)
}

func replyNumber(o *resp.Writer, name string, n int) {
	o.BulkString(name)
	o.Int(int64(n))
}

func cmdCommandDocs(c *Ctx) {
	names := c.Args[2:]
	if len(names) == 0 {
		c.Out.MapHeader(len(commands.list))
		for _, cmd := range commands.list {
			replyDocs(c.Out, cmd)
		}
		return
	}
	header, n := c.Out.ReserveMap(len(names)), 0
	for _, name := range names {
		if cmd := commandNamed(name); cmd != nil {
			replyDocs(c.Out, cmd)
			n++
		}
	}
	c.Out.SetLen(header, n)
}

// replyDocs replies a command's name and what COMMAND DOCS says of it.
func replyDocs(o *resp.Writer, cmd *Command) {
	o.BulkString(cmd.Name)
	header, fields := o.ReserveMap(6), 2
	optional := func(name, value string) {
		if value != "" {
			replyField(o, name, value)
			fields++
		}
	}
	optional("summary", cmd.Summary)
	replyField(o, "since", cmd.Since)
	replyField(o, "group", cmd.Group.String())
	optional("complexity", cmd.Complexity)
	if cmd.Doc != 0 {
		o.BulkString("doc_flags")
		replyStatuses(o, "", cmd.Doc.Names())
		fields++
	}
	optional("deprecated_since", cmd.DeprecatedSince)
	optional("replaced_by", cmd.ReplacedBy)
	if args := cmd.Args(); len(args) > 0 {
		o.BulkString("arguments")
		replyArgs(o, args)
		fields++
	}
	if len(cmd.subs) > 0 {
		o.BulkString("subcommands")
		o.MapHeader(len(cmd.subs))
		for sub := range cmd.subcommands() {
			replyDocs(o, sub)
		}
		fields++
	}
	o.SetLen(header, fields)
}

// replyArgs replies the tree of a command's arguments.
func replyArgs(o *resp.Writer, args []spec.Arg) {
	o.ArrayHeader(len(args))
	for i := range args {
		replyArg(o, &args[i])
	}
}

func replyArg(o *resp.Writer, a *spec.Arg) {
	header, fields := o.ReserveMap(3), 2
	replyField(o, "name", a.Name)
	replyField(o, "type", a.Type.String())
	optional := func(name, value string) {
		if value != "" {
			replyField(o, name, value)
			fields++
		}
	}
	optional("display_text", a.Display)
	if a.Type == spec.KeyArg && a.KeySpec >= 0 {
		replyNumber(o, "key_spec_index", a.KeySpec)
		fields++
	}
	if a.Token != "" || a.Type == spec.PureToken {
		replyField(o, "token", a.Token) // the token may be the empty string
		fields++
	}
	optional("since", a.Since)
	optional("deprecated_since", a.DeprecatedSince)
	if a.Flags != 0 {
		o.BulkString("flags")
		replyStatuses(o, "", a.Flags.Names())
		fields++
	}
	if len(a.Args) > 0 {
		o.BulkString("arguments")
		replyArgs(o, a.Args)
		fields++
	}
	o.SetLen(header, fields)
}

// keysOfArgs finds the keys of the full command that the arguments hold, or
// replies why there are none.
func (c *Ctx) keysOfArgs() (full [][]byte, keys []spec.KeyPos, ok bool) {
	full = c.Args[2:]
	if cmd, unknownSub := find(full); cmd == nil || unknownSub {
		c.Fail(resp.Error(spec.ErrUnknown))
		return nil, nil, false
	}
	keys, err := spec.GetKeys(nil, full)
	if err != nil {
		c.Fail(resp.Error(err.Error()))
		return nil, nil, false
	}
	return full, keys, true
}

func cmdCommandGetKeys(c *Ctx) {
	full, keys, ok := c.keysOfArgs()
	if !ok {
		return
	}
	c.Out.ArrayHeader(len(keys))
	for _, k := range keys {
		c.Out.BulkBytes(full[k.Pos])
	}
}

func cmdCommandGetKeysAndFlags(c *Ctx) {
	full, keys, ok := c.keysOfArgs()
	if !ok {
		return
	}
	c.Out.ArrayHeader(len(keys))
	for _, k := range keys {
		c.Out.ArrayHeader(2)
		c.Out.BulkBytes(full[k.Pos])
		replyStatuses(c.Out, "", k.Flags.Names())
	}
}

func cmdCommandList(c *Ctx) {
	keep := func(*Command) bool { return true }
	switch {
	case len(c.Args) == 2:
	case len(c.Args) != 5 || !c.is(2, "FILTERBY"):
		c.Fail(errSyntax)
		return
	case c.is(3, "MODULE"):
		keep = func(*Command) bool { return false } // there are no modules
	case c.is(3, "ACLCAT"):
		cat, _ := spec.CategoryNamed(strings.ToLower(string(c.Args[4])))
		keep = func(cmd *Command) bool { return cmd.ACL&cat != 0 }
	case c.is(3, "PATTERN"):
		pattern := c.Args[4]
		keep = func(cmd *Command) bool { return glob.Match(pattern, []byte(cmd.Name), true) }
	default:
		c.Fail(errSyntax)
		return
	}
	header, n := c.Out.ReserveArray(len(commands.all)), 0
	for _, cmd := range commands.all {
		if keep(cmd) {
			c.Out.BulkString(cmd.Name)
			n++
		}
	}
	c.Out.SetLen(header, n)
}
