package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conform/specs"
)

// profile is a target that is bounded, with a timeline of three clients.
func profile() Concurrency {
	return Concurrency{Class: "bounded", Bound: 1, Evidence: "client 2 got no answer within 400ms", Profile: []Profile{{
		Protocol: "zen",
		Facts: []Fact{
			{Name: "served-at-once", Finding: "bounded", Clients: 4, Evidence: "client 5 got no answer within 400ms while 4 stayed connected", From: "probe"},
			{Name: "accepting", Finding: "at-once", From: "probe"},
			{Name: "partial-message", Finding: "blocks-others", Evidence: "no answer within 4 s", From: "zen/concurrency/partial-message-blocks-nobody"},
			{Name: "silent-client", Finding: "blocks-nobody", From: "zen/concurrency/second-client"},
			{Name: "unread-answers", Finding: "blocks-nobody", From: "zen/concurrency/one-does-not-read"},
			{Name: "slow-handshake", Finding: "unknown", From: "zen/concurrency/stalled-handshake-blocks-nobody"},
			{Name: "churn", Finding: "some-lost", From: "zen/concurrency/churn"},
			{Name: "arriving-together", Finding: "some-lost", From: "zen/concurrency/arrive-together"},
			{Name: "backlog", Finding: "stalls", Clients: 65, Evidence: "connection 66 beyond those that were served: no connection within 900ms", From: "probe"},
			{Name: "recovery", Finding: "recovers", AfterMS: 0.3, Evidence: "a new client was served 300µs after it began to connect", From: "probe"},
		},
		Timeline: []Visit{
			{Client: 1, FromMS: 0, ConnectedMS: 0.1, AskedMS: 0.11, ServedMS: 0.2, LeftMS: 402},
			{Client: 2, FromMS: 0.2, ConnectedMS: 0.3, AskedMS: 0.31, LeftMS: 403},
			{Client: 3, FromMS: 0.4, Ended: "stalled"},
		},
	}}}
}

// others are what a profile may say besides.
func others() (all []Profile) {
	for _, facts := range [][]Fact{
		{{Name: "served-at-once", Finding: "serial", Clients: 1}, {Name: "partial-message", Finding: "blocks-others"}, {Name: "backlog", Finding: "waits", Clients: 200}, {Name: "recovery", Finding: "fails"}},
		{{Name: "served-at-once", Finding: "concurrent", Clients: 100}, {Name: "silent-client", Finding: "blocks-nobody"}, {Name: "backlog", Finding: "none-waits", Clients: 100}, {Name: "churn", Finding: "all-served"}},
		{{Name: "served-at-once", Finding: "concurrent", Clients: 17}, {Name: "accepting", Finding: "late"}, {Name: "backlog", Finding: "unknown"}, {Name: "recovery", Finding: "died"}},
		{{Name: "served-at-once", Finding: "bounded", Clients: 40}, {Name: "backlog", Finding: "refuses"}},
		{{Name: "served-at-once", Finding: "bounded", Clients: 40}, {Name: "backlog", Finding: "closes"}},
		{{Name: "served-at-once", Finding: "bounded", Clients: 40}, {Name: "backlog", Finding: "refuses", Clients: 3}},
		{{Name: "served-at-once", Finding: "bounded", Clients: 40}, {Name: "backlog", Finding: "closes", Clients: 3}},
	} {
		all = append(all, Profile{Protocol: "calc", Facts: facts})
	}
	return append(all, Profile{Protocol: "raw", LeftOut: "datagrams have no connections"})
}

func TestAProfileInJSON(t *testing.T) {
	r := &Report{Target: Target{Protocol: []string{"zen", "raw"}, Concurrency: profile()}}
	r.Target.Concurrency.Profile = append(r.Target.Concurrency.Profile, Profile{Protocol: "raw", LeftOut: "datagrams have no connections"})
	var b bytes.Buffer
	if err := WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "profile.json")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("differs from %s; run go test -update and look at the change:\n%s", path, b.String())
	}
}

func TestAProfileInJUnit(t *testing.T) {
	r := only("conformant", specs.Pass)
	r.Target.Concurrency = profile()
	var b bytes.Buffer
	if err := WriteJUnit(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<property name="concurrency.served-at-once" value="bounded 4"></property>`,
		`<property name="concurrency.partial-message" value="blocks-others"></property>`,
		`<property name="concurrency.recovery" value="recovers 0.3 ms"></property>`,
	} {
		if strings.Count(b.String(), want) != 1 {
			t.Errorf("there is no %s, or several, in\n%s", want, b.String())
		}
	}
}

func TestEveryFactHasAName(t *testing.T) {
	for _, f := range profile().Profile[0].Facts {
		found := false
		for _, name := range FactNames {
			found = found || name == f.Name
		}
		if !found {
			t.Errorf("%s is not among the names of facts", f.Name)
		}
	}
}
