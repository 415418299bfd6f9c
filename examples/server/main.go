// Server is redis-server over a redweave keyspace: its command line, its
// configuration file, its log and its exit status are redis-server's.
//
//	server [file.conf] [--port 7000] [--maxmemory 100mb] [--threading-model single-loop] … [-]
//
// The keyspace does the work. What is here is what a process owes its system: a
// log (log.go), sockets (listen.go), a place in the background (daemon_unix.go),
// and an orderly end on a signal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/redweave/redweave"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the server's life. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "-v", "--version":
			fmt.Fprintln(stdout, version())
			return 0
		case "-h", "--help":
			fmt.Fprint(stderr, usage)
			return 1
		}
	}
	log := newLogger(stdout)
	if err := keepInput(args); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	ks, err := redweave.Open(redweave.Options{Args: args, Logger: slog.New(log)})
	if err != nil {
		refuse(err, log, stderr)
		return 1
	}
	defer ks.Close()
	s, err := readSettings(ks)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	s.bare = len(args) == 0
	if s.daemonize && !inBackground() {
		ks.Close() // it has no connections and no data yet: the copy in the background opens its own
		if err := startInBackground(); err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
		return 0
	}
	if err := log.configure(s); err != nil {
		fmt.Fprintf(stderr, "\n*** FATAL CONFIG FILE ERROR (Redis %s) ***\nCan't open the log file: %s\n", s.redisVersion, reason(err))
		return 1
	}
	return serve(ks, s, log)
}

// refuse says why the configuration is no good: where redis-server does.
func refuse(err error, log *logger, stderr io.Writer) {
	if bad := (*redweave.TLSError)(nil); errors.As(err, &bad) {
		slog.New(log).Warn(bad.Err.Error())
		slog.New(log).Warn("Failed to configure TLS. Check logs for more info.")
		return
	}
	text := err.Error()
	if strings.HasPrefix(text, "*** FATAL CONFIG FILE ERROR") {
		fmt.Fprintf(stderr, "\n%s\n", text)
		return
	}
	for line := range strings.SplitSeq(text, "\n") { // a file cannot be read, or users are wrong
		slog.New(log).Warn(line)
	}
}

// loadFile reads the database file, if there is one.
func loadFile(ks *redweave.Keyspace, s *settings, log *slog.Logger) (ok bool) {
	began := time.Now()
	switch err := ks.Load(filepath.Join(s.dir, s.all["dbfilename"])); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		log.Warn("Fatal error loading the DB, check server logs. Exiting.", "error", err)
		return false
	default:
		log.Info(fmt.Sprintf("DB loaded from disk: %.3f seconds", time.Since(began).Seconds()))
	}
	return true
}

// serve listens and serves until a signal or a client ends it.
func serve(ks *redweave.Keyspace, s *settings, h *logger) int {
	log := slog.New(h)
	if err := os.Chdir(s.dir); err != nil {
		log.Warn("Can't chdir to '" + s.dir + "': " + err.Error())
		return 1
	}
	log.Info("oO0OoO0OoO0Oo Redweave is starting oO0OoO0OoO0Oo")
	log.Info(fmt.Sprintf("Redis version=%s (Redweave), bits=%d, pid=%d, just started", s.redisVersion, strconv.IntSize, os.Getpid()))
	if s.bare {
		log.Warn("Warning: no config file specified, using the default config.")
	} else {
		log.Info("Configuration loaded")
	}
	h.started()
	for _, warning := range s.withoutEffect() {
		log.Warn("WARNING: " + warning)
	}
	if s.pidFile != "" {
		if err := os.WriteFile(s.pidFile, fmt.Appendln(nil, os.Getpid()), 0o644); err != nil {
			log.Warn("Failed to write PID file: " + err.Error())
		} else {
			defer os.Remove(s.pidFile)
		}
	}
	mode := "standalone"
	if s.all["cluster-enabled"] == "yes" {
		mode = "cluster"
	}
	log.Info(fmt.Sprintf("Running mode=%s, port=%d.", mode, s.port))
	if !loadFile(ks, s, log) {
		return 1
	}
	listeners := listen(ks, s, log)
	if listeners == nil {
		return 1
	}
	log.Info("Server initialized")
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(stop)
	go shutDownOn(stop, ks, s, log)

	var group errgroup.Group
	ready := map[string]bool{}
	for _, l := range listeners {
		group.Go(func() error {
			defer ks.Close() // when one listener fails, none is left
			return ks.Serve(l)
		})
		if network := l.Addr().Network(); !ready[network] {
			ready[network] = true
			log.Info("Ready to accept connections " + network)
		}
	}
	err := group.Wait()
	if s.unixSocket != "" {
		os.Remove(s.unixSocket)
	}
	if !errors.Is(err, redweave.ErrClosed) {
		log.Warn("Serving failed: " + err.Error())
		return 1
	}
	<-ks.Done()
	log.Warn("Redweave is now ready to exit, bye bye...")
	return 0
}

// shutDownOn ends the keyspace at the first signal, replies first, and the process
// at the second.
func shutDownOn(stop <-chan os.Signal, ks *redweave.Keyspace, s *settings, log *slog.Logger) {
	var sig os.Signal
	select {
	case sig = <-stop:
	case <-ks.Done():
		return
	}
	name := "SIGINT"
	if sig == syscall.SIGTERM {
		name = "SIGTERM"
	}
	log.Warn("Received " + name + " scheduling shutdown...")
	go func() {
		select {
		case <-stop:
			log.Warn("You insist... exiting now.")
			os.Exit(1)
		case <-ks.Done():
		}
	}()
	log.Info("User requested shutdown...")
	ctx, cancel := context.WithTimeout(context.Background(), max(s.shutdownTimeout, time.Second))
	defer cancel()
	ks.Shutdown(ctx)
}

// version is the line of --version.
func version() string {
	build := "0"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				build = s.Value[:min(len(s.Value), 16)]
			}
		}
	}
	v := "unknown"
	if ks, err := redweave.Open(redweave.Options{}); err == nil {
		defer ks.Close()
		if s, err := readSettings(ks); err == nil {
			v = s.redisVersion
		}
	}
	return fmt.Sprintf("Redis server v=%s sha=00000000:0 malloc=redweave-slab bits=%d build=%s", v, strconv.IntSize, build)
}

const usage = `Usage: ./server [/path/to/redis.conf] [options] [-]
       ./server - (read config from stdin)
       ./server -v or --version
       ./server -h or --help

Examples:
       ./server (run the server with default conf)
       echo 'maxmemory 128mb' | ./server -
       ./server /etc/redis/6379.conf
       ./server --port 7777
       ./server /etc/myredis.conf --loglevel verbose -
       ./server /etc/myredis.conf --loglevel verbose
`
