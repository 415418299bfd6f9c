package transcript

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// A Server is what a transcript is played to.
type Server interface {
	// Dial opens a connection that speaks RESP2.
	Dial() (Conn, error)
	// Advance moves the server's clock on, or sleeps where it is real.
	Advance(d time.Duration)
}

// A Conn is one client's connection. It is used by one goroutine.
type Conn interface {
	// Send sends a command and does not wait for its reply. It may keep args.
	Send(args [][]byte) error
	// Receive returns the raw bytes of the next reply, or [ErrWaiting] when
	// there is none within about that time. Where the clock is not real, it
	// passes while Receive waits, as far as the reply needs.
	Receive(wait time.Duration) ([]byte, error)
	Close() error
}

// ErrWaiting says that a reply is still to come.
const ErrWaiting waiting = "transcript: no reply yet"

type waiting string

func (w waiting) Error() string { return string(w) }

const (
	patience = 2 * time.Minute       // for a reply that must come
	glance   = 40 * time.Millisecond // for one that must not
)

// Options say how Run plays a file.
type Options struct {
	Reference bool // the server is the reference: leave out steps not for it
	Update    bool // put its replies into the file instead of comparing

	// Lacks, if set, tells of commands the server does not have. A step with
	// such a command is left out, and every later one that names one of its
	// arguments: what it would find is not there.
	Lacks func(args [][]byte) Gap
}

// A Gap is what it means for the rest of a transcript that a command is not
// there.
type Gap uint8

// The gaps.
const (
	NoGap   Gap = iota // the command is there
	SomeGap            // its arguments are without meaning from now on
	EndGap             // so is the rest of the file: it changes how a client is served
)

// A Failure is a step whose reply is not what the file says.
type Failure struct {
	File    string
	Line    int
	Command string
	Want    string
	Got     string
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s:%d: %s\n got: %s\nwant: %s", f.File, f.Line, f.Command, f.Got, f.Want)
}

// Run plays a file to a server and returns the steps that failed. The error is
// about the conversation itself: after it no step was played.
func Run(f *File, s Server, o Options) (failures []*Failure, err error) {
	p := player{server: s, conns: map[string]Conn{}, settings: map[string]string{}, names: map[string]string{}}
	defer func() {
		if e := p.close(); err == nil {
			err = e
		}
	}()
	if err := p.use("main"); err != nil {
		return nil, err
	}
	for _, reset := range [][]string{{"FLUSHALL"}, {"FUNCTION", "FLUSH"}} { // the reference is shared
		if _, err := p.do(reset...); err != nil {
			return nil, err
		}
	}
	gaps := gaps{lacks: o.Lacks, tainted: map[string]bool{}}
	for i := range f.Steps {
		step := &f.Steps[i]
		if step.Command == "" || o.Reference && step.skip != "" {
			continue
		}
		if gaps.leaveOut(step) {
			if gaps.ended {
				break
			}
			if err := p.prepare(step); err != nil {
				return failures, fmt.Errorf("%s:%d: %s: %w", f.Name, step.Line, step.Command, err)
			}
			continue
		}
		got, err := p.play(step)
		if err != nil {
			return failures, fmt.Errorf("%s:%d: %s: %w", f.Name, step.Line, step.Command, err)
		}
		switch {
		case o.Update && !step.match && !step.await:
			step.Want = got
		case !step.accepts(got):
			failures = append(failures, &Failure{f.Name, step.Line, step.Command, step.Want, got})
		}
	}
	return failures, nil
}

// gaps remembers what the steps that were left out have not done.
type gaps struct {
	lacks   func(args [][]byte) Gap
	tainted map[string]bool // arguments of such steps
	ended   bool
}

func (g *gaps) leaveOut(s *Step) bool {
	if g.lacks == nil || len(s.Args) == 0 {
		return false
	}
	gap := g.lacks(s.Args)
	g.ended = gap == EndGap
	out := gap != NoGap
	for _, a := range s.Args[1:] {
		out = out || g.tainted[string(a)]
	}
	if out {
		for _, a := range s.Args[1:] {
			g.tainted[string(a)] = true
		}
	}
	return out
}

// A player is the state of one run: connections, and settings to undo.
type player struct {
	server   Server
	conns    map[string]Conn
	conn     Conn
	client   string            // the name of conn
	settings map[string]string // value before the first change
	names    map[string]string // of replies
}

// use makes the named connection the current one.
func (p *player) use(name string) (err error) {
	conn, ok := p.conns[name]
	if !ok {
		if conn, err = p.server.Dial(); err != nil {
			return err
		}
		p.conns[name] = conn
	}
	p.conn, p.client = conn, name
	return nil
}

