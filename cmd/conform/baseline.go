package main

import (
	"fmt"
	"os"

	"conform/suites"
	"conform/suites/baseline"
	"conform/suites/report"
)

// readBaseline reads the known failures, if there are any to be read. An entry
// that matches no requirement is a mistake.
func readBaseline(f runFlags, plan suites.Plan) (*baseline.Baseline, error) {
	if f.baseline == "" && f.newBase == "" {
		return nil, nil
	}
	switch {
	case plan.Clients > 0:
		return nil, fmt.Errorf("--clients runs no requirement: leave --baseline and --write-baseline out")
	case f.baseline != "" && f.newBase != "":
		return nil, fmt.Errorf("--baseline and --write-baseline exclude each other: one takes failures as known, the other writes them down")
	case f.newBase != "":
		return nil, nil
	}
	file, err := os.Open(f.baseline)
	if err != nil {
		return nil, fmt.Errorf("--baseline: %w", err)
	}
	defer file.Close()
	b, err := baseline.Read(file)
	if err == nil {
		var ids []string
		for _, p := range suites.Protocols() {
			for _, s := range p.Specs() {
				ids = append(ids, s.ID)
			}
		}
		err = b.Check(ids)
	}
	if err != nil {
		return nil, fmt.Errorf("--baseline %s: %w", f.baseline, err)
	}
	return &b, nil
}

// writeBaseline writes the failures of a run down.
func writeBaseline(path string, r *report.Report) error {
	file, err := os.Create(path)
	if err == nil {
		err = baseline.Of(r).Write(file)
		if closing := file.Close(); err == nil {
			err = closing
		}
	}
	if err != nil {
		return fmt.Errorf("--write-baseline: %w", err)
	}
	return nil
}
