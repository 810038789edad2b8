// Package concurrency holds the scenarios with several clients at once. Each is
// written once, and becomes a requirement of every protocol through a small
// model of its conversation. It knows no protocol.
package concurrency

import (
	"fmt"
	"slices"
	"strings"

	"conform/specs"
)

// Conversation is the model: what a client may say next, and what it must hear.
type Conversation struct {
	Clause string      // where the protocol's source speaks of several clients
	Level  specs.Level // what it binds; Must if empty
	// Rows are the rows of the protocol's own list that a requirement covers,
	// by its name; nil where the list has the rows CONC-… for them.
	Rows map[string][]string

	// Open makes a new client ready to be served: it expects what is due
	// before the client's first message.
	Open func(*specs.Client)
	// Ask gives the client's next message and its answer. Different clients
	// should get different answers, so that one delivered to another shows. An
	// empty message is none: the answer is then to something else.
	Ask func(c *specs.Case, client, turn int) (message string, answer Answer)
	// Mute says that nothing is ever answered, so that it does not show in which
	// order clients speak.
	Mute bool
	// Once says that a connection is good for one message, whose answer ends it.
	Once bool
	// Partial gives a message cut in two, and the answer to the whole; nil
	// where no message can be incomplete.
	Partial func(c *specs.Case, client int) (head, tail string, answer Answer)
	// Queue sends what a client may send while it waits for its turn, and
	// returns what it must hear when that has come. Nil where that is its
	// first message.
	Queue func(client *specs.Client, who int) (hear func())
	// Silent expects nothing of the server for the quiet window. Nil where
	// not a byte may come.
	Silent func(client *specs.Client, why string)
	// PartialLevel is what it is worth that a partial message of one client
	// keeps nobody else waiting: some sources do.
	PartialLevel specs.Level
	// VanishLevel is what it is worth that a client which vanishes disturbs
	// nobody; Robust if empty.
	VanishLevel specs.Level
	// TogetherLevel is what it is worth that clients who connect at the same
	// moment are all served; empty where that is not asked.
	TogetherLevel specs.Level
	// CrowdLevel is what it is worth that many clients are served, and some
	// while others come, leave or hurry; empty where that is not asked.
	CrowdLevel specs.Level
	// Long gives a message of some length in bytes, and the answer to it, of
	// that length or more; nil where a message cannot be long. The answer is nil
	// where none comes.
	Long func(c *specs.Case, length int) (message string, answer Answer)
	// Pipelined is what it is worth that messages are answered which are sent
	// before the answers to earlier ones have come; empty where a client has to
	// wait for those.
	Pipelined specs.Level
	// State changes what a connection answers; nil where connections have
	// none. StateTitle names the message that does.
	State      func(c *specs.Case) State
	StateTitle string
}

// Answer expects the answer to a message.
type Answer func(*specs.Client)

// Exactly is an answer of these bytes.
func Exactly(bytes string) Answer { return func(cl *specs.Client) { cl.Expect(bytes) } }

// State is how a connection's own state is changed and seen.
type State struct {
	Change, Changed string // the message that changes it, and its answer
	Probe           string // a message whose answer depends on it
	Fresh, After    string // that answer on a new connection, and on a changed one
}

