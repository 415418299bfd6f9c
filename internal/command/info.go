package command

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/redweave/redweave/internal/acl"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/internal/process"
	"github.com/redweave/redweave/keyspace"
)

// INFO: a section after the other, each of what the shards, the server and the network
// side keep of themselves.

var infoHandlers = handlers{"info": cmdInfo}

// An infoSection writes one section of INFO, without its heading.
type infoSection struct {
	name, title string
	byDefault   bool // part of INFO without arguments
	write       func(w *infoWriter)
}

// infoSections are the sections in INFO's order.
var infoSections = []infoSection{
	{"server", "Server", true, (*infoWriter).server},
	{"clients", "Clients", true, (*infoWriter).clients},
	{"memory", "Memory", true, (*infoWriter).memory},
	{"persistence", "Persistence", true, (*infoWriter).persistence},
	{"stats", "Stats", true, (*infoWriter).stats},
	{"replication", "Replication", true, (*infoWriter).replication},
	{"cpu", "CPU", true, (*infoWriter).cpu},
	{"modules", "Modules", true, func(*infoWriter) {}}, // there are none
	{"commandstats", "Commandstats", false, (*infoWriter).commandStats},
	{"errorstats", "Errorstats", true, (*infoWriter).errorStats},
	{"latencystats", "Latencystats", false, (*infoWriter).latencyStats},
	{"cluster", "Cluster", true, (*infoWriter).cluster},
	{"keyspace", "Keyspace", true, (*infoWriter).keyspace},
	{"threads", "Threads", false, (*infoWriter).threads},
	{"threading", "Threading", false, (*infoWriter).threading},
}

func cmdInfo(c *Ctx) {
	c.host.CountShared()
	w := infoWriter{c: c}
	want := func(s *infoSection) bool { return s.byDefault }
	if len(c.Args) > 1 {
		names := map[string]bool{}
		for _, a := range c.Args[1:] {
			names[strings.ToLower(string(a))] = true
		}
		want = func(s *infoSection) bool {
			return names[s.name] || names["everything"] || names["all"] || names["default"] && s.byDefault
		}
	}
	for i := range infoSections {
		if s := &infoSections[i]; want(s) {
			if len(w.b) > 0 {
				w.b = append(w.b, "\r\n"...)
			}
			w.b = append(w.b, "# "+s.title+"\r\n"...)
			s.write(&w)
		}
	}
	c.Out.Verbatim("txt", string(w.b))
}

// An infoWriter gathers INFO's lines.
type infoWriter struct {
	c *Ctx
	b []byte
}

func (w *infoWriter) text(name, v string) { w.b = append(w.b, name+":"+v+"\r\n"...) }
func (w *infoWriter) int(name string, v int64) {
	w.b = append(strconv.AppendInt(append(w.b, name+":"...), v, 10), "\r\n"...)
}
func (w *infoWriter) fixed(name string, v float64, decimals int) {
	w.b = append(strconv.AppendFloat(append(w.b, name+":"...), v, 'f', decimals, 64), "\r\n"...)
}
func (w *infoWriter) bytes(name string, n int64) {
	w.int(name, n)
	w.text(name+"_human", humanBytes(n))
}

