package redweave_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave"
)

// fillAllTypes fills a keyspace with values of every type and size of encoding.
func fillAllTypes(t *testing.T, ks *redweave.Keyspace) {
	t.Helper()
	do := func(args ...any) {
		t.Helper()
		if _, err := ks.Do(context.Background(), args...); err != nil {
			t.Fatal(args, err)
		}
	}
	do("SET", "int", 12345)
	do("SET", "text", "hello")
	do("SET", "long", strings.Repeat("x", 5000))
	do("SET", "volatile", "v", "PX", 1_000_000)
	do("SET", "gone", "v", "PX", 1)
	for i := range 500 {
		do("RPUSH", "list", i, fmt.Sprint("e", i))
		do("SADD", "set", fmt.Sprint("m", i))
		do("SADD", "ints", i*1000)
		do("ZADD", "zset", float64(i)/3, fmt.Sprint("m", i))
		do("HSET", "hash", fmt.Sprint("f", i), i)
		do("XADD", "stream", "*", "f", i)
	}
	do("RPUSH", "small list", "a", 1, strings.Repeat("y", 100))
	do("SADD", "small set", "a", "b")
	do("ZADD", "small zset", "inf", "a", -1.5, "b")
	do("HSET", "small hash", "f", "v", "n", 1)
	do("XGROUP", "CREATE", "stream", "g", 0)
	do("XREADGROUP", "GROUP", "g", "c", "COUNT", 5, "STREAMS", "stream", ">")
	do("PFADD", "hll", "a", "b", "c")
	do("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('one', function() return 1 end)")
}

func digest(t *testing.T, ks *redweave.Keyspace) string {
	t.Helper()
	v, err := ks.Do(context.Background(), "DEBUG", "DIGEST")
	if err != nil {
		t.Fatal(err)
	}
	return v.Text()
}

func openDebug(t *testing.T, config map[string]string) *redweave.Keyspace {
	t.Helper()
	config["enable-debug-command"] = "yes"
	ks, err := redweave.Open(redweave.Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ks.Close() })
	return ks
}

// What is saved under one model is loaded under another, in another number of shards.
func TestSaveAndLoad(t *testing.T) {
	a := openDebug(t, map[string]string{"threading-model": "sharded", "shards": "3"})
	fillAllTypes(t, a)
	if _, err := a.Do(context.Background(), "HEXPIRE", "small hash", 1000, "FIELDS", 1, "f"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond)
	path := filepath.Join(t.TempDir(), "dump.rdb")
	if err := a.Save(path); err != nil {
		t.Fatal(err)
	}
	b := openDebug(t, map[string]string{})
	if err := b.Load(path); err != nil {
		t.Fatal(err)
	}
	a.Do(context.Background(), "EXISTS", "gone") // so that it is
	if got, want := digest(t, b), digest(t, a); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	if ttl, _ := b.Do(context.Background(), "HTTL", "small hash", "FIELDS", 1, "f"); len(ttl.Elems) != 1 || ttl.Elems[0].Int < 900 {
		t.Errorf("HTTL: %v", ttl)
	}
	if v, err := b.Do(context.Background(), "FCALL", "one", 0); err != nil || v.Int != 1 {
		t.Errorf("FCALL: %v, %v", v, err)
	}
	if err := b.Load(path + ".not"); err == nil {
		t.Error("a file that is not there was loaded")
	}
	cut, _ := os.ReadFile(path)
	for _, n := range []int{0, 5, 9, 100, len(cut) / 2, len(cut) - 1} {
		os.WriteFile(path, cut[:n], 0o600)
		if err := b.Load(path); err == nil {
			t.Errorf("a file cut off after %d of %d bytes was loaded", n, len(cut))
		}
	}
}

// redis-server reads what we write, and we read what it writes.
func TestFilesOfRedisServer(t *testing.T) {
	server, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server: ", err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.rdb")
	ks := openDebug(t, map[string]string{})
	fillAllTypes(t, ks)
	time.Sleep(2 * time.Millisecond)
	ks.Do(context.Background(), "EXISTS", "gone")
	if err := ks.Save(path); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	cmd := exec.Command(server, "--port", port, "--dir", dir, "--save", "", "--enable-debug-command", "yes")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	judge := dialText(t, "127.0.0.1:"+port)
	if got, want := judge("DEBUG DIGEST"), "+"+digest(t, ks); got != want {
		t.Errorf("redis-server's digest is %s, want %s", got, want)
	}
	if got := judge("SAVE"); got != "+OK" {
		t.Fatal(got)
	}
	again := openDebug(t, map[string]string{})
	if err := again.Load(path); err != nil {
		t.Fatal(err)
	}
	if got, want := digest(t, again), digest(t, ks); got != want {
		t.Errorf("loaded from redis-server's file: digest %s, want %s", got, want)
	}
}
