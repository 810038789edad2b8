package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"conform/fixtures"
	"conform/suites"
	"conform/suites/report"
)

const longHelp = `conform tells whether a network server keeps to its protocol, and shows the bytes.

  conform                                  test the bundled reference implementation
  conform --target localhost:1060          test a server that is running
  conform --exec 'python3 zen.py {port}'   start a server, test it, stop it
  conform --target … --clients 1000        hold many clients at once, and measure
  conform --target … --target …            test several, and show where they disagree

The protocol is detected when it is not named with --protocol. A requirement has
an ID, protocol/section/name: conform list shows them, conform explain ID tells
everything about one.

A worked example: a server fails, you look at the one requirement, mend the
server, and run everything again, for CI to read as well.

  conform --target localhost:1060
  conform --target localhost:1060 --only zen/framing/split-question -v
  conform explain zen/framing/split-question
  conform --target localhost:1060 --report junit=conform.xml --report json=conform.json

Results go to standard output, everything else to standard error. Every flag has
an environment variable: --target is CONFORM_TARGET, and so on. The flag goes
before it; one that may be repeated takes a value a line there. A conform.yaml in
the working directory holds what neither says: conform config shows all of them.

Exit codes: 0 nothing failed · 1 a requirement is broken · 2 wrong usage ·
3 the target is unreachable or died · 4 a fault of conform · 130 interrupted`

// runFlags are the flags of the root command as they were written.
type runFlags struct {
	targets, execs      []string
	color, edition      string
	baseline, newBase   string
	only, skip, reports []string
	verbose, quiet      bool
	begin               func() bool // says what is about to be started; false: nothing is
	plan                suites.Plan
}

func newRoot() *cobra.Command {
	var f runFlags
	s := newSettings()
	root := &cobra.Command{
		Use:           "conform",
		Short:         "Tell whether a network server keeps to its protocol, and show the bytes",
		Long:          longHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				hint := ""
				if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
					hint = fmt.Sprintf(": did you mean %q?", near[0])
				}
				return fmt.Errorf("there is no command %q%s (a target is named with --target)", args[0], hint)
			}
			return nil
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return s.fill(cmd) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.begin = func() bool { s.announce(cmd.ErrOrStderr(), cmd.Flags()); return true }
			return runPlan(cmd, f)
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: %s --help shows the flags", err, cmd.CommandPath())
	})
	f.register(root)
	root.AddCommand(newList(), newExplain(), newGrade(), newWorker(), newDoctor(), newDiff(), newReplay(), newReport(), newServe(), newSelftest(), newConfig(s), newVersion())
	root.CompletionOptions.HiddenDefaultCmd = false
	completeRest(root)
	return root
}

