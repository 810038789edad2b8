package report

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"conform/specs"
	"conform/suites/report/reporttest"
)

// sample is a run with every verdict in it.
func sample() *Report {
	r := &Report{
		Schema: Schema,
		Tool:   Tool{Name: "conform", Version: "v1.2.3", Commit: "0123abc"},
		Target: Target{
			Address: "localhost:1060", Transport: "tcp", Protocol: []string{"zen", "calc"}, Detected: "answered a question",
			Dialect: map[string]string{"calc/label": "integers"}, StartedBy: "python3 zen.py {port}", PaceMS: 0.4,
			Concurrency: Concurrency{Class: "bounded", Bound: 4},
			Exits: []Exit{{Status: "exited with code 1", During: "zen/robustness/not-text",
				Output: []string{"Traceback (most recent call last):", "UnicodeDecodeError: 'ascii' codec can't decode byte 0xff in position 0"}}},
		},
		Run:     Run{Seed: 8341, Started: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), DurationMS: 1912.5, Jobs: 16, Pace: 1, Complete: true},
		Summary: Summary{Headline: "nonconformant", ExitCode: 1},
	}
	add := func(id string, level specs.Level, clause, title string, v specs.Verdict, reason *Reason) *Result {
		parts := strings.Split(id, "/")
		r.Results = append(r.Results, Result{ID: id, Protocol: parts[0], Section: parts[1], Level: level, Clause: clause, Title: title,
			Verdict: v, StartedMS: 10, DurationMS: 12.25, Attempts: 1, Reason: reason, Covers: []string{"ROW-01"},
			Transcript: []Event{
				{AtMS: 0.21, Conn: 1, Event: "connected", Text: "127.0.0.1:1060"},
				{AtMS: 0.3, Conn: 1, Event: "sent", Size: 4, Text: `"hi?\n"`, Head: []byte("hi?\n")},
				{AtMS: 2, Conn: 1, Event: "received", Size: 4, Head: []byte("no\r\n")},
				{AtMS: 12, Conn: 1, Event: "fin"},
			},
			Replay: "conform --target localhost:1060 --only " + id + " --seed 8341 -v"})
		return &r.Results[len(r.Results)-1]
	}
	add("zen/answers/beautiful", specs.Must, "tutorial 000 §1", "Beautiful is better than ugly.", specs.Pass, nil)
	add("zen/answers/explicit", specs.Must, "tutorial 000 §1", "Explicit is better than implicit.", specs.Pass, nil).Attempts = 2
	add("zen/framing/split-question", specs.Must, "tutorial 000 §2", "A question that arrives in several segments is answered once, after its last byte.", specs.Fail,
		&Reason{Code: specs.NotSilent, Message: "bytes where nothing was due", Sent: `"Simple is better " · 30ms · "than?"`, Expected: []string{`"Complex."`},
			Received: `"Error: unknown aphorism." 2ms after segment 1`, Hint: `each read is taken for a whole question; collect bytes until a read ends in "?"`}).
		Recipe = &Recipe{Command: `{ printf 'Simple is better '; sleep 0.1; printf 'than?'; sleep 1; } | nc -w 2 localhost 1060 | cat -vet`}
	add("zen/framing/line-end", specs.Robust, "tutorial 000 §2", "Only the question mark ends a question.", specs.Fail,
		&Reason{Code: specs.WrongBytes, Message: "other bytes than the expected ones", Sent: `"Flat is better than?"`, Expected: []string{`"Nested."`, "silence (info: it may wait)"},
			Received: `"Nested.\n" 0.2ms after the last byte was sent`, FirstDifference: &Difference{Offset: 7, Received: `"\n"`}, Hint: "the answer is right, but bytes follow it"}).
		Schedule = &Schedule{Number: 3, Found: 17, Failed: 3, Runs: 51, Then: true, Steps: []specs.Step{
		{Client: 2, Do: specs.Connects},
		{Client: 1, Do: specs.Sends, Message: 1, To: 4, Text: `"Flat"`},
		{Client: 2, Do: specs.Resets},
		{Client: 1, Do: specs.Sends, Message: 1, From: 4, To: 21, Ends: true, Hears: true, Text: `" is better than?"`},
	}}
	add("zen/framing/assertion", specs.Must, "tutorial 000 §2", "An assertion may say more than a line.", specs.Fail,
		&Reason{Code: specs.Assertion, Message: "Expected\n    <int>: 1\nto equal\n    <int>: 2"}).
		Recipe = &Recipe{Command: `{ printf '` + strings.Repeat(`\001`, 90) + `'; sleep 1; } | nc -N -w 2 localhost 1060 | od -t x1 -t c`, Note: "-N ends the client's side"}
	two := add("zen/end-of-input/order", specs.Should, "tutorial 000 §3", "The server ends in order.", specs.NonStrict,
		&Reason{Code: specs.ResetNotFIN, Message: "the connection was reset where an orderly end was due", Expected: []string{"FIN"}, Received: "nothing, then RST"})
	two.Transcript = append(two.Transcript, Event{AtMS: 14, Conn: 2, Event: "note", Text: "control: a new client must be served"})
	add("zen/end-of-input/slowly", specs.Must, "tutorial 000 §3", "The server answers at last.", specs.SlowPass, nil).Attempts = 3
	add("zen/concurrency/order", specs.May, "tutorial 000 §4", "Clients may be served in any order.", specs.Info, &Reason{Code: specs.WrongBytes, Message: "the second client was served first"}).Notes = []string{"the second client was served first"}
	add("zen/robustness/not-text", specs.Robust, "good engineering", "Bytes that are no text do no harm.", specs.Error, &Reason{Code: specs.KitFault, Message: "panic: out of cheese\ngoroutine 1 [running]:"})
	for _, n := range []string{"one", "two", "three"} {
		b := add("calc/sums/"+n, specs.Must, "tutorial 001 §1", "One and one is two.", specs.Blocked, &Reason{Code: specs.TargetDied, Message: "the target died and did not come back"})
		b.Attempts, b.StartedMS, b.DurationMS, b.Transcript = 0, 0, 0, nil
	}
	for _, v := range []struct {
		id string
		v  specs.Verdict
		r  *Reason
	}{
		{"calc/numbers/floats", specs.Unsupported, &Reason{Code: specs.Declared, Message: "belongs to the dialect label=numbers; declared is integers"}},
		{"calc/numbers/late", specs.Skipped, &Reason{Code: specs.Interrupted, Message: "interrupted by the user"}},
		{"calc/errors/out", specs.Skipped, &Reason{Code: specs.Deselected, Message: "left out by --only"}},
	} {
		s := add(v.id, specs.Must, "tutorial 001 §2", "A number is a number.", v.v, v.r)
		s.Attempts, s.StartedMS, s.DurationMS, s.Transcript = 0, 0, 0, nil
	}
	r.Summary.Counts = Count(r.Results)
	return r
}

