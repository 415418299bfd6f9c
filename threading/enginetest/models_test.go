package enginetest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/asyncio"
	"github.com/redweave/redweave/threading/enginetest"
	"github.com/redweave/redweave/threading/eventloop"
	"github.com/redweave/redweave/threading/multiloop"
	"github.com/redweave/redweave/threading/pipeline"
	"github.com/redweave/redweave/threading/sharded"
	"github.com/redweave/redweave/threading/singleloop"
	"github.com/redweave/redweave/threading/syncdrain"
)

// engine is what the models of this module are, beyond what the suite asks for.
type engine interface {
	threading.Engine
	threading.Typed
	Own() *command.Exec
	Loops() []*eventloop.Loop
}

// A model is one of this module, and the parameters to test it with.
type model struct {
	name   string
	open   func(threading.Options) engine
	params map[string]string
}

var models = []model{
	{"single-loop", func(o threading.Options) engine { return singleloop.New(o) }, nil},
	{
		"sync-drain", func(o threading.Options) engine { return syncdrain.New(o) },
		map[string]string{"io-threads": "3", "io-threads-do-reads": "yes"},
	},
	{
		"async-io", func(o threading.Options) engine { return asyncio.New(o) },
		map[string]string{"io-threads": "3", "io-threads-always-active": "yes"},
	},
	{
		"pipeline", func(o threading.Options) engine { return pipeline.New(o) },
		map[string]string{"io-threads": "3"},
	},
	{
		"multi-loop", func(o threading.Options) engine { return multiloop.New(o) },
		map[string]string{"server-threads": "3"},
	},
	{
		"sharded", func(o threading.Options) engine { o.Shards = o.Config.Shards; return sharded.New(o) },
		map[string]string{"shards": "8", "server-threads": "3"},
	},
}

// under is the model under test.
var under = models[0]

// suite opens an engine of the model under test as the suite wants it.
func suite(t testing.TB) enginetest.Engine {
	m := clock.NewManual(time.Now())
	return &steered{engine: openOn(t, m), clock: m, t: t}
}

// A steered engine is one whose clock the suite owns.
type steered struct {
	engine
	clock *clock.Manual
	t     testing.TB
	addr  string
}

// Advance moves the clock.
func (s *steered) Advance(d time.Duration) { s.clock.Advance(d) }

// Addr listens on a port, the first time.
func (s *steered) Addr() string {
	if s.addr == "" {
		s.addr = listen(s.t, s.engine)
	}
	return s.addr
}

// Start opens another engine of the model, with a redis.conf.
func (s *steered) Start(t testing.TB, file string) enginetest.Engine {
	m := clock.NewManual(time.Now())
	return &steered{engine: openWith(t, m, file), clock: m, t: t}
}

// Settle waits until every loop has gone round a few times: what one of them had read
// has come to its owner by then, and the reply back.
func (s *steered) Settle() {
	var all sync.WaitGroup
	for range 6 {
		for _, lp := range s.Loops() {
			all.Add(1)
			lp.Post(all.Done, all.Done)
		}
		all.Wait()
	}
}

// TestModels runs the suite on every model of this module.
func TestModels(t *testing.T) {
	eachModel(t, func(t *testing.T) { enginetest.Run(t, suite) })
}

func eachModel(t *testing.T, f func(t *testing.T)) {
	for _, m := range models {
		under = m
		t.Run(m.name, f)
	}
	under = models[0]
}

// stress is what the engines under test are made with.
var stress threading.Stress

// TestStressed runs what may go wrong between threads on models whose queues are short,
// whose batches are small, and whose threads hesitate.
func TestStressed(t *testing.T) {
	stress = threading.Stress{Queue: 2, Batch: 1, Yield: true}
	defer func() { stress = threading.Stress{} }()
	eachModel(t, func(t *testing.T) { enginetest.Stress(t, suite) })
}

// TestCases runs on every model what takes more than a connection to see: calls in
// process, clocks, sockets of each kind, counters, goroutines.
func TestCases(t *testing.T) {
	eachModel(t, func(t *testing.T) {
		for _, c := range cases {
			if testing.Short() && strings.Contains(longCases, c.name) {
				continue
			}
			if c.only == "" || strings.Contains(c.only, under.name) {
				t.Run(c.name, c.test)
			}
		}
	})
}

// longCases move so many bytes that -short leaves them out.
const longCases = "LongReply Fairness NeverReads RepliesBeyondTheCeiling HundredMegabytes"