// register gives a command the flags of a run.
func (f *runFlags) register(root *cobra.Command) {
	flags := root.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&f.targets, "target", nil, "test a running server: `host:port`, or a tcp, tls, udp, unix, unixgram, ws or wss URL (repeatable: several are compared)")
	flags.StringArrayVar(&f.execs, "exec", nil, "start a server with this `command`, test it, stop it; {port} and $PORT are where it has to listen (repeatable)")
	flags.StringVar(&f.plan.Protocol, "protocol", "", "the `name` of the protocol, instead of detecting it")
	flags.BoolVar(&f.plan.Insecure, "insecure", false, "do not verify the certificate of a tls or wss target")
	flags.StringVar(&f.plan.CA, "ca", "", "verify the certificate of a tls or wss target by the PEM certificates in `FILE`")
	flags.StringVar(&f.edition, "edition", "", "judge by the registries (WebSocket close codes) of this `YEAR-MONTH`: "+strings.Join(fixtures.CloseCodeEditions, " or "))
	flags.StringArrayVar(&f.plan.Dialects, "dialect", nil, "declare a fact about the target, as `KEY=VALUE`: conform list PROTOCOL shows them; class=serial|pool:N|concurrent (repeatable)")
	flags.StringVar(&f.plan.Filter, "filter", "", "run what this `expression` over labels selects, as in 'framing && !slow'")
	flags.StringArrayVar(&f.only, "only", nil, "run only the IDs that this `glob` matches; a section takes all of it; @file reads them from a file (repeatable)")
	flags.StringArrayVar(&f.skip, "skip", nil, "leave out the IDs that this `glob` matches; @file as above (repeatable)")
	flags.BoolVar(&f.plan.Stage, "stage", false, "run the requirements in the order in which the protocol is learnt, up to the first stage that is not met")
	flags.BoolVar(&f.plan.Strict, "strict", false, "fail on nonstrict outcomes and on a SHOULD that is not met")
	flags.IntVar(&f.plan.Jobs, "jobs", suites.DefaultJobs, "run `N` cases at a time, if the target bears it")
	flags.DurationVar(&f.plan.Timeout, "timeout", suites.DefaultTimeout, "the budget of the whole run, as a `duration`")
	flags.Float64Var(&f.plan.Pace, "pace", 1, "multiply every wait by `N`, which follows the target's own pace")
	flags.DurationVar(&f.plan.Explore, "explore", 0, "look for orders of clients that a server gets wrong for this `duration`; by default a few are tried")
	flags.IntVar(&f.plan.Clients, "clients", 0, "hold `N` clients at once, all conversing, instead of running requirements")
	flags.DurationVar(&f.plan.For, "for", 0, "how long all of --clients converse, as a `duration`; by default 1s to 5s, by their number")
	flags.Int64Var(&f.plan.Seed, "seed", 0, "draw random input from this `number`; 0 draws one and prints it")
	flags.StringVar(&f.baseline, "baseline", "", "fail only for what is not among the known failures in `FILE`, and for those of them that do not fail")
	flags.StringVar(&f.newBase, "write-baseline", "", "write the failures of this run to `FILE`, to be known from now on")
	flags.StringArrayVar(&f.reports, "report", nil, reportUsage())
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show every requirement with what happened on the wire")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "show the summary only")
	flags.StringVar(&f.color, "color", "auto", "use colour: `when` is auto, always or never; NO_COLOR is respected")
	registerConfig(root)
	completeColor(root)
	_ = root.RegisterFlagCompletionFunc("edition", cobra.FixedCompletions(fixtures.CloseCodeEditions, cobra.ShellCompDirectiveNoFileComp))
	_ = root.MarkFlagFilename("baseline", "yaml", "yml")
	_ = root.MarkFlagFilename("write-baseline", "yaml", "yml")
	_ = root.MarkFlagFilename("ca", "pem", "crt")
	_ = root.RegisterFlagCompletionFunc("protocol", completeProtocol)
	_ = root.RegisterFlagCompletionFunc("dialect", completeDialect)
	_ = root.RegisterFlagCompletionFunc("report", completeReport)
	_ = root.RegisterFlagCompletionFunc("only", completeSelection)
	_ = root.RegisterFlagCompletionFunc("skip", completeSelection)
}

