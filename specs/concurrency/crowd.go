package concurrency

import (
	"sync/atomic"
	"time"

	"conform/specs"
	"conform/specs/wire"
)

// crowd is the scenarios in which many clients come, stay, hurry or dawdle. What
// they look for are servers that lose a client, or let one keep others waiting.
func (m Conversation) crowd(id func(string) string) (list []specs.Spec) {
	if m.CrowdLevel != "" {
		list = append(list, m.idleClients(id("idle-clients")), m.burst(id("burst")), m.churn(id("churn")))
	}
	if m.CrowdLevel != "" && (!m.Once || m.Long != nil) { // else nobody has so much to say
		list = append(list, m.busyClients(id("busy-clients")))
	}
	if m.Long != nil && m.Partial != nil && !m.Mute {
		list = append(list, m.slowSender(id("slow-sender")))
	}
	if m.Long != nil && m.Pipelined != "" && !m.Mute {
		list = append(list, m.doesNotRead(id("one-does-not-read")))
	}
	return list
}

// idle is how many clients say nothing.
const idle = 20

func (m Conversation) idleClients(id string) specs.Spec {
	return specs.Requirement(id, m.CrowdLevel, m.Clause,
		"A client is served while twenty others are connected and say nothing, and each of those when it speaks.",
		func(c *specs.Case) {
			var clients []*specs.Client
			for range idle {
				clients = append(clients, m.dial(c))
			}
			m.ask(c, m.dial(c), idle, 0)
			for _, i := range c.Order(idle) {
				m.ask(c, clients[i], i, 0)
			}
		}, specs.Clients(idle+1), specs.Covers("CONC-08"),
		specs.Cause("the number of clients is bounded, by a table or by workers, or one that is silent gives its place up; keep every connection until it ends"))
}

// arrivals is how many clients arrive at one moment: fewer than the forty at
// which some libraries stop.
const arrivals = 24

// late is how much later a client may be served whose request for a connection
// found the queue full: it is repeated after one second, and after two more.
const late = 3 * time.Second

func (m Conversation) burst(id string) specs.Spec {
	return specs.Requirement(id, m.CrowdLevel, m.Clause,
		"Twenty-four clients that connect at the same moment are all served, if some of them later, and stay connected.",
		func(c *specs.Case) {
			c.Abreast()
			c.Allow(late)
			clients := c.DialTogether(arrivals)
			if m.Once {
				m.settle(c)
				for i, client := range clients {
					c.Go(func() { m.ask(c, client, i, 0) })
				}
				c.Join()
				return
			}
			// All speak before they listen: some systems do not try again to tell
			// a silent client that there is room for it by now.
			var hear [arrivals]func()
			for i, client := range clients {
				hear[i] = m.queue(c, client, i)
			}
			for i := range clients {
				hear[i]()
			}
			for _, i := range c.Order(arrivals) {
				m.ask(c, clients[i], i, 1)
			}
		}, specs.Clients(arrivals), specs.Perilous, specs.Last, specs.Covers("CONC-11"),
		specs.Cause("one connection is accepted each time that the listener is ready, although several may wait, or there is room for a few; accept until there is none"))
}

const (
	visitors = 5  // no more than the shortest queue of the sources has room for
	visits   = 12 // of each
)

func (m Conversation) churn(id string) specs.Spec {
	return specs.Requirement(id, m.CrowdLevel, m.Clause,
		"No new client is lost while others leave: five that connect, ask and leave, twelve times each, are served every time.",
		func(c *specs.Case) {
			c.Abreast()
			for who := range visitors {
				c.Go(func() {
					for turn := range visits {
						client := m.dial(c)
						m.settle(c)
						m.ask(c, client, who, turn)
						client.Leave()
					}
				})
			}
			c.Join()
		}, specs.Clients(visitors), specs.Queues, specs.Perilous, specs.Last, specs.Covers("CONC-11"),
		specs.Cause("the descriptor of a client that has left is closed and still watched: what is told of it is taken for the new client that got its number; unregister it first"))
}

// settle waits a moment where all that a server answers is an end: the end of a
// connection that it has dropped is one too, and has to come before.
func (m Conversation) settle(c *specs.Case) {
	if m.Mute {
		c.Pause(c.Timing().Gap)
	}
}

// hurried is how many clients ask without a pause.
const hurried = 2

func (m Conversation) busyClients(id string) specs.Spec {
	return specs.Requirement(id, m.CrowdLevel, m.Clause,
		"Two clients that speak without a pause do not keep others from being served, old ones and new.",
		func(c *specs.Case) {
			other := m.stays(c, 0)
			var busy [hurried]*specs.Client
			for i := range busy {
				busy[i] = m.stays(c, i+1)
			}
			c.Abreast() // or the others would wait for them at the door
			var rest atomic.Bool
			defer rest.Store(true) // also when the others are not served
			for i, client := range busy {
				c.Go(func() { m.hurry(c, client, i+1, &rest) })
			}
			for turn := 1; turn <= 4; turn++ {
				c.Pause(c.Timing().Gap) // in which the busy ones get going
				other = m.again(c, other, 0, turn)
			}
			m.ask(c, m.dial(c), hurried+1, 0)
			rest.Store(true)
			c.Join()
		}, specs.Clients(hurried+2), specs.Perilous, specs.Heavy, specs.Covers("CONC-01"),
		specs.Cause("one client is served as long as it has something to say; do a little for each that is ready, in turn, and accept meanwhile"))
}

