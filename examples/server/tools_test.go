package main

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// tool runs a program of Redis's against a server, or skips where there is none.
func tool(t *testing.T, p *process, input, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(path, append([]string{"-p", strconv.Itoa(p.port)}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestRedisCLI(t *testing.T) {
	p := start(t)
	for _, tt := range []struct {
		args, input string
		want        []string
	}{
		{"PING", "", []string{"PONG"}},
		{"--pipe", "SET string text\r\nHSET hash a 1 b 2\r\nRPUSH list a b c\r\nSADD set a b c d\r\nZADD zset 1 a\r\n", []string{"errors: 0, replies: 5"}},
		{"-3 HGETALL hash", "", []string{"a 1", "b 2"}},
		{"--no-raw LRANGE list 0 -1", "", []string{`1) "a"`, `2) "b"`, `3) "c"`}},
		{"", "SELECT 1\nDBSIZE\nSELECT 0\nDBSIZE\n", []string{"OK\n0\nOK\n5\n"}},
		{"--scan --pattern *set", "", []string{"set\n", "zset\n"}},
		{"--bigkeys", "", []string{"Sampled 5 keys", `hash found '"hash"' has 2 fields`, `set found '"set"' has 4 members`}},
		{"--memkeys", "", []string{"Sampled 5 keys"}},
		{"INFO server", "", []string{"redis_version:7.4.1", "process_id:"}},
	} {
		out := tool(t, p, tt.input, "redis-cli", strings.Fields(tt.args)...)
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("redis-cli %s: no %q in\n%s", tt.args, want, out)
			}
		}
	}
}

// benchmarks are the tests that redis-benchmark runs by default.
var benchmarks = []string{
	"PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "HSET", "SPOP", "ZADD",
	"ZPOPMIN", "LRANGE_100", "LRANGE_300", "LRANGE_500", "LRANGE_600", "MSET",
}

func TestRedisBenchmark(t *testing.T) {
	p := start(t)
	for _, pipeline := range []string{"1", "16"} {
		out := tool(t, p, "", "redis-benchmark", "-q", "-n", "500", "-P", pipeline)
		for _, name := range benchmarks {
			if !strings.Contains(out, name+": ") && !strings.Contains(out, name+" (") {
				t.Errorf("pipeline of %s: no %s in\n%s", pipeline, name, out)
			}
		}
		if lower := strings.ToLower(out); strings.Contains(lower, "error") || strings.Contains(lower, "warning") {
			t.Errorf("pipeline of %s:\n%s", pipeline, out)
		}
	}
}
