package interop

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"
)

// The sequential specification that histories are held against: a few of Redis's
// commands on a map, in as few words as they can be said, one after the other.
//
//	state      keys ─► value             what is stored
//	           done[client]              a bit for each of its requests that has taken effect
//	           watched[client], dirty    WATCH, until EXEC
//
// A client's requests take effect in the order it sent them, pipelined or not: a request
// can be next only when all that it must come after are done. That is more than
// linearizability asks, it is what Redis promises, and it makes the search short. Where
// a model promises less, a request must come after fewer.
//
// An outcome that nobody heard of, because the client died, is unheard: whatever the
// reply would have been, the request may have taken effect at any time after it was
// sent; at the history's end it changes nothing that anybody saw.

// maxClients bounds the clients of a history: those of the load, who feeds the last of
// the blocked, and who reads everything at the end.
const (
	maxClients = 7
	feeder     = maxClients - 2
	auditor    = maxClients - 1
)

// A request is what takes effect at one moment: a command, or a whole transaction.
type request struct {
	client int
	nth    int        // of the client's, less than 64
	after  uint64     // a bit for each of the client's that it must come after
	words  []string   // a command, or nil
	queue  [][]string // else what stands between MULTI and EXEC
}

// bit is the request's among the client's.
func (rq *request) bit() uint64 { return 1 << rq.nth }

// An outcome is a reply, rendered by [render], or unheard.
type outcome struct {
	reply   string
	unheard bool
}

const (
	none   = "nil"
	blocks = "" // what run returns for a command that would have to wait
)

// A stored is a value: a string, a list, or a set, whose members are sorted.
type stored struct {
	str  string
	list []string
}

// A world is a state. Once it is made it does not change.
type world struct {
	keys    map[string]stored
	done    [maxClients]uint64
	watched [maxClients][]string
	dirty   [maxClients]bool
	text    string // all of it: what is compared
}

// specification is the model that the checker takes.
var specification = porcupine.Model{
	Init: func() any { return (&world{keys: map[string]stored{}}).sealed() },
	Step: func(state, input, output any) (bool, any) {
		w, rq, out := state.(*world), input.(request), output.(outcome)
		if rq.after&^w.done[rq.client] != 0 {
			return false, state
		}
		next := w.draft()
		next.done[rq.client] |= rq.bit()
		reply := next.perform(rq)
		return out.unheard || reply == out.reply && reply != blocks, next.sealed()
	},
	Equal: func(a, b any) bool { return a.(*world).text == b.(*world).text },
	DescribeOperation: func(input, output any) string {
		return describe(input.(request), output.(outcome))
	},
	DescribeState: func(state any) string { return state.(*world).text },
}

// byKey is the specification for histories whose requests each have one key, their
// second word: each key's history can be judged by itself.
var byKey = func() porcupine.Model {
	m := specification
	m.Partition = func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := map[string][]porcupine.Operation{}
		own := map[string]*[maxClients]uint64{}
		for _, op := range history {
			rq := op.Input.(request)
			key := rq.words[1]
			if own[key] == nil {
				own[key] = new([maxClients]uint64)
			}
			own[key][rq.client] |= rq.bit()
		}
		for _, op := range history {
			rq := op.Input.(request)
			key := rq.words[1]
			rq.after &= own[key][rq.client]
			op.Input = rq
			parts[key] = append(parts[key], op)
		}
		return slices.Collect(maps.Values(parts))
	}
	return m
}()

func describe(rq request, out outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "client %d: ", rq.client)
	if rq.words == nil {
		fmt.Fprintf(&b, "MULTI %q EXEC", rq.queue)
	} else if s := scriptOf(rq.words); s != nil {
		fmt.Fprintf(&b, "script %s %q", s.name, rq.words[2:])
	} else {
		fmt.Fprintf(&b, "%q", rq.words)
	}
	if out.unheard {
		b.WriteString(" → never heard of")
	} else {
		b.WriteString(" → " + out.reply)
	}
	return b.String()
}

// draft is a copy to change.
func (w *world) draft() *world {
	c := *w
	c.keys = maps.Clone(w.keys)
	return &c
}

