package spec

// A keyFunc finds the keys of a command whose specs do not tell everything.
// The number of arguments has been checked.
type keyFunc func(dst []KeyPos, args [][]byte) []KeyPos

// special returns the keyFunc of a command, nil when its specs are enough.
func special(name string) keyFunc {
	switch name {
	case "set":
		return setKeys
	case "bitfield":
		return bitfieldKeys
	case "sort":
		return sortKeys
	case "sort_ro":
		return sortReadOnlyKeys
	case "migrate":
		return migrateKeys
	case "delex":
		return delexKeys
	}
	return nil
}

// setKeys: SET reads the old value only to return it.
func setKeys(dst []KeyPos, args [][]byte) []KeyPos {
	for i := 3; i < len(args); i++ {
		if isWord(args[i], "GET") {
			return append(dst, KeyPos{1, RW | Access | Update})
		}
	}
	return append(dst, KeyPos{1, OW | Update})
}

// bitfieldKeys: BITFIELD with nothing but GET only reads.
func bitfieldKeys(dst []KeyPos, args [][]byte) []KeyPos {
	for i := 2; i < len(args); {
		left := len(args) - i - 1
		switch {
		case isWord(args[i], "GET") && left >= 2:
			i += 3
		case isWord(args[i], "OVERFLOW") && left >= 1:
			i += 2
		default: // SET, INCRBY or a mistake
			return append(dst, KeyPos{1, RW | Access | Update})
		}
	}
	return append(dst, KeyPos{1, RO | Access})
}

// sortKeys: the key that SORT stores to stands behind the last STORE. The keys
// that BY and GET patterns lead to cannot be told from the arguments.
func sortKeys(dst []KeyPos, args [][]byte) []KeyPos {
	dst = sortReadOnlyKeys(dst, args)
	store := 0
	for i := 2; i < len(args); i++ {
		switch {
		case isWord(args[i], "LIMIT"):
			i += 2
		case isWord(args[i], "GET"), isWord(args[i], "BY"):
			i++
		case isWord(args[i], "STORE") && i+1 < len(args):
			store = i + 1
		}
	}
	if store != 0 {
		dst = append(dst, KeyPos{store, OW | Update})
	}
	return dst
}

func sortReadOnlyKeys(dst []KeyPos, _ [][]byte) []KeyPos {
	return append(dst, KeyPos{1, RO | Access})
}

// migrateKeys: one key as argument 3, or that argument empty and any number of
// keys behind KEYS, which ends the command.
func migrateKeys(dst []KeyPos, args [][]byte) []KeyPos {
	const flags = RW | Access | Delete
	for i := 6; i < len(args); i++ {
		switch {
		case isWord(args[i], "KEYS"):
			if len(args[3]) > 0 {
				return dst // both forms at once: a mistake
			}
			for k := i + 1; k < len(args); k++ {
				dst = append(dst, KeyPos{k, flags})
			}
			return dst
		case isWord(args[i], "AUTH"):
			i++
		case isWord(args[i], "AUTH2"):
			i += 2
		}
	}
	return append(dst, KeyPos{3, flags})
}

// delexKeys: DELEX with a condition reads the value, without one it does not.
func delexKeys(dst []KeyPos, args [][]byte) []KeyPos {
	if len(args) > 2 {
		return append(dst, KeyPos{1, RW | Delete})
	}
	return append(dst, KeyPos{1, RM | Delete})
}
