package spec

// sentinelCommands are known only to a server that runs as Sentinel.
var sentinelCommands = []*Command{
	{
		Name: "sentinel", Since: "2.8.4", Arity: -2, Flags: Admin | OnlySentinel | Sentinel,
		Summary:    "Container for the Sentinel commands.",
		Complexity: "depends",
		Subcommands: []*Command{
			{
				Name: "sentinel|ckquorum", Since: "2.8.4", Arity: 3, Flags: Admin | OnlySentinel | Sentinel,
				Summary: "Checks that enough Sentinels agree to act.",
				Syntax:  "master-name",
			},
			{
				Name: "sentinel|config", Since: "6.2.0", Arity: -4, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Reads or changes Sentinel's settings.",
				Complexity: "O(N)",
				Syntax:     "action{SET set{parameter value} ...|GET parameter ...}",
			},
			{
				Name: "sentinel|debug", Since: "7.0.0", Arity: -2, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Reads or changes Sentinel's timings.",
				Complexity: "O(N)",
				Syntax:     "[data{parameter value} ...]",
			},
			{
				Name: "sentinel|failover", Since: "2.8.4", Arity: 3, Flags: Admin | OnlySentinel | Sentinel,
				Summary: "Forces a failover.",
				Syntax:  "master-name",
			},
			{
				Name: "sentinel|flushconfig", Since: "2.8.4", Arity: 2, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Writes Sentinel's configuration file.",
				Complexity: "O(1)",
			},
			{
				Name: "sentinel|get-master-addr-by-name", Since: "2.8.4", Arity: 3, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Tells a master's address.",
				Complexity: "O(1)",
				Syntax:     "master-name",
			},
			{
				Name: "sentinel|help", Since: "6.2.0", Arity: 2, Flags: Loading | Stale | OnlySentinel | Sentinel,
				Summary:    "Lists what SENTINEL understands.",
				Complexity: "O(1)",
			},
			{
				Name: "sentinel|info-cache", Since: "3.2.0", Arity: -3, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Gives the INFO replies kept of instances.",
				Complexity: "O(N)",
				Syntax:     "nodename ...",
			},
			{
				Name: "sentinel|is-master-down-by-addr", Since: "2.8.4", Arity: 6, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Asks whether a master looks down from here.",
				Complexity: "O(1)",
				Syntax:     "ip port:int current-epoch:int runid",
			},
			{
				Name: "sentinel|master", Since: "2.8.4", Arity: 3, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Describes a master.",
				Complexity: "O(1)",
				Syntax:     "master-name",
			},
			{
				Name: "sentinel|masters", Since: "2.8.4", Arity: 2, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Describes all masters.",
				Complexity: "O(N)",
			},
			{
				Name: "sentinel|monitor", Since: "2.8.4", Arity: 6, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Begins to watch a master.",
				Complexity: "O(1)",
				Syntax:     "name ip port:int quorum:int",
			},
			{
				Name: "sentinel|myid", Since: "6.2.0", Arity: 2, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Tells this Sentinel's ID.",
				Complexity: "O(1)",
			},
			{
				Name: "sentinel|pending-scripts", Since: "2.8.4", Arity: 2, Flags: Admin | OnlySentinel | Sentinel,
				Summary: "Lists the scripts about to run.",
			},
			{
				Name: "sentinel|remove", Since: "2.8.4", Arity: 3, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Ends watching a master.",
				Complexity: "O(1)",
				Syntax:     "master-name",
			},
			{
				Name: "sentinel|replicas", Since: "5.0.0", Arity: 3, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Describes a master's replicas.",
				Complexity: "O(N)",
				Syntax:     "master-name",
			},
			{
				Name: "sentinel|reset", Since: "2.8.4", Arity: 3, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Forgets what is known of masters that match.",
				Complexity: "O(N)",
				Syntax:     "pattern:pattern",
			},
			{
				Name: "sentinel|sentinels", Since: "2.8.4", Arity: 3, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Describes the other Sentinels of a master.",
				Complexity: "O(N)",
				Syntax:     "master-name",
			},
			{
				Name: "sentinel|set", Since: "2.8.4", Arity: -5, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Changes a master's settings.",
				Complexity: "O(1)",
				Syntax:     "master-name data{option value} ...",
			},
			{
				Name: "sentinel|simulate-failure", Since: "3.2.0", Arity: -3, Flags: Admin | OnlySentinel | Sentinel,
				Summary: "Makes Sentinel fail in the middle of a failover, for tests.",
				Syntax:  "[mode{CRASH-AFTER-ELECTION|CRASH-AFTER-PROMOTION|HELP} ...]",
			},
			{
				Name: "sentinel|slaves", Since: "2.8.0", Arity: 3, Flags: Admin | OnlySentinel | Sentinel,
				Summary:    "Describes a master's replicas.",
				Complexity: "O(N)",
				Doc:        Deprecated, DeprecatedSince: "5.0.0", ReplacedBy: "SENTINEL REPLICAS",
				Syntax: "master-name",
			},
		},
	},
}
