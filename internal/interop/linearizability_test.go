package interop

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp"
)

// Linearizability: whatever clients do at once, there must be an order in which they
// could have done it one after the other, that agrees with every reply and with the
// order in which things were seen to happen. Porcupine searches for that order.
//
//	go test -run Linearizable [-linear.time 10s] [-linear.seed 1] [-linear.models sharded]
//
// A history is short, a few clients with a few requests each on a few keys, as the
// search takes long where much happens at once; so there are many of them, as many as
// fit the time. Each has keys of its own, so that who died in the last one cannot
// meddle. A client is a connection, with pipelines, or a goroutine that calls; some
// connections break amidst their requests. What a seed repeats is what clients ask
// for, not how they meet.
var (
	linearTime   = flag.Duration("linear.time", 500*time.Millisecond, "time for the histories of each load under each model")
	linearSeed   = flag.Uint64("linear.seed", 0, "seed of what clients do; 0: another each time")
	linearModels = flag.String("linear.models", strings.Join(redweave.Models(), ","), "threading models, separated by commas")
)

const (
	linearClients = feeder
	// searchTime bounds the search for an order. A history of this size takes a
	// thousandth of it.
	searchTime = 10 * time.Second
	// someReplies is the time a client may take in all.
	someReplies = 20 * time.Second
)

// A plan is what one client does: pipelines of requests. Where it dies it does so after
// having read some replies of the last pipeline.
type plan struct {
	pipelines [][]request
	dies      bool
	hears     int // replies read of the last pipeline
}

// A linearLoad is a kind of history.
type linearLoad struct {
	name  string
	model porcupine.Model
	// draw makes a client's next requests: those of one pipeline.
	draw func(k *keyring, client int, r *rand.Rand) [][]string
	// transacts says that its requests may be transactions and need a connection.
	transacts bool
}

// A keyring has the keys of a history, and values that are written once.
type keyring struct {
	prefix string
	values atomic.Int64
}

func (k *keyring) key(kind string, i int) string { return k.prefix + kind + strconv.Itoa(i) }

// some returns one of n keys of a kind, two the names of two different ones.
func (k *keyring) some(r *rand.Rand, kind string, n int) string { return k.key(kind, r.IntN(n)) }

func (k *keyring) two(r *rand.Rand, kind string, n int) (a, b string) {
	i := r.IntN(n)
	return k.key(kind, i), k.key(kind, (i+1+r.IntN(n-1))%n)
}

// all returns every key that a load uses.
func (k *keyring) all() (strs, lists, sets []string) {
	for i := range 3 {
		strs = append(strs, k.key("s", i), k.key("n", i))
		lists = append(lists, k.key("l", i))
		sets = append(sets, k.key("t", i))
	}
	return strs, lists, sets
}

// fresh returns a value that nobody else writes.
func (k *keyring) fresh() string { return "v" + strconv.FormatInt(k.values.Add(1), 10) }

// transaction marks the words of a pipeline that belong between MULTI and EXEC.
const transaction = "MULTI"

var linearLoads = []linearLoad{
	{name: "registers", model: byKey, draw: drawRegisters},
	{name: "several-keys", model: specification, draw: drawSeveralKeys},
	{name: "transactions", model: specification, draw: drawTransactions, transacts: true},
	{name: "lists", model: specification, draw: drawLists},
	{name: "scripts", model: specification, draw: drawScripts},
}

// one of the commands, each a function so that only the chosen one uses up values.
func one(r *rand.Rand, commands ...func() []string) []string {
	return commands[r.IntN(len(commands))]()
}

func repeat(n int, f func() []string) (all [][]string) {
	for range n {
		all = append(all, f())
	}
	return all
}

func drawRegisters(k *keyring, _ int, r *rand.Rand) [][]string {
	return repeat(1+r.IntN(4), func() []string {
		s, n := k.some(r, "s", 2), k.some(r, "n", 2)
		return one(r,
			func() []string { return []string{"GET", s} },
			func() []string { return []string{"SET", s, k.fresh()} },
			func() []string { return []string{"SET", s, k.fresh(), "GET"} },
			func() []string { return []string{"GETSET", s, k.fresh()} },
			func() []string { return []string{"SETNX", s, k.fresh()} },
			func() []string { return []string{"GETDEL", s} },
			func() []string { return []string{"INCR", n} },
			func() []string { return []string{"INCR", n} },
			func() []string { return []string{"GET", n} },
		)
	})
}

