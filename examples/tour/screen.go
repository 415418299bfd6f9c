package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A screen is where the tour is told: a terminal, on which progress is one line
// that changes, or a file, in which it is a few lines.
type screen struct {
	w        io.Writer
	terminal bool
	last     time.Time // of the last sign of progress; zero before the work
	chapter  int
}

func newScreen(w io.Writer) *screen {
	s := &screen{w: w}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		s.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return s
}

func (s *screen) printf(format string, args ...any) { fmt.Fprintf(s.w, format, args...) }

func (s *screen) title(text string) {
	s.printf("%s\n%s\n", text, strings.Repeat("=", utf8.RuneCountInString(text)))
}

func (s *screen) heading(text string) {
	s.chapter++
	text = fmt.Sprintf("%d. %s", s.chapter, text)
	s.printf("\n%s\n%s\n", text, strings.Repeat("-", utf8.RuneCountInString(text)))
}

// progress tells how far work has come: text is the line to show. A file is told
// rarely, and nothing of what is done at once.
func (s *screen) progress(done, total int, text string) {
	now, pause := time.Now(), 300*time.Millisecond
	if s.terminal {
		pause = 50 * time.Millisecond
	}
	if s.last.IsZero() {
		s.last = now
	}
	if now.Sub(s.last) >= pause || s.terminal && done == total {
		s.last = now
		if s.terminal {
			s.printf("\r\x1b[K   %s %s", bar(done, total, 24), text)
		} else {
			s.printf("   %3d %%  %s\n", 100*done/total, text)
		}
	}
	if done == total {
		s.last = time.Time{}
		if s.terminal {
			s.printf("\r\x1b[K")
		}
	}
}

// bar draws a part of a whole, width characters wide.
func bar(part, whole, width int) string {
	n := width * part / max(whole, 1)
	return strings.Repeat("█", n) + strings.Repeat("░", width-n)
}

// commas writes a number with its thousands apart: 1,263,701.
func commas[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// megabytes writes a number of bytes.
func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// rounded is d to about three digits.
func rounded(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}