var cases = []struct {
	name string
	test func(t *testing.T)
	only string // the models it is for; "" means all
}{
	{"KeepAlive", testKeepAlive, ""},
	{"OutOfDescriptors", testOutOfDescriptors, ""},
	// blocking_test.go
	{"BlockingInProcess", testBlockingInProcess, ""},
	{"BlockingCancelled", testBlockingCancelled, ""},
	{"BlockedWhenClosed", testBlockedWhenClosed, ""},
	{"BlockingOnASteppedClock", testBlockingOnASteppedClock, ""},
	{"BlockingInRealTime", testBlockingInRealTime, ""},
	{"BlockedClientsGo", testBlockedClientsGo, ""},
	{"BlockedInAPause", testBlockedInAPause, ""},
	{"ThousandBlocked", testThousandBlocked, ""},
	{"BlockedInOrder", testBlockedInOrder, ""},
	{"Monitor", testMonitor, ""},
	{"WatchedIncrements", testWatchedIncrements, ""},
	{"QueueIsLimited", testQueueIsLimited, ""},
	// clients_test.go
	{"KillSelf", testKillSelf, ""},
	{"KillByFilter", testKillByFilter, ""},
	{"KillFromInProcess", testKillFromInProcess, ""},
	{"KillWithOutputPending", testKillWithOutputPending, ""},
	{"TheKilledDoNothingMore", testTheKilledDoNothingMore, "single-loop"},
	{"PauseAll", testPauseAll, ""},
	{"PauseWrite", testPauseWrite, ""},
	{"PausedHalfClosed", testPausedHalfClosed, ""},
	{"ManyPauses", testManyPauses, ""},
	{"PauseOnASteppedClock", testPauseOnASteppedClock, ""},
	{"PausedInProcess", testPausedInProcess, ""},
	{"PausedTyped", testPausedTyped, ""},
	{"NothingExpiresInAPause", testNothingExpiresInAPause, ""},
	{"ReplyModes", testReplyModes, ""},
	{"QuitLeavesNothing", testQuitLeavesNothing, ""},
	{"NoTouch", testNoTouch, ""},
	{"ClientList", testClientList, ""},
	{"SelectIsTheClients", testSelectIsTheClients, ""},
	{"Quit", testQuit, ""},
	{"HelloSwitchesThere", testHelloSwitchesThere, ""},
	{"Authentication", testAuthentication, ""},
	// clock_test.go
	{"BubbleWithoutConnections", testBubbleWithoutConnections, ""},
	{"BubbleTyped", testBubbleTyped, ""},
	{"BubbleTypedIsExact", testBubbleTypedIsExact, ""},
	{"BubbleTypedIdleTime", testBubbleTypedIdleTime, ""},
	{"BubbleIdleTime", testBubbleIdleTime, ""},
	{"BubbleOverDial", testBubbleOverDial, ""},
	{"SteppedClock", testSteppedClock, ""},
	{"SteppedExpiryIsComplete", testSteppedExpiryIsComplete, ""},
	{"SteppedWhileClosing", testSteppedWhileClosing, ""},
	// engine_test.go
	{"CloseTwice", testCloseTwice, ""},
	{"CloseAmidst", testCloseAmidst, ""},
	{"ShutdownDrains", testShutdownDrains, ""},
	{"ShutdownCommand", testShutdownCommand, ""},
	{"SeveralListeners", testSeveralListeners, ""},
	{"OtherListeners", testOtherListeners, ""},
	{"ServeAfterShutdownBegan", testServeAfterShutdownBegan, ""},
	{"Counters", testCounters, ""},
	{"SharedReadsAreCounted", testSharedReadsAreCounted, ""},
	{"ReclaimerEnds", testReclaimerEnds, ""},
	{"MemoryComesBack", testMemoryComesBack, ""},
	{"UnixSocketIsRemoved", testUnixSocketIsRemoved, ""},
	// inprocess_test.go
	{"ManyAtOnce", testManyAtOnce, ""},
	{"SetBesideEverything", testSetBesideEverything, ""},
	{"SharedWritesAreCounted", testSharedWritesAreCounted, ""},
	{"AppendGet", testAppendGet, ""},
	{"Allocations", testAllocations, ""},
	{"WireAllocations", testWireAllocations, ""},
	{"Fairness", testFairness, "single-loop"},
	// input_test.go
	{"BadInput", testBadInput, ""},
	{"BadInputIsCountedOnce", testBadInputIsCountedOnce, ""},
	{"ClaimsAllocateNothing", testClaimsAllocateNothing, ""},
	{"QuotedWordsAllocateTheirLine", testQuotedWordsAllocateTheirLine, ""},
	{"ClientsThatDie", testClientsThatDie, ""},
	{"QueryBufferLimit", testQueryBufferLimit, ""},
	{"MaxClients", testMaxClients, ""},
	{"IdleClients", testIdleClients, ""},
	{"EvictedClients", testEvictedClients, ""},
	// interlude_test.go
	{"ShutdownInAScript", testShutdownInAScript, ""},
	{"FloodedByItsScript", testFloodedByItsScript, ""},
	{"GoneBeforeItGoesOn", testGoneBeforeItGoesOn, ""},
	{"CloseInAScript", testCloseInAScript, ""},
	{"UnblockedAtTheEnd", testUnblockedAtTheEnd, ""},
	// output_test.go
	{"HalfClosed", testHalfClosed, ""},
	{"SlowReader", testSlowReader, ""},
	{"NeverReads", testNeverReads, ""},
	{"OutputLimits", testOutputLimits, ""},
	{"OutputSoftLimit", testOutputSoftLimit, ""},
	{"SubscriberLimits", testSubscriberLimits, ""},
	{"SubscribersAreNotIdle", testSubscribersAreNotIdle, ""},
	{"OutputSoftLimitForgets", testOutputSoftLimitForgets, ""},
	{"PausedWithOutputDoesNotSpin", testPausedWithOutputDoesNotSpin, ""},
	{"PausedAndGoneDoesNotSpin", testPausedAndGoneDoesNotSpin, ""},
	// pipeline_test.go
	{"TenThousandInOneWrite", testTenThousandInOneWrite, ""},
	{"SplitAtEveryByte", testSplitAtEveryByte, ""},
	{"ReadsThatEndInsideACommand", testReadsThatEndInsideACommand, ""},
	{"HundredMegabytes", testHundredMegabytes, ""},
	{"RepliesBeyondTheCeiling", testRepliesBeyondTheCeiling, ""},
	{"LongReply", testLongReply, ""},
}

// TestEveryCaseIsRun looks for tests that the table forgot.
func TestEveryCaseIsRun(t *testing.T) {
	run := map[string]bool{}
	for _, c := range cases {
		run["test"+c.name] = true
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "test") && !run[fn.Name.Name] {
				t.Errorf("%s: %s is in no row of cases", name, fn.Name.Name)
			}
		}
	}
}