// sealed renders the world, and returns it.
func (w *world) sealed() *world {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(w.keys)) {
		v := w.keys[k]
		fmt.Fprintf(&b, "%s=%s", k, v.str)
		for _, e := range v.list {
			b.WriteByte(' ')
			b.WriteString(e)
		}
		b.WriteByte(';')
	}
	for i := range maxClients {
		b.WriteString(strconv.FormatUint(w.done[i], 36))
		b.WriteByte(',')
		if len(w.watched[i]) > 0 {
			fmt.Fprint(&b, w.watched[i], w.dirty[i])
		}
	}
	w.text = b.String()
	return w
}

// touch tells those who watch the keys.
func (w *world) touch(keys ...string) {
	for i, watched := range w.watched {
		for _, k := range keys {
			if slices.Contains(watched, k) {
				w.dirty[i] = true
			}
		}
	}
}

func (w *world) setString(key, value string) {
	w.keys[key] = stored{str: value}
	w.touch(key)
}

// setList stores a list or a set; empty ones are not there.
func (w *world) setList(key string, list []string) {
	if len(list) == 0 {
		delete(w.keys, key)
	} else {
		w.keys[key] = stored{list: list}
	}
	w.touch(key)
}

// get is the reply of GET.
func (w *world) get(key string) string {
	if v, ok := w.keys[key]; ok {
		return v.str
	}
	return none
}

// perform does a request, and returns the reply.
func (w *world) perform(rq request) string {
	if rq.words != nil {
		return w.run(rq.client, rq.words)
	}
	dirty := w.dirty[rq.client]
	w.watched[rq.client], w.dirty[rq.client] = nil, false
	if dirty {
		return none
	}
	var replies []string
	for _, words := range rq.queue {
		replies = append(replies, w.run(rq.client, words))
	}
	return array(replies...)
}

// run does a command, and returns the reply.
func (w *world) run(client int, words []string) string {
	key := words[1]
	switch words[0] {
	case "GET":
		return w.get(key)
	case "SET":
		old := w.get(key)
		w.setString(key, words[2])
		if len(words) == 4 { // SET key value GET
			return old
		}
		return "OK"
	case "GETSET":
		old := w.get(key)
		w.setString(key, words[2])
		return old
	case "SETNX":
		if _, ok := w.keys[key]; ok {
			return "0"
		}
		w.setString(key, words[2])
		return "1"
	case "GETDEL":
		old := w.get(key)
		w.del(key)
		return old
	case "DEL":
		n := 0
		for _, k := range words[1:] {
			n += w.del(k)
		}
		return strconv.Itoa(n)
	case "INCR":
		return strconv.Itoa(w.incr(key, 1))
	case "INCRBY":
		by, _ := strconv.Atoi(words[2])
		return strconv.Itoa(w.incr(key, by))
	case "MGET":
		var replies []string
		for _, k := range words[1:] {
			replies = append(replies, w.get(k))
		}
		return array(replies...)
	case "MSET":
		for i := 1; i < len(words); i += 2 {
			w.setString(words[i], words[i+1])
		}
		return "OK"
	case "MSETNX":
		for i := 1; i < len(words); i += 2 {
			if _, ok := w.keys[words[i]]; ok {
				return "0"
			}
		}
		for i := 1; i < len(words); i += 2 {
			w.setString(words[i], words[i+1])
		}
		return "1"
	case "RENAME":
		v, ok := w.keys[key]
		if !ok {
			return "ERR no such key"
		}
		delete(w.keys, key)
		w.keys[words[2]] = v
		w.touch(key, words[2])
		return "OK"
	case "COPY": // with REPLACE
		v, ok := w.keys[key]
		if !ok {
			return "0"
		}
		w.keys[words[2]] = v
		w.touch(words[2])
		return "1"
	case "WATCH":
		w.watched[client] = append(slices.Clone(w.watched[client]), words[1:]...)
		return "OK"
	case "UNWATCH":
		w.watched[client], w.dirty[client] = nil, false
		return "OK"
	case "EVAL":
		keys, _ := strconv.Atoi(words[2])
		return scriptOf(words).run(w, words[3:3+keys], words[3+keys:])
	}
	return w.runList(words)
}

