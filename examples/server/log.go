package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

// A logger is a slog.Handler that writes the lines of redis-server:
//
//	15011:M 20 Nov 2026 08:06:00.937 * Ready to accept connections tcp
//	pid  role date                   level message name=value …
//
// The role is C while the configuration is read, and M from then on.
type logger struct {
	level atomic.Int64 // the least slog.Level that is written
	attrs string       // of WithAttrs
	*logOutput
}

// A logOutput is where the lines of a logger go, and of all that stem from it.
type logOutput struct {
	mu   sync.Mutex
	w    io.Writer
	path string // "": w. Opened for each line, so that the file may be moved away
	role byte
}

// The levels of redis-server, as levels of slog.
const (
	levelDebug   = slog.LevelDebug
	levelVerbose = slog.LevelDebug + 2
	levelNotice  = slog.LevelInfo
	levelWarning = slog.LevelWarn
	levelNothing = slog.Level(1000)
)

var logLevels = map[string]slog.Level{
	"debug": levelDebug, "verbose": levelVerbose, "notice": levelNotice, "warning": levelWarning, "nothing": levelNothing,
}

func newLogger(w io.Writer) *logger { return &logger{logOutput: &logOutput{w: w, role: 'C'}} }

// configure obeys loglevel and logfile.
func (l *logger) configure(s *settings) error {
	l.level.Store(int64(logLevels[s.logLevel]))
	if s.logFile == "" {
		return nil
	}
	f, err := openLog(s.logFile)
	if err != nil {
		return err
	}
	l.path = s.logFile
	return f.Close()
}

// started changes the role.
func (l *logger) started() {
	l.mu.Lock()
	l.role = 'M'
	l.mu.Unlock()
}

// Enabled reports whether lines of this level are written.
func (l *logger) Enabled(_ context.Context, level slog.Level) bool {
	return int64(level) >= l.level.Load()
}

// Handle writes a line.
func (l *logger) Handle(_ context.Context, r slog.Record) error {
	mark := byte('#')
	switch {
	case r.Level < levelVerbose:
		mark = '.'
	case r.Level < levelNotice:
		mark = '-'
	case r.Level < levelWarning:
		mark = '*'
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := strconv.AppendInt(nil, int64(os.Getpid()), 10)
	b = append(b, ':', l.role, ' ')
	b = r.Time.AppendFormat(b, "02 Jan 2006 15:04:05.000")
	b = append(b, ' ', mark, ' ')
	b = append(b, r.Message...)
	b = append(b, l.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		b = appendAttr(b, a)
		return true
	})
	b = append(b, '\n')
	w := l.w
	if l.path != "" {
		f, err := openLog(l.path)
		if err != nil {
			return err
		}
		defer f.Close()
		w = f
	}
	_, err := w.Write(b)
	return err
}

func appendAttr(b []byte, a slog.Attr) []byte {
	return fmt.Appendf(b, " %s=%v", a.Key, a.Value.Resolve())
}

// WithAttrs returns a logger that adds attributes to every line.
func (l *logger) WithAttrs(attrs []slog.Attr) slog.Handler {
	b := []byte(l.attrs)
	for _, a := range attrs {
		b = appendAttr(b, a)
	}
	c := &logger{attrs: string(b), logOutput: l.logOutput}
	c.level.Store(l.level.Load())
	return c
}

// WithGroup returns the logger: its lines have no groups.
func (l *logger) WithGroup(string) slog.Handler { return l }

func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
}
