package suites

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"conform/specs"
	"conform/specs/wire"
	"conform/suites/report"
	"conform/suites/target"
)

// Server is a server that conform started, and can start again. *target.Process
// is one. If it is a wire.Network as well, it is reached through itself. Its
// methods are those of *target.Process.
type Server interface {
	Address() string
	Exited() <-chan struct{}
	ExitStatus() (target.ExitStatus, bool)
	Busy() (used time.Duration, known bool)
	Usage() (held target.Usage, known bool)
	Output() target.Output
	Restart(ctx context.Context) error
	Stop() error
}

// session is one protocol being tested on one server: what was found out
// before the run, and whether the server is still alive.
type session struct {
	protocol specs.Protocol
	address  target.Address
	tls      *tls.Config // how its certificate is verified, if it has one
	process  Server      // nil unless conform started it

	timing   specs.Timing
	pace     time.Duration
	dialects map[string]specs.Setting
	serves   specs.Concurrency
	known    map[string]string // dialects that conform has set the server up by
	shut     string            // why only the gate of the protocol can be judged; empty when it is open
	gate     []string          // the requirements that can
	reacted  bool              // it has answered, or ended the connection
	mute     bool              // it was seen to answer nothing that matters: nothing is waited for longer
	declared int               // clients that the declared class serves at once; 0 when undeclared
	detected string
	seed     int64
	explore  specs.Exploration
	observed specs.Observations

	// profiled and counted are what was found out of the clients when everything
	// else had ended; counted is empty where that says nothing new.
	profiled report.Profile
	counted  specs.Concurrency

	// room is how many connections may be open at once. A case holds the lock
	// for reading while it runs; whoever must be alone holds it for writing.
	room  *semaphore.Weighted
	width int64
	alone sync.RWMutex
	door  sync.Mutex // see specs.Env

	longRetries int  // in a row that only confirmed the silence
	late        bool // it has answered after all when it was waited for longer

	looking sync.Mutex // held by the one that looks whether the server is alive
	mu      sync.Mutex
	healthy time.Time // when the server was last seen to serve
	cause   string    // why it is dead; empty while it lives
	exits   []report.Exit
	wrote   target.Output // before it was started again
	renewed time.Duration // what starting it afresh has taken
	hung    bool          // it was there still when it was started again for serving nobody
	strange bool          // it does not welcome a client when nobody was served before either

	found     bool  // the processes that listen were looked for
	listening []int // if conform has not started them
}

const (
	// The floors of the waits. An answer on the loopback takes well under a
	// millisecond; a second without one is long even on a busy machine, and
	// the retry waits four times as long.
	answerFloor = time.Second
	quietFloor  = 80 * time.Millisecond
	gapFloor    = 4 * time.Millisecond
	leaveFloor  = 200 * time.Millisecond

	// mostRenewing is how long starting a server afresh may take in a run, all
	// together: one that is slow to start must not run out of time for it.
	mostRenewing = time.Minute

	// dying is how long a server may take to die of what has been done to it.
	dying = 25 * time.Millisecond

	// maxClients is how many connections are held open at most. Some
	// libraries stop at 40 by default, which is no fault of the server.
	maxClients = 32
	// dialTimeout lets a full backlog drain: the first two retries of a SYN
	// come after one and three seconds.
	dialTimeout = 4 * time.Second
)

// timingFor derives the waits from how long the target took to answer.
func timingFor(pace time.Duration, factor float64) specs.Timing {
	return specs.Timing{
		Answer: max(answerFloor, 10*pace),
		Quiet:  max(quietFloor, 2*pace),
		Gap:    max(gapFloor, min(pace, 50*time.Millisecond)),
		Leave:  max(leaveFloor, 4*pace),
	}.Scale(factor)
}

func dialer(a target.Address, config *tls.Config) wire.Dialer {
	d := wire.Dialer{Network: a.Network, Address: a.Address, Timeout: dialTimeout}
	if a.TLS {
		d.TLS = config.Clone()
		d.TLS.ServerName, _, _ = net.SplitHostPort(a.Address)
	}
	return d
}

