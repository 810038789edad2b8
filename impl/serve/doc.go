// Package serve runs handlers: it accepts connections and carries bytes
// between them and a handler each, under a concurrency model. It knows no
// protocol, and a handler does not know the model.
//
// # The models
//
// One thing differs: what waits while a client has nothing to say. Each model
// is a file of its own name.
//
//   - serial: the server. One client at a time; all others wait. For tools
//     with one user, and to see what the rest is for.
//   - goroutine: a goroutine for each client. What Go offers, and the default:
//     code that waits reads like code that does not, and the runtime does what
//     the loops below do. Some kilobytes for each client, most of it a stack.
//   - pool: one of N workers. Bounds what clients can claim, at the price that
//     N idle ones keep everybody else out. For conversations that are short.
//   - poll: one loop asks the kernel, each time, about all of its sockets. On
//     every Unix; each turn costs as much as there are clients, busy or not,
//     so for hundreds of them.
//   - epoll: one loop is told by the kernel which sockets have changed. A turn
//     costs as much as has happened, so for ten thousands of clients, most of
//     them idle, and no stack for any of them. It is Linux's, and forgives no
//     omission: what is not read to its end is not told twice.
//   - callback: a loop again, turned inside out: it calls an object for each
//     client when something has happened to it. The style of Python's asyncio,
//     and of most event libraries. As poll, which is below it here.
//   - process: a process for each client, at most N. Nothing is shared, so a
//     crash or a leak is that client's alone, and the system can limit each. Four
//     megabytes and ten milliseconds for each client. What they cost beside each
//     other was measured: docs/models.md.
//
// All of poll, epoll and callback run in one thread: a handler that computes
// for long holds up everybody, and a second processor is of no use. In the
// others it holds up its own client.
//
// # What all have in common
//
// A reply is written before the handler is called again, so that a client
// which does not read is not read from, and the memory that it can claim is
// one reply. A client that takes nothing for Options.WriteTimeout is dropped.
// A panic ends the connection it happened in. The end of a conversation is a
// FIN, and what the client still sends is read for a while, so that no reset
// overtakes the last answer. Without descriptors for new clients the server
// pauses accepting; it neither ends nor spins.
//
// The models serial, goroutine and pool use of a connection only net.Conn and,
// where there is one, CloseWrite, so that listeners and connections may be
// wrapped, as TLS does; where nothing is wrapped, a client that says nothing
// holds no buffer. The others need the sockets of a *net.TCPListener or
// *net.UnixListener; Options.Check tells.
package serve
