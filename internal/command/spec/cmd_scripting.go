package spec

// scriptingCommands run Lua scripts and functions. The keys of a script are counted
// by an argument, which may be zero: hence NoMandatoryKeys.
var scriptingCommands = []*Command{
	{
		Name: "eval", Since: "2.6.0", Arity: -3, Flags: NoScript | Stale | SkipMonitor | NoMandatoryKeys | MayReplicate, ACL: CatScripting,
		Summary:    "Runs a Lua script.",
		Complexity: "depends",
		Keys:       []KeySpec{counted(2, 1, RW|Access|Update).because("A script may do anything to its keys.")},
		Syntax:     "script numkeys:int [key ...] [arg ...]",
	},
	{
		Name: "evalsha", Since: "2.6.0", Arity: -3, Flags: NoScript | Stale | SkipMonitor | NoMandatoryKeys | MayReplicate, ACL: CatScripting,
		Summary:    "Runs a Lua script known by its SHA-1.",
		Complexity: "depends",
		Keys:       []KeySpec{counted(2, 1, RW|Access|Update).because("A script may do anything to its keys.")},
		Syntax:     "sha1 numkeys:int [key ...] [arg ...]",
	},
	{
		Name: "evalsha_ro", Since: "7.0.0", Arity: -3, Flags: ReadOnly | NoScript | Stale | SkipMonitor | NoMandatoryKeys, ACL: CatScripting,
		Summary:    "Runs a Lua script known by its SHA-1, reading only.",
		Complexity: "depends",
		Keys:       []KeySpec{counted(2, 1, RO|Access).because("A script may read anything of its keys.")},
		Syntax:     "sha1 numkeys:int [key ...] [arg ...]",
	},
	{
		Name: "eval_ro", Since: "7.0.0", Arity: -3, Flags: ReadOnly | NoScript | Stale | SkipMonitor | NoMandatoryKeys, ACL: CatScripting,
		Summary:    "Runs a Lua script, reading only.",
		Complexity: "depends",
		Keys:       []KeySpec{counted(2, 1, RO|Access).because("A script may read anything of its keys.")},
		Syntax:     "script numkeys:int [key ...] [arg ...]",
	},
	{
		Name: "fcall", Since: "7.0.0", Arity: -3, Flags: NoScript | Stale | SkipMonitor | NoMandatoryKeys | MayReplicate, ACL: CatScripting,
		Summary:    "Calls a function of a loaded library.",
		Complexity: "depends",
		Keys:       []KeySpec{counted(2, 1, RW|Access|Update).because("A script may do anything to its keys.")},
		Syntax:     "function numkeys:int [key ...] [arg ...]",
	},
	{
		Name: "fcall_ro", Since: "7.0.0", Arity: -3, Flags: ReadOnly | NoScript | Stale | SkipMonitor | NoMandatoryKeys, ACL: CatScripting,
		Summary:    "Calls a function of a loaded library, reading only.",
		Complexity: "depends",
		Keys:       []KeySpec{counted(2, 1, RO|Access).because("A script may read anything of its keys.")},
		Syntax:     "function numkeys:int [key ...] [arg ...]",
	},
	{
		Name: "function", Since: "7.0.0", Arity: -2,
		Summary:    "Container for the function library commands.",
		Complexity: "depends",
		Subcommands: []*Command{
			{
				Name: "function|delete", Since: "7.0.0", Arity: 3, Flags: Write | NoScript, ACL: CatScripting,
				Summary:    "Removes a library and its functions.",
				Complexity: "O(1)",
				Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
				Syntax:     "library-name",
			},
			{
				Name: "function|dump", Since: "7.0.0", Arity: 2, Flags: NoScript, ACL: CatScripting,
				Summary:    "Gives all libraries in serialized form.",
				Complexity: "O(N)",
			},
			{
				Name: "function|flush", Since: "7.0.0", Arity: -2, Flags: Write | NoScript, ACL: CatScripting,
				Summary:    "Removes all libraries.",
				Complexity: "O(N)",
				Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
				Syntax:     "[flush-type{ASYNC|SYNC}]",
			},
			{
				Name: "function|help", Since: "7.0.0", Arity: 2, Flags: Loading | Stale, ACL: CatScripting,
				Summary:    "Lists what FUNCTION understands.",
				Complexity: "O(1)",
			},
			{
				Name: "function|kill", Since: "7.0.0", Arity: 2, Flags: NoScript | AllowBusy, ACL: CatScripting,
				Summary:    "Stops the function that is running.",
				Complexity: "O(1)",
				Tips:       []string{"request_policy:all_shards", "response_policy:one_succeeded"},
			},
			{
				Name: "function|list", Since: "7.0.0", Arity: -2, Flags: NoScript, ACL: CatScripting,
				Summary:    "Describes the loaded libraries.",
				Complexity: "O(N)",
				Tips:       []string{"nondeterministic_output_order"},
				Syntax:     "[LIBRARYNAME library-name-pattern] [WITHCODE]",
			},
			{
				Name: "function|load", Since: "7.0.0", Arity: -3, Flags: Write | DenyOOM | NoScript, ACL: CatScripting,
				Summary:    "Loads a library from its source.",
				Complexity: "O(1)",
				Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
				Syntax:     "[REPLACE] function-code",
			},
			{
				Name: "function|restore", Since: "7.0.0", Arity: -3, Flags: Write | DenyOOM | NoScript, ACL: CatScripting,
				Summary:    "Loads libraries from what FUNCTION DUMP gave.",
				Complexity: "O(N)",
				Tips:       []string{"request_policy:all_shards", "response_policy:all_succeeded"},
				Syntax:     "serialized-value [policy{FLUSH|APPEND|REPLACE}]",
			},
			{
				Name: "function|stats", Since: "7.0.0", Arity: 2, Flags: NoScript | AllowBusy, ACL: CatScripting,
				Summary:    "Tells what function runs and what the engines hold.",
				Complexity: "O(1)",
				Tips:       []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
			},
		},
	},
	{
		Name: "script", Since: "2.6.0", Arity: -2,
		Summary:    "Container for the script cache commands.",
		Complexity: "depends",
		Subcommands: []*Command{
			{
				Name: "script|debug", Since: "3.2.0", Arity: 3, Flags: NoScript, ACL: CatScripting,
				Summary:    "Sets how EVAL debugs scripts.",
				Complexity: "O(1)",
				Syntax:     "mode{YES|SYNC|NO}",
			},
			{
				Name: "script|exists", Since: "2.6.0", Arity: -3, Flags: NoScript, ACL: CatScripting,
				Summary:    "Tells which scripts are cached.",
				Complexity: "O(N); O(1)",
				Tips:       []string{"request_policy:all_shards", "response_policy:agg_logical_and"},
				Syntax:     "sha1 ...",
			},
			{
				Name: "script|flush", Since: "2.6.0", Arity: -2, Flags: NoScript, ACL: CatScripting,
				Summary:    "Empties the script cache.",
				Complexity: "O(N)",
				Tips:       []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Syntax:     "[flush-type{ASYNC|SYNC}^6.2.0]",
			},
			{
				Name: "script|help", Since: "5.0.0", Arity: 2, Flags: Loading | Stale, ACL: CatScripting,
				Summary:    "Lists what SCRIPT understands.",
				Complexity: "O(1)",
			},
			{
				Name: "script|kill", Since: "2.6.0", Arity: 2, Flags: NoScript | AllowBusy, ACL: CatScripting,
				Summary:    "Stops the script that is running.",
				Complexity: "O(1)",
				Tips:       []string{"request_policy:all_shards", "response_policy:one_succeeded"},
			},
			{
				Name: "script|load", Since: "2.6.0", Arity: 3, Flags: NoScript | Stale, ACL: CatScripting,
				Summary:    "Caches a script and gives its SHA-1.",
				Complexity: "O(N)",
				Tips:       []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Syntax:     "script",
			},
		},
	},
}
