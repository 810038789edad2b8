package suites

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/onsi/ginkgo/v2/types"

	"conform/specs"
	"conform/suites/report"
	"conform/suites/target"
)

// Plan is what a run is to do. The zero value tests every protocol of the
// bundled reference implementation.
type Plan struct {
	Target   *target.Address // a running server; nil for none
	Exec     string          // or a command that starts one
	Protocol string          // empty: detected, or all of the bundled ones

	// Start, if there is one, starts the server instead of Exec, such as in a
	// sandbox; Exec is then only what the report calls it. It has to listen when
	// Start returns. Scheme is what it is spoken to over: tcp, which empty means,
	// tls or udp.
	Start  func(ctx context.Context) (Server, error)
	Scheme string

	Dialects []string // KEY=VALUE

	Filter     string   // an expression of Ginkgo's label language
	Only, Skip []string // globs over IDs; one that names a section takes all of it

	// Stage runs the stages in which a protocol is learnt, one after the other,
	// up to the first that is not met.
	Stage bool

	// Apart says that each requirement has the server to itself, so that what comes
	// of one is no other's doing. Only a server that is silent is waited for by
	// several at a time.
	Apart bool

	Strict  bool
	Jobs    int           // cases at a time, if the target bears it; 0 is DefaultJobs
	Timeout time.Duration // budget of the whole run; 0 is DefaultTimeout
	Pace    float64       // factor on every wait; 0 is 1
	Seed    int64         // 0 draws one

	// Explore is how long random orders of clients are tried for each protocol; 0
	// is a small fixed number of them. Again holds schedules to be played again
	// instead, by the ID of their requirement.
	Explore time.Duration
	Again   map[string]specs.Schedule

	Insecure bool   // the certificate of a tls or wss target is not verified
	CA       string // a file of PEM certificates that it is verified by; empty is the system's

	// Clients is how many clients are held at once, instead of running the
	// requirements; 0 runs them. For is how long all of them converse; 0
	// follows from their number. Self is the program that serves the bundled
	// implementation in a process of its own, as conform serve does.
	Clients int
	For     time.Duration
	Self    string

	// Several says that this is one of several targets, whose protocols may
	// differ: a dialect or a glob that is for another protocol is no mistake.
	Several bool

	Tool report.Tool

	// Hosted says that the caller has a tree of tests of its own, as package
	// testing has: Ginkgo's, of which a process has one, is left alone.
	Hosted bool
}

// exploring is how many requirements of a protocol share Plan.Explore.
const exploring = 2

const (
	DefaultJobs    = 16
	DefaultTimeout = 5 * time.Minute
)

// UsageError says that the plan itself is wrong: exit code 2, nothing started.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// complete fills in what the rest of the plan implies.
func (p Plan) complete() Plan {
	if (p.Target != nil && p.Target.Datagram() || p.Scheme == "udp") && p.Protocol == "" {
		p.Protocol = overDatagrams()[0] // there is no other
	}
	if p.Target == nil || p.Target.Path == "" {
		return p
	}
	if p.Protocol == "" {
		p.Protocol = "websocket"
	}
	if p.Target.Path != "/" {
		p.Dialects = append(slices.Clone(p.Dialects), "path="+p.Target.Path)
	}
	return p
}

// overDatagrams names the protocols that are spoken over datagrams.
func overDatagrams() (names []string) {
	for _, p := range Protocols() {
		if p.Datagrams() {
			names = append(names, p.Name)
		}
	}
	return names
}

// tls is how the certificate of a target is verified.
func (p Plan) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: p.Insecure} //nolint:gosec // as the user wants it
	if p.CA == "" {
		return config, nil
	}
	pem, err := os.ReadFile(p.CA)
	if err != nil {
		return nil, usagef("--ca: %s", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, usagef("--ca %s holds no certificate: write a file in PEM, BEGIN CERTIFICATE and so on", p.CA)
	}
	return config, nil
}

