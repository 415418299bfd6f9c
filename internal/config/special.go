package config

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// bindKind is a list of addresses. None means no TCP at all.
type bindKind struct{}

const maxBindAddrs = 16

func (bindKind) set(v *Values, words []string) error {
	if len(words) > maxBindAddrs {
		return problem("Too many bind addresses specified.")
	}
	if len(words) == 1 && words[0] == "" {
		words = nil
	}
	v.Bind = slices.Clone(words)
	return nil
}

func (bindKind) get(v *Values) string { return strings.Join(v.Bind, " ") }

func (bindKind) rewrite(r *rewriter, name string, v, def *Values) {
	switch {
	case slices.Equal(v.Bind, def.Bind):
		r.processed(name)
	case len(v.Bind) == 0:
		r.line(name, `""`, true)
	default:
		words := slices.Clone(v.Bind)
		for i, word := range words {
			if again, ok := splitWords(word); !ok || len(again) != 1 || again[0] != word {
				words[i] = quote(word)
			}
		}
		r.line(name, strings.Join(words, " "), true)
	}
}

// bufferLimitKind is groups of class, hard limit, soft limit, seconds. A class that
// is not named keeps its limits.
type bufferLimitKind struct{}

func (bufferLimitKind) set(v *Values, words []string) error {
	if len(words)%4 != 0 {
		return problem("Wrong number of arguments in buffer limit configuration.")
	}
	limits := v.ClientOutputBufferLimit
	for ; len(words) > 0; words = words[4:] {
		class := indexFold(classNames[:], words[0])
		if strings.EqualFold(words[0], "replica") {
			class = ClassReplica
		}
		if class < 0 {
			return problem("Invalid client class specified in buffer limit configuration.")
		}
		hard, ok1 := ParseMemory(words[1])
		soft, ok2 := ParseMemory(words[2])
		seconds, ok3 := strtoll(words[3], 10)
		if !ok1 || !ok2 || !ok3 || int32(seconds) < 0 {
			return problem("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
		}
		limits[class] = BufferLimit{hard, soft, int(int32(seconds))} // an int in Redis
	}
	v.ClientOutputBufferLimit = limits
	return nil
}

func (bufferLimitKind) get(v *Values) string {
	var words []string
	for class, l := range v.ClientOutputBufferLimit {
		words = append(words, classNames[class],
			strconv.FormatUint(l.HardBytes, 10), strconv.FormatUint(l.SoftBytes, 10), strconv.Itoa(l.SoftSeconds))
	}
	return strings.Join(words, " ")
}

func (bufferLimitKind) rewrite(r *rewriter, name string, v, def *Values) {
	for class, l := range v.ClientOutputBufferLimit {
		className := classNames[class]
		if class == ClassReplica {
			className = "replica"
		}
		r.line(name, className+" "+FormatMemory(l.HardBytes)+" "+FormatMemory(l.SoftBytes)+" "+strconv.Itoa(l.SoftSeconds),
			l != def.ClientOutputBufferLimit[class])
	}
}

// dirKind is a directory that has to be there. Redis goes there; here only what
// is relative to it is looked up there.
type dirKind struct{}

func (dirKind) set(v *Values, words []string) error {
	dir, err := oneWord(words)
	if err != nil {
		return err
	}
	if dir == "" {
		return problem(strerror(syscall.ENOENT))
	}
	dir = v.resolve(dir)
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return problem(strerror(err))
	case !info.IsDir():
		return problem(strerror(syscall.ENOTDIR))
	}
	v.dir = filepath.Clean(dir)
	return nil
}

func (dirKind) get(v *Values) string { return v.Dir() }

func (dirKind) rewrite(r *rewriter, name string, v, _ *Values) {
	if dir := v.Dir(); dir == "" {
		r.processed(name)
	} else {
		r.line(name, quote(dir), true)
	}
}

// strerror is the system's text for an error, begun with a capital as in C.
func strerror(err error) string {
	text := err.Error()
	var errno syscall.Errno
	if errors.As(err, &errno) {
		text = errno.Error()
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// percentilesKind is a list of percentiles.
type percentilesKind struct{}

func (percentilesKind) set(v *Values, words []string) error {
	if len(words) == 1 && words[0] == "" {
		words = nil
	}
	percentiles := make([]float64, len(words))
	for i, word := range words {
		p, ok := parseDouble(word)
		if !ok {
			return problem("Invalid latency-tracking-info-percentiles parameters")
		}
		if p < 0 || p > 100 {
			return problem("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
		}
		percentiles[i] = p
	}
	v.LatencyTrackingInfoPercentiles = percentiles
	return nil
}

func (percentilesKind) get(v *Values) string {
	words := make([]string, len(v.LatencyTrackingInfoPercentiles))
	for i, p := range v.LatencyTrackingInfoPercentiles {
		words[i] = FormatPercentile(p)
	}
	return strings.Join(words, " ")
}

func (k percentilesKind) rewrite(r *rewriter, name string, v, _ *Values) {
	if len(v.LatencyTrackingInfoPercentiles) == 0 {
		r.line(name, `""`, true)
		return
	}
	r.line(name, k.get(v), true)
}

// FormatPercentile writes a percentile as CONFIG GET, INFO and the file do: at most six
// decimals, and no zeros at the end.
func FormatPercentile(p float64) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(p, 'f', 6, 64), "0"), ".")
}