func drawSeveralKeys(k *keyring, _ int, r *rand.Rand) [][]string {
	return repeat(1+r.IntN(3), func() []string {
		a, b := k.two(r, "s", 3)
		s, t := k.two(r, "t", 2)
		l, m := k.two(r, "l", 2)
		return one(r,
			func() []string { return []string{"MGET", k.key("s", 0), k.key("s", 1), k.key("s", 2)} },
			func() []string { v := k.fresh(); return []string{"MSET", a, v, b, v} },
			func() []string { v := k.fresh(); return []string{"MSETNX", a, v, b, v} },
			func() []string { return []string{"SET", a, k.fresh()} },
			func() []string { return []string{"GET", a} },
			func() []string { return []string{"RENAME", a, b} },
			func() []string { return []string{"COPY", a, b, "REPLACE"} },
			func() []string { return []string{"DEL", a, b} },
			func() []string { return []string{"SADD", s, "m"} },
			func() []string { return []string{"SMOVE", s, t, "m"} },
			func() []string { return []string{"SMEMBERS", s} },
			func() []string { return []string{"RPUSH", l, k.fresh()} },
			func() []string { return []string{"LMOVE", l, m, "LEFT", "RIGHT"} },
		)
	})
}

func drawTransactions(k *keyring, client int, r *rand.Rand) [][]string {
	a, b := k.two(r, "s", 3)
	if client%2 == 1 { // who meddles
		return repeat(1+r.IntN(3), func() []string {
			return one(r,
				func() []string { return []string{"INCR", k.key("n", 0)} },
				func() []string { return []string{"SET", a, k.fresh()} },
				func() []string { v := k.fresh(); return []string{"MSET", a, v, b, v} },
				func() []string { return []string{"MGET", a, b} },
				func() []string { return []string{"DEL", a} },
			)
		})
	}
	queued := repeat(1+r.IntN(3), func() []string {
		return one(r,
			func() []string { return []string{"GET", a} },
			func() []string { return []string{"INCR", k.key("n", 0)} },
			func() []string { return []string{"SET", b, k.fresh()} },
			func() []string { return []string{"RENAME", a, b} },
			func() []string { return []string{"MGET", a, b, k.key("n", 0)} },
		)
	})
	words := []string{transaction}
	for _, q := range queued {
		words = append(words, strings.Join(q, " "))
	}
	switch r.IntN(3) {
	case 0:
		return [][]string{words}
	case 1:
		return [][]string{{"WATCH", a, b}, {"MGET", a, b}, words}
	}
	return [][]string{{"WATCH", k.key("n", 0)}, {"GET", k.key("n", 0)}, words, {"GET", b}}
}

func drawLists(k *keyring, client int, r *rand.Rand) [][]string {
	if client%2 == 1 { // who waits
		return repeat(1+r.IntN(2), func() []string {
			a, b := k.two(r, "l", 2)
			return one(r,
				func() []string { return []string{"BLPOP", a, "0"} },
				func() []string { return []string{"BLPOP", a, b, "0"} },
				func() []string { return []string{"BLMOVE", a, k.key("l", 2), "LEFT", "RIGHT", "0"} },
				func() []string { return []string{"LPOP", a} },
			)
		})
	}
	return repeat(1+r.IntN(2), func() []string {
		a := k.some(r, "l", 2)
		return one(r,
			func() []string { return []string{"RPUSH", a, k.fresh()} },
			func() []string { return []string{"RPUSH", a, k.fresh(), k.fresh()} },
			func() []string { return []string{"LRANGE", a, "0", "-1"} },
			func() []string { return []string{"LPOP", a} },
			func() []string { return []string{"LLEN", a} },
		)
	})
}

