package command

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/resp"
)

// info returns the fields of INFO with the given sections.
func (b *bench) info(sections string) map[string]string {
	b.t.Helper()
	fields := map[string]string{}
	for line := range strings.Lines(b.ask("INFO " + sections).Text()) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\r\n"), ":")
		if _, twice := fields[name]; ok && twice {
			b.t.Errorf("INFO %s has %s twice", sections, name)
		}
		if ok {
			fields[name] = value
		}
	}
	return fields
}

// TestInfoSections compares with what redis-server 7.0 shows for the same words.
func TestInfoSections(t *testing.T) {
	const byDefault = "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace"
	const all = "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats Latencystats Cluster Keyspace Threads Threading"
	b := newBench(t)
	for _, test := range []struct{ ask, want string }{
		{"", byDefault}, {"default", byDefault}, {"all", all}, {"everything", all}, {"all commandstats", all},
		{"server cpu", "Server CPU"}, {"keyspace SERVER", "Server Keyspace"}, {"modules", "Modules"},
		{"commandstats", "Commandstats"}, {"cpu,server", ""}, {"nosuch", ""},
		{"default commandstats", strings.Replace(byDefault, "Errorstats", "Commandstats Errorstats", 1)},
	} {
		var got []string
		text := b.ask("INFO " + test.ask).Text()
		for line := range strings.Lines(text) {
			if title, ok := strings.CutPrefix(line, "# "); ok {
				got = append(got, strings.TrimSuffix(title, "\r\n"))
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("INFO %s: %q, want %q", test.ask, got, test.want)
		}
		if strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
			t.Errorf("INFO %s: a line without carriage return", test.ask)
		}
	}
	b.want("INFO cluster", "$30\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n")
	b.want("INFO nosuch", "$0\r\n\r\n")
	b.cl.Out.Proto = 3
	b.want("INFO cluster", "=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n")
	b.want("INFO nosuch", "=4\r\ntxt:\r\n")
}

// redisFields are the fields of redis-server 7.0 that say something here. Left
// out: what names its compiler, and the CPU time of a thread that is the only one.
const redisFields = `
redis_version redis_git_sha1 redis_git_dirty redis_build_id redis_mode os arch_bits
monotonic_clock multiplexing_api process_id process_supervised run_id tcp_port
server_time_usec uptime_in_seconds uptime_in_days hz configured_hz lru_clock executable config_file
io_threads_active
connected_clients cluster_connections maxclients client_recent_max_input_buffer
client_recent_max_output_buffer blocked_clients tracking_clients clients_in_timeout_table
used_memory used_memory_human used_memory_rss used_memory_rss_human used_memory_peak used_memory_peak_human
used_memory_peak_perc used_memory_overhead used_memory_startup used_memory_dataset used_memory_dataset_perc
allocator_allocated allocator_active allocator_resident total_system_memory total_system_memory_human
used_memory_lua used_memory_vm_eval used_memory_lua_human used_memory_scripts_eval number_of_cached_scripts
number_of_functions number_of_libraries used_memory_vm_functions used_memory_vm_total used_memory_vm_total_human
used_memory_functions used_memory_scripts used_memory_scripts_human maxmemory maxmemory_human maxmemory_policy
allocator_frag_ratio allocator_frag_bytes allocator_rss_ratio allocator_rss_bytes rss_overhead_ratio rss_overhead_bytes
mem_fragmentation_ratio mem_fragmentation_bytes mem_not_counted_for_evict mem_replication_backlog
mem_total_replication_buffers mem_clients_slaves mem_clients_normal mem_cluster_links mem_aof_buffer mem_allocator
active_defrag_running lazyfree_pending_objects lazyfreed_objects
loading async_loading current_cow_peak current_cow_size current_cow_size_age current_fork_perc
current_save_keys_processed current_save_keys_total rdb_changes_since_last_save rdb_bgsave_in_progress
rdb_last_save_time rdb_last_bgsave_status rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec rdb_saves
rdb_last_cow_size rdb_last_load_keys_expired rdb_last_load_keys_loaded aof_enabled aof_rewrite_in_progress
aof_rewrite_scheduled aof_last_rewrite_time_sec aof_current_rewrite_time_sec aof_last_bgrewrite_status aof_rewrites
aof_rewrites_consecutive_failures aof_last_write_status aof_last_cow_size module_fork_in_progress module_fork_last_cow_size
total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes total_net_output_bytes
total_net_repl_input_bytes total_net_repl_output_bytes instantaneous_input_kbps instantaneous_output_kbps
instantaneous_input_repl_kbps instantaneous_output_repl_kbps rejected_connections sync_full sync_partial_ok sync_partial_err
expired_keys expired_stale_perc expired_time_cap_reached_count expire_cycle_cpu_milliseconds evicted_keys evicted_clients
total_eviction_exceeded_time current_eviction_exceeded_time keyspace_hits keyspace_misses pubsub_channels pubsub_patterns
pubsubshard_channels latest_fork_usec total_forks migrate_cached_sockets slave_expires_tracked_keys active_defrag_hits
active_defrag_misses active_defrag_key_hits active_defrag_key_misses total_active_defrag_time current_active_defrag_time
tracking_total_keys tracking_total_items tracking_total_prefixes unexpected_error_replies total_error_replies
dump_payload_sanitizations total_reads_processed total_writes_processed io_threaded_reads_processed
io_threaded_writes_processed reply_buffer_shrinks reply_buffer_expands
role connected_slaves master_failover_state master_replid master_replid2 master_repl_offset second_repl_offset
repl_backlog_active repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen
used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children
cluster_enabled db0`

