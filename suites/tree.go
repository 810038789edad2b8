package suites

import (
	"fmt"
	"io"
	"sync"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/extensions/globals"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/ginkgo/v2/types"

	"conform/specs"
)

// Ginkgo keeps one tree for a process and refuses to run it twice, so runs in
// one process take turns with it. Everything that is Ginkgo's is in this file.
var ginkgoTree sync.Mutex

// grow plants the specifications: one root container, so that nothing is
// shuffled, a container for each protocol and section, and an It for each
// requirement, which only repeats the outcome of its case.
func grow(protocols []specs.Protocol, selected map[string]bool, outcome func(id string) specs.Result) {
	line := 0
	ginkgo.Describe("conform", func() {
		for _, p := range protocols {
			ginkgo.Describe(p.Name, ginkgo.Label(p.Name), func() {
				for _, section := range p.Sections {
					ginkgo.Describe(section.Title, func() {
						for _, s := range section.Specs {
							if !selected[s.ID] {
								continue
							}
							line++
							// Ginkgo sorts by location: this one keeps the
							// order of the standard, and shows no path of ours.
							ginkgo.It(s.ID, ginkgo.Label(s.Labels()...), types.CodeLocation{FileName: p.Name, LineNumber: line}, func() {
								repeat(s, outcome(s.ID))
							})
						}
					})
				}
			})
		}
	})
}

// repeat raises in Ginkgo what came of a case.
func repeat(s specs.Spec, r specs.Result) {
	switch r.Verdict {
	case specs.Fail, specs.Error:
		ginkgo.Fail(fmt.Sprintf("%s (%s, %s): %s", s.Title, s.Level, s.Clause, r.Reason))
	case specs.Blocked, specs.Skipped, specs.Unsupported:
		ginkgo.Skip(r.Reason.String())
	}
}

// choose lets Ginkgo choose by the label filter which specifications are run.
func choose(protocols []specs.Protocol, selected map[string]bool, filter string) (chosen map[string]bool, err error) {
	withTree(filter, func(suite types.SuiteConfig, reporter types.ReporterConfig) {
		grow(protocols, selected, func(string) specs.Result { return specs.Result{} })
		preview := ginkgo.PreviewSpecs("conform", suite, reporter)
		if preview.SuiteHasProgrammaticFocus {
			err = fmt.Errorf("a specification is focused: Ginkgo would run no other")
			return
		}
		chosen = map[string]bool{}
		for _, s := range preview.SpecReports {
			if s.State.Is(types.SpecStatePassed) {
				chosen[s.LeafNodeText] = true
			}
		}
	})
	return chosen, err
}

// walk runs the tree over outcomes that are all there. It returns Ginkgo's own
// count of failed specs, which has to agree with ours.
func walk(protocols []specs.Protocol, selected map[string]bool, filter string, outcome func(id string) specs.Result) (failures int) {
	withTree(filter, func(suite types.SuiteConfig, reporter types.ReporterConfig) {
		grow(protocols, selected, outcome)
		ginkgo.ReportAfterSuite("count", func(r ginkgo.Report) {
			failures = r.SpecReports.WithLeafNodeType(types.NodeTypeIt).CountWithState(types.SpecStateFailureStates)
		})
		ginkgo.RunSpecs(discardT{}, "conform", suite, reporter)
	})
	return failures
}

// withTree gives f an empty tree of its own, and silence.
func withTree(filter string, f func(types.SuiteConfig, types.ReporterConfig)) {
	ginkgoTree.Lock()
	defer ginkgoTree.Unlock()
	// Ginkgo's console reporter cannot be turned off in any other way.
	stdout, stderr := formatter.ColorableStdOut, formatter.ColorableStdErr
	formatter.ColorableStdOut, formatter.ColorableStdErr = io.Discard, io.Discard
	defer func() { formatter.ColorableStdOut, formatter.ColorableStdErr = stdout, stderr }()
	globals.Reset()
	defer globals.Reset()
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.LabelFilter = filter
	suite.Timeout = 0 // the budget is ours
	f(suite, reporter)
}

// discardT is told that the suite has failed, which the report says anyway.
type discardT struct{}

func (discardT) Fail() {}
