// Package specs is the language in which requirements are written: a
// Requirement, its Level, the Case that executes it and the Verdict it ends in.
//
// A protocol's requirements are in the package of its name below this one, one
// file per section of its standard. How they are selected, scheduled and
// reported is the business of package suites; nothing here knows of it, nor of
// the Ginkgo tree that the requirements end up in.
package specs
