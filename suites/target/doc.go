// Package target knows how a target is addressed, started and recognised. It
// does not judge: that is what the specifications are for.
package target
