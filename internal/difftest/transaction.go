package difftest

import (
	"fmt"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/transcript"
)

// A transaction is compared by the rules of the commands in it, each reply of EXEC by
// that of its command. Some are preceded by WATCH and a few commands between: then it
// tells which of those changed the keys.

// transaction runs a few commands between MULTI and EXEC.
func (r *run) transaction() {
	if r.gen.one(3) {
		r.watch()
	}
	r.command("MULTI")
	var calls []call
	unlike := false // a command is refused by one side alone, as is declared
	for range 1 + r.gen.rnd.IntN(5) {
		c := r.gen.next()
		for !r.comparable(c.cmd) {
			c = r.gen.next()
		}
		r.history = append(r.history, c.args)
		ours, ref := r.ours.do(c.args...), r.ref.do(c.args...)
		switch {
		case ours.Mark == '+' && ref.Mark == '+':
			calls = append(calls, c)
		case declared(c, ours, ref):
			unlike = true
		case !(rule{}).same(ours, ref):
			r.fail(c.args, "ours      "+ours.String(), "reference "+ref.String())
			return
		}
	}
	if unlike {
		r.both("DISCARD")
		return
	}
	r.exec(calls)
}

// comparable reports whether what a command replies can be compared without knowing what
// was before: inside a transaction nothing else can be asked.
func (r *run) comparable(cmd *spec.Command) bool {
	u := rules[cmd.Name]
	return u.special == nil && !(r.o.Events && lookupsUnordered[cmd.Name])
}

// watch watches some keys, and runs commands that may change them.
func (r *run) watch() {
	args := [][]byte{[]byte("WATCH")}
	for range 1 + r.gen.rnd.IntN(8) {
		args = append(args, []byte(pick(r.gen, poolKeys())))
	}
	r.step(call{spec.ByName("watch"), args})
	for range r.gen.rnd.IntN(4) {
		r.step(r.gen.next())
	}
}

// exec compares what the commands of a transaction reply.
func (r *run) exec(calls []call) {
	args := [][]byte{[]byte("EXEC")}
	r.history = append(r.history, args)
	ours, ref := r.ours.do(args...), r.ref.do(args...)
	if len(ours.Elems) != len(calls) || len(ref.Elems) != len(calls) {
		if !(rule{}).same(ours, ref) {
			r.failExec(calls, ours, ref)
		}
		return
	}
	for i, c := range calls {
		a, b := ours.Elems[i], ref.Elems[i]
		u := rules[c.cmd.Name]
		if u.unordered {
			a.Sort(u.pairs)
			b.Sort(u.pairs)
		}
		if !u.same(a, b) && !declared(c, a, b) {
			r.failExec(calls, ours, ref)
			return
		}
	}
}

func (r *run) failExec(calls []call, ours, ref transcript.Reply) {
	r.t.Helper()
	var all [][]byte
	for _, c := range calls {
		all = append(all, c.args...)
	}
	lines := []string{"in a transaction of"}
	for _, c := range calls {
		lines = append(lines, "          "+show(c.args))
	}
	r.fail(all, append(lines, fmt.Sprint("ours      ", ours), fmt.Sprint("reference ", ref))...)
}
