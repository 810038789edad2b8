// Package wire is the client side's only way to a socket: connections that
// record everything that happens on them, in order and with times.
//
// It tells apart every way in which a peer can end (FIN, RST, silence, a send
// that fails), bounds what it reads in bytes and time, and never judges:
// package specs does.
package wire
