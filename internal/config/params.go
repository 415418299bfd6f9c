package config

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"
)

// A param is one row of the table: all there is to know about a parameter.
type param struct {
	name  string
	alias string // the name of an older version, or ""
	flags flag
	def   string // the default, as CONFIG SET would take it
	kind  kind
}

type flag uint16

const (
	immutable   flag = 1 << iota // can be given at the start only
	sensitive                    // not to be shown in logs
	protected                    // changed live only where enable-protected-configs allows
	denyLoading                  // not changed while a dataset is loading
	hidden                       // found by its exact name only, not by a pattern
	multiArg                     // takes several words
	debug                        // belongs in a crash report
	volatile                     // names something outside: setting it anew means reading that again
	asyncIO                      // not immutable where the threading model is async-io
)

// threadingModels are the names threading-model accepts, the default first.
var threadingModels = []string{"single-loop", "sync-drain", asyncIOModel, "pipeline", "multi-loop", "sharded"}

// asyncIOModel is the one under which io-threads changes live.
const asyncIOModel = "async-io"

// ThreadingModels returns the names that threading-model accepts, the default first.
func ThreadingModels() []string { return slices.Clone(threadingModels) }

// A table is what all configurations share. It is built once and never
// written after.
type table struct {
	params   []param
	names    []entry          // every name and alias, sorted
	byName   map[string]entry // the same, by lower-case name
	defaults Values
}

// An entry is one of the names of a parameter.
type entry struct {
	name string
	*param
}

