// Server is redis-server over a redweave keyspace: its command line and its
// configuration file are redis-server's.
//
//	server [file.conf] [--port 7000] [--maxmemory 100mb] [--threading-model single-loop] …
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redweave/redweave"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	log := slog.New(slog.NewTextHandler(w, nil))
	ks, err := redweave.Open(redweave.Options{Args: args, Logger: log})
	if err != nil {
		return err
	}
	defer ks.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		ks.Shutdown(ctx)
	}()
	if err := ks.ListenAndServe(""); !errors.Is(err, redweave.ErrClosed) {
		return err
	}
	return nil
}