// runPlan is the main job: validate, run, report.
func runPlan(cmd *cobra.Command, f runFlags) error {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	plan := f.plan
	plan.Tool = tool()
	var err error
	if cmd.Flags().Changed("jobs") && plan.Jobs < 1 {
		return fmt.Errorf("--jobs %d: write a number from 1 on", plan.Jobs)
	}
	if cmd.Flags().Changed("pace") && plan.Pace <= 0 {
		return fmt.Errorf("--pace %v: write a factor above 0, as in 2 for twice as patient", plan.Pace)
	}
	if cmd.Flags().Changed("timeout") && plan.Timeout <= 0 {
		return fmt.Errorf("--timeout %s: write a positive duration, as in 90s", plan.Timeout)
	}
	if cmd.Flags().Changed("clients") && plan.Clients < 1 {
		return fmt.Errorf("--clients %d: write a number from 1 on", plan.Clients)
	}
	if cmd.Flags().Changed("for") && plan.For <= 0 {
		return fmt.Errorf("--for %s: write a positive duration, as in 10s", plan.For)
	}
	if cmd.Flags().Changed("explore") && plan.Explore <= 0 {
		return fmt.Errorf("--explore %s: write a positive duration, as in 30s", plan.Explore)
	}
	if plan.Self, err = os.Executable(); err != nil && plan.Clients > 0 {
		return kitError{err}
	}
	if f.verbose && f.quiet {
		return fmt.Errorf("--verbose and --quiet exclude each other")
	}
	if plan.Stage && f.baseline != "" {
		return fmt.Errorf("--stage and --baseline exclude each other: a failure ends the ladder, known or not")
	}
	if f.edition != "" {
		plan.Dialects = append(slices.Clone(plan.Dialects), "edition="+f.edition)
	}
	if plan.Only, err = patterns(f.only); err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	if plan.Skip, err = patterns(f.skip); err != nil {
		return fmt.Errorf("--skip: %w", err)
	}
	colour, err := useColour(f.color, stdout)
	if err != nil {
		return err
	}
	plans, err := f.plans(plan)
	if err != nil {
		return err
	}
	if len(plans) > 1 {
		return runSeveral(cmd, f, plans, colour)
	}
	plan = plans[0]
	if err := plan.Check(); err != nil {
		return err
	}
	known, err := readBaseline(f, plan)
	if err != nil {
		return err
	}
	sinks, err := openReports(f.reports, stdout)
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

	options := report.TerminalOptions{Color: colour, Verbose: f.verbose, Quiet: f.quiet, Width: width(stdout)}
	// First of the look at the target, then of the requirements.
	progress := newProgress(stderr, 0)
	progress.Update(0, 0, []string{"at " + plan.TargetName()})
	counting := counter{w: stderr, terminal: isTerminal(stderr), width: width(stderr)}
	result, err := suites.Run(cmd.Context(), plan, suites.Observer{
		Ready: func(r *report.Report, requirements int) {
			progress.Stop()
			if !f.quiet {
				_ = report.WriteHeader(stdout, r, requirements, options)
			}
			if plan.Clients == 0 {
				progress = newProgress(stderr, requirements)
			}
		},
		Scale:    func(p report.ScaleProgress) { counting.show(p) },
		Progress: func(done, failed int, running []string) { progress.Update(done, failed, running) },
	})
	progress.Stop()
	counting.clear()
	if err != nil {
		return err
	}
	if known != nil && len(result.Results) > 0 {
		known.Apply(result, time.Now())
	}
	if err := sinks.write(result); err != nil {
		return kitError{err}
	}
	if f.newBase != "" && len(result.Results) > 0 {
		if err := writeBaseline(f.newBase, result); err != nil {
			return kitError{err}
		}
	}
	if result.Scale == nil && len(result.Results) == 0 {
		fmt.Fprintf(stderr, "conform: %s\n", oneLine(result.Summary.Cause))
	} else if err := show(stdout, result, options); err != nil {
		return err
	}
	if code := result.Summary.ExitCode; code != 0 {
		return exitError(code)
	}
	return nil
}

// show writes a result for people.
func show(w io.Writer, r *report.Report, o report.TerminalOptions) error {
	write := report.WriteTerminal
	if r.Scale != nil {
		write = report.WriteScale
	}
	if err := write(w, r, o); err != nil {
		return kitError{fmt.Errorf("writing the result: %w", err)}
	}
	return nil
}

func reportUsage() string {
	return "write a report as `FORMAT=PATH`: " + strings.Join(report.Formats(), ", ") + "; PATH - is standard output (repeatable)"
}

// counter shows how the clients of --clients fare, a line a second.
type counter struct {
	w        io.Writer
	terminal bool
	width    int
	shown    bool
}

func (c *counter) show(p report.ScaleProgress) {
	line := p.String()
	if !c.terminal {
		fmt.Fprintln(c.w, line)
		return
	}
	if runes := []rune(line); c.width > 0 && len(runes) >= c.width {
		line = string(runes[:c.width-1])
	}
	fmt.Fprintf(c.w, "\r\x1b[K%s", line)
	c.shown = true
}

func (c *counter) clear() {
	if c.shown {
		io.WriteString(c.w, "\r\x1b[K")
	}
}

func newProgress(stderr io.Writer, total int) *report.Progress {
	return report.NewProgress(stderr, total, report.ProgressOptions{Terminal: isTerminal(stderr), Width: width(stderr)})
}

