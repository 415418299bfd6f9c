package spec

// bitmapCommands work on the bits of strings.
var bitmapCommands = []*Command{
	{
		Name: "bitcount", Since: "2.6.0", Arity: -2, Flags: ReadOnly, ACL: CatBitmap,
		Summary:    "Counts the one bits of a string or a part of it.",
		Complexity: "O(N)",
		Keys:       []KeySpec{key(1, RO|Access)},
		Syntax:     "key [range{start:int end:int [unit{BYTE|BIT}^7.0.0]}]",
	},
	{
		Name: "bitfield", Since: "3.2.0", Arity: -2, Flags: Write | DenyOOM, ACL: CatBitmap,
		Summary:    "Reads and changes integers of any width inside a string.",
		Complexity: "O(1)",
		Keys:       []KeySpec{key(1, RW|Access|Update|VariableFlags).because("Reads only when all it does is GET.")},
		Syntax:     "key [operation{GET get-block{encoding offset:int}|write{[OVERFLOW overflow-block{WRAP|SAT|FAIL}] write-operation{SET set-block{encoding offset:int value:int}|INCRBY incrby-block{encoding offset:int increment:int}}}} ...]",
	},
	{
		Name: "bitfield_ro", Since: "6.0.0", Arity: -2, Flags: ReadOnly | Fast, ACL: CatBitmap,
		Summary:    "Reads integers of any width inside a string.",
		Complexity: "O(1)",
		Keys:       []KeySpec{key(1, RO|Access)},
		Syntax:     "key [GET get-block{encoding offset:int} *...]",
	},
	{
		Name: "bitop", Since: "2.6.0", Arity: -4, Flags: Write | DenyOOM, ACL: CatBitmap,
		Summary:    "Combines strings bit by bit and stores the outcome.",
		Complexity: "O(N)",
		Keys:       []KeySpec{key(2, OW|Update), keys(3, -1, 1, RO|Access)},
		Syntax:     "operation{AND|OR|XOR|NOT|DIFF^8.2.0|DIFF1^8.2.0|ANDOR^8.2.0|ONE^8.2.0} destkey:key key ...",
	},
	{
		Name: "bitpos", Since: "2.8.7", Arity: -3, Flags: ReadOnly, ACL: CatBitmap,
		Summary:    "Finds the first zero or one bit.",
		Complexity: "O(N)",
		Keys:       []KeySpec{key(1, RO|Access)},
		Syntax:     "key bit:int [range{start:int [end-unit-block{end:int [unit{BYTE|BIT}^7.0.0]}]}]",
	},
	{
		Name: "getbit", Since: "2.2.0", Arity: 3, Flags: ReadOnly | Fast, ACL: CatBitmap,
		Summary:    "Reads the bit at an offset.",
		Complexity: "O(1)",
		Keys:       []KeySpec{key(1, RO|Access)},
		Syntax:     "key offset:int",
	},
	{
		Name: "setbit", Since: "2.2.0", Arity: 4, Flags: Write | DenyOOM, ACL: CatBitmap,
		Summary:    "Sets or clears the bit at an offset, growing the string.",
		Complexity: "O(1)",
		Keys:       []KeySpec{key(1, RW|Access|Update)},
		Syntax:     "key offset:int value:int",
	},
}
