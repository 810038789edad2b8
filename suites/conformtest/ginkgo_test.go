package conformtest_test

import (
	"flag"
	"testing"

	"github.com/onsi/ginkgo/v2"

	"conform/suites/conformtest"
)

// A suite of Ginkgo in the same binary: Ginkgo has one tree for a process, and
// what others have planted in it must be there when they run it.
var (
	specsRun int
	itsT     *testing.T
)

var _ = ginkgo.Describe("a suite of one's own", func() {
	ginkgo.It("runs", func() { specsRun++ })
	ginkgo.It("may test a server itself", func() {
		conformtest.Run(itsT, conformtest.Options{Protocol: "zen", Target: reference(itsT, "zen"), Only: []string{"zen/answers/simple"}})
		specsRun++
	})
	ginkgo.It("still hears of what is skipped", func() {
		specsRun++
		ginkgo.Skip("on purpose")
	})
})

func TestBesideGinkgo(t *testing.T) {
	if flag.Lookup("test.count").Value.String() != "1" {
		t.Skip("Ginkgo refuses to run with -count")
	}
	test := func(name string) {
		t.Run(name, func(t *testing.T) {
			conformtest.Run(t, conformtest.Options{Protocol: "zen", Target: reference(t, "zen"), Only: []string{"zen/answers/simple"}})
		})
	}
	test("before")
	itsT = t
	skipped := 0
	ginkgo.ReportAfterSuite("count", func(r ginkgo.Report) {
		for _, s := range r.SpecReports {
			if s.State.String() == "skipped" {
				skipped++
			}
		}
	})
	if !ginkgo.RunSpecs(t, "beside conform") || specsRun != 3 || skipped != 1 {
		t.Errorf("%d specs of the other suite were run, %d skipped; 3 and 1 are wanted", specsRun, skipped)
	}
	test("after")
}
