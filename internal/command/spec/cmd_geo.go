package spec

// geoCommands work on sorted sets whose scores are geohashes.
var geoCommands = []*Command{
	{
		Name: "geoadd", Since: "3.2.0", Arity: -5, Flags: Write | DenyOOM, ACL: CatGeo,
		Summary:    "Adds members at longitudes and latitudes.",
		Complexity: "O(log(N))",
		Keys:       []KeySpec{key(1, RW|Update)},
		Syntax:     "key [condition{NX|XX}^6.2.0] [change=CH^6.2.0] data{longitude:double latitude:double member} ...",
	},
	{
		Name: "geodist", Since: "3.2.0", Arity: -4, Flags: ReadOnly, ACL: CatGeo,
		Summary:    "Tells the distance between two members.",
		Complexity: "O(1)",
		Keys:       []KeySpec{key(1, RO|Access)},
		Syntax:     "key member1 member2 [unit{M|KM|FT|MI}]",
	},
	{
		Name: "geohash", Since: "3.2.0", Arity: -2, Flags: ReadOnly, ACL: CatGeo,
		Summary:    "Gives members' positions as geohash strings.",
		Complexity: "O(1)",
		Keys:       []KeySpec{key(1, RO|Access)},
		Syntax:     "key [member ...]",
	},
	{
		Name: "geopos", Since: "3.2.0", Arity: -2, Flags: ReadOnly, ACL: CatGeo,
		Summary:    "Gives members' longitudes and latitudes.",
		Complexity: "O(1)",
		Keys:       []KeySpec{key(1, RO|Access)},
		Syntax:     "key [member ...]",
	},
	{
		Name: "georadius", Since: "3.2.0", Arity: -6, Flags: Write | DenyOOM, ACL: CatGeo,
		Summary:    "Finds or stores the members within a distance of a point.",
		Complexity: "O(N+log(M))",
		Keys:       []KeySpec{key(1, RO|Access), after("STORE", 6, 0, 0, OW|Update), after("STOREDIST", 6, 0, 0, OW|Update)},
		Doc:        Deprecated, DeprecatedSince: "6.2.0", ReplacedBy: "GEOSEARCH, GEOSEARCHSTORE, BYRADIUS",
		Syntax: `key longitude:double latitude:double radius:double unit{M|KM|FT|MI} [WITHCOORD] [WITHDIST] [WITHHASH] [count-block{COUNT count:int [ANY^6.2.0]}] [order{ASC|DESC}] [store{STORE storekey"key":key|STOREDIST storedistkey"key":key}]`,
	},
	{
		Name: "georadiusbymember", Since: "3.2.0", Arity: -5, Flags: Write | DenyOOM, ACL: CatGeo,
		Summary:    "Finds or stores the members within a distance of another.",
		Complexity: "O(N+log(M))",
		Keys:       []KeySpec{key(1, RO|Access), after("STORE", 5, 0, 0, OW|Update), after("STOREDIST", 5, 0, 0, OW|Update)},
		Doc:        Deprecated, DeprecatedSince: "6.2.0", ReplacedBy: "GEOSEARCH, GEOSEARCHSTORE, BYRADIUS, FROMMEMBER",
		Syntax: `key member radius:double unit{M|KM|FT|MI} [WITHCOORD] [WITHDIST] [WITHHASH] [count-block{COUNT count:int [ANY]}] [order{ASC|DESC}] [store{STORE storekey"key":key|STOREDIST storedistkey"key":key}]`,
	},
	{
		Name: "georadiusbymember_ro", Since: "3.2.10", Arity: -5, Flags: ReadOnly, ACL: CatGeo,
		Summary:    "Finds the members within a distance of another.",
		Complexity: "O(N+log(M))",
		Keys:       []KeySpec{key(1, RO|Access)},
		Doc:        Deprecated, DeprecatedSince: "6.2.0", ReplacedBy: "GEOSEARCH, BYRADIUS, FROMMEMBER",
		Syntax: "key member radius:double unit{M|KM|FT|MI} [WITHCOORD] [WITHDIST] [WITHHASH] [count-block{COUNT count:int [ANY]}] [order{ASC|DESC}]",
	},
	{
		Name: "georadius_ro", Since: "3.2.10", Arity: -6, Flags: ReadOnly, ACL: CatGeo,
		Summary:    "Finds the members within a distance of a point.",
		Complexity: "O(N+log(M))",
		Keys:       []KeySpec{key(1, RO|Access)},
		Doc:        Deprecated, DeprecatedSince: "6.2.0", ReplacedBy: "GEOSEARCH, BYRADIUS",
		Syntax: "key longitude:double latitude:double radius:double unit{M|KM|FT|MI} [WITHCOORD] [WITHDIST] [WITHHASH] [count-block{COUNT count:int [ANY^6.2.0]}] [order{ASC|DESC}]",
	},
	{
		Name: "geosearch", Since: "6.2.0", Arity: -7, Flags: ReadOnly, ACL: CatGeo,
		Summary:    "Finds the members inside a circle or a box.",
		Complexity: "O(N+log(M))",
		Keys:       []KeySpec{key(1, RO|Access)},
		Syntax:     "key from{FROMMEMBER member|FROMLONLAT fromlonlat{longitude:double latitude:double}} by{circle{BYRADIUS radius:double unit{M|KM|FT|MI}}|box{BYBOX width:double height:double unit{M|KM|FT|MI}}} [order{ASC|DESC}] [count-block{COUNT count:int [ANY]}] [WITHCOORD] [WITHDIST] [WITHHASH]",
	},
	{
		Name: "geosearchstore", Since: "6.2.0", Arity: -8, Flags: Write | DenyOOM, ACL: CatGeo,
		Summary:    "Stores the members inside a circle or a box.",
		Complexity: "O(N+log(M))",
		Keys:       []KeySpec{key(1, OW|Update), key(2, RO|Access)},
		Syntax:     "destination:key source:key from{FROMMEMBER member|FROMLONLAT fromlonlat{longitude:double latitude:double}} by{circle{BYRADIUS radius:double unit{M|KM|FT|MI}}|box{BYBOX width:double height:double unit{M|KM|FT|MI}}} [order{ASC|DESC}] [count-block{COUNT count:int [ANY]}] [STOREDIST]",
	},
}