// dialer is how the target is reached: a server that conform started may be in a
// network of its own.
func (s *session) dialer() wire.Dialer {
	d := dialer(s.address, s.tls)
	d.Via, _ = s.process.(wire.Network)
	return d
}

func (s *session) env() specs.Env {
	env := specs.Env{Protocol: s.protocol, Dialer: s.dialer(), Timing: s.timing,
		Dialects: s.dialects, Serves: s.serves, Seed: uint64(s.seed), Observed: &s.observed, Explore: s.explore, Usage: s.usage}
	if n := s.declared; n > 0 && n < s.serves.Bound {
		// It is judged by what it claims, not by what it can do besides.
		env.Serves = specs.Concurrency{Class: specs.Bounded, Bound: n, Evidence: "declared"}
		if n == 1 {
			env.Serves.Class = specs.Serial
		}
	}
	if s.serves.Class == specs.Unknown {
		env.Dialer.Timeout = s.timing.Answer // a server that serves nobody makes no room
	}
	if !s.protocol.Abreast {
		env.Door = &s.door
	}
	return env
}

// usage is what the processes of the server hold, where they can be seen: those
// that conform has started, or that listen on this machine.
func (s *session) usage() (specs.Usage, bool) {
	if s.process != nil {
		held, known := s.process.Usage()
		return specs.Usage(held), known
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.found && s.address.Network == "tcp" {
		s.found, s.listening = true, target.Listening(s.address.Network, s.address.Address)
	}
	held, known := target.UsageOf(s.listening)
	return specs.Usage(held), known
}

// ask runs a conversation that is no requirement, and says whether it came to
// its end.
func (s *session) ask(ctx context.Context, timing specs.Timing, body func(*specs.Case)) specs.Result {
	env := s.env()
	env.Timing = timing
	return specs.Run(ctx, s.inquiry("preflight", body), env)
}

// inquiry is a conversation that is no requirement.
func (s *session) inquiry(name string, body func(*specs.Case)) specs.Spec {
	q := specs.Requirement(s.protocol.Name+"/"+name, specs.Must, "", "", body, specs.Clients(maxClients+8))
	q.Datagrams = s.address.Datagram()
	return q
}

// served has one exchange, whatever the answer is, and says how long it took.
func (s *session) served(client *specs.Client, patience time.Duration) (time.Duration, bool) {
	began := time.Now()
	if s.protocol.Greets {
		if _, ok := client.Answered(patience); !ok {
			return 0, false
		}
	}
	return s.asked(client, patience, began)
}

func (s *session) asked(client *specs.Client, patience time.Duration, began time.Time) (time.Duration, bool) {
	if s.protocol.Served != nil {
		ok := s.protocol.Served(client, patience)
		return time.Since(began), ok
	}
	client.Send(s.protocol.Question(client))
	_, ok := client.Answered(patience)
	return time.Since(began), ok
}

// preflight measures the pace, sees the dialects and finds out how several
// clients are served. The server has been reached before.
func (s *session) preflight(ctx context.Context, factor float64, jobs int, declared map[string]string) {
	// What is declared comes first: without the path or the credentials of a
	// target nothing can be seen of it.
	s.dialects = map[string]specs.Setting{}
	for _, d := range s.protocol.Dialects {
		if value, ok := declared[d.Key]; ok && d.Check(value) == nil {
			s.dialects[d.Key] = specs.Setting{Value: value, Declared: true}
		}
	}
	for key, value := range s.known {
		s.dialects[key] = specs.Setting{Value: value, Declared: true}
	}
	first := timingFor(0, factor)
	s.ask(ctx, first, func(c *specs.Case) {
		client := c.Dial()
		took, ok := s.served(client, 4*first.Answer)
		s.reacted = ok || client.Gone()
		if !ok {
			return
		}
		times := []time.Duration{took}
		defer func() {
			// Of three the middle one: a single late answer says little of the
			// pace, and every wait would be a multiple of it.
			slices.Sort(times)
			s.pace = times[len(times)/2]
		}()
		for range 2 {
			if s.protocol.Once {
				client.Leave() // a server may wait for it
				client = c.Dial()
			}
			// One that has answered at once and then says nothing, as after an
			// opening handshake, is not waited for as long as the first answer.
			took, ok := s.asked(client, min(4*first.Answer, max(first.Answer, 10*times[0])), time.Now())
			if !ok {
				return
			}
			times = append(times, took)
		}
	})
	s.timing = timingFor(s.pace, factor)
	s.ask(ctx, s.timing, func(c *specs.Case) {
		client := c.Dial()
		if !s.protocol.Once && s.reacted { // otherwise it would be waited for in vain again
			s.served(client, s.timing.Answer)
		}
		began := time.Now()
		if client.Leave(); time.Since(began) >= s.timing.Leave {
			// It does not end its side when a client leaves. That is judged
			// elsewhere; here it would only be waited for again and again.
			s.timing.Leave = s.timing.Gap
		}
	})
	patient := s.timing
	if s.pace == 0 {
		patient = patient.Scale(retryFactor) // nothing is known of how long it takes
	}
	for _, d := range s.protocol.Dialects {
		if _, ok := s.dialects[d.Key]; !ok && d.Detect != nil && s.reacted {
			s.ask(ctx, patient, func(c *specs.Case) {
				if value := d.Detect(c); value != "" {
					s.dialects[d.Key] = specs.Setting{Value: value}
				}
			})
		}
	}
	if s.protocol.Shut != nil && s.reacted {
		s.ask(ctx, s.timing, func(c *specs.Case) { s.shut, s.gate = s.protocol.Shut(c) })
	}
	if s.protocol.Mute != nil {
		s.ask(ctx, s.timing, func(c *specs.Case) { s.mute = s.protocol.Mute(c) })
	}
	if class, ok := declared["class"]; ok {
		s.declared, _ = declaredBound(class)
		s.dialects["class"] = specs.Setting{Value: class, Declared: true}
	}
	if s.shut != "" {
		s.serves = specs.Concurrency{Class: specs.Unknown, Evidence: s.shut}
	} else {
		s.serves = s.concurrency(ctx, min(maxClients, max(jobs, DefaultJobs)+1))
	}
	s.width = maxClients
	if s.serves.Class == specs.Serial || s.serves.Class == specs.Bounded {
		s.width = int64(s.serves.Bound)
	}
	s.room = semaphore.NewWeighted(s.width)
	s.healthy = time.Now()
}

// concurrency finds out how several clients are served. A bound counts when it is
// found twice, and the second time with more patience: some servers miss now and
// then that somebody came, and on a busy machine some clients are served late.
func (s *session) concurrency(ctx context.Context, enough int) specs.Concurrency {
	patience := max(400*time.Millisecond, 10*s.pace)
	found := s.countClients(ctx, enough, patience)
	if found.Class == specs.Bounded || found.Class == specs.Serial {
		again := s.countClients(ctx, enough, 2*patience)
		if again.Bound > found.Bound {
			again.Evidence += fmt.Sprintf("; at first only %d were", found.Bound)
		}
		if again.Bound >= found.Bound {
			return again
		}
	}
	return found
}

// countClients connects one client after the other, each staying, until one is
// not served within patience, or enough are. The first then leaves, which must set
// the waiting one free.
func (s *session) countClients(ctx context.Context, enough int, patience time.Duration) specs.Concurrency {
	found := specs.Concurrency{Class: specs.Unknown, Evidence: "no client got an answer"}
	s.ask(ctx, s.timing, func(c *specs.Case) {
		if s.address.Datagram() {
			// A client is a socket, and how many there are is nothing that
			// a server has to know.
			if _, ok := s.served(c.Dial(), 4*s.timing.Answer); ok {
				found = specs.Concurrency{Class: specs.Concurrent, Evidence: "datagrams have no connections to count"}
			}
			return
		}
		if s.protocol.Once {
			found = s.idleClients(c, enough, patience)
			return
		}
		var clients []*specs.Client
		for n := 1; n <= enough; n++ {
			client := c.Dial()
			if _, ok := s.served(client, patience); ok {
				clients = append(clients, client)
				found = specs.Concurrency{Class: specs.Concurrent, Bound: n, Evidence: fmt.Sprintf("%d clients were served at once", n)}
				continue
			}
			if n == 1 {
				return
			}
			found = specs.Concurrency{Class: specs.Bounded, Bound: n - 1}
			if n == 2 {
				found.Class = specs.Serial
			}
			found.Evidence = fmt.Sprintf("client %d got no answer within %s while %d stayed connected", n, patience, n-1)
			clients[0].Leave()
			began := time.Now()
			if _, ok := client.Answered(4 * s.timing.Answer); ok {
				found.Evidence += fmt.Sprintf(", and one %s the first had left", soonAfter(time.Since(began)))
			}
			return
		}
	})
	return found
}

// soonAfter is how long it took, if that is worth a number.
func soonAfter(d time.Duration) string {
	if d < time.Millisecond {
		return "as soon as"
	}
	return d.Round(10*time.Microsecond).String() + " after"
}

// idleClients is concurrency where a connection ends with its first exchange:
// one idle client after the other stays connected, until a further one is not
// served beside them.
func (s *session) idleClients(c *specs.Case, enough int, patience time.Duration) specs.Concurrency {
	var idle []*specs.Client
	for n := 1; n <= enough; n++ {
		client := c.Dial()
		if _, ok := s.served(client, patience); ok {
			client.Leave()
			idle = append(idle, c.Dial())
			c.Pause(s.timing.Gap) // in which it is accepted
			continue
		}
		if n == 1 {
			break
		}
		found := specs.Concurrency{Class: specs.Bounded, Bound: n - 1}
		if n == 2 {
			found.Class = specs.Serial
		}
		found.Evidence = fmt.Sprintf("a client got no answer within %s while %d stayed connected", patience, n-1)
		idle[0].Leave()
		began := time.Now()
		if s.heard(client, 4*s.timing.Answer) {
			found.Evidence += fmt.Sprintf(", and one %s the first had left", soonAfter(time.Since(began)))
		}
		return found
	}
	if n := len(idle); n > 0 {
		return specs.Concurrency{Class: specs.Concurrent, Bound: n, Evidence: fmt.Sprintf("a client was served while %d stayed connected", n-1)}
	}
	return specs.Concurrency{Class: specs.Unknown, Evidence: "no client got an answer"}
}

// heard says whether a client that has asked is answered after all.
func (s *session) heard(client *specs.Client, patience time.Duration) bool {
	if s.protocol.Served != nil {
		return client.AwaitEnd(patience)
	}
	_, ok := client.Answered(patience)
	return ok
}

// silent says that the server is not slow: whatever it was waited for in vain, it
// would be in vain for ever.
func (s *session) silent() bool { return s.longRetries >= maxLongRetries }

// unserved says that what came of a case is no more than what the look before the
// run has found, with all the patience of a retry: not one client is served.
func (s *session) unserved(r specs.Result) bool {
	return s.serves.Class == specs.Unknown && !s.late && (r.Waited || r.Reason.Code == specs.ConnectFailed)
}

// dead says why the server is dead; empty while it lives.
func (s *session) dead() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// alive asks whether the server still serves. It must be called alone. When the
// server is dead and conform started it, it is started again; restarted tells.
// The code is that of the failure that gave rise to the question, if one did.
func (s *session) alive(ctx context.Context, during string, code specs.Code) (alive, restarted bool) {
	if s.dead() != "" {
		return false, false
	}
	problem := ""
	if s.process != nil && code == "" {
		// What kills a server does so in its own time: it must not be taken for
		// the doing of the next requirement.
		select {
		case <-s.process.Exited():
		case <-time.After(dying):
		case <-ctx.Done():
		}
	}
	if s.exited() {
		problem = "the server has exited"
	} else if s.serves.Class != specs.Unknown || s.process == nil { // otherwise it has never served
		// Again, with more patience: one lost connection is not a death. Once
		// will do where a new client was not served just before, and the
		// server can be started again.
		waits := []time.Duration{s.timing.Answer, 3 * s.timing.Answer}
		switch {
		case s.process == nil:
			// It cannot be started again, and all that is left would be blocked:
			// one that is busy with what it was sent gets the time to be done.
			waits = append(waits, 12*s.timing.Answer)
		case code == specs.NotServing:
			waits = waits[:1]
		}
		for _, patience := range waits {
			r := s.ask(ctx, s.timing, func(c *specs.Case) {
				client := c.Dial()
				if s.serves.Class == specs.Unknown {
					return // it has never answered: being there is all that can be asked
				}
				if _, ok := s.served(client, patience); !ok {
					c.Failf("a new client got no answer within %.3g s", patience.Seconds())
				}
			})
			if problem = ""; r.Verdict == specs.Pass {
				break
			}
			problem = r.Reason.Message
		}
	}
	if ctx.Err() != nil {
		return true, false
	}
	if problem == "" {
		s.mu.Lock()
		s.healthy = time.Now()
		s.mu.Unlock()
		return true, false
	}
	if s.process == nil {
		s.kill(fmt.Sprintf("the target stopped serving during %s: %s", during, problem))
		return false, false
	}
	// One that is on its way out refuses connections before it has exited.
	select {
	case <-s.process.Exited():
	case <-time.After(10 * dying):
	case <-ctx.Done():
	}
	exit := report.Exit{Status: "stopped serving (" + problem + ")", During: during, Output: s.process.Output().LastLines(8)}
	how, ended := s.howExited()
	if ended {
		exit.Status = how
	}
	s.hung = !ended
	s.mu.Lock()
	s.exits = append(s.exits, exit)
	s.mu.Unlock()
	if err := s.restart(ctx); err != nil {
		s.kill(fmt.Sprintf("the server stopped serving during %s (%s) and could not be started again: %s", during, exit.Status, firstLine(err)))
		return false, false
	}
	return true, true
}

// restart starts the server again that conform has started.
func (s *session) restart(ctx context.Context) error {
	s.wrote = s.wrote.Then(s.process.Output())
	if err := s.process.Restart(ctx); err != nil {
		return err
	}
	s.address.Address = s.process.Address()
	s.mu.Lock()
	s.healthy = time.Now()
	s.mu.Unlock()
	return nil
}

// afresh starts a server again that does not welcome a new client any more, or that
// was waited for in vain, so that nothing of what earlier clients have left in it is
// laid at the door of the next requirement. It does so with one in a box, where its
// port is free at once. It must be called alone.
func (s *session) afresh(ctx context.Context, next specs.Spec, waited bool) {
	boxed, _ := s.process.(interface{ Boxed() bool })
	switch {
	case boxed == nil || !boxed.Boxed() || s.dead() != "" || ctx.Err() != nil || s.renewed > mostRenewing:
		return
	case !waited && (s.strange || s.welcomes(ctx)):
		return
	}
	began := time.Now()
	err := s.restart(ctx)
	s.renewed += time.Since(began)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.kill(fmt.Sprintf("the server could not be started again for %s: %s", next.ID, firstLine(err)))
	case !waited:
		s.strange = !s.welcomes(ctx)
	}
}

// welcomes says whether a new client is served as the protocol wants it.
func (s *session) welcomes(ctx context.Context) bool {
	r := s.ask(ctx, s.timing, func(c *specs.Case) {
		client := c.Dial()
		s.protocol.Hello(client)
		client.Leave()
	})
	return r.Verdict == specs.Pass || r.Verdict == specs.Info
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// howExited says how the started server has exited, if it has. One that is held
// to limits can say more than its status does.
func (s *session) howExited() (string, bool) {
	if limited, ok := s.process.(interface{ Ended() (string, bool) }); ok {
		return limited.Ended()
	}
	status, ok := s.process.ExitStatus()
	return status.String(), ok
}

func (s *session) exited() bool {
	if s.process == nil {
		return false
	}
	select {
	case <-s.process.Exited():
		return true
	default:
		return false
	}
}

func (s *session) kill(cause string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cause = cause
}

// suspicious says whether a failure may come from a server that is dying.
func suspicious(code specs.Code) bool {
	return slices.Contains([]specs.Code{specs.ConnectFailed, specs.NoAnswer, specs.ClosedEarly,
		specs.ResetEarly, specs.NotServing, specs.PartialAnswer, specs.SendFailed}, code)
}