// patterns reads globs, and those in the files named with @.
func patterns(given []string) ([]string, error) {
	var all []string
	for _, g := range given {
		name, isFile := strings.CutPrefix(g, "@")
		if !isFile {
			if g == "" {
				return nil, fmt.Errorf("an empty glob: write as in 'zen/framing/*'")
			}
			all = append(all, g)
			continue
		}
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		before := len(all)
		lines := bufio.NewScanner(io.LimitReader(file, 1<<20))
		for lines.Scan() {
			line, _, _ := strings.Cut(lines.Text(), "#")
			if line = strings.TrimSpace(line); line != "" {
				all = append(all, line)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(all) == before {
			return nil, fmt.Errorf("%s holds no glob: write one a line, # begins a comment", name)
		}
	}
	return all, nil
}

func useColour(when string, w io.Writer) (bool, error) {
	switch when {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", nil
	}
	return false, fmt.Errorf("--color %s: write auto, always or never", quoted(when))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return columns
		}
	}
	return 0
}

// reportSinks are the files that reports go to, opened before the run so that a
// path that cannot be written is found while nothing is lost yet.
type reportSinks struct {
	list   []reportSink
	stdout bool
}

type reportSink struct {
	format, path string
	w            io.Writer
	file         *os.File
	created      bool
}

func openReports(given []string, stdout io.Writer) (*reportSinks, error) {
	sinks := &reportSinks{}
	for _, g := range given {
		format, path, ok := strings.Cut(g, "=")
		known := slices.Contains(report.Formats(), format)
		named := slices.ContainsFunc(sinks.list, func(s reportSink) bool { return s.path == path })
		var err error
		switch {
		case named:
			err = fmt.Errorf("--report %s: another report is written there", quoted(g))
		case !ok || path == "":
			err = fmt.Errorf("--report %s: write FORMAT=PATH, as in json=report.json", quoted(g))
		case !known:
			err = fmt.Errorf("--report %s: unknown format %s: known are %s", quoted(g), quoted(format), strings.Join(report.Formats(), ", "))
		case path == "-" && sinks.stdout:
			err = fmt.Errorf("--report %s: standard output already takes another report", quoted(g))
		case path == "-":
			sinks.stdout = true
			sinks.list = append(sinks.list, reportSink{format: format, path: "standard output", w: stdout})
		default:
			_, statErr := os.Stat(path)
			var file *os.File
			if file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644); err != nil {
				err = fmt.Errorf("--report %s: cannot write there: %w", quoted(g), err)
			} else {
				sinks.list = append(sinks.list, reportSink{format: format, path: path, w: file, file: file, created: os.IsNotExist(statErr)})
			}
		}
		if err != nil {
			sinks.close()
			return nil, err
		}
	}
	return sinks, nil
}

// write renders a report to every sink.
func (s *reportSinks) write(r *report.Report) error {
	return s.each(func(_ int, format string, w io.Writer) error { return report.Write(format, w, r) })
}

// each renders every report, the later ones too when one fails.
func (s *reportSinks) each(render func(i int, format string, w io.Writer) error) error {
	var problem error
	for i := range s.list {
		sink := &s.list[i]
		sink.created = false // from here on it is a report, and stays
		var err error
		if sink.file != nil {
			// What an earlier run has left there; a pipe has nothing.
			if info, statErr := sink.file.Stat(); statErr == nil && info.Mode().IsRegular() {
				err = sink.file.Truncate(0)
			}
		}
		if err == nil {
			buffered := bufio.NewWriter(sink.w)
			if err = render(i, sink.format, buffered); err == nil {
				err = buffered.Flush()
			}
		}
		if err != nil {
			problem = fmt.Errorf("--report %s=%s: %w", sink.format, sink.path, err)
		}
	}
	return problem
}

// close ends with the files, and leaves no empty one behind.
func (s *reportSinks) close() {
	for _, sink := range s.list {
		if sink.file == nil {
			continue
		}
		sink.file.Close()
		if sink.created {
			os.Remove(sink.path)
		}
	}
}