// Check finds what is wrong with a plan before anything is started or reached.
func (p Plan) Check() error {
	p = p.complete()
	protocols := Protocols()
	if p.Protocol != "" {
		found, err := Find(p.Protocol)
		if err != nil {
			return usagef("--protocol: %s", err)
		}
		protocols = []specs.Protocol{found}
	}
	if p.Scheme != "" && (p.Start == nil || !slices.Contains([]string{"tcp", "tls", "udp"}, p.Scheme)) {
		return usagef("a started server cannot be spoken to over %q: write tcp, tls or udp", p.Scheme)
	}
	if p.Scheme == "udp" && !protocols[0].Datagrams() {
		return usagef("%s is not spoken over datagrams, only %s is", p.Protocol, strings.Join(overDatagrams(), ", "))
	}
	if p.Start != nil && p.Clients > 0 {
		return usagef("--clients makes connections of its own, which do not reach into a box: use --exec or --target")
	}
	if p.Target != nil && (p.Exec != "" || p.Start != nil) {
		return usagef("--target and --exec exclude each other: one names a running server, the other starts one")
	}
	if p.Target != nil && p.Target.Datagram() && !protocols[0].Datagrams() {
		return usagef("--target %s: %s is not spoken over datagrams, only %s is: write host:port, or a tcp, tls or unix URL",
			p.Target, p.Protocol, strings.Join(overDatagrams(), ", "))
	}
	if p.Target != nil && p.Target.Path != "" && p.Protocol != "" && p.Protocol != "websocket" {
		return usagef("--target %s is a WebSocket address, and --protocol is %s: write host:port", p.Target, p.Protocol)
	}
	switch {
	case (p.Insecure || p.CA != "") && (p.Target == nil || !p.Target.TLS) && p.Scheme != "tls":
		return usagef("--insecure and --ca are about certificates: write a tls or wss URL as the --target")
	case p.Insecure && p.CA != "":
		return usagef("--insecure and --ca exclude each other: one verifies nothing")
	}
	if _, err := p.tls(); err != nil {
		return err
	}
	if p.Jobs < 0 {
		return usagef("--jobs %d: write a number from 1 on", p.Jobs)
	}
	if p.Timeout < 0 {
		return usagef("--timeout %s: write a positive duration, as in 90s", p.Timeout)
	}
	switch {
	case p.Explore < 0:
		return usagef("--explore %s: write a positive duration, as in 30s", p.Explore)
	case p.Explore > 0 && p.Clients > 0:
		return usagef("--explore and --clients exclude each other: --clients runs no requirement")
	case p.Explore > 0 && time.Duration(len(protocols))*p.Explore >= cmp.Or(p.Timeout, DefaultTimeout):
		return usagef("--explore %s for each of %d protocols does not end within the run's %s: write a longer --timeout",
			p.Explore, len(protocols), cmp.Or(p.Timeout, DefaultTimeout))
	}
	switch {
	case p.Stage && p.Target == nil && p.Exec == "" && p.Protocol == "":
		return usagef("--stage is about one server: say which with --target or --exec, or name the --protocol")
	case p.Stage && p.Clients > 0:
		return usagef("--stage and --clients exclude each other: --clients runs no requirement")
	}
	if p.Pace < 0 || p.Pace > 1000 {
		return usagef("--pace %v: write a factor above 0, as in 2 for twice as patient", p.Pace)
	}
	if p.Seed < 0 {
		return usagef("--seed %d: write a number from 1 on", p.Seed)
	}
	if p.Filter != "" {
		if p.Hosted {
			return usagef("Filter is Ginkgo's, which a hosted run leaves alone: select with Only and Skip")
		}
		if _, err := types.ParseLabelFilter(p.Filter); err != nil {
			return usagef("--filter %q: %s; write labels with && || ! ( ), as in 'framing && !slow'", p.Filter, oneLine(err))
		}
	}
	if _, err := p.dialects(protocols); err != nil {
		return err
	}
	if err := p.checkScale(protocols); err != nil {
		return err
	}
	_, err := p.selection(protocols)
	return err
}

func oneLine(err error) string {
	for _, line := range strings.Split(err.Error(), "\n") {
		// Ginkgo's error begins with a title and points at the place below.
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "^") && !strings.Contains(line, "Syntax Error Parsing") {
			return strings.TrimPrefix(line, "[1] ")
		}
	}
	return err.Error()
}

// dialects reads the declared dialects. A key that several protocols have
// applies to each of them.
func (p Plan) dialects(protocols []specs.Protocol) (map[string]string, error) {
	declared := map[string]string{}
	for _, d := range p.Dialects {
		key, value, ok := strings.Cut(d, "=")
		if !ok || key == "" || value == "" {
			return nil, usagef("--dialect %q: write KEY=VALUE, as in class=serial", d)
		}
		if old, twice := declared[key]; twice && old != value {
			return nil, usagef("--dialect %s is given as %s and as %s: give it once", key, old, value)
		}
		declared[key] = value
		if key == "class" {
			if _, err := declaredBound(value); err != nil {
				return nil, err
			}
			if p.Target != nil && p.Target.Datagram() {
				return nil, usagef("--dialect %s is about connections, and %s has none", d, p.Target.Scheme)
			}
			continue
		}
		var problems []error
		known := false
		for _, protocol := range protocols {
			dialect, err := protocol.Dialect(key)
			if err == nil {
				err = dialect.Check(value)
				known = known || err == nil
			}
			problems = append(problems, err)
		}
		if !known {
			if len(protocols) == 1 {
				return nil, usagef("--dialect %s: %s", d, problems[0])
			}
			return nil, usagef("--dialect %s: no protocol has it: they have %s", d, allDialects(protocols))
		}
	}
	return declared, nil
}

