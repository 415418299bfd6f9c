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
	last     time.Time // of the last sign of progress
	quarters int       // of the work at hand that a file was told of
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

// progress tells how far work has come: text is the line to show.
func (s *screen) progress(done, total int, text string) {
	if s.terminal {
		if now := time.Now(); now.Sub(s.last) > 50*time.Millisecond || done == total {
			s.last = now
			s.printf("\r\x1b[K   %s %s", bar(done, total, 24), text)
		}
	} else if q := 4 * done / max(total, 1); q > s.quarters {
		s.quarters = q
		s.printf("   %3d %%  %s\n", 25*q, text)
	}
	if done == total {
		if s.terminal {
			s.printf("\n")
		}
		s.quarters, s.last = 0, time.Time{}
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
