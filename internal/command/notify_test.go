package command

import (
	"strings"
	"testing"

	"github.com/redweave/redweave/internal/config"
)

// parsed returns the parameters with one of them set.
func parsed(t *testing.T, name, value string) *config.Config {
	t.Helper()
	c := config.New(config.Options{})
	if err := c.Load(config.Source{Options: config.ParseArgs([]string{"--" + name, value}).Options}); err != nil {
		t.Fatal(err)
	}
	return c
}

// notify-keyspace-events is read as Redis reads it, and written in its order.
func TestNotifyParameter(t *testing.T) {
	b := newBench(t)
	for set, get := range map[string]string{
		"": "", "KEA": "AKE", "AKE": "AKE", "Kg$lshzxetd": "AK", "KEAmn": "AKEm", "mEn": "nEm", "Ex": "xE",
		"Eee": "eE", "A": "A", "K": "K", "gK": "gK", "Ktdn": "tdnK",
	} {
		b.run([]byte("CONFIG"), []byte("SET"), []byte("notify-keyspace-events"), []byte(set))
		got := strings.Split(b.do("CONFIG GET notify-keyspace-events"), "\r\n")
		if got[4] != get {
			t.Errorf("%q becomes %q, want %q", set, got[4], get)
		}
	}
	const refused = "-ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid event class character. Use 'Ag$lshzxeKEtmdn'.\r\n"
	b.want("CONFIG SET notify-keyspace-events KEAq", refused)
}

// The classes select events, K and E the channels.
func TestNotifyClasses(t *testing.T) {
	b := newBench(t)
	cl := b.client(3)
	b.as(cl).do("PSUBSCRIBE __key*__:*")
	heard := func() (events []string) {
		words := strings.Fields(mail(cl))
		for i, w := range words {
			if w == "__key*__:*" {
				events = append(events, strings.TrimPrefix(words[i+2], "__key")+"="+words[i+4])
			}
		}
		return events
	}
	for classes, want := range map[string]string{
		"KEA": "space@0__:k=set event@0__:set=k space@0__:k=expire event@0__:expire=k space@0__:k=del event@0__:del=k",
		"K$":  "space@0__:k=set",
		"E$g": "event@0__:set=k event@0__:expire=k event@0__:del=k",
		"En":  "event@0__:new=k",
		"Em":  "event@0__:keymiss=k",
		"Kl":  "",
		"KE":  "",
		"A":   "",
		"":    "",
	} {
		b.run([]byte("CONFIG"), []byte("SET"), []byte("notify-keyspace-events"), []byte(classes))
		b.do("SET k v EX 100")
		b.do("DEL k")
		b.do("GET k")
		if got := strings.Join(heard(), " "); got != want {
			t.Errorf("%q: %s, want %s", classes, got, want)
		}
	}
}
