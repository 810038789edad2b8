package suites_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"conform/impl/serve"
	"conform/specs"
	"conform/suites"
	"conform/suites/target"
)

// inheritedProcess serves one connection, for model process.
func inheritedProcess(protocol string) {
	handler, err := suites.Handler(protocol, nil)
	if err == nil {
		err = serve.Inherited(context.Background(), handler, serve.Options{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A server is as conformant under one model as under another, if it declares
// how many clients it serves.
func TestReferenceIsConformantInEveryModel(t *testing.T) {
	t.Parallel()
	protocols := []string{"zen", "echo", "calc"}
	if testing.Short() {
		protocols = protocols[:1] // a second for each model
	}
	for i, m := range serve.Models() {
		if !m.Available() || m.Name == serve.DefaultModel {
			continue // the default is what everything else is tested with
		}
		these := protocols
		if raceEnabled {
			// What can race is the model: its handlers share nothing. A process for each connection is hundreds
			// of programs that start slowly then; the tests of impl/serve have a few.
			if m.Name == "process" {
				continue
			}
			these = protocols[i%len(protocols):][:1]
		}
		for _, protocol := range these {
			t.Run(m.Name+"/"+protocol, func(t *testing.T) {
				t.Parallel()
				handler, err := suites.Handler(protocol, nil)
				if err != nil {
					t.Fatal(err)
				}
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				server := serve.Start(ln, handler, serve.Options{Model: m.Name, Child: []string{"inherited", protocol}})
				defer func() {
					server.Close()
					<-server.Done()
					if err := server.Err(); err != nil {
						t.Error(err)
					}
				}()
				plan := suites.Plan{Target: &target.Address{Scheme: "tcp", Network: "tcp", Address: ln.Addr().String()}, Protocol: protocol, Strict: true}
				switch m.Name {
				case "serial":
					plan.Dialects = []string{"class=serial"}
				case "pool":
					plan.Dialects = []string{fmt.Sprintf("class=pool:%d", m.Workers)}
				}
				r := run(t, plan)
				if bad := not(r, specs.Pass, specs.Info, specs.Unsupported); bad != nil || r.Summary.Headline != "conformant" {
					t.Errorf("%s, exit %d: %s", r.Summary.Headline, r.Summary.ExitCode, strings.Join(bad, "\n"))
				}
				classes := map[string]string{"serial": "serial", "pool": "bounded",
					"process": "bounded concurrent"}[m.Name] // forty processes are not always started in the time that clients are counted
				if classes == "" {
					classes = "concurrent"
				}
				if got := r.Target.Concurrency.Class; !strings.Contains(classes, got) {
					t.Errorf("taken for %s, not %s", got, classes)
				}
			})
		}
	}
}
