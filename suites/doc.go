// Package suites runs specifications: it keeps the catalogue of protocols,
// reads a plan, looks the target over before the run, executes the selected
// cases as concurrently as the target bears, walks the Ginkgo tree, and puts
// the report together.
//
// What the requirements are is written in packages specs/..., how a report
// looks in package report, how a target is started in package target.
package suites
