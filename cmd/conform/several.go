package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"conform/suites"
	"conform/suites/baseline"
	"conform/suites/report"
	"conform/suites/target"
)

// perTarget stands in a path for a name made of each target's own.
const perTarget = "{target}"

// plans are what is to be done: one plan for each target, those of --target first.
func (f runFlags) plans(plan suites.Plan) (plans []suites.Plan, err error) {
	certified := false
	for _, text := range f.targets {
		address, err := target.ParseAddress(text)
		if err != nil {
			return nil, fmt.Errorf("--target: %w", err)
		}
		p := plan
		p.Target = &address
		certified = certified || address.TLS
		plans = append(plans, p)
	}
	for _, command := range f.execs {
		if strings.TrimSpace(command) == "" {
			return nil, fmt.Errorf("--exec is empty: write the command that starts the server, as in --exec 'python3 server.py {port}'")
		}
		p := plan
		p.Exec = command
		plans = append(plans, p)
	}
	if len(plans) == 0 {
		return []suites.Plan{plan}, nil
	}
	for i := range plans {
		if certified && (plans[i].Target == nil || !plans[i].Target.TLS) {
			plans[i].Insecure, plans[i].CA = false, "" // these are for the others
		}
	}
	return plans, nil
}

// runSeveral tests one target after the other, and compares them.
func runSeveral(cmd *cobra.Command, f runFlags, plans []suites.Plan, colour bool) error {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	switch {
	case plans[0].Clients > 0:
		return fmt.Errorf("--clients holds its clients at one target: run conform --clients once for each --target and --exec")
	case plans[0].Stage:
		return fmt.Errorf("--stage leads one server up its stages: run conform --stage once for each --target and --exec")
	case f.baseline != "" && !strings.Contains(f.baseline, perTarget):
		return fmt.Errorf("--baseline %s: every target has known failures of its own: write {target} in the path, as in known-{target}.yaml, and a file for each", quoted(f.baseline))
	case f.newBase != "" && !strings.Contains(f.newBase, perTarget):
		return fmt.Errorf("--write-baseline %s: every target has failures of its own: write {target} in the path, as in known-{target}.yaml", quoted(f.newBase))
	}
	var names []string
	for _, p := range plans {
		if err := p.Check(); err != nil {
			return err
		}
		names = append(names, p.TargetName())
	}
	files := report.FileNames(names)
	var known []*baseline.Baseline
	for i, p := range plans {
		one := f
		one.baseline = strings.ReplaceAll(f.baseline, perTarget, files[i])
		b, err := readBaseline(one, p)
		if err != nil {
			return err
		}
		known = append(known, b)
	}
	sinks, err := openMatrixReports(f.reports, files, stdout)
	if err != nil {
		return err
	}
	defer sinks.close()
	if !f.begin() {
		return nil
	}
	if sinks.stdout {
		stdout = stderr // standard output belongs to a report
	}
	var progress *report.Progress
	show := func(requirements int) {
		if progress != nil {
			progress.Stop()
		}
		progress = newProgress(stderr, requirements)
	}
	show(0)
	m, err := suites.RunSeveral(cmd.Context(), plans, func(i int) suites.Observer {
		which := fmt.Sprintf("target %d of %d: ", i+1, len(plans))
		show(0)
		progress.Update(0, 0, []string{which + names[i]})
		return suites.Observer{
			Ready: func(_ *report.Report, requirements int) { show(requirements) },
			Progress: func(done, failed int, running []string) {
				if len(running) > 0 {
					running = append([]string{which + running[0]}, running[1:]...)
				}
				progress.Update(done, failed, running)
			},
		}
	})
	progress.Stop()
	if err != nil {
		return err
	}
	for i := range m.Targets {
		if r := &m.Targets[i].Report; known[i] != nil && len(r.Results) > 0 {
			known[i].Apply(r, time.Now())
		}
	}
	m.Compare()
	if err := sinks.write(m); err != nil {
		return kitError{err}
	}
	for i := range m.Targets {
		if r := &m.Targets[i].Report; f.newBase != "" && len(r.Results) > 0 {
			if err := writeBaseline(strings.ReplaceAll(f.newBase, perTarget, files[i]), r); err != nil {
				return kitError{err}
			}
		}
	}
	return showMatrix(stdout, m, report.TerminalOptions{Color: colour, Verbose: f.verbose, Quiet: f.quiet, Width: width(stdout)})
}

// showMatrix writes a matrix for people, and ends with its exit code.
func showMatrix(w io.Writer, m *report.Matrix, o report.TerminalOptions) error {
	if err := report.WriteMatrixTerminal(w, m, o); err != nil {
		return kitError{fmt.Errorf("writing the result: %w", err)}
	}
	if code := m.Summary.ExitCode; code != 0 {
		return exitError(code)
	}
	return nil
}

// matrixSinks are the files that reports about several targets go to: of all of
// them, or, where the path has {target}, one for each.
type matrixSinks struct {
	*reportSinks
	of []int // the target that a sink is for; -1 for all
}

func openMatrixReports(given, files []string, stdout io.Writer) (*matrixSinks, error) {
	var all []string
	var of []int
	for _, g := range given {
		if !strings.Contains(g, perTarget) {
			all, of = append(all, g), append(of, -1)
			continue
		}
		for i, file := range files {
			all, of = append(all, strings.ReplaceAll(g, perTarget, file)), append(of, i)
		}
	}
	sinks, err := openReports(all, stdout)
	if err != nil {
		return nil, err
	}
	return &matrixSinks{sinks, of}, nil
}

func (s *matrixSinks) write(m *report.Matrix) error {
	return s.each(func(i int, format string, w io.Writer) error {
		if of := s.of[i]; of >= 0 {
			return report.Write(format, w, &m.Targets[of].Report)
		}
		return report.WriteMatrix(format, w, m)
	})
}
