package spec

// connectionCommands concern the client's own connection.
var connectionCommands = []*Command{
	{
		Name: "auth", Since: "1.0.0", Arity: -2, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy | Sentinel, ACL: CatConnection,
		Summary:    "Proves who the client is.",
		Complexity: "O(N)",
		Syntax:     "[username^6.0.0] password",
	},
	{
		Name: "client", Since: "2.4.0", Arity: -2, Flags: Sentinel,
		Summary:    "Container for the connection commands.",
		Complexity: "depends",
		Subcommands: []*Command{
			{
				Name: "client|caching", Since: "6.0.0", Arity: 3, Flags: NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Says whether the next command's keys are to be tracked.",
				Complexity: "O(1)",
				Syntax:     "mode{YES|NO}",
			},
			{
				Name: "client|getname", Since: "2.6.9", Arity: 2, Flags: NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Tells the connection's name.",
				Complexity: "O(1)",
			},
			{
				Name: "client|getredir", Since: "6.0.0", Arity: 2, Flags: NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Tells which client gets this one's invalidations.",
				Complexity: "O(1)",
			},
			{
				Name: "client|help", Since: "5.0.0", Arity: 2, Flags: Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Lists what CLIENT understands.",
				Complexity: "O(1)",
			},
			{
				Name: "client|id", Since: "5.0.0", Arity: 2, Flags: NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Tells the connection's number.",
				Complexity: "O(1)",
			},
			{
				Name: "client|info", Since: "6.2.0", Arity: 2, Flags: NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Describes this connection.",
				Complexity: "O(1)",
				Tips:       []string{"nondeterministic_output"},
			},
			{
				Name: "client|kill", Since: "2.4.0", Arity: -3, Flags: Admin | NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Closes connections that match.",
				Complexity: "O(N)",
				Syntax:     `filter{old-format"ip:port"~2.8.12|new-format{[ID client-id:int^2.8.12]|[TYPE client-type{NORMAL|MASTER^3.2.0|SLAVE|REPLICA^5.0.0|PUBSUB}^2.8.12]|[USER username]|[ADDR addr"ip:port"]|[LADDR laddr"ip:port"^6.2.0]|[SKIPME skipme{YES|NO}]|[MAXAGE maxage:int^7.4.0]} ...}`,
			},
			{
				Name: "client|list", Since: "2.4.0", Arity: -2, Flags: Admin | NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Describes the open connections.",
				Complexity: "O(N)",
				Tips:       []string{"nondeterministic_output"},
				Syntax:     "[TYPE client-type{NORMAL|MASTER|REPLICA|PUBSUB}^5.0.0] [ID client-id:int^6.2.0 ...]",
			},
			{
				Name: "client|no-evict", Since: "7.0.0", Arity: 3, Flags: Admin | NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Exempts this connection from client eviction, or no longer.",
				Complexity: "O(1)",
				Syntax:     "enabled{ON|OFF}",
			},
			{
				Name: "client|no-touch", Since: "7.2.0", Arity: 3, Flags: NoScript | Loading | Stale, ACL: CatConnection,
				Summary:    "Makes this connection's reads leave LRU and LFU data alone, or no longer.",
				Complexity: "O(1)",
				Syntax:     "enabled{ON|OFF}",
			},
			{
				Name: "client|pause", Since: "3.0.0", Arity: -3, Flags: Admin | NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Holds back the commands of all clients for a while.",
				Complexity: "O(1)",
				Syntax:     "timeout:int [mode{WRITE|ALL}^6.2.0]",
			},
			{
				Name: "client|reply", Since: "3.2.0", Arity: 3, Flags: NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Turns replies to this connection on or off.",
				Complexity: "O(1)",
				Syntax:     "action{ON|OFF|SKIP}",
			},
			{
				Name: "client|setinfo", Since: "7.2.0", Arity: 4, Flags: NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Notes the client library's name or version.",
				Complexity: "O(1)",
				Tips:       []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Syntax:     "attr{LIB-NAME libname|LIB-VER libver}",
			},
			{
				Name: "client|setname", Since: "2.6.9", Arity: 3, Flags: NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Names the connection.",
				Complexity: "O(1)",
				Tips:       []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Syntax:     "connection-name",
			},
			{
				Name: "client|tracking", Since: "6.0.0", Arity: -3, Flags: NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Turns invalidation messages for cached keys on or off.",
				Complexity: "O(1)",
				Syntax:     "status{ON|OFF} [REDIRECT client-id:int] [PREFIX prefix *...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
			},
			{
				Name: "client|trackinginfo", Since: "6.2.0", Arity: 2, Flags: NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Describes this connection's tracking.",
				Complexity: "O(1)",
			},
			{
				Name: "client|unblock", Since: "5.0.0", Arity: -3, Flags: Admin | NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Ends another client's blocking command.",
				Complexity: "O(logN)",
				Syntax:     "client-id:int [unblock-type{TIMEOUT|ERROR}]",
			},
			{
				Name: "client|unpause", Since: "6.2.0", Arity: 2, Flags: Admin | NoScript | Loading | Stale | Sentinel, ACL: CatConnection,
				Summary:    "Lets paused clients go on.",
				Complexity: "O(N)",
			},
		},
	},
	{
		Name: "echo", Since: "1.0.0", Arity: 2, Flags: Loading | Stale | Fast, ACL: CatConnection,
		Summary:    "Answers with the message it was given.",
		Complexity: "O(1)",
		Syntax:     "message",
	},
	{
		Name: "hello", Since: "6.0.0", Arity: -1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy | Sentinel, ACL: CatConnection,
		Summary:    "Agrees on the protocol, and may authenticate and name the connection.",
		Complexity: "O(1)",
		Syntax:     "[arguments{protover:int [AUTH auth{username password}] [SETNAME clientname]}]",
	},
	{
		Name: "ping", Since: "1.0.0", Arity: -1, Flags: Fast | Sentinel, ACL: CatConnection,
		Summary:    "Answers PONG, or the message it was given.",
		Complexity: "O(1)",
		Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Syntax:     "[message]",
	},
	{
		Name: "quit", Since: "1.0.0", Arity: -1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy, ACL: CatConnection,
		Summary:    "Closes the connection.",
		Complexity: "O(1)",
		Doc:        Deprecated, DeprecatedSince: "7.2.0", ReplacedBy: "just closing the connection",
	},
	{
		Name: "reset", Since: "6.2.0", Arity: 1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy, ACL: CatConnection,
		Summary:    "Puts the connection back into its first state.",
		Complexity: "O(1)",
	},
	{
		Name: "select", Since: "1.0.0", Arity: 2, Flags: Loading | Stale | Fast, ACL: CatConnection,
		Summary:    "Changes the connection's database.",
		Complexity: "O(1)",
		Syntax:     "index:int",
	},
}