func drawScripts(k *keyring, _ int, r *rand.Rand) [][]string {
	return repeat(1+r.IntN(2), func() []string {
		a, b := k.two(r, "s", 3)
		c := k.some(r, "s", 3)
		return one(r,
			func() []string { return []string{"EVAL", scripts[0].source, "2", a, b} },
			func() []string { return []string{"EVAL", scripts[1].source, "2", a, b, "x", k.fresh()} },
			func() []string { return []string{"EVAL", scripts[2].source, "3", a, b, c, k.fresh()} },
			func() []string { return []string{"EVAL", scripts[3].source, "0", a, b, k.fresh()} },
			func() []string { return []string{"SET", a, "x"} },
			func() []string { return []string{"MGET", a, b, c} },
		)
	})
}

// drawPlan makes what a client does in a history.
func drawPlan(l *linearLoad, k *keyring, client int, r *rand.Rand) (p plan) {
	for range 2 {
		var pipeline []request
		for _, words := range l.draw(k, client, r) {
			rq := request{client: client, words: words}
			if words[0] == transaction {
				rq.words = nil
				for _, q := range words[1:] {
					rq.queue = append(rq.queue, strings.Fields(q))
				}
			}
			pipeline = append(pipeline, rq)
		}
		p.pipelines = append(p.pipelines, pipeline)
	}
	p.dies = r.IntN(6) == 0
	p.hears = r.IntN(len(p.pipelines[1]))
	return p
}

// A history is what happened. Its clock counts calls and returns.
type history struct {
	prefix string // of its keys
	loose  bool   // see mustFollow
	clock  atomic.Int64
	mu     sync.Mutex
	ops    []porcupine.Operation
}

// A witness records what one client does.
type witness struct {
	h      *history
	client int
	ops    []porcupine.Operation
}

// called notes a request that is about to be sent, and returns its place.
func (w *witness) called(rq request, now int64) int {
	rq.client, rq.nth = w.client, len(w.ops)
	for _, op := range w.ops {
		if earlier := op.Input.(request); w.h.mustFollow(earlier, rq) {
			rq.after |= earlier.bit()
		}
	}
	w.ops = append(w.ops, porcupine.Operation{
		ClientId: w.client, Input: rq, Call: now, Output: outcome{unheard: true}, Return: math.MaxInt64,
	})
	return len(w.ops) - 1
}

// mustFollow tells whether a client's requests take effect in the order they were sent
// in, whenever replies were read. They do, except that a sharded keyspace promises it
// only for requests on the same key, and for those that everything waits for:
// transactions, scripts, and commands that block.
func (h *history) mustFollow(earlier, later request) bool {
	if !h.loose || h.barrier(earlier) || h.barrier(later) {
		return true
	}
	return slices.ContainsFunc(later.words[1:], func(word string) bool {
		return strings.HasPrefix(word, h.prefix) && slices.Contains(earlier.words, word)
	})
}

func (h *history) barrier(rq request) bool {
	if rq.words == nil {
		return true
	}
	switch rq.words[0] {
	case "WATCH", "EVAL", "BLPOP", "BLMOVE":
		return true
	}
	return false
}

// returned notes its reply.
func (w *witness) returned(at int, reply string) {
	w.ops[at].Output = outcome{reply: reply}
	w.ops[at].Return = w.h.clock.Add(1)
}

// done hands in what was recorded.
func (w *witness) done() {
	w.h.mu.Lock()
	w.h.ops = append(w.h.ops, w.ops...)
	w.h.mu.Unlock()
}

// A door is a way in: to connect, and to call.
type door struct {
	dial  func() (net.Conn, error)
	do    func(ctx context.Context, words []string) (resp.Value, error)
	loose bool // as history's
}

func doorOf(ks *redweave.Keyspace) door {
	return door{dial: ks.Dial, do: func(ctx context.Context, words []string) (resp.Value, error) { return call(ctx, ks, words) }}
}

