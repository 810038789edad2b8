package specs_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"conform/impl"
	refcalc "conform/impl/calc"
	refecho "conform/impl/echo"
	"conform/impl/serve"
	refzen "conform/impl/zen"
	"conform/specs"
	"conform/specs/calc"
	"conform/specs/echo"
	"conform/specs/wire"
	"conform/specs/zen"
)

func TestReference(t *testing.T) {
	for name, tc := range map[string]struct {
		p specs.Protocol
		h func() impl.Handler
		d map[string]specs.Setting
	}{
		"zen":  {zen.Protocol(), refzen.New, nil},
		"echo": {echo.Protocol(), refecho.New, map[string]specs.Setting{"line-ends": {Value: "crlf"}}},
		"calc": {calc.Protocol(), func() impl.Handler { return refcalc.New(refcalc.Options{}) }, map[string]specs.Setting{"label": {Value: "integers"}, "line-ends": {Value: "mixed"}}},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := serve.Start(ln, tc.h, serve.Options{})
			defer s.Close()
			env := specs.Env{Protocol: tc.p, Dialer: wire.Dialer{Network: "tcp", Address: s.Addr().String(), Timeout: 4 * time.Second},
				Timing: specs.Timing{Answer: time.Second, Quiet: 80 * time.Millisecond, Gap: 3 * time.Millisecond}, Dialects: tc.d,
				Serves: specs.Concurrency{Class: specs.Concurrent, Bound: 17}, Seed: 42}
			var wg sync.WaitGroup
			sem := make(chan bool, 16)
			for _, sp := range tc.p.Specs() {
				wg.Add(1)
				go func() {
					defer wg.Done()
					sem <- true
					defer func() { <-sem }()
					r := specs.Run(context.Background(), sp, env)
					t.Logf("%-50s %s %v", sp.ID, r.Verdict, r.Duration.Round(time.Millisecond))
					if r.Verdict != specs.Pass && r.Verdict != specs.Info && r.Verdict != specs.Unsupported {
						t.Errorf("%s: %s %+v", sp.ID, r.Verdict, r.Reason)
					}
				}()
			}
			wg.Wait()
		})
	}
}