// humanBytes renders a size as INFO's _human fields do.
func humanBytes(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + "B"
	}
	v := float64(n)
	for _, unit := range "KMGTP" {
		if v /= 1024; v < 1024 {
			return strconv.FormatFloat(v, 'f', 2, 64) + string(unit)
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

func (w *infoWriter) server() {
	c := w.c
	up := (c.clock.Nanos() - c.start) / 1e9
	model, _ := c.host.Model()
	w.text("redis_version", c.Version)
	w.text("redis_git_sha1", "00000000")
	w.text("redis_git_dirty", "0")
	w.text("redis_build_id", "0")
	w.text("redis_mode", w.c.mode())
	w.text("os", runtime.GOOS+" "+runtime.GOARCH)
	w.int("arch_bits", strconv.IntSize)
	w.text("monotonic_clock", "go")
	w.text("multiplexing_api", c.host.Multiplexer())
	w.text("go_version", runtime.Version())
	w.text("threading_model", model)
	w.int("process_id", int64(c.PID))
	w.text("process_supervised", "no")
	w.text("run_id", c.RunID)
	w.int("tcp_port", int64(c.host.TCPPort()))
	w.int("server_time_usec", c.clock.UnixMicro())
	w.int("uptime_in_seconds", up)
	w.int("uptime_in_days", up/86400)
	w.int("hz", int64(c.settings.Hz))
	w.int("configured_hz", int64(c.config.HZ))
	w.int("lru_clock", c.now()/1000&(1<<24-1))
	executable, _ := os.Executable()
	w.text("executable", executable)
	w.text("config_file", c.config.File())
	active := int64(0)
	if c.host.IOActive() {
		active = 1
	}
	w.int("io_threads_active", active)
	w.listeners()
}

// listeners says where connections are accepted, in as many lines as there are
// kinds of listeners. The addresses are those of the parameter bind, as far as
// it is what is listened on: a program may serve listeners of its own.
func (w *infoWriter) listeners() {
	n := 0
	listener := func(v string) {
		w.text("listener"+strconv.Itoa(n), v)
		n++
	}
	if port := w.c.host.TCPPort(); port > 0 {
		v := "name=tcp"
		if port == w.c.config.Port {
			for _, addr := range w.c.config.Bind {
				v += ",bind=" + addr
			}
		}
		listener(v + ",port=" + strconv.Itoa(port))
	}
	if path := w.c.config.UnixSocket; path != "" {
		listener("name=unix,bind=" + path)
	}
}

func (w *infoWriter) clients() {
	c := w.c
	var in, out int64
	for cl := c.first; cl != nil; cl = cl.next {
		used, free := cl.Conn.QueryBuffer()
		in, out = max(in, int64(used+free)), max(out, int64(cl.Conn.Output()))
	}
	w.int("connected_clients", int64(len(c.Server.clients)))
	w.int("cluster_connections", 0)
	w.int("maxclients", int64(c.config.MaxClients))
	w.int("client_recent_max_input_buffer", in)
	w.int("client_recent_max_output_buffer", out)
	watching, watched := c.watching()
	blockedOn, blockedOnGone := c.blocking()
	w.int("blocked_clients", int64(len(c.Server.blocked)))
	w.int("tracking_clients", int64(len(c.trackers.clients)))
	w.int("pubsub_clients", int64(c.channels.listeners))
	w.int("watching_clients", int64(watching))
	w.int("clients_in_timeout_table", int64(len(c.deadlines)))
	w.int("total_watched_keys", int64(watched))
	w.int("total_blocking_keys", int64(blockedOn))
	w.int("total_blocking_keys_on_nokey", int64(blockedOnGone))
}

func (w *infoWriter) memory() {
	c := w.c
	m := c.measure()
	w.bytes("used_memory", m.used)
	w.bytes("used_memory_rss", m.rss)
	w.bytes("used_memory_peak", m.peak)
	w.text("used_memory_peak_perc", percent(m.used, m.peak))
	w.int("used_memory_overhead", m.overhead())
	w.int("used_memory_startup", m.startup)
	w.int("used_memory_dataset", m.dataset())
	w.text("used_memory_dataset_perc", percent(m.dataset(), m.grown()))
	w.int("allocator_allocated", m.blocks)
	w.int("allocator_active", m.active())
	w.int("allocator_resident", m.held)
	w.int("allocator_muzzy", 0)
	w.bytes("total_system_memory", process.SystemMemory())
	w.int("used_memory_lua", c.scripts.bytes)
	w.int("used_memory_vm_eval", c.scripts.bytes)
	w.text("used_memory_lua_human", humanBytes(c.scripts.bytes))
	w.int("used_memory_scripts_eval", c.scripts.bytes)
	w.int("number_of_cached_scripts", int64(len(c.scripts.cached)))
	w.int("number_of_functions", int64(len(c.scripts.functions.functions)))
	w.int("number_of_libraries", int64(len(c.scripts.functions.libraries)))
	w.int("used_memory_vm_functions", c.scripts.functions.bytes)
	w.bytes("used_memory_vm_total", c.scripts.bytes+c.scripts.functions.bytes)
	w.int("used_memory_functions", c.scripts.functions.bytes)
	w.bytes("used_memory_scripts", c.scripts.bytes+c.scripts.functions.bytes)
	w.bytes("maxmemory", c.config.MaxMemory)
	w.text("maxmemory_policy", c.config.MaxMemoryPolicy.String())
	w.fixed("allocator_frag_ratio", ratio(m.active(), m.blocks), 2)
	w.int("allocator_frag_bytes", m.active()-m.blocks)
	w.fixed("allocator_rss_ratio", ratio(m.held, m.active()), 2)
	w.int("allocator_rss_bytes", m.idle)
	w.fixed("rss_overhead_ratio", ratio(m.rss, m.held), 2)
	w.int("rss_overhead_bytes", m.rss-m.held)
	w.fixed("mem_fragmentation_ratio", ratio(m.rss, m.used), 2)
	w.int("mem_fragmentation_bytes", m.rss-m.used)
	w.int("mem_not_counted_for_evict", 0)
	w.int("mem_replication_backlog", 0)
	w.int("mem_total_replication_buffers", 0)
	w.int("mem_clients_slaves", 0)
	w.int("mem_clients_normal", m.clients)
	w.int("mem_cluster_links", 0)
	w.int("mem_overhead_db_hashtable_rehashing", 0)
	w.int("mem_aof_buffer", 0)
	w.text("mem_allocator", "redweave-slab")
	w.int("active_defrag_running", int64(c.defragmenting()))
	w.int("lazyfree_pending_objects", c.reclaimer.Pending())
	w.int("lazyfreed_objects", c.reclaimer.Freed())
}

func percent(part, whole int64) string {
	return strconv.FormatFloat(100*ratio(part, whole), 'f', 2, 64) + "%"
}

func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func (w *infoWriter) persistence() {
	s, status := &w.c.snapshots, "ok"
	if s.failed {
		status = "err"
	}
	w.int("loading", 0)
	w.int("async_loading", 0)
	w.int("current_cow_peak", 0)
	w.int("current_cow_size", 0)
	w.text("current_cow_size_age", "0")
	w.text("current_fork_perc", "0.00")
	w.int("current_save_keys_processed", 0)
	w.int("current_save_keys_total", 0)
	w.int("rdb_changes_since_last_save", w.c.dirty()-s.dirty)
	w.int("rdb_bgsave_in_progress", 0)
	w.int("rdb_last_save_time", s.lastUnix)
	w.text("rdb_last_bgsave_status", status)
	w.int("rdb_last_bgsave_time_sec", s.lastSeconds)
	w.int("rdb_current_bgsave_time_sec", -1)
	w.int("rdb_saves", s.saves)
	w.int("rdb_last_cow_size", 0)
	w.int("rdb_last_load_keys_expired", s.expired)
	w.int("rdb_last_load_keys_loaded", s.loaded)
	w.int("aof_enabled", 0)
	w.int("aof_rewrite_in_progress", 0)
	w.int("aof_rewrite_scheduled", 0)
	w.int("aof_last_rewrite_time_sec", -1)
	w.int("aof_current_rewrite_time_sec", -1)
	w.text("aof_last_bgrewrite_status", "ok")
	w.int("aof_rewrites", 0)
	w.int("aof_rewrites_consecutive_failures", 0)
	w.text("aof_last_write_status", "ok")
	w.int("aof_last_cow_size", 0)
	w.int("module_fork_in_progress", 0)
	w.int("module_fork_last_cow_size", 0)
}

// dirty is the number of modifications since the start.
func (x *Exec) dirty() (n int64) {
	for _, s := range x.shards {
		n += s.Stats.Dirty
	}
	return n
}

func (w *infoWriter) stats() {
	c := w.c
	net := c.netStats()
	calls, errors := c.totals()
	w.int("total_connections_received", net.Connections)
	w.int("total_commands_processed", calls)
	w.int("instantaneous_ops_per_sec", int64(c.rates.opsSec.mean()))
	w.int("total_net_input_bytes", net.BytesIn)
	w.int("total_net_output_bytes", net.BytesOut)
	w.int("total_net_repl_input_bytes", 0)
	w.int("total_net_repl_output_bytes", 0)
	w.fixed("instantaneous_input_kbps", c.rates.inSec.mean()/1024, 2)
	w.fixed("instantaneous_output_kbps", c.rates.outSec.mean()/1024, 2)
	w.text("instantaneous_input_repl_kbps", "0.00")
	w.text("instantaneous_output_repl_kbps", "0.00")
	w.int("rejected_connections", net.Rejected)
	w.int("sync_full", 0)
	w.int("sync_partial_ok", 0)
	w.int("sync_partial_err", 0)
	s := c.shardStats()
	w.int("expired_subkeys", s.ExpiredFields)
	w.int("expired_keys", s.Expired)
	w.fixed("expired_stale_perc", s.StalePercent, 2)
	w.int("expired_time_cap_reached_count", s.ExpireTimeCapped)
	w.int("expire_cycle_cpu_milliseconds", s.ExpireCycleNanos/nanosPerMs)
	w.int("evicted_keys", s.Evicted)
	w.int("evicted_clients", net.EvictedClients)
	w.int("evicted_scripts", c.scripts.evicted)
	w.int("total_eviction_exceeded_time", s.ExceededNanos/nanosPerMs)
	w.int("current_eviction_exceeded_time", 0)
	w.int("keyspace_hits", s.Hits)
	w.int("keyspace_misses", s.Misses)
	w.int("pubsub_channels", int64(len(c.channels.byName[toChannel])))
	w.int("pubsub_patterns", int64(c.channels.patterns))
	w.int("pubsubshard_channels", int64(len(c.channels.byName[toShard])))
	w.int("latest_fork_usec", 0)
	w.int("total_forks", 0)
	w.int("migrate_cached_sockets", 0)
	w.int("slave_expires_tracked_keys", 0)
	w.int("active_defrag_hits", s.DefragHits)
	w.int("active_defrag_misses", s.DefragMisses)
	w.int("active_defrag_key_hits", s.DefragKeyHits)
	w.int("active_defrag_key_misses", s.DefragKeyMisses)
	w.int("total_active_defrag_time", s.DefragNanos/nanosPerMs)
	w.int("current_active_defrag_time", 0)
	w.int("tracking_total_keys", int64(c.trackedKeys()))
	w.int("tracking_total_items", int64(c.trackedItems()))
	w.int("tracking_total_prefixes", int64(len(c.trackers.prefixes)))
	w.int("unexpected_error_replies", 0)
	w.int("total_error_replies", errors)
	w.int("dump_payload_sanitizations", 0)
	w.int("total_reads_processed", net.Reads)
	w.int("total_writes_processed", net.Writes)
	w.int("io_threaded_reads_processed", net.IOThreadReads)
	w.int("io_threaded_writes_processed", net.IOThreadWrites)
	w.int("client_query_buffer_limit_disconnections", net.QueryLimitCloses)
	w.int("client_output_buffer_limit_disconnections", net.OutputLimitCloses)
	w.int("reply_buffer_shrinks", 0)
	w.int("reply_buffer_expands", 0)
	w.int("eventloop_cycles", net.Cycles)
	w.int("eventloop_duration_sum", 0)
	w.int("eventloop_duration_cmd_sum", 0)
	w.int("instantaneous_eventloop_cycles_per_sec", 0)
	w.int("instantaneous_eventloop_duration_usec", 0)
	w.int("acl_access_denied_auth", w.c.denied[acl.DeniedAuth])
	w.int("acl_access_denied_cmd", w.c.denied[acl.DeniedCommand])
	w.int("acl_access_denied_key", w.c.denied[acl.DeniedKey])
	w.int("acl_access_denied_channel", w.c.denied[acl.DeniedChannel])
}

func (w *infoWriter) replication() {
	w.text("role", "master")
	w.int("connected_slaves", 0)
	w.text("master_failover_state", "no-failover")
	w.text("master_replid", w.c.replID)
	w.text("master_replid2", strings.Repeat("0", 40))
	w.int("master_repl_offset", 0)
	w.int("second_repl_offset", -1)
	w.int("repl_backlog_active", 0)
	w.int("repl_backlog_size", 1<<20)
	w.int("repl_backlog_first_byte_offset", 0)
	w.int("repl_backlog_histlen", 0)
}

func (w *infoWriter) cpu() {
	t := process.Times()
	w.fixed("used_cpu_sys", t.System, 6)
	w.fixed("used_cpu_user", t.User, 6)
	w.fixed("used_cpu_sys_children", t.ChildrenSystem, 6)
	w.fixed("used_cpu_user_children", t.ChildrenUser, 6)
}

func (w *infoWriter) cluster() {
	enabled := int64(0)
	if w.c.cluster != nil {
		enabled = 1
	}
	w.int("cluster_enabled", enabled)
}

// eachStat visits the commands that have been called or rejected.
func (x *Exec) eachStat(visit func(cmd *Command, st *Stats)) {
	for i := range x.stats {
		if st := x.stat(i); st.Calls != 0 || st.Rejected != 0 {
			visit(commands.all[i], st)
		}
	}
}

func (w *infoWriter) commandStats() {
	w.c.eachStat(func(cmd *Command, st *Stats) {
		perCall := 0.0
		if st.Calls > 0 {
			perCall = float64(st.Nanos) / 1000 / float64(st.Calls)
		}
		w.b = fmt.Appendf(w.b, "cmdstat_%s:calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d\r\n",
			cmd.Name, st.Calls, st.Nanos/1000, perCall, st.Rejected, st.Failed)
	})
}

func (w *infoWriter) errorStats() {
	counts := w.c.errorCounts()
	codes := make([]string, 0, len(counts))
	for code := range counts {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		w.b = fmt.Appendf(w.b, "errorstat_%s:count=%d\r\n", code, counts[code])
	}
}

func (w *infoWriter) latencyStats() {
	if !w.c.trackLatency {
		return
	}
	percentiles := w.c.config.LatencyTrackingInfoPercentiles
	w.c.eachStat(func(cmd *Command, st *Stats) {
		if st.Latency == nil {
			return
		}
		w.b = append(w.b, "latency_percentiles_usec_"+cmd.Name+":"...)
		for i, p := range percentiles {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.b = append(w.b, "p"+config.FormatPercentile(p)+"="...)
			w.b = strconv.AppendFloat(w.b, float64(st.Latency.Percentile(p).Nanoseconds())/1000, 'f', 3, 64)
		}
		w.b = append(w.b, "\r\n"...)
	})
}

func (w *infoWriter) keyspace() {
	w.c.databases(func(i int, dbs []*keyspace.DB) {
		var keys, expires, fields int
		var ttl int64
		for _, db := range dbs {
			keys, expires, fields = keys+db.Len(), expires+db.Volatile(), fields+db.FieldVolatile()
			ttl = max(ttl, db.MeanTTL())
		}
		if keys > 0 {
			w.b = fmt.Appendf(w.b, "db%d:keys=%d,expires=%d,avg_ttl=%d,subexpiry=%d\r\n", i, keys, expires, ttl, fields)
		}
	})
}