// call is a call in process: a typed one if there is one.
func call(ctx context.Context, ks *redweave.Keyspace, words []string) (resp.Value, error) {
	text := func(s string, ok bool) resp.Value {
		if !ok {
			return resp.Value{Kind: resp.Null}
		}
		return resp.Value{Kind: resp.BulkString, Str: s}
	}
	switch {
	case words[0] == "GET":
		b, ok, err := ks.Get(words[1])
		return text(string(b), ok), err
	case words[0] == "SET" && len(words) == 3:
		return text("OK", true), ks.Set(words[1], []byte(words[2]))
	case words[0] == "INCR":
		n, err := ks.Incr(words[1], 1)
		return resp.Value{Kind: resp.Integer, Int: n}, err
	}
	args := make([]any, len(words))
	for i, w := range words {
		args[i] = w
	}
	return ks.Do(ctx, args...)
}

// connected is a client with a connection.
func connected(w *witness, d door, p plan) error {
	defer w.done()
	conn, err := d.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(someReplies))
	in := resp.NewReader(bufio.NewReader(conn))
	for i, pipeline := range p.pipelines {
		hears := len(pipeline)
		if p.dies && i == len(p.pipelines)-1 {
			hears = p.hears
		}
		var out []byte
		var at []int
		now := w.h.clock.Add(1)
		for _, rq := range pipeline {
			at = append(at, w.called(rq, now))
			out = appendRequest(out, rq)
		}
		if _, err := conn.Write(out); err != nil {
			return err
		}
		for j, rq := range pipeline[:hears] {
			v, err := readReply(in, rq)
			if err != nil {
				return fmt.Errorf("client %d: %w after %s", w.client, err, describe(rq, outcome{unheard: true}))
			}
			w.returned(at[j], render(v))
		}
	}
	return nil
}

func appendRequest(b []byte, rq request) []byte {
	if rq.words != nil {
		return resp.AppendCommand(b, rq.words...)
	}
	b = resp.AppendCommand(b, "MULTI")
	for _, words := range rq.queue {
		b = resp.AppendCommand(b, words...)
	}
	return resp.AppendCommand(b, "EXEC")
}

// readReply reads the reply to a request; of a transaction, the last.
func readReply(in *resp.Reader, rq request) (v resp.Value, err error) {
	n := 1
	if rq.words == nil {
		n = len(rq.queue) + 2
	}
	for range n {
		if v, err = in.Read(); err != nil {
			return v, err
		}
	}
	return v, nil
}

// calling is a client that is a goroutine of this process. It does not die: where the
// plan says so it loses patience with the last command that waits, which has then not
// happened.
func calling(w *witness, d door, p plan) error {
	defer w.done()
	ctx, cancel := context.WithTimeout(context.Background(), someReplies)
	defer cancel()
	for i, pipeline := range p.pipelines {
		for _, rq := range pipeline {
			ctx := ctx
			patient := !p.dies || i < len(p.pipelines)-1 || !strings.HasPrefix(rq.words[0], "B")
			if !patient {
				var cancel func()
				ctx, cancel = context.WithTimeout(ctx, 100*time.Microsecond)
				defer cancel()
			}
			at := w.called(rq, w.h.clock.Add(1))
			v, err := d.do(ctx, rq.words)
			if !patient && errors.Is(err, context.DeadlineExceeded) {
				w.ops = w.ops[:at]
				continue
			}
			if wrong := resp.Error(""); err != nil && !errors.As(err, &wrong) {
				return fmt.Errorf("client %d: %w from %s", w.client, err, describe(rq, outcome{unheard: true}))
			} else if err != nil {
				v = resp.Value{Kind: resp.SimpleError, Str: string(wrong)}
			}
			w.returned(at, render(v))
		}
	}
	return nil
}

// render writes a reply as the specification does: protocols do not matter, nor does
// the order of a set.
func render(v resp.Value) string {
	switch {
	case v.IsNull():
		return none
	case v.Kind == resp.Array, v.Kind == resp.Set:
		var elems []string
		for _, e := range v.Elems {
			elems = append(elems, render(e))
		}
		if v.Kind == resp.Set {
			slices.Sort(elems)
		}
		return array(elems...)
	case v.Err() != nil:
		return v.Str
	}
	return v.Text()
}