func TestInfoFields(t *testing.T) {
	b := newBench(t)
	b.do("SET a 1")
	info := b.info("everything")
	for name := range strings.FieldsSeq(redisFields) {
		if _, ok := info[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	number := regexp.MustCompile(`^-?\d+(\.\d+)?%?$`)
	for name, value := range b.info("") {
		for _, numeric := range []string{"used_memory", "total_", "_bytes", "_ratio", "instantaneous", "_perc", "used_cpu"} {
			if strings.Contains(name, numeric) && !strings.HasSuffix(name, "_human") && !number.MatchString(value) {
				t.Errorf("%s:%s is no number", name, value)
			}
		}
	}
}

func TestInfoFollowsTime(t *testing.T) {
	b := newBench(t)
	saved := b.info("persistence")["rdb_last_save_time"]
	b.clock.Advance(25 * time.Hour)
	info := b.info("server persistence")
	if info["uptime_in_seconds"] != "90000" || info["uptime_in_days"] != "1" {
		t.Errorf("up %s s, %s days", info["uptime_in_seconds"], info["uptime_in_days"])
	}
	if info["rdb_last_save_time"] != saved || saved != "1700000000" {
		t.Errorf("last save %s, then %s", saved, info["rdb_last_save_time"])
	}
	if want := "1700090000000000"; info["server_time_usec"] != want {
		t.Errorf("server_time_usec %s, want %s", info["server_time_usec"], want)
	}
}

func TestInfoStats(t *testing.T) {
	b := newBench(t)
	b.do("SET a 1")
	b.do("GET a")
	b.do("GET b")
	b.do("GET")                     // rejected
	b.do("INCRBY a x")              // failed
	b.do("CONFIG SET hz x")         // failed
	b.run([]byte("AUTH"), nil, nil) // failed, with a code of its own
	info := b.info("stats commandstats errorstats keyspace")
	for name, want := range map[string]string{
		"keyspace_hits": "1", "keyspace_misses": "1", "total_error_replies": "4",
		"errorstat_ERR": "count=3", "errorstat_WRONGPASS": "count=1",
		"db0": "keys=1,expires=0,avg_ttl=0,subexpiry=0",
	} {
		if info[name] != want {
			t.Errorf("%s:%s, want %s", name, info[name], want)
		}
	}
	stat := regexp.MustCompile(`^calls=(\d+),usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=(\d+),failed_calls=(\d+)$`)
	for name, want := range map[string][]string{
		"cmdstat_get": {"2", "1", "0"}, "cmdstat_incrby": {"1", "0", "1"}, "cmdstat_config|set": {"1", "0", "1"},
	} {
		m := stat.FindStringSubmatch(info[name])
		if m == nil || strings.Join(m[1:], " ") != strings.Join(want, " ") {
			t.Errorf("%s:%s, want calls, rejected, failed %v", name, info[name], want)
		}
	}
}

func TestInfoLatencyStats(t *testing.T) {
	b := newBench(t)
	b.do("SET a 1")
	if got := b.info("latencystats")["latency_percentiles_usec_set"]; got != "p50=0.001,p99=0.001,p99.9=0.001" {
		t.Errorf("percentiles %s", got)
	}
	b.run([]byte("CONFIG"), []byte("SET"), []byte("latency-tracking-info-percentiles"), []byte("0 12.5 100"))
	if got := b.info("latencystats")["latency_percentiles_usec_set"]; !regexp.MustCompile(`^p0=[\d.]+,p12\.5=0\.001,p100=0\.001$`).MatchString(got) {
		t.Errorf("percentiles %s", got)
	}
	b.do("CONFIG SET latency-tracking no")
	b.want("INFO latencystats", "$16\r\n# Latencystats\r\n\r\n")
}

// servingHost listens.
type servingHost struct{ quietHost }

func (servingHost) TCPPort() int { return 6379 }

func TestInfoListeners(t *testing.T) {
	b := newBench(t)
	if v, ok := b.info("server")["listener0"]; ok {
		t.Errorf("listener0:%s of a keyspace that does not listen", v)
	}
	b.x.host = servingHost{}
	if v := b.info("server")["listener0"]; v != "name=tcp,bind=*,bind=-::*,port=6379" {
		t.Errorf("listener0:%s", v)
	}
	b.x.config.Port, b.x.config.UnixSocket = 7000, "/run/r.sock"
	info := b.info("server")
	if info["listener0"] != "name=tcp,port=6379" || info["listener1"] != "name=unix,bind=/run/r.sock" {
		t.Errorf("listener0:%s listener1:%s", info["listener0"], info["listener1"])
	}
}

func TestInfoMemoryAddsUp(t *testing.T) {
	b := newBench(t)
	c := b.x.typed(0)
	for range 3 {
		for i := range 1000 {
			key := []byte{byte(i), byte(i >> 8)}
			b.x.Set(0, key, make([]byte, i%300), time.Duration(i%2)*time.Hour, false, false, false)
		}
		m := c.measure()
		if m.used != m.overhead()+m.dataset() || m.index == 0 || m.expires == 0 || m.keys != 1000 {
			t.Errorf("%+v: overhead %d, dataset %d", m, m.overhead(), m.dataset())
		}
		if m.held < m.active() || m.active() < m.blocks || m.blocks > m.used || m.peak < m.used {
			t.Errorf("out of order: %+v", m)
		}
	}
}

func TestHumanBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0B", 1023: "1023B", 1024: "1.00K", 1536: "1.50K", 1 << 20: "1.00M", 25276510208: "23.54G", 1 << 40: "1.00T", 1 << 50: "1.00P",
	} {
		if got := humanBytes(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestInfoIsVerbatim(t *testing.T) {
	b := newBench(t)
	b.cl.Out.Proto = 3
	if v := b.ask("INFO"); v.Kind != resp.Verbatim || !strings.HasPrefix(v.Str, "txt:# Server\r\n") {
		t.Errorf("%c %.20q", v.Kind, v.Str)
	}
}

func TestInfoThreads(t *testing.T) {
	b := newBench(t)
	b.want("INFO threads", "$51\r\n# Threads\r\nio_thread_0:clients=1,reads=2,writes=0\r\n\r\n")
	got := b.value("INFO threading").Str
	for _, want := range []string{"# Threading\r\n", "thread_0:name=main,clients=1,reads=2,", "waited_us=1,"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}
