package command

var debugHandlers = handlers{}

// debugState is what DEBUG has switched.
type debugState struct {
	packedThreshold int  // DEBUG QUICKLIST-PACKED-THRESHOLD, 0 for the default
	cronPaused      bool // DEBUG PAUSE-CRON
	protocolReplies bool
}
