package transcript

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// The RESP reader here is apart from the module's own on purpose: a judge
// should not share the mistakes of the judged. It is plain and slow.

// A Reply is one RESP value.
type Reply struct {
	Mark  byte   // RESP's type byte
	Text  string // of scalars
	Null  bool   // null bulk string or array of RESP2
	Elems []Reply
}

// ReadRaw reads one whole RESP value and returns its bytes. Transports over a
// stream use it to tell replies apart.
func ReadRaw(r *bufio.Reader) ([]byte, error) {
	var raw bytes.Buffer
	_, err := readReply(r, &raw)
	return raw.Bytes(), err
}

// Decode reads the one value that raw is.
func Decode(raw []byte) (Reply, error) {
	r := bufio.NewReader(bytes.NewReader(raw))
	v, err := readReply(r, io.Discard)
	if err != nil {
		return v, err
	}
	if n := r.Buffered(); n > 0 {
		return v, fmt.Errorf("%d bytes after the reply", n)
	}
	return v, nil
}

var errCorrupt = errors.New("bytes that are no RESP")

// readReply reads a value and copies its bytes to raw.
func readReply(r *bufio.Reader, raw io.Writer) (Reply, error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return Reply{}, err
	}
	raw.Write(line)
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return Reply{}, fmt.Errorf("%w: %q", errCorrupt, line)
	}
	v := Reply{Mark: line[0], Text: string(line[1 : len(line)-2])}
	switch v.Mark {
	case '+', '-', ':', ',', '(', '#', '_':
		return v, nil
	}
	n, err := strconv.Atoi(v.Text)
	if err != nil || n < -1 || n > 1<<29 {
		return v, fmt.Errorf("%w: %q", errCorrupt, line)
	}
	v.Text = ""
	if n == -1 {
		v.Null = true
		return v, nil
	}
	switch v.Mark {
	case '$', '!', '=':
		var body strings.Builder // grows with what arrives, not with what is promised
		if _, err := io.CopyN(io.MultiWriter(&body, raw), r, int64(n)+2); err != nil {
			return v, err
		}
		text, ok := strings.CutSuffix(body.String(), "\r\n")
		if !ok {
			return v, fmt.Errorf("%w: bulk of %d bytes has no end", errCorrupt, n)
		}
		v.Text = text
		return v, nil
	case '*', '~', '>':
	case '%', '|':
		n *= 2
	default:
		return v, fmt.Errorf("%w: %q", errCorrupt, line)
	}
	for range n {
		e, err := readReply(r, raw)
		if err != nil {
			return v, err
		}
		v.Elems = append(v.Elems, e)
	}
	if v.Mark == '|' { // attributes: the value they belong to follows
		e, err := readReply(r, raw)
		if err != nil {
			return v, err
		}
		v.Elems = append(v.Elems, e)
	}
	return v, nil
}

// rename puts names where the texts stand that they are of.
func (v *Reply) rename(names map[string]string) {
	for name, text := range names {
		v.Text = strings.ReplaceAll(v.Text, text, name)
	}
	for i := range v.Elems {
		v.Elems[i].rename(names)
	}
}

// pageWidth is the width up to which an aggregate stands on one line.
const pageWidth = 90

// Render shows the raw bytes of one reply in the notation of transcripts.
func Render(raw []byte) (string, error) {
	v, err := Decode(raw)
	if err != nil {
		return "", err
	}
	return v.render(0), nil
}

// String shows the reply in the notation of transcripts.
func (v Reply) String() string { return v.render(0) }

// Sort makes the order of elements fixed: those of sets, arrays and maps
// on the outermost level; pairs says that a flat array holds pairs.
func (v *Reply) Sort(pairs bool) {
	size := 1
	if v.Mark == '%' || pairs && v.Mark == '*' {
		size = 2
	}
	groups := slices.Collect(slices.Chunk(v.Elems, size))
	slices.SortStableFunc(groups, func(a, b []Reply) int {
		return strings.Compare(a[0].render(0), b[0].render(0))
	})
	v.Elems = slices.Concat(groups...)
}

// render shows the value, its later lines indented by some number of steps.
func (v *Reply) render(depth int) string {
	switch v.Mark {
	case '+', '-', ':', ',', '(', '#', '_':
		return string(v.Mark) + v.Text
	case '$':
		if v.Null {
			return "(nil)"
		}
		return quote(v.Text)
	case '!':
		return "!" + quote(v.Text)
	case '=':
		kind, text, _ := strings.Cut(v.Text, ":")
		return "=" + kind + ":" + quote(text)
	}
	if v.Null {
		return "(nil-array)"
	}
	items := v.items(depth + 1)
	width, lines := 2*depth+3, false
	for _, it := range items {
		width += len(it) + 1
		lines = lines || strings.Contains(it, "\n")
	}
	open := string(v.Mark) + "["
	if width <= pageWidth && !lines {
		return open + strings.Join(items, " ") + "]"
	}
	if v.flat() {
		items = fill(items, pageWidth-2*(depth+1))
	}
	indent := "\n" + strings.Repeat("  ", depth+1)
	return open + indent + strings.Join(items, indent) + indent[:len(indent)-2] + "]"
}

// quote shows a string; one byte over and over is shown as "x"*100.
func quote(s string) string {
	if len(s) >= 32 && strings.Count(s, s[:1]) == len(s) {
		return strconv.QuoteToASCII(s[:1]) + "*" + strconv.Itoa(len(s))
	}
	return strconv.QuoteToASCII(s)
}

// flat reports whether the value is a list of scalars.
func (v *Reply) flat() bool {
	if v.Mark == '%' || v.Mark == '|' {
		return false
	}
	for i := range v.Elems {
		if len(v.Elems[i].Elems) > 0 {
			return false
		}
	}
	return true
}

// fill joins items to lines of at most some width, where items allow.
func fill(items []string, width int) []string {
	var lines []string
	for _, it := range items {
		if n := len(lines); n > 0 && len(lines[n-1])+1+len(it) <= width {
			lines[n-1] += " " + it
		} else {
			lines = append(lines, it)
		}
	}
	return lines
}

// items renders the elements, of a map as "key: value".
func (v *Reply) items(depth int) []string {
	var list []string
	if v.Mark != '%' && v.Mark != '|' {
		for i := range v.Elems {
			list = append(list, v.Elems[i].render(depth))
		}
		return list
	}
	for i := 0; i+1 < len(v.Elems); i += 2 {
		list = append(list, v.Elems[i].render(depth)+": "+v.Elems[i+1].render(depth))
	}
	if v.Mark == '|' {
		list = append(list, v.Elems[len(v.Elems)-1].render(depth))
	}
	return list
}
