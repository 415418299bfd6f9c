package redweave_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp"
)

func Example() {
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer ks.Close()

	ks.Set("greeting", []byte("hello"))
	v, ok, _ := ks.Get("greeting")
	fmt.Printf("%s %v\n", v, ok)

	_, ok, _ = ks.Get("nothing")
	fmt.Println(ok)
	// Output:
	// hello true
	// false
}

// Do runs any command. Replies come in the forms of RESP3.
func ExampleKeyspace_Do() {
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer ks.Close()
	ctx := context.Background()

	ks.Do(ctx, "ZADD", "board", 100, "ann", 90.5, "bob")
	board, _ := ks.Do(ctx, "ZRANGE", "board", 0, -1, "REV", "WITHSCORES")
	for _, entry := range board.Elems {
		fmt.Println(entry.Elems[0].Str, entry.Elems[1].Float)
	}

	ks.Do(ctx, "HSET", "user:1", "name", "ann", "visits", 1)
	visits, _ := ks.Do(ctx, "HINCRBY", "user:1", "visits", 1)
	fmt.Println(visits.Int)

	user, _ := ks.Do(ctx, "HGETALL", "user:1")
	for field, value := range user.Pairs() {
		fmt.Println(field.Str, "=", value.Str)
	}
	// Output:
	// ann 100
	// bob 90.5
	// 2
	// name = ann
	// visits = 2
}

// An error reply is an error of type resp.Error; what is missing is null, and no
// error.
func ExampleKeyspace_Do_errors() {
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer ks.Close()
	ctx := context.Background()

	v, err := ks.Do(ctx, "GET", "nothing")
	fmt.Println(v.IsNull(), err)

	ks.Set("text", []byte("abc"))
	_, err = ks.Do(ctx, "INCR", "text")
	fmt.Println(err)
	if reply, ok := errors.AsType[resp.Error](err); ok {
		fmt.Println(reply.Code())
	}
	// Output:
	// true <nil>
	// ERR value is not an integer or out of range
	// ERR
}

// AppendGet reads into the caller's buffer: no garbage.
func ExampleKeyspace_AppendGet() {
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer ks.Close()
	ks.Set("a", []byte("1"))
	ks.Set("b", []byte("2"))

	var buf []byte
	for _, key := range []string{"a", "b", "c"} {
		var ok bool
		if buf, ok, _ = ks.AppendGet(buf[:0], key); ok {
			fmt.Printf("%s=%s\n", key, buf)
		}
	}
	// Output:
	// a=1
	// b=2
}

func ExampleKeyspace_SetWith() {
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer ks.Close()

	lock := redweave.SetOptions{NX: true, TTL: 10 * time.Second}
	mine, _ := ks.SetWith("lock", []byte("ann"), lock)
	yours, _ := ks.SetWith("lock", []byte("bob"), lock)
	fmt.Println(mine, yours)

	_, err = ks.Incr("lock", 1)
	fmt.Println(err)
	// Output:
	// true false
	// ERR value is not an integer or out of range
}

// TTLs are kept to the millisecond. Here nothing is waited for: package resptest
// has servers whose clock a test moves.
func ExampleKeyspace_Expire() {
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer ks.Close()

	ks.Set("session", []byte("ann"))
	ttl, ok, _ := ks.TTL("session")
	fmt.Println(ttl < 0, ok) // it does not expire

	ks.Expire("session", time.Minute)
	ttl, ok, _ = ks.TTL("session")
	fmt.Println(ttl.Round(time.Second), ok)

	ks.Expire("session", 0)
	_, ok, _ = ks.TTL("session")
	fmt.Println(ok)
	// Output:
	// true true
	// 1m0s true
	// false
}

// With a clock of its own a test waits for nothing.
func ExampleNewManualClock() {
	clock := redweave.NewManualClock(time.UnixMilli(1_700_000_000_000))
	ks, err := redweave.Open(redweave.Options{Clock: clock})
	if err != nil {
		log.Fatal(err)
	}
	defer ks.Close()

	ks.Set("session", []byte("ada"))
	ks.Expire("session", time.Hour)
	for range 2 {
		clock.Advance(31 * time.Minute)
		ttl, ok, _ := ks.TTL("session")
		fmt.Println(ttl, ok)
	}
	// Output:
	// 29m0s true
	// 0s false
}

// A limit on memory holds to the byte: what is used least recently goes.
func ExampleOptions_maxMemory() {
	ks, err := redweave.Open(redweave.Options{
		MaxMemory:       4 << 20,
		MaxMemoryPolicy: "allkeys-lru",
		Config:          map[string]string{"maxmemory-samples": "10"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer ks.Close()

	page := make([]byte, 1000)
	for i := range 10_000 {
		if err := ks.Set("page:"+strconv.Itoa(i), page); err != nil {
			log.Fatal(err)
		}
	}
	n, _ := ks.Exists("page:9999")
	fmt.Println("the newest is there:", n == 1)

	all, _ := ks.Do(context.Background(), "DBSIZE")
	fmt.Println("a third or so is:", all.Int > 3000 && all.Int < 4200)

	memory, _ := ks.Do(context.Background(), "INFO", "memory")
	_, rest, _ := strings.Cut(memory.Text(), "\nused_memory:")
	digits, _, _ := strings.Cut(rest, "\r")
	used, _ := strconv.Atoi(digits)
	fmt.Println("within the limit:", 0 < used && used <= 4<<20)
	// Output:
	// the newest is there: true
	// a third or so is: true
	// within the limit: true
}

// Dial connects in memory. Whatever takes a net.Conn or a dialer runs on it: here
// it is the protocol by hand, elsewhere a client library.
func ExampleKeyspace_Dial() {
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer ks.Close()

	// A client library gets a dialer, such as this one of go-redis's options:
	//
	//	Dialer: func(context.Context, string, string) (net.Conn, error) { return ks.Dial() },
	conn, err := ks.Dial()
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	fmt.Fprint(conn, "SET greeting hello\r\nAPPEND greeting !\r\nGET greeting\r\n")
	replies := resp.NewReader(conn)
	for range 3 {
		v, err := replies.Read()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(v)
	}
	// Output:
	// OK
	// 6
	// "hello!"
}

// A subscription is a loop over messages, of clients and of this process.
func ExampleKeyspace_Subscribe() {
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer ks.Close()

	news, err := ks.Subscribe(context.Background(), "news")
	if err != nil {
		log.Fatal(err)
	}
	for _, what := range []string{"rain", "sun", "goodbye"} {
		receivers, _ := ks.Publish("news", what)
		fmt.Println(receivers)
	}
	for m, err := range news.Messages() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.Channel, m.Payload)
		if m.Payload == "goodbye" {
			news.Close()
		}
	}
	// Output:
	// 1
	// 1
	// 1
	// news rain
	// news sun
	// news goodbye
}

// Serve makes a keyspace a server, beside the calls of the program it is in.
func ExampleKeyspace_Serve() {
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // or ks.ListenAndServe("localhost:6379")
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- ks.Serve(l) }()

	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(conn, "INCR visits\r\n")
	reply, _ := bufio.NewReader(conn).ReadString('\n')
	fmt.Printf("%q\n", reply)

	visits, _ := ks.Incr("visits", 1)
	fmt.Println(visits)

	ks.Close()
	fmt.Println(<-served == redweave.ErrClosed)
	// Output:
	// ":1\r\n"
	// 2
	// true
}