// fit leaves out of a plan for several targets what is for other protocols than
// that of this one.
func (p Plan) fit(protocols []specs.Protocol) Plan {
	if !p.Several {
		return p
	}
	has := func(test func(specs.Protocol) bool) bool { return slices.ContainsFunc(protocols, test) }
	p.Dialects = slices.DeleteFunc(slices.Clone(p.Dialects), func(d string) bool {
		key, _, _ := strings.Cut(d, "=")
		return key != "class" && !has(func(of specs.Protocol) bool { _, err := of.Dialect(key); return err == nil })
	})
	matches := func(pattern string) bool {
		return has(func(of specs.Protocol) bool {
			var ids []string
			for _, s := range of.Specs() {
				ids = append(ids, s.ID)
			}
			matched, err := Match(pattern, ids)
			return err != nil || len(matched) > 0
		})
	}
	p.Skip = slices.DeleteFunc(slices.Clone(p.Skip), func(pattern string) bool { return !matches(pattern) })
	// Where nothing is left of them, they stay: to test nothing is a mistake.
	if slices.ContainsFunc(p.Only, matches) {
		p.Only = slices.DeleteFunc(slices.Clone(p.Only), func(pattern string) bool { return !matches(pattern) })
	}
	return p
}

func allDialects(protocols []specs.Protocol) string {
	all := []string{"class=serial|pool:N|concurrent"}
	for _, p := range protocols {
		for _, d := range p.Dialects {
			if text := d.Key + "=" + strings.Join(d.Values, "|"); !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	return strings.Join(all, ", ")
}

// declaredBound reads the class dialect: how many clients the target says that
// it serves at once.
func declaredBound(class string) (int, error) {
	if n, ok := specs.ClassBound(class); ok {
		return n, nil
	}
	return 0, usagef("--dialect class=%s: write class=serial, class=pool:N or class=concurrent", class)
}

// Requirements lists what the plan selects by its globs, in the order of the
// standards. A protocol has to be named where there is a target.
func (p Plan) Requirements() ([]specs.Spec, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	protocols := Protocols()
	if p = p.complete(); p.Protocol != "" {
		found, err := Find(p.Protocol)
		if err != nil {
			return nil, err
		}
		protocols = []specs.Protocol{found}
	}
	selected, err := p.selection(protocols)
	if err != nil {
		return nil, err
	}
	var list []specs.Spec
	for _, protocol := range protocols {
		for _, s := range protocol.Specs() {
			if selected[s.ID] {
				list = append(list, s)
			}
		}
	}
	return list, nil
}

// selection applies --only and --skip. Every pattern must match something.
func (p Plan) selection(protocols []specs.Protocol) (map[string]bool, error) {
	selected := map[string]bool{}
	var ids []string
	for _, protocol := range protocols {
		for _, s := range protocol.Specs() {
			ids = append(ids, s.ID)
			selected[s.ID] = len(p.Only) == 0
		}
	}
	apply := func(flag string, patterns []string, to bool) error {
		for _, pattern := range patterns {
			matched, err := Match(pattern, ids)
			if err != nil {
				return usagef("%s %q is not a glob: %s; write as in 'zen/framing/*'", flag, pattern, err)
			}
			if len(matched) == 0 {
				return usagef("%s %q matches no requirement%s%s", flag, pattern, of(protocols), didYouMean(pattern, protocols))
			}
			for _, id := range matched {
				selected[id] = to
			}
		}
		return nil
	}
	if err := apply("--only", p.Only, true); err != nil {
		return nil, err
	}
	if err := apply("--skip", p.Skip, false); err != nil {
		return nil, err
	}
	return selected, nil
}

func of(protocols []specs.Protocol) string {
	if len(protocols) == 1 {
		return " of " + protocols[0].Name
	}
	return ""
}

// Match returns the IDs that a glob matches. A pattern that names a protocol or
// a section takes all of it; * stays within one part of an ID, ** does not.
func Match(pattern string, ids []string) ([]string, error) {
	if !doublestar.ValidatePattern(pattern) {
		return nil, errors.New("syntax error in pattern")
	}
	var matched []string
	for _, id := range ids {
		if doublestar.MatchUnvalidated(pattern, id) || doublestar.MatchUnvalidated(strings.TrimSuffix(pattern, "/")+"/**", id) {
			matched = append(matched, id)
		}
	}
	return matched, nil
}