// parseDouble reads a number as C's strtod does, but none that is left over, infinite
// by overflow, or not a number.
func parseDouble(s string) (float64, bool) {
	if strings.ContainsAny(s, "_") {
		return 0, false
	}
	if digits := strings.ToLower(strings.TrimLeft(s, "+-")); strings.HasPrefix(digits, "0x") && !strings.Contains(digits, "p") {
		s += "p0"
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f)
}

// notifyKind is letters.
type notifyKind struct{}

func (notifyKind) set(v *Values, words []string) error {
	word, err := oneWord(words)
	if err != nil {
		return err
	}
	n, ok := parseNotify(word)
	if !ok {
		return problem("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
	}
	v.NotifyKeyspaceEvents = n
	return nil
}

func (notifyKind) get(v *Values) string { return v.NotifyKeyspaceEvents.String() }

// rewrite keeps the n that String drops beside A: the next start shall be as
// this one.
func (notifyKind) rewrite(r *rewriter, name string, v, _ *Values) {
	n := v.NotifyKeyspaceEvents
	text := n.String()
	if n&NotifyNew != 0 && !strings.Contains(text, "n") {
		text += "n"
	}
	r.line(name, quote(text), n != 0)
}

// oomValuesKind is three numbers.
type oomValuesKind struct{}

func (oomValuesKind) set(v *Values, words []string) error {
	if len(words) != len(v.OOMScoreAdjValues) {
		return errWrongNumber
	}
	var values [3]int
	for i, word := range words {
		n, ok := strtoll(word, 10)
		if !ok || n < -2000 || n > 2000 {
			return problem("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
		}
		values[i] = int(n)
	}
	v.OOMScoreAdjValues = values
	return nil
}

func (oomValuesKind) get(v *Values) string {
	words := make([]string, 0, len(v.OOMScoreAdjValues))
	for _, n := range v.OOMScoreAdjValues {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, " ")
}

func (k oomValuesKind) rewrite(r *rewriter, name string, v, def *Values) {
	r.line(name, k.get(v), v.OOMScoreAdjValues != def.OOMScoreAdjValues)
}

// saveKind is pairs of seconds and changes.
type saveKind struct{}

func (saveKind) set(v *Values, words []string) error {
	const bad problem = "Invalid save parameters"
	if len(words) == 1 && words[0] == "" {
		words = nil
	}
	if len(words)%2 != 0 {
		return bad
	}
	points := make([]SavePoint, 0, len(words)/2)
	for ; len(words) > 0; words = words[2:] {
		seconds, ok1 := strtoll(words[0], 10)
		changes, ok2 := strtoll(words[1], 10)
		if !ok1 || !ok2 || seconds < 1 || changes < 0 {
			return bad
		}
		points = append(points, SavePoint{seconds, int32(changes)}) // an int in Redis
	}
	v.Save = points
	return nil
}

func (saveKind) get(v *Values) string {
	words := make([]string, len(v.Save))
	for i, p := range v.Save {
		words[i] = p.String()
	}
	return strings.Join(words, " ")
}

func (saveKind) rewrite(r *rewriter, name string, v, _ *Values) {
	if len(v.Save) == 0 {
		r.line(name, `""`, true)
	}
	for _, p := range v.Save {
		r.line(name, p.String(), true)
	}
}

func (p SavePoint) String() string {
	return strconv.FormatInt(p.Seconds, 10) + " " + strconv.FormatInt(int64(p.Changes), 10)
}

// shutdownKind is a set of words.
type shutdownKind struct{ field func(*Values) *Shutdown }

func (k shutdownKind) set(v *Values, words []string) error {
	var flags Shutdown
	if len(words) == 0 {
		words = []string{""}
	}
	for _, word := range words {
		if strings.EqualFold(word, "default") {
			continue
		}
		i := indexFold(shutdownNames, word)
		if i < 0 {
			return notOneOf(append([]string{"default"}, shutdownNames...))
		}
		flags |= 1 << i
	}
	if flags&(ShutdownSave|ShutdownNoSave) == ShutdownSave|ShutdownNoSave {
		return problem("shutdown options SAVE and NOSAVE can't be used simultaneously")
	}
	*k.field(v) = flags
	return nil
}

func (k shutdownKind) get(v *Values) string { return k.field(v).String() }

func (k shutdownKind) rewrite(r *rewriter, name string, v, def *Values) {
	r.line(name, k.get(v), *k.field(v) != *k.field(def))
}
