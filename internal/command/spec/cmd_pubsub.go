package spec

// pubSubCommands pass messages to whoever listens; only the shard channels are
// placed like keys, hence their NotKey specs.
var pubSubCommands = []*Command{
	{
		Name: "psubscribe", Since: "2.0.0", Arity: -2, Flags: PubSub | NoScript | Loading | Stale | Sentinel,
		Summary:    "Listens to all channels that match patterns.",
		Complexity: "O(N)",
		Syntax:     "pattern:pattern ...",
	},
	{
		Name: "publish", Since: "2.0.0", Arity: 3, Flags: PubSub | Loading | Stale | Fast | MayReplicate | Sentinel,
		Summary:    "Sends a message to a channel.",
		Complexity: "O(N+M)",
		Syntax:     "channel message",
	},
	{
		Name: "pubsub", Since: "2.8.0", Arity: -2,
		Summary:    "Container for looking at subscriptions.",
		Complexity: "depends",
		Subcommands: []*Command{
			{
				Name: "pubsub|channels", Since: "2.8.0", Arity: -2, Flags: PubSub | Loading | Stale,
				Summary:    "Lists the channels that have listeners.",
				Complexity: "O(N)",
				Syntax:     "[pattern:pattern]",
			},
			{
				Name: "pubsub|help", Since: "6.2.0", Arity: 2, Flags: Loading | Stale,
				Summary:    "Lists what PUBSUB understands.",
				Complexity: "O(1)",
			},
			{
				Name: "pubsub|numpat", Since: "2.8.0", Arity: 2, Flags: PubSub | Loading | Stale,
				Summary:    "Counts the patterns listened to.",
				Complexity: "O(1)",
			},
			{
				Name: "pubsub|numsub", Since: "2.8.0", Arity: -2, Flags: PubSub | Loading | Stale,
				Summary:    "Counts the listeners of channels.",
				Complexity: "O(N)",
				Syntax:     "[channel ...]",
			},
			{
				Name: "pubsub|shardchannels", Since: "7.0.0", Arity: -2, Flags: PubSub | Loading | Stale,
				Summary:    "Lists the shard channels that have listeners.",
				Complexity: "O(N)",
				Syntax:     "[pattern:pattern]",
			},
			{
				Name: "pubsub|shardnumsub", Since: "7.0.0", Arity: -2, Flags: PubSub | Loading | Stale,
				Summary:    "Counts the listeners of shard channels.",
				Complexity: "O(N)",
				Syntax:     "[shardchannel ...]",
			},
		},
	},
	{
		Name: "punsubscribe", Since: "2.0.0", Arity: -1, Flags: PubSub | NoScript | Loading | Stale | Sentinel,
		Summary:    "Stops listening to patterns, or to all of them.",
		Complexity: "O(N)",
		Syntax:     "[pattern:pattern ...]",
	},
	{
		Name: "spublish", Since: "7.0.0", Arity: 3, Flags: PubSub | Loading | Stale | Fast | MayReplicate,
		Summary:    "Sends a message to a shard channel.",
		Complexity: "O(N)",
		Keys:       []KeySpec{key(1, NotKey)},
		Syntax:     "shardchannel message",
	},
	{
		Name: "ssubscribe", Since: "7.0.0", Arity: -2, Flags: PubSub | NoScript | Loading | Stale,
		Summary:    "Listens to shard channels.",
		Complexity: "O(N)",
		Keys:       []KeySpec{keys(1, -1, 1, NotKey)},
		Syntax:     "shardchannel ...",
	},
	{
		Name: "subscribe", Since: "2.0.0", Arity: -2, Flags: PubSub | NoScript | Loading | Stale | Sentinel,
		Summary:    "Listens to channels.",
		Complexity: "O(N)",
		Syntax:     "channel ...",
	},
	{
		Name: "sunsubscribe", Since: "7.0.0", Arity: -1, Flags: PubSub | NoScript | Loading | Stale,
		Summary:    "Stops listening to shard channels, or to all of them.",
		Complexity: "O(N)",
		Keys:       []KeySpec{keys(1, -1, 1, NotKey)},
		Syntax:     "[shardchannel ...]",
	},
	{
		Name: "unsubscribe", Since: "2.0.0", Arity: -1, Flags: PubSub | NoScript | Loading | Stale | Sentinel,
		Summary:    "Stops listening to channels, or to all of them.",
		Complexity: "O(N)",
		Syntax:     "[channel ...]",
	},
}
