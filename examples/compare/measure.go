package main

import (
	"bufio"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp"
)

// A result is one measurement.
type result struct {
	Load     string        `json:"load"`
	Where    string        `json:"where"` // "loopback" or "in-process"
	Model    string        `json:"model"`
	Threads  int           `json:"threads"`
	Commands int64         `json:"commands"`
	Seconds  float64       `json:"seconds"`
	CPU      float64       `json:"cpu_seconds"` // of the server; in process, of callers too
	P50      time.Duration `json:"p50_ns"`      // of a batch
	P99      time.Duration `json:"p99_ns"`
	P999     time.Duration `json:"p999_ns"`
	Allocs   float64       `json:"allocs_per_command"` // -1: not known
	HandOver float64       `json:"hand_overs_per_command"`
	WakeUps  float64       `json:"wake_ups_per_command"`
	Lines    float64       `json:"cache_lines_per_command"`
	Waited   float64       `json:"waited_share"` // of the threads' time, for each other
	Batch    float64       `json:"commands_per_batch"`
	Why      string        `json:"why"`
}

func (r *result) perSecond() float64    { return float64(r.Commands) / r.Seconds }
func (r *result) perCPUSecond() float64 { return float64(r.Commands) / r.CPU }

// errNotHere says that a row makes no sense where it was asked for.
var errNotHere = errors.New("not here")

// A sampler keeps latencies of one client: all of them, up to a number that no client
// reaches in the time.
type sampler struct {
	took     []time.Duration
	commands int64
}

func (s *sampler) add(d time.Duration, commands int) {
	s.took = append(s.took, d)
	s.commands += int64(commands)
}

// summarize puts the clients' samples into r.
func summarize(r *result, l load, samples []sampler) {
	var all []time.Duration
	for i := range samples {
		r.Commands += samples[i].commands
		if l.quick == nil || l.quick(i) {
			all = append(all, samples[i].took...)
		}
	}
	slices.Sort(all)
	at := func(p float64) time.Duration {
		if len(all) == 0 {
			return 0
		}
		return all[min(int(p*float64(len(all))), len(all)-1)]
	}
	r.P50, r.P99, r.P999 = at(0.50), at(0.99), at(0.999)
}

// overLoopback measures a model in a process of its own.
func overLoopback(p plan, l load, model string) (result, error) {
	r := result{Load: l.name, Where: "loopback", Model: model}
	srv, err := startServer(model, p.threads)
	if err != nil {
		return r, err
	}
	defer srv.stop()
	if l.fill != nil {
		if err := fillOver(srv.addr, l); err != nil {
			return r, err
		}
	}
	before, err := srv.counters()
	if err != nil {
		return r, err
	}
	samples := make([]sampler, l.clients)
	begin := time.Now()
	if err := drive(srv.addr, l, p.time, samples); err != nil {
		return r, err
	}
	r.Seconds = time.Since(begin).Seconds()
	after, err := srv.counters()
	if err != nil {
		return r, err
	}
	summarize(&r, l, samples)
	r.count(before, after)
	r.explain()
	return r, nil
}

// fillOver fills a server over a connection of its own.
func fillOver(addr string, l load) (err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	w, in := bufio.NewWriter(c), resp.NewReader(c)
	l.fill(func(args ...string) {
		if err != nil {
			return
		}
		w.Write(appendCommand(nil, args))
		if err = w.Flush(); err == nil {
			_, err = in.Read()
		}
	})
	return err
}

// drive has all clients of a load at work for a time.
func drive(addr string, l load, d time.Duration, samples []sampler) error {
	var over atomic.Bool
	errs := make(chan error, l.clients)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range l.clients {
		ready.Add(1)
		done.Go(func() {
			errs <- client(addr, l, i, &samples[i], &over, &ready, start)
		})
	}
	ready.Wait()
	close(start)
	time.Sleep(d)
	over.Store(true)
	done.Wait()
	for range l.clients {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// client sends batches and reads their replies until over.
func client(addr string, l load, id int, s *sampler, over *atomic.Bool, ready *sync.WaitGroup, start <-chan struct{}) error {
	c, err := net.Dial("tcp", addr)
	ready.Done()
	if err != nil {
		return err
	}
	defer c.Close()
	<-start
	r := rand.New(rand.NewPCG(uint64(id), 1))
	in := resp.NewReader(c)
	var out []byte
	var args []string
	for first := true; first || !over.Load(); first = false { // once at least
		out = out[:0]
		for range l.pipeline {
			args = l.command(args[:0], id, r)
			out = appendCommand(out, args)
		}
		sent := time.Now()
		if _, err := c.Write(out); err != nil {
			return err
		}
		for range l.pipeline {
			v, err := in.Read()
			if err == nil {
				err = v.Err()
			}
			if err != nil {
				return err
			}
		}
		s.add(time.Since(sent), l.pipeline)
	}
	return nil
}

// appendCommand appends a command as clients send it.
func appendCommand(b []byte, args []string) []byte {
	b = append(strconv.AppendInt(append(b, '*'), int64(len(args)), 10), "\r\n"...)
	for _, a := range args {
		b = append(strconv.AppendInt(append(b, '$'), int64(len(a)), 10), "\r\n"...)
		b = append(append(b, a...), "\r\n"...)
	}
	return b
}

// inProcess measures a model whose callers are goroutines of this process.
func inProcess(p plan, l load, model string) (result, error) {
	r := result{Load: l.name, Where: "in-process", Model: model}
	if model == redisName {
		return r, errNotHere
	}
	ks, err := redweave.Open(options(model, p.threads))
	if err != nil {
		return r, err
	}
	defer ks.Close()
	ctx := context.Background()
	if l.fill != nil {
		l.fill(func(args ...string) {
			if _, e := ks.Do(ctx, anys(args)...); e != nil && err == nil {
				err = e
			}
		})
	}
	if err != nil {
		return r, err
	}
	callers := runtime.GOMAXPROCS(0)
	samples := make([]sampler, callers)
	before := localCounters(ks)
	begin := time.Now()
	var over atomic.Bool
	var done sync.WaitGroup
	for i := range callers {
		done.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			var args []string
			var call []any
			for first := true; first || !over.Load(); first = false { // once at least
				began := time.Now()
				for range 16 {
					args = l.command(args[:0], i, random)
					call = call[:0]
					for _, a := range args {
						call = append(call, a)
					}
					ks.Do(ctx, call...)
				}
				samples[i].add(time.Since(began)/16, 16)
			}
		})
	}
	time.Sleep(p.time)
	over.Store(true)
	done.Wait()
	r.Seconds = time.Since(begin).Seconds()
	after := localCounters(ks)
	summarize(&r, l, samples)
	r.count(before, after)
	r.explain()
	return r, nil
}

func anys(args []string) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a
	}
	return out
}
