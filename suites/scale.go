package suites

import (
	"context"
	"fmt"
	"strings"
	"time"

	"conform/specs"
	"conform/suites/report"
	"conform/suites/scale"
	"conform/suites/target"
)

// bundledScale is the protocol whose bundled implementation is held clients at
// when none is named: its answers tell best whose they are.
const bundledScale = "echo"

// checkScale finds what is wrong with a plan to hold many clients.
func (p Plan) checkScale(protocols []specs.Protocol) error {
	switch {
	case p.Clients < 0:
		return usagef("--clients %d: write a number from 1 on", p.Clients)
	case p.For < 0:
		return usagef("--for %s: write a positive duration, as in 10s", p.For)
	case p.Clients == 0 && p.For > 0:
		return usagef("--for is how long many clients converse: write --clients N with it")
	case p.Clients == 0:
		return nil
	case len(p.Only)+len(p.Skip) > 0 || p.Filter != "":
		return usagef("--clients holds clients and runs no requirement: leave out --only, --skip and --filter")
	case p.Timeout > 0 && p.forDuration() >= p.Timeout:
		return usagef("--for %s does not end within --timeout %s: write a longer --timeout", p.forDuration(), p.Timeout)
	case p.Target != nil && p.Target.Datagram():
		return usagef("--clients holds connections, and %s has none", p.Target.Scheme)
	case len(protocols) == 1 && protocols[0].Scale == nil:
		return notScalable(protocols[0])
	}
	declared, err := p.dialects(protocols)
	if err != nil {
		return err
	}
	if class, ok := declared["class"]; ok {
		if bound, _ := declaredBound(class); p.Clients > bound {
			return usagef("--clients %d: --dialect class=%s says that no more than %d are served at once: hold as many, or leave the class out to see what becomes of the others", p.Clients, class, bound)
		}
	}
	if err := scale.Room(p.Clients); err != nil {
		return usagef("--clients %d: %s", p.Clients, err)
	}
	return nil
}

func (p Plan) forDuration() time.Duration {
	if p.For > 0 {
		return p.For
	}
	return scale.DefaultFor(p.Clients)
}

// notScalable says why a protocol has no clients to hold.
func notScalable(p specs.Protocol) error {
	return usagef("--clients: this is %s, whose connections end with their first exchange, so that there is no conversation to hold: %s have one", p.Name, strings.Join(scalable(), ", "))
}

// scalable lists the protocols that have the scenario.
func scalable() (names []string) {
	for _, p := range Protocols() {
		if p.Scale != nil {
			names = append(names, p.Name)
		}
	}
	return names
}

// prepareReference starts the bundled implementation in a process of its own,
// so that it has descriptors and processor time of its own.
func (r *run) prepareReference(ctx context.Context) error {
	r.report.Target = report.Target{Address: "bundled", Transport: "tcp", StartedBy: "conform"}
	name := r.plan.Protocol
	if name == "" {
		name = bundledScale
	}
	p, err := Find(name)
	if err != nil {
		return err
	}
	process, err := target.Start(ctx, target.StartOptions{Command: quoteArg(r.plan.Self) + " serve " + name + " --listen {host}:{port}"})
	if err != nil {
		return fmt.Errorf("the bundled implementation: %w", err)
	}
	r.closers = append(r.closers, func() { _ = process.Stop() })
	r.sessions = []*session{{protocol: p, seed: r.plan.Seed, process: process,
		address: target.Address{Scheme: "tcp", Network: "tcp", Address: process.Address()}}}
	return nil
}

// hold runs the scenario with many clients.
func (r *run) hold(ctx context.Context, o Observer) error {
	s, plan := r.sessions[0], r.plan
	r.describe()
	if s.protocol.Scale == nil {
		return notScalable(s.protocol)
	}
	if o.Ready != nil {
		ahead := *r.report // what is to come, for the header
		ahead.Scale = &report.Scale{Clients: plan.Clients, ForMS: ms(plan.forDuration())}
		o.Ready(&ahead, 0)
	}
	d := s.dialer()
	talk, err := s.protocol.Scale(specs.Crowd{Target: d, Seed: uint64(plan.Seed),
		Dialect: func(key string) string { return s.dialects[key].Value }})
	if err != nil {
		return err
	}
	result, err := scale.Run(ctx, scale.Options{Network: d.Network, Address: d.Address, TLS: d.TLS, Talk: talk, Clients: plan.Clients,
		For: plan.forDuration(), Patience: max(scalePatience, 3*s.timing.Answer), Progress: o.Scale})
	if err != nil {
		return err
	}
	result.Protocol = s.protocol.Name
	r.report.Scale = result
	if s.exited() {
		how, _ := s.howExited()
		s.exits = append(s.exits, report.Exit{Status: how, During: "the scenario with many clients", Output: s.process.Output().LastLines(8)})
	}
	return nil
}

// scalePatience is how long nothing may come before no more is waited for: a
// connection that a full backlog has dropped is repeated after a second, and
// then after two more.
const scalePatience = 4 * time.Second

// concludeScale says what the scenario amounts to. No requirement was judged,
// so it is never conformant.
func (r *run) concludeScale(interrupted bool) {
	s, sum := r.report.Scale, &r.report.Summary
	sum.Headline, sum.ExitCode, sum.Cause = "incomplete", 0, "--clients holds clients and runs no requirement"
	switch {
	case interrupted:
		sum.ExitCode, sum.Cause = 130, "interrupted"
	case !s.OK():
		sum.Headline, sum.ExitCode, sum.Cause = "nonconformant", 1, ""
	case s.Ended == "out of time":
		sum.ExitCode, sum.Cause = 3, s.Ended
	}
}