// live has a history happen, and returns it.
func live(l *linearLoad, d door, prefix string, r *rand.Rand) (ops []porcupine.Operation, err error) {
	h, k := &history{prefix: prefix, loose: d.loose}, &keyring{prefix: prefix}
	var plans [linearClients]plan
	for i := range plans {
		plans[i] = drawPlan(l, k, i, r)
	}
	mixed := r.IntN(3) // 0: all are connected, 1: some, 2: nobody who need not be
	errs := make(chan error, linearClients)
	start := make(chan struct{})
	for i, p := range plans {
		w := &witness{h: h, client: i}
		run := connected
		if inProcess := mixed == 2 || mixed == 1 && r.IntN(2) == 0; inProcess && !(l.transacts && i%2 == 0) {
			run = calling
		}
		go func() {
			<-start
			errs <- run(w, d, p)
		}()
	}
	close(start)
	if err := feed(h, k, d, errs); err != nil {
		return nil, err
	}
	return h.ops, audit(h, k, d)
}

// feed waits for all clients, and pushes what those wait for who are still blocked when
// there is nobody else who could.
func feed(h *history, k *keyring, d door, errs <-chan error) error {
	w := &witness{h: h, client: feeder}
	defer w.done()
	patience := time.NewTicker(2 * time.Millisecond)
	defer patience.Stop()
	for left, pushed := linearClients, 0; left > 0; {
		select {
		case err := <-errs:
			if err != nil {
				return err
			}
			left--
		case <-patience.C:
			if left > linearClients/2 || pushed == 40 { // a machine that stutters, mostly
				continue
			}
			rq := request{words: []string{"RPUSH", k.key("l", pushed%2), k.fresh()}}
			at := w.called(rq, h.clock.Add(1))
			v, err := d.do(context.Background(), rq.words)
			if err != nil {
				return err
			}
			w.returned(at, render(v))
			pushed++
		}
	}
	return nil
}

// audit reads everything that is left.
func audit(h *history, k *keyring, d door) error {
	w := &witness{h: h, client: auditor}
	var p plan
	strs, lists, sets := k.all()
	for _, s := range strs {
		p.pipelines = append(p.pipelines, []request{{words: []string{"GET", s}}})
	}
	for _, l := range lists {
		p.pipelines = append(p.pipelines, []request{{words: []string{"LRANGE", l, "0", "-1"}}})
	}
	for _, s := range sets {
		p.pipelines = append(p.pipelines, []request{{words: []string{"SMEMBERS", s}}})
	}
	return calling(w, d, p)
}

