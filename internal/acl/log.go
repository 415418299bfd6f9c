package acl

// A Log is what ACL LOG shows: the latest denials, those of the same kind counted
// together. The zero value is empty.
type Log struct {
	entries []*Entry // the latest first
	lastID  uint64
}

// An Entry is one kind of denial.
type Entry struct {
	ID         uint64
	Count      int
	Reason     Reason
	Context    string // "toplevel", "multi" or "lua"
	Object     string // the command, key or channel; AUTH for one who could not come in
	User       string
	ClientInfo string // the latest client's line of CLIENT LIST
	CreatedMs  int64  // Unix milliseconds
	UpdatedMs  int64
}

const (
	// alikeMs is for how long denials of the same kind are counted together.
	alikeMs = 60_000

	// alikeDepth is how many entries are looked at for one of the same kind.
	alikeDepth = 10
)

// Add notes a denial at e.CreatedMs. The log keeps at most most entries.
func (l *Log) Add(e Entry, most int) {
	for i, old := range l.entries[:min(len(l.entries), alikeDepth)] {
		if old.Reason == e.Reason && old.Context == e.Context && old.Object == e.Object &&
			old.User == e.User && e.CreatedMs-old.CreatedMs <= alikeMs {
			old.Count++
			old.ClientInfo, old.UpdatedMs = e.ClientInfo, e.CreatedMs
			copy(l.entries[1:i+1], l.entries[:i])
			l.entries[0] = old
			return
		}
	}
	if most <= 0 {
		l.entries = nil
		return
	}
	e.ID, e.Count, e.UpdatedMs = l.lastID, 1, e.CreatedMs
	l.lastID++
	l.entries = append(l.entries, nil)
	copy(l.entries[1:], l.entries)
	l.entries[0] = &e
	l.Trim(most)
}

// Trim forgets all but the latest most entries.
func (l *Log) Trim(most int) {
	if len(l.entries) > most {
		clear(l.entries[most:])
		l.entries = l.entries[:most]
	}
}

// Reset forgets everything.
func (l *Log) Reset() { l.entries = nil }

// Latest returns at most n entries, the latest first. The caller must not change
// them.
func (l *Log) Latest(n int) []*Entry { return l.entries[:min(len(l.entries), n)] }