var theTable = sync.OnceValue(func() *table {
	t := &table{params: params(), byName: make(map[string]entry)}
	for i := range t.params {
		p := &t.params[i]
		t.names = append(t.names, entry{p.name, p})
		if p.alias != "" {
			t.names = append(t.names, entry{p.alias, p})
		}
		if p.name == "dir" {
			continue // not set means: where the process is
		}
		if err := p.kind.set(&t.defaults, p.words(p.def)); err != nil {
			panic("config: default of " + p.name + ": " + err.Error())
		}
	}
	slices.SortFunc(t.names, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	for _, e := range t.names {
		t.byName[e.name] = e
	}
	return t
})

func (t *table) lookup(name string) (entry, bool) {
	e, ok := t.byName[name]
	if !ok {
		e, ok = t.byName[strings.ToLower(name)]
	}
	return e, ok
}

// words splits the value CONFIG SET was given. Two blanks make an empty word,
// as in Redis; nothing is no word at all.
func (p *param) words(value string) []string {
	switch {
	case p.flags&multiArg == 0:
		return []string{value}
	case value == "":
		return nil
	}
	return strings.Split(value, " ")
}

// params is the table. Names, defaults, ranges and flags are those of Redis 7.4;
// testdata/parameters.tsv holds them a second time, for a test.
func params() []param {
	return []param{
		// this library
		{"threading-model", "", immutable, threadingModels[0], choice(func(v *Values) *string { return &v.ThreadingModel }, threadingModels...)},
		{"server-threads", "", immutable, "0", number(plain, 0, 128, func(v *Values) *int { return &v.ServerThreads })},
		{"io-threads-always-active", "", immutable | hidden, "no", boolKind{func(v *Values) *bool { return &v.IOThreadsAlwaysActive }}},
		{"shards", "", immutable, "0", number(plain, 0, 64, func(v *Values) *int { return &v.Shards })},

		// core
		{"active-expire-effort", "", 0, "1", number(plain, 1, 10, func(v *Values) *int { return &v.ActiveExpireEffort })},
		{"activerehashing", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.ActiveRehashing }}},
		{"busy-reply-threshold", "lua-time-limit", 0, "5000", number(plain, 0, math.MaxInt64, func(v *Values) *int64 { return &v.BusyReplyThreshold })},
		{"databases", "", immutable, "16", number(plain, 1, math.MaxInt32, func(v *Values) *int { return &v.Databases })},
		{"dynamic-hz", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.DynamicHZ }}},
		{"hz", "", 0, "10", clampedHZ()},
		{"locale-collate", "", 0, "", stringKind{field: func(v *Values) *string { return &v.LocaleCollate }, valid: validLocale}},
		{"notify-keyspace-events", "", 0, "", notifyKind{}},

		// memory and eviction
		{"lfu-decay-time", "", 0, "1", number(plain, 0, math.MaxInt32, func(v *Values) *int { return &v.LFUDecayTime })},
		{"lfu-log-factor", "", 0, "10", number(plain, 0, math.MaxInt32, func(v *Values) *int { return &v.LFULogFactor })},
		{"maxmemory", "", 0, "0", numberKind{unit: memory, hi: math.MaxUint64, load: loadMaxMemory, store: storeMaxMemory}},
		{"maxmemory-clients", "", 0, "0", number(memoryOrPercent, -100, math.MaxInt64, func(v *Values) *int64 { return &v.MaxMemoryClients })},
		{"maxmemory-eviction-tenacity", "", 0, "10", number(plain, 0, 100, func(v *Values) *int { return &v.MaxMemoryEvictionTenacity })},
		{"maxmemory-policy", "", 0, "noeviction", enum(policyNames, func(v *Values) *Policy { return &v.MaxMemoryPolicy })},
		{"maxmemory-samples", "", 0, "5", number(plain, 1, 64, func(v *Values) *int { return &v.MaxMemorySamples })},

		// where an encoding gives way to the next
		{"hash-max-listpack-entries", "hash-max-ziplist-entries", 0, "512", number(plain, 0, math.MaxInt64, func(v *Values) *int { return &v.HashMaxListpackEntries })},
		{"hash-max-listpack-value", "hash-max-ziplist-value", 0, "64", number(memory, 0, math.MaxInt64, func(v *Values) *int { return &v.HashMaxListpackValue })},
		{"hll-sparse-max-bytes", "", 0, "3000", number(memory, 0, math.MaxInt64, func(v *Values) *int { return &v.HLLSparseMaxBytes })},
		{"list-compress-depth", "", debug, "0", number(plain, 0, math.MaxInt32, func(v *Values) *int { return &v.ListCompressDepth })},
		{"list-max-listpack-size", "list-max-ziplist-size", 0, "-2", number(plain, math.MinInt32, math.MaxInt32, func(v *Values) *int { return &v.ListMaxListpackSize })},
		{"set-max-intset-entries", "", 0, "512", number(plain, 0, math.MaxInt64, func(v *Values) *int { return &v.SetMaxIntsetEntries })},
		{"set-max-listpack-entries", "", 0, "128", number(plain, 0, math.MaxInt64, func(v *Values) *int { return &v.SetMaxListpackEntries })},
		{"set-max-listpack-value", "", 0, "64", number(plain, 0, math.MaxInt64, func(v *Values) *int { return &v.SetMaxListpackValue })},
		{"stream-node-max-bytes", "", 0, "4096", number(memory, 0, math.MaxInt64, func(v *Values) *int { return &v.StreamNodeMaxBytes })},
		{"stream-node-max-entries", "", 0, "100", number(plain, 0, math.MaxInt64, func(v *Values) *int { return &v.StreamNodeMaxEntries })},
		{"zset-max-listpack-entries", "zset-max-ziplist-entries", 0, "128", number(plain, 0, math.MaxInt64, func(v *Values) *int { return &v.ZSetMaxListpackEntries })},
		{"zset-max-listpack-value", "zset-max-ziplist-value", 0, "64", number(memory, 0, math.MaxInt64, func(v *Values) *int { return &v.ZSetMaxListpackValue })},

		// what is given back in the background
		{"lazyfree-lazy-eviction", "", debug, "no", boolKind{func(v *Values) *bool { return &v.LazyfreeLazyEviction }}},
		{"lazyfree-lazy-expire", "", debug, "no", boolKind{func(v *Values) *bool { return &v.LazyfreeLazyExpire }}},
		{"lazyfree-lazy-server-del", "", debug, "no", boolKind{func(v *Values) *bool { return &v.LazyfreeLazyServerDel }}},
		{"lazyfree-lazy-user-del", "", debug, "no", boolKind{func(v *Values) *bool { return &v.LazyfreeLazyUserDel }}},
		{"lazyfree-lazy-user-flush", "", debug, "no", boolKind{func(v *Values) *bool { return &v.LazyfreeLazyUserFlush }}},

		// defragmentation
		{"active-defrag-cycle-max", "", 0, "25", number(plain, 1, 99, func(v *Values) *int { return &v.ActiveDefragCycleMax })},
		{"active-defrag-cycle-min", "", 0, "1", number(plain, 1, 99, func(v *Values) *int { return &v.ActiveDefragCycleMin })},
		{"active-defrag-ignore-bytes", "", 0, "104857600", number(memory, 1, math.MaxInt64, func(v *Values) *int64 { return &v.ActiveDefragIgnoreBytes })},
		{"active-defrag-max-scan-fields", "", 0, "1000", number(plain, 1, math.MaxInt64, func(v *Values) *int { return &v.ActiveDefragMaxScanFields })},
		{"active-defrag-threshold-lower", "", 0, "10", number(plain, 0, 1000, func(v *Values) *int { return &v.ActiveDefragThresholdLower })},
		{"active-defrag-threshold-upper", "", 0, "100", number(plain, 0, 1000, func(v *Values) *int { return &v.ActiveDefragThresholdUpper })},
		{"activedefrag", "", debug, "no", boolKind{func(v *Values) *bool { return &v.ActiveDefrag }}},
		{"jemalloc-bg-thread", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.JemallocBgThread }}},

		// network and clients
		{"bind", "", multiArg, "* -::*", bindKind{}},
		{"bind-source-addr", "", 0, "", stringKind{field: func(v *Values) *string { return &v.BindSourceAddr }, optional: true}},
		{"client-output-buffer-limit", "", multiArg, "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", bufferLimitKind{}},
		{"client-query-buffer-limit", "", debug, "1073741824", number(memory, 1048576, math.MaxInt64, func(v *Values) *int64 { return &v.ClientQueryBufferLimit })},
		{"io-threads", "", immutable | asyncIO | debug, "1", number(plain, 1, 128, func(v *Values) *int { return &v.IOThreads })},
		{"io-threads-do-reads", "", immutable | debug, "no", boolKind{func(v *Values) *bool { return &v.IOThreadsDoReads }}},
		{"max-new-connections-per-cycle", "", 0, "10", number(plain, 1, 1000, func(v *Values) *int { return &v.MaxNewConnectionsPerCycle })},
		{"maxclients", "", 0, "10000", number(plain, 1, math.MaxUint32, func(v *Values) *int { return &v.MaxClients })},
		{"port", "", 0, "6379", number(plain, 0, 65535, func(v *Values) *int { return &v.Port })},
		{"proto-max-bulk-len", "", debug, "536870912", number(memory, 1048576, math.MaxInt64, func(v *Values) *int64 { return &v.ProtoMaxBulkLen })},
		{"socket-mark-id", "", immutable, "0", number(plain, 0, math.MaxUint32, func(v *Values) *int { return &v.SocketMarkID })},
		{"tcp-backlog", "", immutable, "511", number(plain, 0, math.MaxInt32, func(v *Values) *int { return &v.TCPBacklog })},
		{"tcp-keepalive", "", 0, "300", number(plain, 0, math.MaxInt32, func(v *Values) *int { return &v.TCPKeepalive })},
		{"timeout", "", 0, "0", number(plain, 0, math.MaxInt32, func(v *Values) *int { return &v.Timeout })},
		{"tracking-table-max-keys", "", 0, "1000000", number(plain, 0, math.MaxInt64, func(v *Values) *int { return &v.TrackingTableMaxKeys })},
		{"unixsocket", "", immutable, "", stringKind{field: func(v *Values) *string { return &v.UnixSocket }, optional: true}},
		{"unixsocketperm", "", immutable, "0", number(octal, 0, 0o777, func(v *Values) *int { return &v.UnixSocketPerm })},

		// security
		{"acl-pubsub-default", "", 0, "resetchannels", choice(func(v *Values) *string { return &v.ACLPubsubDefault }, "allchannels", "resetchannels")},
		{"aclfile", "", immutable, "", stringKind{field: func(v *Values) *string { return &v.ACLFile }}},
		{"acllog-max-len", "", 0, "128", number(plain, 0, math.MaxInt64, func(v *Values) *int { return &v.ACLLogMaxLen })},
		{"enable-debug-command", "", immutable, "no", enum(permissionNames, func(v *Values) *Permission { return &v.EnableDebugCommand })},
		{"enable-module-command", "", immutable, "no", enum(permissionNames, func(v *Values) *Permission { return &v.EnableModuleCommand })},
		{"enable-protected-configs", "", immutable, "no", enum(permissionNames, func(v *Values) *Permission { return &v.EnableProtectedConfigs })},
		{"protected-mode", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.ProtectedMode }}},
		{"requirepass", "", sensitive, "", stringKind{field: func(v *Values) *string { return &v.RequirePass }, optional: true}},

		// cluster of one node
		{"cluster-allow-pubsubshard-when-down", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.ClusterAllowPubsubshardWhenDown }}},
		{"cluster-allow-reads-when-down", "", 0, "no", boolKind{func(v *Values) *bool { return &v.ClusterAllowReadsWhenDown }}},
		{"cluster-announce-bus-port", "", 0, "0", number(plain, 0, 65535, func(v *Values) *int { return &v.ClusterAnnounceBusPort })},
		{"cluster-announce-hostname", "", 0, "", stringKind{field: func(v *Values) *string { return &v.ClusterAnnounceHostname }, valid: validHostname, optional: true}},
		{"cluster-announce-ip", "", 0, "", stringKind{field: func(v *Values) *string { return &v.ClusterAnnounceIP }, optional: true}},
		{"cluster-announce-port", "", 0, "0", number(plain, 0, 65535, func(v *Values) *int { return &v.ClusterAnnouncePort })},
		{"cluster-config-file", "", immutable, "nodes.conf", stringKind{field: func(v *Values) *string { return &v.ClusterConfigFile }}},
		{"cluster-enabled", "", immutable, "no", boolKind{func(v *Values) *bool { return &v.ClusterEnabled }}},
		{"cluster-node-timeout", "", 0, "15000", number(plain, 0, math.MaxInt64, func(v *Values) *int64 { return &v.ClusterNodeTimeout })},
		{"cluster-port", "", immutable, "0", number(plain, 0, 65535, func(v *Values) *int { return &v.ClusterPort })},
		{"cluster-preferred-endpoint-type", "", 0, "ip", choice(func(v *Values) *string { return &v.ClusterPreferredEndpointType }, "ip", "hostname", "unknown-endpoint")},
		{"cluster-require-full-coverage", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.ClusterRequireFullCoverage }}},

		// looking in
		{"crash-log-enabled", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.CrashLogEnabled }}},
		{"crash-memcheck-enabled", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.CrashMemcheckEnabled }}},
		{"hide-user-data-from-log", "", 0, "no", boolKind{func(v *Values) *bool { return &v.HideUserDataFromLog }}},
		{"latency-monitor-threshold", "", 0, "0", number(plain, 0, math.MaxInt64, func(v *Values) *int64 { return &v.LatencyMonitorThreshold })},
		{"latency-tracking", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.LatencyTracking }}},
		{"latency-tracking-info-percentiles", "", multiArg, "50 99 99.9", percentilesKind{}},
		{"logfile", "", immutable, "", stringKind{field: func(v *Values) *string { return &v.LogFile }}},
		{"loglevel", "", 0, "notice", enum(logLevelNames, func(v *Values) *LogLevel { return &v.LogLevel })},
		{"slowlog-log-slower-than", "", 0, "10000", number(plain, -1, math.MaxInt64, func(v *Values) *int64 { return &v.SlowlogLogSlowerThan })},
		{"slowlog-max-len", "", 0, "128", number(plain, 0, math.MaxInt64, func(v *Values) *int { return &v.SlowlogMaxLen })},
		{"watchdog-period", "", hidden, "0", number(plain, 0, math.MaxInt32, func(v *Values) *int { return &v.WatchdogPeriod })},

		// persistence
		{"aof-disable-auto-gc", "", hidden, "no", boolKind{func(v *Values) *bool { return &v.AOFDisableAutoGC }}},
		{"aof-load-truncated", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.AOFLoadTruncated }}},
		{"aof-rewrite-cpulist", "aof_rewrite_cpulist", immutable, "", stringKind{field: func(v *Values) *string { return &v.AOFRewriteCPUList }, optional: true}},
		{"aof-rewrite-incremental-fsync", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.AOFRewriteIncrementalFsync }}},
		{"aof-timestamp-enabled", "", 0, "no", boolKind{func(v *Values) *bool { return &v.AOFTimestampEnabled }}},
		{"aof-use-rdb-preamble", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.AOFUseRDBPreamble }}},
		{"appenddirname", "", immutable, "appendonlydir", stringKind{field: func(v *Values) *string { return &v.AppendDirname }, valid: baseName("appenddirname", "dirname", false)}},
		{"appendfilename", "", immutable, "appendonly.aof", stringKind{field: func(v *Values) *string { return &v.AppendFilename }, valid: baseName("appendfilename", "filename", false)}},
		{"appendfsync", "", 0, "everysec", enum(fsyncNames, func(v *Values) *Fsync { return &v.AppendFsync })},
		{"appendonly", "", denyLoading, "no", boolKind{func(v *Values) *bool { return &v.AppendOnly }}},
		{"auto-aof-rewrite-min-size", "", 0, "67108864", number(memory, 0, math.MaxInt64, func(v *Values) *int64 { return &v.AutoAOFRewriteMinSize })},
		{"auto-aof-rewrite-percentage", "", 0, "100", number(plain, 0, math.MaxInt32, func(v *Values) *int { return &v.AutoAOFRewritePercentage })},
		{"bgsave-cpulist", "bgsave_cpulist", immutable, "", stringKind{field: func(v *Values) *string { return &v.BgsaveCPUList }, optional: true}},
		{"dbfilename", "", protected, "dump.rdb", stringKind{field: func(v *Values) *string { return &v.DBFilename }, valid: baseName("dbfilename", "filename", true)}},
		{"dir", "", protected | denyLoading, "", dirKind{}},
		{"key-load-delay", "", hidden, "0", number(plain, math.MinInt32, math.MaxInt32, func(v *Values) *int { return &v.KeyLoadDelay })},
		{"loading-process-events-interval-bytes", "", hidden, "2097152", number(plain, 1024, math.MaxInt32, func(v *Values) *int { return &v.LoadingProcessEventsIntervalBytes })},
		{"no-appendfsync-on-rewrite", "", 0, "no", boolKind{func(v *Values) *bool { return &v.NoAppendFsyncOnRewrite }}},
		{"rdb-del-sync-files", "", 0, "no", boolKind{func(v *Values) *bool { return &v.RDBDelSyncFiles }}},
		{"rdb-key-save-delay", "", hidden, "0", number(plain, math.MinInt32, math.MaxInt32, func(v *Values) *int { return &v.RDBKeySaveDelay })},
		{"rdb-save-incremental-fsync", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.RDBSaveIncrementalFsync }}},
		{"rdbchecksum", "", immutable, "yes", boolKind{func(v *Values) *bool { return &v.RDBChecksum }}},
		{"rdbcompression", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.RDBCompression }}},
		{"sanitize-dump-payload", "", debug, "no", enum(sanitizeNames, func(v *Values) *Sanitize { return &v.SanitizeDumpPayload })},
		{"save", "", multiArg, "3600 1 300 100 60 10000", saveKind{}},
		{"stop-writes-on-bgsave-error", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.StopWritesOnBgsaveError }}},

		// the process
		{"always-show-logo", "", immutable, "no", boolKind{func(v *Values) *bool { return &v.AlwaysShowLogo }}},
		{"bio-cpulist", "bio_cpulist", immutable, "", stringKind{field: func(v *Values) *string { return &v.BioCPUList }, optional: true}},
		{"daemonize", "", immutable, "no", boolKind{func(v *Values) *bool { return &v.Daemonize }}},
		{"disable-thp", "", immutable, "yes", boolKind{func(v *Values) *bool { return &v.DisableTHP }}},
		{"ignore-warnings", "", 0, "", stringKind{field: func(v *Values) *string { return &v.IgnoreWarnings }}},
		{"oom-score-adj", "", 0, "no", oomScore()},
		{"oom-score-adj-values", "", multiArg, "0 200 800", oomValuesKind{}},
		{"pidfile", "", immutable, "", stringKind{field: func(v *Values) *string { return &v.PIDFile }, optional: true}},
		{"proc-title-template", "", 0, "{title} {listen-addr} {server-mode}", stringKind{field: func(v *Values) *string { return &v.ProcTitleTemplate }, valid: validTitle}},
		{"server-cpulist", "server_cpulist", immutable, "", stringKind{field: func(v *Values) *string { return &v.ServerCPUList }, optional: true}},
		{"set-proc-title", "", immutable, "yes", boolKind{func(v *Values) *bool { return &v.SetProcTitle }}},
		{"shutdown-on-sigint", "", multiArg, "default", shutdownKind{func(v *Values) *Shutdown { return &v.ShutdownOnSigInt }}},
		{"shutdown-on-sigterm", "", multiArg, "default", shutdownKind{func(v *Values) *Shutdown { return &v.ShutdownOnSigTerm }}},
		{"shutdown-timeout", "", 0, "10", number(plain, 0, math.MaxInt32, func(v *Values) *int { return &v.ShutdownTimeout })},
		{"supervised", "", immutable, "no", choice(func(v *Values) *string { return &v.Supervised }, "upstart", "systemd", "auto", "no")},
		{"syslog-enabled", "", immutable, "no", boolKind{func(v *Values) *bool { return &v.SyslogEnabled }}},
		{"syslog-facility", "", immutable, "local0", choice(func(v *Values) *string { return &v.SyslogFacility }, "user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7")},
		{"syslog-ident", "", immutable, "redis", stringKind{field: func(v *Values) *string { return &v.SyslogIdent }}},
		{"use-exit-on-panic", "", hidden, "no", boolKind{func(v *Values) *bool { return &v.UseExitOnPanic }}},

		// TLS
		{"max-new-tls-connections-per-cycle", "", 0, "1", number(plain, 1, 1000, func(v *Values) *int { return &v.MaxNewTLSConnectionsPerCycle })},
		{"tls-auth-clients", "", 0, "yes", choice(func(v *Values) *string { return &v.TLSAuthClients }, "no", "yes", "optional")},
		{"tls-ca-cert-dir", "", volatile, "", stringKind{field: func(v *Values) *string { return &v.TLSCACertDir }, optional: true}},
		{"tls-ca-cert-file", "", volatile, "", stringKind{field: func(v *Values) *string { return &v.TLSCACertFile }, optional: true}},
		{"tls-cert-file", "", volatile, "", stringKind{field: func(v *Values) *string { return &v.TLSCertFile }, optional: true}},
		{"tls-ciphers", "", 0, "", stringKind{field: func(v *Values) *string { return &v.TLSCiphers }, optional: true}},
		{"tls-ciphersuites", "", 0, "", stringKind{field: func(v *Values) *string { return &v.TLSCiphersuites }, optional: true}},
		{"tls-client-cert-file", "", volatile, "", stringKind{field: func(v *Values) *string { return &v.TLSClientCertFile }, optional: true}},
		{"tls-client-key-file", "", volatile, "", stringKind{field: func(v *Values) *string { return &v.TLSClientKeyFile }, optional: true}},
		{"tls-client-key-file-pass", "", sensitive, "", stringKind{field: func(v *Values) *string { return &v.TLSClientKeyFilePass }, optional: true}},
		{"tls-dh-params-file", "", volatile, "", stringKind{field: func(v *Values) *string { return &v.TLSDHParamsFile }, optional: true}},
		{"tls-key-file", "", volatile, "", stringKind{field: func(v *Values) *string { return &v.TLSKeyFile }, optional: true}},
		{"tls-key-file-pass", "", sensitive, "", stringKind{field: func(v *Values) *string { return &v.TLSKeyFilePass }, optional: true}},
		{"tls-port", "", 0, "0", number(plain, 0, 65535, func(v *Values) *int { return &v.TLSPort })},
		{"tls-prefer-server-ciphers", "", 0, "no", boolKind{func(v *Values) *bool { return &v.TLSPreferServerCiphers }}},
		{"tls-protocols", "", 0, "", stringKind{field: func(v *Values) *string { return &v.TLSProtocols }, optional: true}},
		{"tls-session-cache-size", "", 0, "20480", number(plain, 0, math.MaxInt32, func(v *Values) *int { return &v.TLSSessionCacheSize })},
		{"tls-session-cache-timeout", "", 0, "300", number(plain, 0, math.MaxInt32, func(v *Values) *int { return &v.TLSSessionCacheTimeout })},
		{"tls-session-caching", "", 0, "yes", boolKind{func(v *Values) *bool { return &v.TLSSessionCaching }}},
	}
}
