package config

import (
	"os"
	"path/filepath"
)

// Values are the parameters, parsed. A field is named after its parameter, and is
// what the code that obeys it wants to read: a number, a flag, a typed choice.
//
// Values can be copied, and a copy stays as it was: slices are replaced, never
// written into. So an owner may hand copies to other goroutines.
type Values struct {
	// this library
	ThreadingModel string
	ServerThreads  int // loops of the multi-loop and sharded models; 0: IOThreads, or as many as suit
	Shards         int // 0: as many as suit the loops

	IOThreadsAlwaysActive bool // I/O threads are used however little there is to do, for tests

	// core
	ActiveExpireEffort   int // 1 to 10
	ActiveRehashing      bool
	BusyReplyThreshold   int64 // ms a script may run before others hear BUSY; 0: never
	Databases            int
	DynamicHZ            bool
	HZ                   int // background rounds a second, 1 to 500
	LocaleCollate        string
	NotifyKeyspaceEvents Notify

	// memory and eviction
	LFUDecayTime              int // minutes
	LFULogFactor              int
	MaxMemory                 int64  // bytes; 0: no limit
	maxMemory                 uint64 // as it was set: MaxMemory stops at the largest int64
	MaxMemoryClients          int64  // bytes; 0: no limit; negative: percent of MaxMemory
	MaxMemoryEvictionTenacity int
	MaxMemoryPolicy           Policy
	MaxMemorySamples          int

	// where an encoding gives way to the next
	HashMaxListpackEntries int
	HashMaxListpackValue   int // bytes
	HLLSparseMaxBytes      int // bytes
	ListCompressDepth      int
	ListMaxListpackSize    int // entries; negative: -1 to -5 for 4 to 64 KiB
	SetMaxIntsetEntries    int
	SetMaxListpackEntries  int
	SetMaxListpackValue    int // bytes
	StreamNodeMaxBytes     int // bytes; 0: no limit
	StreamNodeMaxEntries   int // 0: no limit
	ZSetMaxListpackEntries int
	ZSetMaxListpackValue   int // bytes

	// what is given back in the background
	LazyfreeLazyEviction  bool
	LazyfreeLazyExpire    bool
	LazyfreeLazyServerDel bool
	LazyfreeLazyUserDel   bool
	LazyfreeLazyUserFlush bool

	// defragmentation
	ActiveDefragCycleMax       int   // percent of CPU
	ActiveDefragCycleMin       int   // percent of CPU
	ActiveDefragIgnoreBytes    int64 // bytes
	ActiveDefragMaxScanFields  int
	ActiveDefragThresholdLower int // percent
	ActiveDefragThresholdUpper int // percent
	ActiveDefrag               bool
	JemallocBgThread           bool

	// network and clients
	Bind                      []string // a leading - means: skip it when it is not there
	BindSourceAddr            string
	ClientOutputBufferLimit   [3]BufferLimit // by ClassNormal, ClassReplica, ClassPubSub
	ClientQueryBufferLimit    int64          // bytes
	IOThreads                 int
	IOThreadsDoReads          bool
	MaxNewConnectionsPerCycle int
	MaxClients                int
	Port                      int   // 0: none
	ProtoMaxBulkLen           int64 // bytes
	SocketMarkID              int
	TCPBacklog                int
	TCPKeepalive              int // seconds; 0: off
	Timeout                   int // seconds of idleness; 0: never
	TrackingTableMaxKeys      int // 0: no limit
	UnixSocket                string
	UnixSocketPerm            int // permission bits

	// security
	ACLPubsubDefault       string // allchannels or resetchannels
	ACLFile                string
	ACLLogMaxLen           int
	EnableDebugCommand     Permission
	EnableModuleCommand    Permission
	EnableProtectedConfigs Permission
	ProtectedMode          bool
	RequirePass            string // empty: none

	// cluster of one node
	ClusterAllowPubsubshardWhenDown bool
	ClusterAllowReadsWhenDown       bool
	ClusterAnnounceBusPort          int // 0: 10000 above the port
	ClusterAnnounceHostname         string
	ClusterAnnounceIP               string
	ClusterAnnouncePort             int // 0: the one listened on
	ClusterConfigFile               string
	ClusterEnabled                  bool
	ClusterNodeTimeout              int64 // ms
	ClusterPort                     int
	ClusterPreferredEndpointType    string // ip, hostname or unknown-endpoint
	ClusterRequireFullCoverage      bool

	// looking in
	CrashLogEnabled                bool
	CrashMemcheckEnabled           bool
	HideUserDataFromLog            bool
	LatencyMonitorThreshold        int64 // ms; 0: off
	LatencyTracking                bool
	LatencyTrackingInfoPercentiles []float64 // 0 to 100 each
	LogFile                        string
	LogLevel                       LogLevel
	SlowlogLogSlowerThan           int64 // µs; negative: never
	SlowlogMaxLen                  int
	WatchdogPeriod                 int // ms

	// persistence
	AOFDisableAutoGC                  bool
	AOFLoadTruncated                  bool
	AOFRewriteCPUList                 string
	AOFRewriteIncrementalFsync        bool
	AOFTimestampEnabled               bool
	AOFUseRDBPreamble                 bool
	AppendDirname                     string
	AppendFilename                    string
	AppendFsync                       Fsync
	AppendOnly                        bool
	AutoAOFRewriteMinSize             int64 // bytes
	AutoAOFRewritePercentage          int   // 0: never
	BgsaveCPUList                     string
	DBFilename                        string
	dir                               string // empty: where the process is
	KeyLoadDelay                      int    // µs a key
	LoadingProcessEventsIntervalBytes int    // bytes
	NoAppendFsyncOnRewrite            bool
	RDBDelSyncFiles                   bool
	RDBKeySaveDelay                   int // µs a key
	RDBSaveIncrementalFsync           bool
	RDBChecksum                       bool
	RDBCompression                    bool
	SanitizeDumpPayload               Sanitize
	Save                              []SavePoint
	StopWritesOnBgsaveError           bool

	// the process
	AlwaysShowLogo    bool
	BioCPUList        string
	Daemonize         bool
	DisableTHP        bool
	IgnoreWarnings    string
	OOMScoreAdj       OOMScore
	OOMScoreAdjValues [3]int // of a master, a replica, a background child
	PIDFile           string
	ProcTitleTemplate string
	ServerCPUList     string
	SetProcTitle      bool
	ShutdownOnSigInt  Shutdown
	ShutdownOnSigTerm Shutdown
	ShutdownTimeout   int    // seconds
	Supervised        string // upstart, systemd, auto or no
	SyslogEnabled     bool
	SyslogFacility    string
	SyslogIdent       string
	UseExitOnPanic    bool

	// TLS
	MaxNewTLSConnectionsPerCycle int
	TLSAuthClients               string // no, yes or optional
	TLSCACertDir                 string
	TLSCACertFile                string
	TLSCertFile                  string
	TLSCiphers                   string
	TLSCiphersuites              string
	TLSClientCertFile            string
	TLSClientKeyFile             string
	TLSClientKeyFilePass         string
	TLSDHParamsFile              string
	TLSKeyFile                   string
	TLSKeyFilePass               string
	TLSPort                      int
	TLSPreferServerCiphers       bool
	TLSProtocols                 string
	TLSSessionCacheSize          int
	TLSSessionCacheTimeout       int // seconds
	TLSSessionCaching            bool
}

// Dir returns the absolute path of the directory that dbfilename, includes and the
// like are relative to. It is this configuration's own: the process stays where
// it is.
func (v *Values) Dir() string {
	if v.dir != "" {
		return v.dir
	}
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return dir
}

// resolve makes a path absolute, from Dir.
func (v *Values) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(v.Dir(), path)
}