// hurry speaks without a pause until it may rest: without waiting for answers
// where a client need not, and else as soon as the last one has come.
func (m Conversation) hurry(c *specs.Case, client *specs.Client, who int, rest *atomic.Bool) {
	const ahead, size = 8, 1000                     // how many messages are unanswered, and how long they are
	if m.Long == nil || m.Pipelined != specs.Must { // which no protocol of one message is
		for turn := 1; !rest.Load(); turn++ {
			m.ask(c, client, who, turn)
		}
		return
	}
	var due []Answer
	for !rest.Load() || len(due) > 0 {
		if !rest.Load() && len(due) < ahead {
			message, answer := m.Long(c, size)
			_ = client.Push(message, c.Timing().Answer) // what comes of it says more
			if answer != nil {
				due = append(due, answer)
			}
			continue
		}
		due[0](client)
		due = due[1:]
	}
}

func (m Conversation) slowSender(id string) specs.Spec {
	return specs.Requirement(id, m.PartialLevel, m.Clause,
		"A client that sends a message byte by byte does not keep others from being served meanwhile.",
		func(c *specs.Case) {
			slow, other := m.dial(c), m.stays(c, 1)
			message, answer := m.Long(c, 2000) // more than is sent before the others have to be answered
			slow.Send(message[:1])
			sent := 1
			var rest atomic.Bool
			done := make(chan struct{})
			c.Go(func() {
				defer close(done)
				for ; !rest.Load() && sent < len(message)-1; sent++ {
					slow.Offer(message[sent : sent+1])
					c.Pause(c.Timing().Gap)
				}
			})
			stop := func() { rest.Store(true); <-done }
			defer stop() // before the slow one leaves, which has to finish its message
			for turn := 1; turn <= 4; turn++ {
				c.Pause(c.Timing().Gap)
				m.ask(c, other, 1, turn)
			}
			m.ask(c, m.dial(c), 2, 0)
			stop()
			// Or it would depend on how many pieces have been sent whether answers to
			// them are taken for the answer.
			m.silent(slow, "its message is not whole")
			slow.Send(message[sent:])
			answer(slow)
		}, specs.Clients(3), specs.Covers("CONC-06"),
		specs.Cause("the server waits in a read for the rest of one client's message, again after each piece of it; read only what is there"))
}

// unread is how many bytes are left unread: more than the systems keep for a
// client that takes segments as small as dawdling does.
const unread = 256 << 10

// dawdling makes a connection on which it is felt soon that nobody reads.
func dawdling(d *wire.Dialer) {
	// No multiple of what a server may write at a time: only what does not fit
	// evenly is taken in part.
	d.SegmentSize, d.ReceiveBuffer, d.SendBuffer = 500, 3500, 32<<10
}

func (m Conversation) doesNotRead(id string) specs.Spec {
	return specs.Requirement(id, specs.Should, m.Clause,
		"A client that sends much and does not read the answers keeps nobody else from being served, and gets all of them, in order, when it reads after all.",
		func(c *specs.Case) {
			other := m.stays(c, 0)
			lazy := c.DialWith(dawdling)
			m.Open(lazy)
			m.ask(c, lazy, 1, 0)
			lazy.ReadSlowly(0, 0)
			reads := func() { lazy.ReadSlowly(64<<10, 0) }
			heard := false
			defer func() {
				if reads(); !heard { // or it would be a reset, another provocation
					lazy.Drain(c.Timing().Quiet)
				}
				lazy.Leave()
			}()
			const size = 4000
			var messages []string
			var answers []Answer
			for range unread / size {
				message, answer := m.Long(c, size)
				messages, answers = append(messages, message), append(answers, answer)
			}
			var given atomic.Int64
			c.Go(func() {
				for _, message := range messages {
					if lazy.Push(message, 20*c.Timing().Answer) != nil {
						return // what comes back says how far it got
					}
					given.Add(1)
				}
			})
			// Until no more are taken, or all have been, and read.
			for before, rests := int64(0), 0; rests < 20; rests++ {
				c.Pause(c.Timing().Gap)
				if now := given.Load(); now != before {
					before, rests = now, 0
				}
			}
			m.ask(c, other, 0, 1)
			m.ask(c, m.dial(c), 2, 0)
			reads()
			for _, answer := range answers {
				answer(lazy)
			}
			heard = true
			c.Join()
			m.ask(c, lazy, 1, 1)
		}, specs.Clients(3), specs.Perilous, specs.Heavy, specs.Covers("CONC-07"),
		specs.Cause("send() to a client that does not read waits for it, or takes only a part and says how much; send what can be sent at once, and the rest when the socket is ready"))
}
