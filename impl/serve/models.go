package serve

import (
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
)

// DefaultModel is the model of Options that name none.
const DefaultModel = "goroutine"

// Model is a way to serve many clients.
type Model struct {
	Name    string // as in Options.Model
	Text    string // how clients are served, in a few words
	Workers int    // what Options.Workers is if nothing is said; 0 if the model has none
	Systems string // where it exists; empty is everywhere

	Sockets bool // it works on the descriptors of sockets, not on any net.Conn
}

// defaultProcesses is a hundred and sixty megabytes of them.
const defaultProcesses = 40

// Available tells whether the model exists on this system.
func (m Model) Available() bool { return runner(m.Name) != nil }

// Models lists every model, whether it exists on this system or not.
func Models() []Model {
	const unix = "Unix systems"
	return []Model{
		{Name: "serial", Text: "one client at a time; the next waits in the backlog"},
		{Name: "goroutine", Text: "a goroutine for each client"},
		{Name: "pool", Text: "N workers that each accept a client and serve it to its end", Workers: defaultPool},
		{Name: "poll", Text: "one loop around poll(2)", Systems: unix, Sockets: true},
		{Name: "epoll", Text: "one loop around epoll(7), edge-triggered", Systems: "Linux", Sockets: true},
		{Name: "callback", Text: "one loop that calls an object for each client: made, received, lost", Systems: unix, Sockets: true},
		{Name: "process", Text: "a process for each client, at most N", Workers: defaultProcesses, Systems: unix, Sockets: true},
	}
}

// runner returns what serves a server's connections and returns when the last
// has ended and there will be no more. It is nil for a model that this system
// has not.
func runner(name string) func(*Server) {
	switch name {
	case "serial":
		return serial
	case "goroutine":
		return goroutine
	case "pool":
		return pool
	}
	return systemRunner(name)
}

// Check tells what keeps ln from being served with these options: a model that
// is unknown, or that this system has not, or that cannot serve such a
// listener. A nil listener is not looked at.
func (o Options) Check(ln net.Listener) error {
	name := o.Model
	if name == "" {
		name = DefaultModel
	}
	i := slices.IndexFunc(Models(), func(m Model) bool { return m.Name == name })
	if i < 0 {
		return fmt.Errorf("unknown model %q: known are %s", name, known())
	}
	m := Models()[i]
	_, tcp := ln.(*net.TCPListener)
	_, unix := ln.(*net.UnixListener)
	switch {
	case !m.Available():
		return fmt.Errorf("model %s exists on %s, not on %s: known are %s", name, m.Systems, runtime.GOOS, known())
	case o.Workers < 0:
		return fmt.Errorf("%d workers: write a number from 1 on", o.Workers)
	case o.Workers > 0 && m.Workers == 0:
		return fmt.Errorf("model %s has no workers: pool and process have", name)
	case m.Sockets && ln != nil && !tcp && !unix:
		return fmt.Errorf("model %s works on sockets themselves, and this listener (%T) has something around them, such as TLS: serial, goroutine and pool serve it", name, ln)
	case name == "process" && ln != nil && len(o.Child) == 0:
		return fmt.Errorf("model process needs Options.Child: the arguments with which this program calls Inherited")
	}
	return nil
}

// known lists the models with the systems of those that are not everywhere.
func known() string {
	var list []string
	for _, m := range Models() {
		entry := m.Name
		if m.Systems != "" {
			entry += " (" + m.Systems + ")"
		}
		list = append(list, entry)
	}
	return strings.Join(list, ", ")
}