// hostileReports are samples with every string replaced by a hostile one, of at
// most longest bytes.
func hostileReports(t *testing.T, longest int, test func(t *testing.T, r *Report)) {
	for name, s := range reporttest.Hostile {
		s = s[:min(len(s), longest)]
		for _, verdicts := range []bool{false, true} {
			for _, keep := range []bool{false, true} { // which of them decide what is shown
				t.Run(fmt.Sprintf("%s verdicts=%t keep=%t", name, verdicts, keep), func(t *testing.T) {
					r := sample()
					if name == "long" { // one result of each verdict is enough of that
						r.Results = r.Results[1:10]
					}
					reporttest.Fill(reflect.ValueOf(r), s, verdicts)
					for i := range r.Results {
						if original := sample().Results[i]; keep {
							r.Results[i].Protocol = original.Protocol
							for j := range r.Results[i].Transcript {
								r.Results[i].Transcript[j].Event = []string{"sent", "received", "note", "fin", "quiet"}[j%5]
								r.Results[i].Transcript[j].Text = s
								if j%2 == 0 {
									r.Results[i].Transcript[j].Text = "" // its bytes are quoted
								}
							}
						}
						r.Results[i].Title = s
					}
					if keep {
						r.Stages = append(r.Stages, r.Stages...)
						for i, state := range []StageState{StageMet, StageNone, StageUnmet, StageLater} {
							r.Stages[i].State, r.Stages[i].Number = state, i+1
							r.Stages[i].Requirements = append(r.Stages[i].Requirements, r.Results[i].ID)
						}
						r.Schema = Schema
						r.Summary.Headline = "nonconformant"
						r.Target.Concurrency.Class = "bounded"
					}
					test(t, r)
				})
			}
		}
	}
}