func (w *world) del(key string) int {
	if _, ok := w.keys[key]; !ok {
		return 0
	}
	delete(w.keys, key)
	w.touch(key)
	return 1
}

func (w *world) incr(key string, by int) int {
	n, _ := strconv.Atoi(w.keys[key].str)
	w.setString(key, strconv.Itoa(n+by))
	return n + by
}

// runList is run for lists and sets.
func (w *world) runList(words []string) string {
	key := words[1]
	list := w.keys[key].list
	switch words[0] {
	case "SADD":
		if slices.Contains(list, words[2]) {
			return "0"
		}
		list = append(slices.Clone(list), words[2])
		slices.Sort(list)
		w.setList(key, list)
		return "1"
	case "SMOVE":
		i := slices.Index(list, words[3])
		if i < 0 {
			return "0"
		}
		w.setList(key, slices.Delete(slices.Clone(list), i, i+1))
		w.runList([]string{"SADD", words[2], words[3]})
		return "1"
	case "SMEMBERS", "LRANGE": // all of it
		return array(list...)
	case "LLEN":
		return strconv.Itoa(len(list))
	case "RPUSH":
		w.setList(key, slices.Concat(list, words[2:]))
		return strconv.Itoa(len(list) + len(words) - 2)
	case "LPOP":
		if len(list) == 0 {
			return none
		}
		w.setList(key, list[1:])
		return list[0]
	case "LMOVE", "BLMOVE": // from the left of one to the right of another
		if len(list) == 0 {
			if words[0] == "BLMOVE" {
				return blocks
			}
			return none
		}
		w.setList(key, list[1:])
		w.setList(words[2], slices.Concat(w.keys[words[2]].list, list[:1]))
		return list[0]
	case "BLPOP":
		for _, k := range words[1 : len(words)-1] {
			if list := w.keys[k].list; len(list) > 0 {
				w.setList(k, list[1:])
				return array(k, list[0])
			}
		}
		return blocks
	}
	panic(fmt.Sprintf("interop: no specification of %q", words))
}

func array(elems ...string) string { return "[" + strings.Join(elems, " ") + "]" }

// A script is one in Lua beside what it should do.
type script struct {
	name, source string
	run          func(w *world, keys, args []string) string
}

var scripts = []*script{
	{
		"swap", `local a, b = redis.call('GET', KEYS[1]) or 'nil', redis.call('GET', KEYS[2]) or 'nil'
			redis.call('SET', KEYS[1], b) redis.call('SET', KEYS[2], a) return {a, b}`,
		func(w *world, keys, _ []string) string {
			a, b := w.get(keys[0]), w.get(keys[1])
			w.setString(keys[0], b)
			w.setString(keys[1], a)
			return array(a, b)
		},
	},
	{
		"hand on", `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
			redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[2], ARGV[2]) return 1`,
		func(w *world, keys, args []string) string {
			if w.get(keys[0]) != args[0] {
				return "0"
			}
			w.del(keys[0])
			w.setString(keys[1], args[1])
			return "1"
		},
	},
	{
		"gather", `local all = {} for i, k in ipairs(KEYS) do all[i] = redis.call('GET', k) or 'nil' end
			redis.call('SET', KEYS[1], ARGV[1]) return all`,
		func(w *world, keys, args []string) string {
			var all []string
			for _, k := range keys {
				all = append(all, w.get(k))
			}
			w.setString(keys[0], args[0])
			return array(all...)
		},
	},
	{
		"undeclared", `local old = redis.call('MGET', ARGV[1], ARGV[2])
			redis.call('MSET', ARGV[1], ARGV[3], ARGV[2], ARGV[3]) return old`,
		func(w *world, _, args []string) string {
			old := array(w.get(args[0]), w.get(args[1]))
			w.setString(args[0], args[2])
			w.setString(args[1], args[2])
			return old
		},
	},
}

// scriptOf returns the script that a command calls, nil for other commands.
func scriptOf(words []string) *script {
	for _, s := range scripts {
		if words[0] == "EVAL" && words[1] == s.source {
			return s
		}
	}
	return nil
}
