// Package scale holds many clients of a server at once, all of them conversing,
// and measures how they are served. What they say and must hear comes from the
// protocol, as a specs.Talk.
//
// It opens sockets of its own, thousands of them, so that specs/wire, which
// records every byte of a few, does not fit: here nothing is recorded but
// counts, times and the first example of each kind of error. A client holds
// well under a kibibyte of our memory.
//
// There are two engines, which share everything but the sockets: an event loop
// over epoll, for plain TCP on Linux, and a goroutine for each client for all
// else. Both keep one message of a client under way at a time: they measure how
// a server serves clients that wait for their answers, not how it bears a rate
// of messages that somebody else decides on.
//
// A scenario has three phases. While it ramps up, clients connect, no more of
// them under way than the server keeps up with; each opens its conversation,
// has one round trip and waits. Then all converse, as fast as they are
// answered, for the time that was asked for. Then no more is asked, what is due
// is waited for, and the connections are reset, which leaves nothing behind in
// the kernel. Every phase ends when nothing more comes, whatever the server does.
package scale
