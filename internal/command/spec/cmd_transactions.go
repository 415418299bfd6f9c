package spec

// transactionsCommands queue commands and run them as one.
var transactionsCommands = []*Command{
	{
		Name: "discard", Since: "2.0.0", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, ACL: CatTransaction,
		Summary:    "Drops the queued transaction.",
		Complexity: "O(N)",
	},
	{
		Name: "exec", Since: "1.2.0", Arity: 1, Flags: NoScript | Loading | Stale | SkipSlowlog, ACL: CatTransaction,
		Summary:    "Runs the queued transaction.",
		Complexity: "depends",
	},
	{
		Name: "multi", Since: "1.2.0", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, ACL: CatTransaction,
		Summary:    "Begins to queue a transaction.",
		Complexity: "O(1)",
	},
	{
		Name: "unwatch", Since: "2.2.0", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, ACL: CatTransaction,
		Summary:    "Forgets all watched keys.",
		Complexity: "O(1)",
	},
	{
		Name: "watch", Since: "2.2.0", Arity: -2, Flags: NoScript | Loading | Stale | Fast | AllowBusy, ACL: CatTransaction,
		Summary:    "Makes the next transaction depend on keys staying as they are.",
		Complexity: "O(1)",
		Keys:       []KeySpec{keys(1, -1, 1, RO)},
		Syntax:     "key ...",
	},
}
