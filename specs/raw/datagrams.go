package raw

import (
	"strings"
	"syscall"

	"errors"

	"conform/specs"
)

const clause = "tutorial 002, UDPServer"

// about makes a requirement about datagrams. An idle loopback loses none, and
// what a network loses once is sent again by the run's confirmation.
func about(name string, level specs.Level, title string, body func(*specs.Case), options ...specs.Option) specs.Spec {
	return specs.Requirement("raw/"+name, level, clause, title, body, append(options, specs.Datagrams)...)
}

// whole is the body of a requirement that some datagrams come back, each once.
func whole(list ...string) func(*specs.Case) {
	return func(c *specs.Case) {
		client := c.Dial()
		for _, d := range list {
			client.Send(d)
			client.ExpectDatagrams(d)
		}
		client.ExpectSilence("each datagram is answered once")
		proof(client)
	}
}

// proof is an exchange that shows that the socket is still served.
func proof(cl *specs.Client) {
	word := cl.Case().Word()
	cl.Send(word)
	cl.ExpectDatagrams(word)
}

// sizes is the body of a requirement that datagrams of some lengths come back.
func sizes(list ...int) func(*specs.Case) {
	return func(c *specs.Case) {
		client := c.Dial()
		proof(client)
		for _, n := range list {
			if err := client.Push(numbered(n), c.Timing().Answer); errors.Is(err, syscall.EMSGSIZE) {
				c.Unsupported("this system sends no datagram of %d bytes", n)
			}
			client.ExpectDatagrams(numbered(n))
		}
		client.ExpectSilence("each datagram is answered once")
		proof(client)
	}
}

// What comes back as a datagram.
func datagrams() specs.Section {
	return specs.Section{Name: "datagrams", Title: "Datagrams come back whole", Specs: []specs.Spec{
		about("datagrams/comes-back", specs.Must, "A datagram comes back unchanged, once.",
			whole("hello"), specs.Covers("UDP-01"),
			specs.Cause("the answer is sent twice, or with something added; send back what recvfrom() has returned")),

		about("datagrams/every-byte", specs.Must, "All 256 values of a byte come back in a datagram.",
			whole(every()), specs.Covers("UDP-01"), specs.Cause(asText)),

		about("datagrams/not-text", specs.Must, "NUL, line ends, blanks and bytes that are not UTF-8 come back.",
			whole("a\x00b", "\x00", "line\n", "line\r\n", " blank ", "\xff\xfe\xc3\x28", "%s%d"), specs.Covers("UDP-01"), specs.Cause(asText)),

		about("datagrams/one-byte", specs.Must, "A datagram of one byte comes back.",
			whole("a", "\n", "\x00"), specs.Covers("UDP-01")),

		about("datagrams/empty", specs.Must, "An empty datagram comes back, as an empty one.",
			whole(""), specs.Covers("UDP-02"),
			specs.Cause("a datagram of no bytes is taken for the end of something, or for nothing; it is a datagram")),

		about("datagrams/empty-among-others", specs.Must, "An empty datagram among others comes back in its place.",
			whole("before", "", "", "after"), specs.Covers("UDP-02", "UDP-04"),
			specs.Cause("a datagram of no bytes ends the server's loop, or is skipped")),

		about("datagrams/quit", specs.Must, "No word has a meaning: each comes back, and the server goes on.",
			func(c *specs.Case) {
				client := c.Dial()
				for _, word := range []string{"quit", "quit\n", "exit", "shutdown", "\x04"} {
					client.Send(word)
					client.ExpectDatagrams(word)
				}
				c.StillServes()
			}, specs.Covers("UDP-01", "UDP-07"), specs.Perilous),

		about("datagrams/once", specs.Must, "Each of many datagrams comes back once, and nothing else comes.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 64 {
					proof(client)
				}
				client.ExpectSilence("each datagram is answered once")
			}, specs.Covers("UDP-01", "UDP-05")),

		about("datagrams/nothing-unasked", specs.Must, "Nothing follows an answer, however long the client is silent.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 3 {
					proof(client)
					client.ExpectSilence("nothing was sent")
				}
			}, specs.Covers("UDP-05"),
			specs.Cause("a greeting, a sign of life or an answer to an earlier datagram is sent")),

		about("datagrams/apart", specs.Must, "Datagrams that follow each other without waiting come back each by itself.",
			func(c *specs.Case) {
				client := c.Dial()
				proof(client)
				var list []string
				for range 12 {
					list = append(list, c.Word())
				}
				for _, d := range list {
					client.Send(d)
				}
				client.ExpectInAnyOrder(list...)
				client.ExpectSilence("each datagram is answered once")
				proof(client)
			}, specs.Covers("UDP-04", "UDP-01"),
			specs.Cause("several datagrams are collected and answered as one; they are no stream")),

		about("datagrams/in-order", specs.Should, "On an idle loopback they come back in the order in which they were sent.",
			func(c *specs.Case) {
				client := c.Dial()
				proof(client)
				list := []string{"1 " + c.Word(), "2 " + c.Word(), "3 " + c.Word(), "4 " + c.Word(), "5 " + c.Word(), "6 " + c.Word()}
				for _, d := range list {
					client.Send(d)
				}
				client.ExpectDatagrams(list...)
			}, specs.Covers("UDP-04"),
			specs.Cause("each datagram is answered by a worker of its own, and they overtake each other")),

		about("datagrams/usual-buffers", specs.Must, "Datagrams a byte shorter and longer than usual buffers come back whole.",
			sizes(255, 256, 257, 511, 512, 513, 1023, 1024, 1025), specs.Covers("UDP-06", "UDP-01"), specs.Cause(cutShort)),

		about("datagrams/a-packet", specs.Must, "Datagrams that just fit into one packet of Ethernet, and that do not, come back whole.",
			sizes(1472, 1473, 1500, 2048, 4096), specs.Covers("UDP-06"), specs.Cause(cutShort)),

		about("datagrams/8-kilobytes", specs.Must, "Datagrams around 8 KiB come back whole.",
			sizes(8191, 8192, 8193, 9216), specs.Covers("UDP-06"), specs.Cause(cutShort)),

		about("datagrams/the-largest", specs.Must, "The largest datagram of UDP, 65 507 bytes, comes back whole.",
			sizes(32_768, 65_507), specs.Covers("UDP-06"), specs.Cause(cutShort)),

		about("datagrams/shorter-after-longer", specs.Must, "A short datagram that follows a long one comes back alone.",
			sizes(900, 100, 1), specs.Covers("UDP-01", "UDP-04"),
			specs.Cause("the whole buffer is sent, with what an earlier datagram has left in it; send as many bytes as were read")),

		about("datagrams/random", specs.Must, "Random datagrams of random lengths come back.",
			func(c *specs.Case) {
				client := c.Dial()
				for range 24 {
					d := string(c.Bytes(c.IntN(1400)))
					client.Send(d)
					client.ExpectDatagrams(d)
				}
			}, specs.Covers("UDP-01", "UDP-06")),

		about("datagrams/whatever-it-holds", specs.Must, "Whatever a datagram holds, the server goes on serving.",
			func(c *specs.Case) {
				client := c.Dial()
				proof(client)
				for _, d := range []string{"", "\x00\x00\x00\x00", "\xff\xff\xff\xff", strings.Repeat("%n", 300), strings.Repeat("A", 60_000), "{\"a\":", "\x1b[2J", string(c.Bytes(512))} {
					client.Send(d)
					client.ExpectDatagrams(d)
				}
				c.StillServes()
			}, specs.Covers("UDP-07", "UDP-02"), specs.Perilous,
			specs.Cause("the error that some bytes raise is not caught; nothing in a datagram has a meaning")),
	}}
}

