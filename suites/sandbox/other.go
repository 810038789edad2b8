//go:build !linux

package sandbox

import (
	"context"
	"fmt"
	"runtime"
)

func start(_ context.Context, o Options) (engine, error) {
	if o.Tier != Basic {
		return nil, fmt.Errorf("tier %s needs Linux; on %s there is only tier basic", o.Tier, runtime.GOOS)
	}
	return startBasic(o)
}

// Probe says what this machine can do for a box: nothing, on this system.
func Probe() Report {
	facts := []Fact{{Name: "Linux", Need: Namespaced, Why: "this is " + runtime.GOOS + ", which has no namespaces",
		Fix: "grade submissions that you do not trust on Linux, also in a virtual machine"}}
	if runtime.GOOS != "windows" { // which marks no program as one
		facts = append(facts, toolsFact())
	}
	return Report{Schema: Schema, Tier: Basic, Facts: facts}
}