// do runs a command of the player's own, which must not fail.
func (p *player) do(words ...string) (Reply, error) {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	if err := p.conn.Send(args); err != nil {
		return Reply{}, err
	}
	raw, err := p.conn.Receive(patience)
	if err != nil {
		return Reply{}, err
	}
	v, err := Decode(raw)
	if err == nil && v.Mark == '-' {
		err = fmt.Errorf("%v: %s", words, v.Text)
	}
	return v, err
}

// close undoes settings on the first connection and closes all.
func (p *player) close() error {
	var errs []error
	if len(p.settings) > 0 {
		if err := p.use("undo"); err != nil {
			errs = append(errs, err)
		}
		for name, value := range p.settings {
			if _, err := p.do("CONFIG", "SET", name, value); err != nil {
				errs = append(errs, err)
			}
		}
	}
	for _, c := range p.conns {
		c.Close()
	}
	return errors.Join(errs...)
}

func (p *player) set(name, value string) error {
	if _, known := p.settings[name]; !known {
		v, err := p.do("CONFIG", "GET", name)
		if err != nil {
			return err
		}
		if len(v.Elems) != 2 {
			return fmt.Errorf("no setting %s", name)
		}
		p.settings[name] = v.Elems[1].Text
	}
	_, err := p.do("CONFIG", "SET", name, value)
	return err
}

// prepare does what a step's directives say must be done before its command.
func (p *player) prepare(s *Step) error {
	if s.advance > 0 {
		p.server.Advance(s.advance)
	}
	if s.client != "" {
		if err := p.use(s.client); err != nil {
			return err
		}
	}
	if s.protocol != 0 {
		if _, err := p.do("HELLO", strconv.Itoa(s.protocol)); err != nil {
			return err
		}
	}
	for _, c := range s.config {
		if err := p.set(c[0], c[1]); err != nil {
			return err
		}
	}
	return nil
}

// play carries out one step and returns the reply in our notation.
func (p *player) play(s *Step) (string, error) {
	if err := p.prepare(s); err != nil {
		return "", err
	}
	wait := patience
	switch {
	case s.blocks:
		wait = glance
	case s.await:
		return p.await(s)
	}
	got, err := p.ask(s, wait)
	if err == ErrWaiting && s.blocks {
		return "(blocks)", nil
	}
	return got, err
}

// await asks until the answer is the one expected, and returns the last one. Who has no
// answer in a while may have asked too early or too late to ever get one.
func (p *player) await(s *Step) (got string, err error) {
	for start := time.Now(); time.Since(start) < patience; {
		if got, err = p.ask(s, time.Second); err == nil && s.accepts(got) {
			return got, nil
		}
		if err != nil && err != ErrWaiting {
			return "", err
		}
		time.Sleep(time.Millisecond)
		p.conn.Close()
		delete(p.conns, p.client)
		if err := p.use(p.client); err != nil {
			return "", err
		}
	}
	return got, err
}

// ask sends the step's command, if it has one, and returns the reply in our notation.
func (p *player) ask(s *Step, wait time.Duration) (string, error) {
	if s.Args != nil {
		if err := p.conn.Send(p.meant(s.Args)); err != nil {
			return "", err
		}
	}
	raw, err := p.conn.Receive(wait)
	if err != nil {
		return "", err
	}
	v, err := Decode(raw)
	if err != nil {
		return "", err
	}
	text := v.Text
	v.rename(p.names)
	if s.unordered {
		v.Sort(s.pairs)
	}
	if s.name != "" {
		if text == "" {
			return "", fmt.Errorf("nothing to call %s: %v", s.name, v)
		}
		p.names["("+s.name+")"] = text
	}
	return v.render(0), nil
}

// meant puts what names stand for in their place.
func (p *player) meant(args [][]byte) [][]byte {
	if len(p.names) == 0 {
		return args
	}
	args = slices.Clone(args)
	for i, a := range args {
		if text, ok := p.names[string(a)]; ok {
			args[i] = []byte(text)
		}
	}
	return args
}

// accepts reports whether a reply is the expected one.
func (s *Step) accepts(got string) bool {
	switch {
	case s.match:
		re, err := regexp.Compile(`(?s)\A(?:` + s.Want + `)\z`)
		return err == nil && re.MatchString(got)
	case s.tolerance > 0:
		return closeTo(got, s.Want, s.tolerance)
	}
	return got == s.Want
}

var number = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?`)

// closeTo compares texts: numbers in them may differ by a part of their size.
func closeTo(a, b string, tolerance float64) bool {
	if number.ReplaceAllString(a, "0") != number.ReplaceAllString(b, "0") {
		return false
	}
	as, bs := number.FindAllString(a, -1), number.FindAllString(b, -1)
	for i := range as {
		x, _ := strconv.ParseFloat(as[i], 64)
		y, _ := strconv.ParseFloat(bs[i], 64)
		if math.Abs(x-y) > tolerance*math.Max(math.Abs(x), math.Abs(y)) {
			return false
		}
	}
	return true
}
