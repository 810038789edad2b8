// Package sandbox runs the program of somebody who is not trusted, a submission
// that is graded, so that it can do no harm and reach nothing but itself, and
// says what became of it. It also finds out what a machine can do for that.
//
// On Linux a box is a set of namespaces, made without root: the program has its
// own processes, network, file system and users. A process of ours, the box's
// init, is the first in it; it starts the program, watches it, and hands out
// sockets of the box's network, so that any number of servers on one and the
// same port are spoken to from outside at once. When init dies, all dies.
//
// It is no container engine: there are no images, no layers to keep, and no way
// out to the network. It does not grade, and takes nothing that a program says
// for more than bytes.
//
// A program that imports this package is started again as a box's init: the
// package's func init sees by its own name that this is so, and never returns.
// There is nothing to call in main that could be forgotten, after which a
// program would start itself over and over.
package sandbox
