package command

import (
	"math"

	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/stream"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
)

// limits are the encoding thresholds, in the form the data types take them.
type limits struct {
	stream stream.Limits
	hash   hash.Limits
	list   list.Limits
	set    set.Limits
	zset   zset.Limits
}

// configured copies what the hot path needs out of the configuration. It is
// called once at the start and after every CONFIG SET.
func (s *Server) configured() {
	c := s.config
	s.maxMemory = c.MaxMemory
	s.mailMost = mailMost(&c.ClientOutputBufferLimit)
	for _, in := range s.interests {
		in.listen() // notify-keyspace-events
	}
	s.maxBulk = c.ProtoMaxBulkLen
	s.trackLatency = c.LatencyTracking
	s.slowNanos = slowestUnnoticed(c.SlowlogLogSlowerThan, c.LatencyMonitorThreshold)
	s.users.SetAllChannels(c.ACLPubsubDefault == "allchannels")
	s.denials.Trim(int(min(c.ACLLogMaxLen, math.MaxInt32)))
	if c.RequirePass != s.password {
		s.password = c.RequirePass
		s.users.SetDefaultPassword(c.RequirePass)
	}
	s.slow.Trim(c.SlowlogMaxLen)
	s.limits = limits{
		stream: stream.Limits{NodeBytes: c.StreamNodeMaxBytes, NodeEntries: c.StreamNodeMaxEntries},
		hash:   hash.Limits{ListPackEntries: c.HashMaxListpackEntries, ListPackValue: c.HashMaxListpackValue},
		set: set.Limits{
			IntSetEntries: c.SetMaxIntsetEntries, ListPackEntries: c.SetMaxListpackEntries,
			ListPackValue: c.SetMaxListpackValue,
		},
		zset: zset.Limits{ListPackEntries: c.ZSetMaxListpackEntries, ListPackValue: c.ZSetMaxListpackValue},
		list: list.Limits{
			MaxListpackSize: c.ListMaxListpackSize, CompressDepth: c.ListCompressDepth,
			PackedThreshold: s.debug.packedThreshold,
		},
	}
	k := s.settings
	k.MaxMemory = c.MaxMemory
	k.Policy, _ = keyspace.ParsePolicy(c.MaxMemoryPolicy.String())
	k.Samples = c.MaxMemorySamples
	k.Tenacity = c.MaxMemoryEvictionTenacity
	k.LFULogFactor, k.LFUDecayMinutes = c.LFULogFactor, c.LFUDecayTime
	k.ExpireEffort, k.Hz = c.ActiveExpireEffort, c.HZ
	k.Lazy = lazyfree.Settings{
		Eviction: c.LazyfreeLazyEviction, Expire: c.LazyfreeLazyExpire,
		ServerDel: c.LazyfreeLazyServerDel, UserDel: c.LazyfreeLazyUserDel,
		UserFlush: c.LazyfreeLazyUserFlush,
	}
	k.Defrag = keyspace.DefragSettings{
		Active: c.ActiveDefrag, IgnoreBytes: c.ActiveDefragIgnoreBytes,
		ThresholdLower: c.ActiveDefragThresholdLower, ThresholdUpper: c.ActiveDefragThresholdUpper,
		CycleMin: c.ActiveDefragCycleMin, CycleMax: c.ActiveDefragCycleMax,
	}
	for _, sh := range s.shards {
		sh.Publish() // it counts from now on, if it did not
	}
	for _, sh := range s.shards {
		sh.Configured()
	}
}

// slowestUnnoticed is the duration in nanoseconds from which a command is of
// interest to the slow log (microseconds, negative never) or to the latency
// monitor (milliseconds, 0 never).
func slowestUnnoticed(slowlogUs, latencyMs int64) int64 {
	n := int64(math.MaxInt64)
	if 0 <= slowlogUs && slowlogUs <= n/1000 {
		n = slowlogUs * 1000
	}
	if 0 < latencyMs && latencyMs <= n/nanosPerMs {
		n = latencyMs * nanosPerMs
	}
	return n
}
