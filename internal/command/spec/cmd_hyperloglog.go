package spec

// hyperLogLogCommands count different elements in strings of fixed size.
var hyperLogLogCommands = []*Command{
	{
		Name: "pfadd", Since: "2.8.9", Arity: -2, Flags: Write | DenyOOM | Fast, ACL: CatHyperLogLog,
		Summary:    "Counts elements into a HyperLogLog.",
		Complexity: "O(1)",
		Keys:       []KeySpec{key(1, RW|Insert)},
		Syntax:     "key [element ...]",
	},
	{
		Name: "pfcount", Since: "2.8.9", Arity: -2, Flags: ReadOnly | MayReplicate, ACL: CatHyperLogLog,
		Summary:    "Estimates how many different elements HyperLogLogs have seen.",
		Complexity: "O(1); O(N)",
		Keys:       []KeySpec{keys(1, -1, 1, RW|Access).because("Counting may store the count it finds.")},
		Syntax:     "key ...",
	},
	{
		Name: "pfdebug", Since: "2.8.9", Arity: 3, Flags: Write | DenyOOM | Admin, ACL: CatHyperLogLog,
		Summary:    "Looks inside a HyperLogLog, for tests.",
		Complexity: "N/A",
		Keys:       []KeySpec{key(2, RW|Access)},
		Doc:        Syscmd,
		Syntax:     "subcommand key",
	},
	{
		Name: "pfmerge", Since: "2.8.9", Arity: -2, Flags: Write | DenyOOM, ACL: CatHyperLogLog,
		Summary:    "Merges HyperLogLogs into one.",
		Complexity: "O(N)",
		Keys:       []KeySpec{key(1, RW|Access|Insert), keys(2, -1, 1, RO|Access)},
		Syntax:     "destkey:key [sourcekey:key ...]",
	},
	{
		Name: "pfselftest", Since: "2.8.9", Arity: 1, Flags: Admin, ACL: CatHyperLogLog,
		Summary:    "Checks the HyperLogLog code against itself, for tests.",
		Complexity: "N/A",
		Doc:        Syscmd,
	},
}