// Who is answered, and by whom.
func senders() specs.Section {
	return specs.Section{Name: "senders", Title: "Each sender is answered, and nobody else", Specs: []specs.Spec{
		about("senders/by-turns", specs.Must, "Each of several senders gets back what it has sent itself.",
			func(c *specs.Case) {
				clients := []*specs.Client{c.Dial(), c.Dial(), c.Dial()}
				for turn := range 12 {
					proof(clients[turn%len(clients)])
				}
				clients[0].ExpectSilence("each datagram is answered once, to its sender") // nor to the others, meanwhile
			}, specs.Clients(3), specs.Covers("UDP-03"), specs.Cause(lastSender)),

		about("senders/at-once", specs.Must, "Senders that send at the same moment each get back their own.",
			func(c *specs.Case) {
				clients := []*specs.Client{c.Dial(), c.Dial(), c.Dial(), c.Dial()}
				var words []string
				for range clients {
					words = append(words, c.Word())
				}
				for i, client := range clients {
					client.Send(words[i])
				}
				for i, client := range clients {
					client.ExpectDatagrams(words[i])
				}
				clients[0].ExpectSilence("each datagram is answered once, to its sender") // nor to the others, meanwhile
			}, specs.Clients(4), specs.Covers("UDP-03", "UDP-04"), specs.Cause(lastSender)),

		about("senders/nobody-else", specs.Must, "A client that is silent gets nothing, whatever others send.",
			func(c *specs.Case) {
				silent, other := c.Dial(), c.Dial()
				proof(silent)
				for range 4 {
					proof(other)
				}
				silent.ExpectSilence("it has sent nothing more")
				proof(silent)
			}, specs.Clients(2), specs.Covers("UDP-03", "UDP-05"),
			specs.Cause("answers go to everybody who has ever sent something; send each to its sender")),

		about("senders/the-first-comes-back", specs.Must, "A sender is served after many others, as they are.",
			func(c *specs.Case) {
				first := c.Dial()
				proof(first)
				for range 20 {
					proof(c.Dial())
				}
				proof(first)
			}, specs.Clients(21), specs.Covers("UDP-03"),
			specs.Cause("only so many senders are remembered; recvfrom() tells who has sent each datagram")),

		about("senders/gone-before-the-answer", specs.Must, "A sender that is gone before the answer comes keeps nobody from being served.",
			func(c *specs.Case) {
				proof(c.Dial())
				c.Afresh()
				for range 8 {
					gone := c.Dial()
					gone.Send(c.Word())
					gone.Close()
				}
				c.StillServes()
			}, specs.Covers("UDP-07", "UDP-03"), specs.Perilous,
			specs.Cause("the error of sending to a port that is closed is not caught; go on with the next datagram")),

		about("senders/from-the-same-address", specs.Must, "The answer comes from the address and port that it was sent to.",
			func(c *specs.Case) {
				client := c.DialWith(specs.AnySource)
				for range 3 {
					proof(client)
				}
			}, specs.Covers("UDP-08"),
			specs.Cause("the answer is sent from a new socket; send it from the one that has received the datagram")),
	}}
}

const (
	cutShort   = "the buffer that datagrams are read into is too small; what does not fit is lost, and 65 507 bytes may come"
	lastSender = "the address to answer is kept where another datagram overwrites it; recvfrom() tells it for each"
)