// Section is the requirements that the model gives.
func Section(protocol string, m Conversation) specs.Section {
	id := func(name string) string { return protocol + "/concurrency/" + name }
	section := specs.Section{Name: "concurrency", Title: "Several clients at once", Specs: []specs.Spec{
		specs.Requirement(id("second-client"), specs.Must, m.Clause,
			"A second client is served while the first is connected and idle.",
			func(c *specs.Case) {
				first, second := m.dial(c), m.dial(c)
				m.ask(c, second, 2, 0)
				m.ask(c, first, 1, 0)
				m.again(c, second, 2, 1)
			}, specs.Clients(2), specs.Covers("CONC-01"), specs.Cause(OneAtATime)),

		specs.Requirement(id("queued-client"), specs.Must, m.Clause,
			"A client that had to wait for another is served when that has left, and what it sent meanwhile is answered in order.",
			func(c *specs.Case) {
				first := m.stays(c, 1)
				second := c.Dial()
				hear := m.queue(c, second, 2)
				m.silent(first, "it has not asked")
				first.Leave()
				hear()
				m.again(c, second, 2, 1)
			}, specs.Clients(2), specs.Queues, specs.Covers("CONC-02"),
			specs.Cause("what arrives before the connection is accepted gets lost, or the next client is never accepted")),

		specs.Requirement(id("one-more-than-the-bound"), specs.Must, m.Clause,
			"Where N clients are served at once, one more is served as soon as one of them has left.",
			func(c *specs.Case) {
				serves := c.Serves()
				if serves.Class != specs.Bounded {
					c.Unsupported("no bound was found: %s", serves.Evidence)
				}
				var clients []*specs.Client
				for i := range serves.Bound {
					clients = append(clients, m.stays(c, i))
				}
				waiting := c.Dial()
				hear := m.queue(c, waiting, serves.Bound)
				clients[c.IntN(len(clients))].Leave()
				hear()
			}, specs.Clients(maxBound+1), specs.Queues, specs.Covers("CONC-03"),
			specs.Cause("a worker that has served a client does not take the next one")),

		specs.Requirement(id("four-clients"), specs.Must, m.Clause,
			"Four clients are served at the same time, in whatever order they speak.",
			func(c *specs.Case) {
				var clients []*specs.Client
				for i := range 4 {
					clients = append(clients, m.stays(c, i))
				}
				for turn := 1; turn <= 16; turn++ {
					i := c.IntN(len(clients))
					m.ask(c, clients[i], i, turn)
					if m.Once {
						clients[i] = m.dial(c)
					}
				}
			}, specs.Clients(4), specs.Covers("CONC-01", "CONC-03"), specs.Cause(OneAtATime)),

		specs.Requirement(id("answers-to-the-asker"), specs.Must, m.Clause,
			"When several clients ask at once, each gets the answers to its own messages, and no others.",
			func(c *specs.Case) {
				for i := range 4 {
					client := m.dial(c)
					c.Go(func() {
						m.ask(c, client, i, 0)
						for turn := 1; turn < 8; turn++ {
							client = m.again(c, client, i, turn)
						}
					})
				}
				c.Join()
			}, specs.Clients(4), specs.Covers("CONC-09"),
			specs.Cause("the connection to answer is kept where all clients share it; keep it with the client")),

		specs.Requirement(id("partial-messages-apart"), specs.Must, m.Clause,
			"Messages that several clients send in pieces, by turns, are joined for each client apart.",
			func(c *specs.Case) {
				var clients [4]*specs.Client
				for i := range clients {
					clients[i] = m.dial(c)
				}
				var tails [4]string
				var answers [4]Answer
				for i, client := range clients {
					var head string
					head, tails[i], answers[i] = m.Partial(c, i)
					client.Send(head)
				}
				m.silent(clients[3], "no client has sent a whole message")
				// In the order of the heads: a server may wait for the rest
				// of a message, that is for partial-message-blocks-nobody.
				for i, client := range clients {
					client.Send(tails[i])
					answers[i](client)
				}
			}, specs.Clients(4), specs.Covers("CONC-04"),
			specs.Cause("all clients share one buffer; keep one for each connection")),

		specs.Requirement(id("partial-message-blocks-nobody"), m.PartialLevel, m.Clause,
			"A client that has sent a part of a message does not keep others from being served.",
			func(c *specs.Case) {
				holder, other := m.dial(c), m.dial(c)
				head, tail, answer := m.Partial(c, 1)
				holder.Send(head)
				m.silent(holder, "its message is not whole")
				m.ask(c, other, 2, 0)
				newcomer := m.dial(c)
				m.ask(c, newcomer, 3, 0)
				holder.Send(tail)
				answer(holder)
			}, specs.Clients(3), specs.Covers("CONC-06"),
			specs.Cause("the server waits in a read for the rest of one client's message; read only what is there")),

		specs.Requirement(id("one-leaves"), specs.Must, m.Clause,
			"A client that leaves does not disturb those that stay.",
			func(c *specs.Case) {
				stays := m.stays(c, 1)
				leaves := m.stays(c, 2)
				leaves.Leave()
				m.ask(c, stays, 1, 1)
				m.ask(c, m.dial(c), 3, 0)
			}, specs.Clients(3), specs.Covers("CONC-10"),
			specs.Cause("the end of one connection is taken for the end of all")),

		specs.Requirement(id("one-vanishes"), specs.Robust, m.Clause,
			"A client that vanishes without a word, or with a reset, does not disturb those that stay.",
			func(c *specs.Case) {
				stays := m.stays(c, 1)
				for i, vanish := range []struct {
					within bool // a message
					how    func(*specs.Client)
				}{{true, (*specs.Client).Close}, {true, (*specs.Client).Reset}, {false, (*specs.Client).Reset}} {
					other := m.stays(c, 2)
					if vanish.within && m.Partial != nil {
						head, _, _ := m.Partial(c, 2)
						other.Send(head)
					}
					// In which the server comes to rest. To some a reset right behind
					// bytes that they have not read yet is an ordinary end: when they
					// read is chance, so that the last one comes with nothing unread.
					c.Pause(c.Timing().Gap)
					vanish.how(other)
					if !m.Once {
						m.ask(c, stays, 1, i+2) // not what the other asked
					}
				}
				if m.Once {
					m.ask(c, stays, 1, 0)
				}
				c.StillServes()
			}, specs.Clients(2), specs.Perilous, specs.Covers("CONC-10"),
			specs.Cause("the error that a vanished client raises is not caught where it is raised")),
	}}
	if m.State != nil {
		section.Specs = append(section.Specs, specs.Requirement(id("state-apart"), specs.Must, m.Clause,
			fmt.Sprintf("What one client changes with %q changes nothing for the others.", m.StateTitle),
			func(c *specs.Case) {
				s := m.State(c)
				changed, other := m.dial(c), m.dial(c)
				changed.Send(s.Change)
				changed.Expect(s.Changed)
				other.Send(s.Probe)
				other.Expect(s.Fresh)
				changed.Send(s.Probe)
				changed.Expect(s.After)
				third := m.dial(c)
				third.Send(s.Probe)
				third.Expect(s.Fresh)
			}, specs.Clients(3), specs.Covers("CONC-04"),
			specs.Cause("the state is kept where all clients share it; keep it with the connection")),
			specs.Requirement(id("state-fresh"), specs.Must, m.Clause,
				fmt.Sprintf("A new connection begins afresh, whatever an earlier one changed with %q.", m.StateTitle),
				func(c *specs.Case) {
					s := m.State(c)
					for range 3 {
						client := m.dial(c)
						client.Send(s.Probe)
						client.Expect(s.Fresh)
						client.Send(s.Change)
						client.Expect(s.Changed)
						client.Leave()
					}
				}, specs.Covers("CONC-05"),
				specs.Cause("the state outlives its connection; make it anew for each one")))
	}
	if m.TogetherLevel != "" {
		section.Specs = append(section.Specs, specs.Requirement(id("arrive-together"), m.TogetherLevel, m.Clause,
			"Clients that connect at the same moment are all served.",
			func(c *specs.Case) {
				for round := range 2 {
					clients := c.DialTogether(together)
					for i, client := range clients {
						m.Open(client)
						m.ask(c, client, i, round)
						client.Leave()
					}
				}
			}, specs.Clients(together), specs.Perilous, specs.Last, specs.Covers("CONC-11"),
			specs.Cause("one connection is accepted each time that the listener is ready, although several may wait; accept until there is none")))
	}
	section.Specs = append(section.Specs, m.crowd(id)...)
	if !m.Mute {
		section.Specs = append(section.Specs, m.orders(id)...)
	}
	if m.Partial == nil {
		section.Specs = slices.DeleteFunc(section.Specs, func(s specs.Spec) bool { return strings.HasPrefix(s.Name(), "partial-message") })
	}
	for i := range section.Specs {
		s := &section.Specs[i]
		if m.Rows != nil {
			s.Covers = m.Rows[s.Name()]
		}
		if (s.Name() == "one-vanishes" || s.Name() == "any-order-and-end") && m.VanishLevel != "" {
			s.Level = m.VanishLevel
		}
		if s.Level == specs.Must && m.Level != "" {
			s.Level = m.Level
		}
	}
	return section
}

