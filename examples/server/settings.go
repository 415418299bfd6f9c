package main

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redweave/redweave"
)

// settings are the parameters that are the process's business, not the
// keyspace's.
type settings struct {
	all map[string]string // every parameter

	daemonize       bool
	dir             string
	logFile         string
	logLevel        string
	pidFile         string
	port            int
	unixSocket      string
	shutdownTimeout time.Duration

	bare         bool // nothing was set: no arguments
	redisVersion string
}

// readSettings asks the keyspace for its parameters, as any client may.
func readSettings(ks *redweave.Keyspace) (*settings, error) {
	p, err := parameters(ks)
	if err != nil {
		return nil, err
	}
	port, _ := strconv.Atoi(p["port"])
	seconds, _ := strconv.Atoi(p["shutdown-timeout"])
	s := &settings{
		all: p, daemonize: p["daemonize"] == "yes", dir: p["dir"], logFile: p["logfile"], logLevel: p["loglevel"],
		pidFile: p["pidfile"], port: port, unixSocket: p["unixsocket"], shutdownTimeout: time.Duration(seconds) * time.Second,
	}
	if s.daemonize && s.pidFile == "" {
		s.pidFile = "/var/run/redis.pid"
	}
	// Relative names are meant from dir.
	for _, name := range []*string{&s.logFile, &s.pidFile, &s.unixSocket} {
		if *name != "" && !filepath.IsAbs(*name) {
			*name = filepath.Join(s.dir, *name)
		}
	}
	info, err := ks.Do(context.Background(), "INFO", "server")
	_, rest, _ := strings.Cut(info.Text(), "\nredis_version:")
	s.redisVersion, _, _ = strings.Cut(rest, "\r")
	return s, err
}

// parameters returns what CONFIG GET * says.
func parameters(ks *redweave.Keyspace) (map[string]string, error) {
	v, err := ks.Do(context.Background(), "CONFIG", "GET", "*")
	p := map[string]string{}
	for name, value := range v.Pairs() {
		p[name.Str] = value.Str
	}
	return p, err
}

// withoutEffect warns of every setting that asks for what is not done.
func (s *settings) withoutEffect() (warnings []string) {
	if s.all["save"] != "" || s.all["appendonly"] == "yes" {
		warnings = append(warnings, "nothing is written to disk but by SAVE: save points and the append only file have no effect yet")
	}
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		return warnings
	}
	defer ks.Close()
	defaults, err := parameters(ks)
	if err != nil {
		return warnings
	}
	for _, name := range ignored {
		value, known := s.all[name]
		if known && value != defaults[name] && name != "save" && name != "appendonly" {
			warnings = append(warnings, "the parameter "+name+" has no effect yet")
		}
	}
	slices.Sort(warnings)
	return warnings
}