// story renders a history in the order of its calls.
func story(ops []porcupine.Operation) string {
	ops = slices.SortedFunc(slices.Values(ops), func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, op := range ops {
		fmt.Fprintf(&b, "%4d to ", op.Call)
		if out := op.Output.(outcome); out.unheard {
			b.WriteString("  – ")
		} else {
			fmt.Fprintf(&b, "%4d", op.Return)
		}
		fmt.Fprintf(&b, "  %s\n", describe(op.Input.(request), op.Output.(outcome)))
	}
	return b.String()
}

func linearOptions(model string) redweave.Options {
	return redweave.Options{Model: model, Config: map[string]string{
		"server-threads": "3", "io-threads": "3", "io-threads-do-reads": "yes", "shards": "3",
	}}
}

func TestLinearizable(t *testing.T) {
	seed := *linearSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-linear.seed %d", seed)
	for model := range strings.SplitSeq(*linearModels, ",") {
		t.Run(model, func(t *testing.T) {
			ks, err := redweave.Open(linearOptions(model))
			if err != nil {
				t.Fatal(err)
			}
			defer ks.Close()
			d := doorOf(ks)
			d.loose = model == "sharded"
			for i := range linearLoads {
				t.Run(linearLoads[i].name, func(t *testing.T) {
					linearizable(t, &linearLoads[i], d, rand.New(rand.NewPCG(seed, uint64(i))))
				})
			}
		})
	}
}

// linearizable has histories happen, and judges each.
func linearizable(t *testing.T, l *linearLoad, d door, r *rand.Rand) {
	until := time.Now().Add(*linearTime)
	n, requests, undecided := 0, 0, 0
	for ; time.Now().Before(until); n++ {
		ops, err := live(l, d, fmt.Sprintf("%s:%d:", l.name, n), r)
		if err != nil {
			t.Fatal(err)
		}
		requests += len(ops)
		switch porcupine.CheckOperationsTimeout(l.model, ops, searchTime) {
		case porcupine.Illegal:
			t.Fatalf("history %d has no order:\n%s", n, story(ops))
		case porcupine.Unknown:
			undecided++
		}
	}
	t.Logf("%d histories, %d requests", n, requests)
	if undecided > 0 {
		t.Errorf("%d histories are too long to be judged", undecided)
	}
}

// A server that tears commands on several keys apart is found out.
func TestTornCommandsAreFound(t *testing.T) {
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer ks.Close()
	whole := doorOf(ks)
	torn := whole
	torn.do = func(ctx context.Context, words []string) (v resp.Value, err error) {
		if words[0] != "MSET" {
			return whole.do(ctx, words)
		}
		for i := 1; i < len(words); i += 2 {
			v, err = whole.do(ctx, []string{"SET", words[i], words[i+1]})
			runtime.Gosched()
			time.Sleep(10 * time.Microsecond)
		}
		return v, err
	}
	l := &linearLoads[1]
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 10_000 {
		ops, err := live(l, torn, fmt.Sprintf("torn:%d:", n), r)
		if err != nil {
			t.Fatal(err)
		}
		if porcupine.CheckOperationsTimeout(l.model, ops, searchTime) == porcupine.Illegal {
			t.Logf("history %d has no order", n)
			return
		}
	}
	t.Error("nobody has noticed")
}

// happened makes a history of lines: client, time of the call and of the return, 0 for
// never, then the words and the reply, cut at the arrow.
func happened(t *testing.T, lines ...string) (ops []porcupine.Operation) {
	t.Helper()
	var nth [maxClients]int
	for _, line := range lines {
		left, reply, _ := strings.Cut(line, " → ")
		f := strings.Fields(left)
		client, _ := strconv.Atoi(f[0])
		call, _ := strconv.ParseInt(f[1], 10, 64)
		ret, _ := strconv.ParseInt(f[2], 10, 64)
		op := porcupine.Operation{ClientId: client, Call: call, Return: ret, Output: outcome{reply: reply}}
		if ret == 0 {
			op.Return, op.Output = math.MaxInt64, outcome{unheard: true}
		}
		rq := request{client: client, nth: nth[client], after: 1<<nth[client] - 1, words: f[3:]}
		switch f[3] {
		case transaction:
			rq.words = nil
			for q := range strings.SplitSeq(strings.Join(f[4:], " "), ",") {
				rq.queue = append(rq.queue, strings.Fields(q))
			}
		case "EVAL": // by the number of its script
			i, _ := strconv.Atoi(f[4])
			rq.words[1] = scripts[i].source
		}
		op.Input = rq
		nth[client]++
		ops = append(ops, op)
	}
	return ops
}

// TestBrokenHistories judges histories that were made up, sound ones and others.
func TestBrokenHistories(t *testing.T) {
	for _, c := range []struct {
		name   string
		lines  []string
		broken bool
	}{
		{"concurrent", []string{"0 1 9 SET a 1 → OK", "1 2 3 GET a → 1", "2 4 5 GET a → 1"}, false},
		{"stale read", []string{"0 1 9 SET a 1 → OK", "1 2 3 GET a → 1", "2 4 5 GET a → nil"}, true},
		{"stale after the reply", []string{"0 1 2 SET a 1 → OK", "1 3 4 GET a → nil"}, true},
		{"lost increment", []string{"0 1 4 INCR n → 1", "1 2 3 INCR n → 1"}, true},
		{"died before it did", []string{"0 1 0 SET a 1", "1 2 3 GET a → nil", "1 4 5 GET a → nil"}, false},
		{"died after it did", []string{"0 1 0 SET a 1", "1 2 3 GET a → nil", "1 4 5 GET a → 1"}, false},
		{"died and undid", []string{"0 1 0 SET a 1", "1 2 3 GET a → 1", "1 4 5 GET a → nil"}, true},
		{"two owners", []string{"0 1 4 SETNX a 1 → 1", "1 2 3 SETNX a 2 → 1"}, true},
		{"half an MSET", []string{"0 1 9 MSET a 1 b 1 → OK", "1 2 3 MGET a b → [1 nil]"}, true},
		{"two MSETs mixed", []string{"0 1 9 MSET a 1 b 1 → OK", "1 2 8 MSET a 2 b 2 → OK", "2 10 11 MGET a b → [1 2]"}, true},
		{"neither name", []string{
			"0 1 2 SET a 1 → OK", "0 3 9 RENAME a b → OK", "1 4 5 MGET a b → [nil nil]",
		}, true},
		{"in two sets", []string{
			"0 1 2 SADD s m → 1", "0 3 9 SMOVE s t m → 1", "1 4 5 SMEMBERS t → [m]", "1 6 7 SMEMBERS s → [m]",
		}, true},
		{"pipelined", []string{"0 1 4 SET a 1 → OK", "0 1 5 GET a → 1"}, false},
		{"out of the pipeline's order", []string{"0 1 4 SET a 1 → OK", "0 1 5 GET a → nil"}, true},
		{"watched, untouched", []string{
			"0 1 2 WATCH a → OK", "1 3 4 GET a → nil", "0 5 6 MULTI INCR a,GET a → [1 1]",
		}, false},
		{"watched, touched, gave up", []string{
			"0 1 2 WATCH a → OK", "1 3 4 SET a 1 → OK", "0 5 6 MULTI INCR a → nil",
		}, false},
		{"watched, touched, went on", []string{
			"0 1 2 WATCH a → OK", "1 3 4 SET a 1 → OK", "0 5 6 MULTI INCR a → [2]",
		}, true},
		{"gave up for nothing", []string{
			"0 1 2 WATCH a → OK", "1 3 4 SET b 1 → OK", "0 5 6 MULTI INCR a → nil",
		}, true},
		{"seen inside a transaction", []string{
			"0 1 9 MULTI INCR a,INCR a → [1 2]", "1 2 3 GET a → 1",
		}, true},
		{"waited for its element", []string{"0 1 9 BLPOP l 0 → [l x]", "1 2 3 RPUSH l x → 1", "2 4 5 LLEN l → 0"}, false},
		{"an element from nowhere", []string{"0 1 3 BLPOP l 0 → [l x]", "1 4 5 RPUSH l x → 1"}, true},
		{"popped twice", []string{
			"0 1 9 BLPOP l 0 → [l x]", "1 2 3 RPUSH l x → 1", "2 4 8 BLPOP l 0 → [l x]",
		}, true},
		{"last in, first out", []string{"1 1 2 RPUSH l x y → 2", "0 3 4 BLPOP l 0 → [l y]"}, true},
		{"lost to who lost patience", []string{"1 1 2 RPUSH l x → 1", "2 3 4 LRANGE l 0 -1 → []"}, true},
		{"lost to the dead", []string{"0 1 0 BLPOP l 0", "1 2 3 RPUSH l x → 1", "2 4 5 LRANGE l 0 -1 → []"}, false},
		{"a whole script", []string{
			"0 1 2 SET a 1 → OK", "0 3 9 EVAL 0 2 a b → [1 nil]", "1 4 5 MGET a b → [nil 1]",
		}, false},
		{"half a script", []string{
			"0 1 2 SET a 1 → OK", "0 3 9 EVAL 0 2 a b → [1 nil]", "1 4 5 MGET a b → [1 1]",
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ops := happened(t, c.lines...)
			if ok := porcupine.CheckOperations(specification, ops); ok == c.broken {
				t.Errorf("judged wrongly:\n%s", story(ops))
			}
			if !slices.ContainsFunc(ops, func(op porcupine.Operation) bool {
				rq := op.Input.(request)
				return rq.words == nil || len(rq.words) > 3 || strings.HasPrefix(rq.words[0], "M")
			}) && porcupine.CheckOperations(byKey, ops) == c.broken {
				t.Errorf("judged wrongly by key:\n%s", story(ops))
			}
		})
	}
}