// Rows names the rows about several clients in the lists of the protocols that
// have no list of their own for them.
func Rows() []string { return specs.Numbered("CONC", 1, 12) }

// Untestable says of some of the rows why no requirement covers them.
func Untestable() map[string]string {
	return map[string]string{
		"CONC-12": "a server that spins while it has nothing to do answers like one that waits: only its process shows it, in the profile of a server that conform has started",
	}
}

// maxBound is the largest bound that is looked for. Some servers stop at 40
// clients by the library that they use; that is no concern of ours.
const maxBound = 32

// together is how many clients connect at once: a listener has room for five at
// least, and the next is taken from there meanwhile.
const together = 8

// OneAtATime is why a server serves no second client beside the first.
const OneAtATime = "a client is served to its end before the next is accepted; a client that only stays connected then keeps everyone else out"

func (m Conversation) dial(c *specs.Case) *specs.Client {
	client := c.Dial()
	m.Open(client)
	return client
}

// stays returns a client that has been served and is connected; where a
// connection is good for one message, one that has not yet sent it.
func (m Conversation) stays(c *specs.Case, who int) *specs.Client {
	client := m.dial(c)
	if !m.Once {
		m.ask(c, client, who, 0)
	}
	return client
}

// again asks the next message of a client that has been answered; where a
// connection is good for one, it comes again.
func (m Conversation) again(c *specs.Case, client *specs.Client, who, turn int) *specs.Client {
	if m.Once {
		client.Leave()
		client = m.dial(c)
	}
	m.ask(c, client, who, turn)
	return client
}

func (m Conversation) ask(c *specs.Case, client *specs.Client, who, turn int) {
	message, answer := m.Ask(c, who, turn)
	if message != "" {
		client.Send(message)
	}
	answer(client)
}

func (m Conversation) queue(c *specs.Case, client *specs.Client, who int) (hear func()) {
	if m.Queue != nil {
		return m.Queue(client, who)
	}
	message, answer := m.Ask(c, who, 0)
	client.Send(message)
	return func() {
		m.Open(client)
		answer(client)
	}
}

func (m Conversation) silent(client *specs.Client, why string) {
	if m.Silent != nil {
		m.Silent(client, why)
		return
	}
	client.ExpectSilence(why)
}
