package specs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"conform/specs/wire"
)

// Level says how much a requirement binds.
type Level string

const (
	Must   Level = "must"   // the text demands it and every working source does it
	Should Level = "should" // the text advises it, or a source has good reason to differ
	May    Level = "may"    // several outcomes are allowed; only what none of them is fails
	Robust Level = "robust" // no text binds it; good engineering does
)

// Spec is the executable form of one requirement. Make it with Requirement.
type Spec struct {
	ID     string // protocol/section/name, stable once released
	Level  Level
	Clause string // where the text is: "tutorial 000 §2", "RFC 6455 §5.1"
	Title  string // the requirement, in one sentence
	Body   func(*Case)

	Covers []string // rows of the protocol's list of requirements: ZEN-08
	Cause  string   // what a server that fails this most often does, and what to do about it
	// Datagrams says that the requirement is about datagrams, for udp and
	// unixgram. All others are about streams.
	Datagrams bool
	Clients   int  // connections that it holds open at once
	Queues    bool // may be run although the target serves fewer at once: the others wait
	Slow      bool // takes more than a second even when it passes
	Perilous  bool // may kill or hang a weak server: runs late, alone
	Heavy     bool // moves or holds so much that the machine feels it
	Explores  bool // tries random orders of clients
	Last      bool // judges what the other cases have observed: runs after all of them

	// Needs are facts about the target that nobody can see: without them the
	// requirement is unsupported.
	Needs []Need

	// DialectKey and DialectValue name the dialect that this requirement
	// belongs to, if any. Declared, it binds like a MUST; declared otherwise,
	// it is unsupported; undeclared, Level says what it is worth.
	DialectKey, DialectValue string
}

// Option adds something to a requirement.
type Option func(*Spec)

// Requirement writes one requirement down. The clause names the text that it
// comes from, the title is the requirement itself in one sentence, and the body
// proves it on a target: it runs concurrently with others, with connections, a
// transcript, a clock and a random source of its own.
//
// It makes a value, and package suites plants an It with its labels in the
// Ginkgo tree: once to preview the selection and once to run it.
func Requirement(id string, level Level, clause, title string, body func(*Case), options ...Option) Spec {
	s := Spec{ID: id, Level: level, Clause: clause, Title: title, Body: body, Clients: 1}
	for _, o := range options {
		o(&s)
	}
	return s
}

// Covers names the rows of the lists of requirements that a spec judges.
func Covers(rows ...string) Option { return func(s *Spec) { s.Covers = append(s.Covers, rows...) } }

// Cause is printed with a failure: what a server that fails here most often
// does wrong, and what to do instead.
func Cause(text string) Option { return func(s *Spec) { s.Cause = text } }

// Clients says how many connections a spec holds open at once, if not one.
func Clients(n int) Option { return func(s *Spec) { s.Clients = n } }

// Datagrams says that a spec is about datagrams: where a target is reached by a
// stream it is unsupported, as those about streams are over datagrams.
func Datagrams(s *Spec) { s.Datagrams = true }

// Queues says that a spec counts on clients having to wait for others: it is run
// on a target of any class.
func Queues(s *Spec) { s.Queues = true }

// Slow marks a spec that takes more than a second even when it passes.
func Slow(s *Spec) { s.Slow = true }

// Perilous marks a spec that may kill or hang a weak server. These run late,
// one at a time, and what they break does not count against any other.
func Perilous(s *Spec) { s.Perilous = true }

// Heavy marks a spec that moves or holds so much that it costs the machine a
// good part of a second: the self-test runs few of them at a time, and only
// against the faults that are about load.
func Heavy(s *Spec) { s.Heavy = true }

// Explores marks a spec that tries random orders of clients, and makes smaller
// what fails: the self-test runs it only against the faults that are about that.
func Explores(s *Spec) { s.Explores = true }

// Last marks a spec that runs when all the others have ended: it judges what
// they have observed, see Case.Observed, or leaves a weak server unable to go on.
func Last(s *Spec) { s.Last = true }

// Need is a dialect that has to be declared for a requirement to be judged.
type Need struct {
	Key     string
	Example string // a value that the reference implementation can be set up by
}

// Needs says that a requirement can only be judged when a dialect is declared.
func Needs(key, example string) Option {
	return func(s *Spec) { s.Needs = append(s.Needs, Need{key, example}) }
}

// InDialect ties a spec to a dialect: see Spec.DialectKey.
func InDialect(key, value string) Option {
	return func(s *Spec) { s.DialectKey, s.DialectValue = key, value }
}

// Protocol is the first part of the ID.
func (s Spec) Protocol() string { p, _, _ := strings.Cut(s.ID, "/"); return p }

// Section is the middle of the ID.
func (s Spec) Section() string {
	return strings.TrimSuffix(strings.TrimPrefix(s.ID, s.Protocol()+"/"), "/"+s.Name())
}

// Name is the last part of the ID.
func (s Spec) Name() string { return s.ID[strings.LastIndex(s.ID, "/")+1:] }

// Labels are what --filter selects by.
func (s Spec) Labels() []string {
	labels := []string{s.Protocol(), s.Section(), string(s.Level)}
	if s.Slow {
		labels = append(labels, "slow")
	}
	if s.Clients > 1 {
		labels = append(labels, "concurrent")
	}
	if s.Perilous {
		labels = append(labels, "perilous")
	}
	if s.Datagrams && s.Section() != "datagrams" {
		labels = append(labels, "datagrams")
	}
	return labels
}

// Unfit says why a spec has nothing to say of a target that is reached by d;
// empty when it has.
func (s Spec) Unfit(d wire.Dialer) string {
	switch {
	case s.Datagrams && !d.Datagram():
		return "is about datagrams; the target is reached over " + d.Network
	case !s.Datagrams && d.Datagram():
		return "is about connections; the target is reached over " + d.Network
	}
	return ""
}

// Dialect is one point on which the sources of a protocol disagree, or a fact
// about the target that cannot be seen from outside.
type Dialect struct {
	Key    string
	Values []string // the known answers, or a word for each part of a free one: "PATH"
	Text   string   // what it is about, in one sentence
	// Valid judges a value where Values does not list them all.
	Valid func(value string) error
	// Detect finds the value with one harmless exchange, on a connection that
	// the caller leaves; nil when it cannot be seen without being judged.
	Detect func(*Case) string
}

// Check says what is wrong with a value, if anything.
func (d Dialect) Check(value string) error {
	if d.Valid != nil {
		if err := d.Valid(value); err != nil {
			return fmt.Errorf("dialect %s=%s: %w", d.Key, value, err)
		}
		return nil
	}
	for _, v := range d.Values {
		if v == value {
			return nil
		}
	}
	return fmt.Errorf("dialect %s has no value %q: write one of %s", d.Key, value, strings.Join(d.Values, ", "))
}

// Section is a part of a protocol's standard: one file.
type Section struct {
	Name  string // as in the IDs
	Title string
	Specs []Spec
}

// Protocol is everything that is known of a protocol on the client's side.
type Protocol struct {
	Name     string
	Source   string // the text that defines it
	Intro    string // what it is, with an example: the beginning of its page, in Markdown
	Sections []Section
	Dialects []Dialect
	// Stages is the order in which it is best learnt. Each requirement belongs
	// to one of them.
	Stages []Stage

	// Rows names the rows of the list of requirements that the protocol was
	// put down in, and Untestable says why those that no requirement covers
	// cannot be: see Ledger. Unseen says which part of a row shows in the
	// processes of the target alone, see Case.Usage.
	Rows       []string
	Untestable map[string]string
	Unseen     map[string]string

	// Hello is a valid exchange on a new connection: it proves that the
	// server serves, and fails the case when it does not.
	Hello func(*Client)
	// Greets says that the server speaks first; Question is a message that
	// every server of the protocol answers, however wrongly.
	Greets   bool
	Question func(*Client) string
	// Served asks for anything that shows that the server serves this client,
	// and says whether it came. Nil is sending the Question, and any bytes.
	Served func(cl *Client, patience time.Duration) bool
	// Once says that a connection is good for one exchange, which ends it.
	Once bool
	// Leave ends a connection by the protocol's own door, without judging,
	// whatever state it is in. It reads until the server has ended, so that
	// no reset is sent.
	Leave func(*Client)
	// Shut says why the target cannot be judged beyond the first exchange, as was
	// seen; "" when it can. The requirements with the IDs are judged all the same:
	// they are about that exchange. It may be left out.
	Shut func(*Case) (why string, but []string)
	// Mute says that the target was seen to answer nothing that is asked after
	// the first exchange, so that waiting longer for it is idle; may be nil.
	Mute func(*Case) bool
	// Abreast says that connections may be made and ended while others are:
	// no known server of the protocol minds.
	Abreast bool
	// Scale makes the conversation of the scale scenario (--clients N). Nil
	// where the protocol has none: what a client hears must be an answer to
	// it, on a connection that lasts.
	Scale func(Crowd) (Talk, error)
}

// Datagrams says whether the protocol is spoken over datagrams too.
func (p Protocol) Datagrams() bool {
	return slices.ContainsFunc(p.Specs(), func(s Spec) bool { return s.Datagrams })
}

// Over is the part of the standard that is about datagrams, or about streams.
func (p Protocol) Over(datagrams bool) Protocol {
	var sections []Section
	for _, section := range p.Sections {
		specs := section.Specs
		section.Specs = nil
		for _, s := range specs {
			if s.Datagrams == datagrams {
				section.Specs = append(section.Specs, s)
			}
		}
		if section.Specs != nil {
			sections = append(sections, section)
		}
	}
	p.Sections = sections
	return p
}

// Specs lists the requirements in the order of the standard.
func (p Protocol) Specs() []Spec {
	var specs []Spec
	for _, s := range p.Sections {
		specs = append(specs, s.Specs...)
	}
	return specs
}

// Dialect finds a dialect by its key.
func (p Protocol) Dialect(key string) (Dialect, error) {
	var keys []string
	for _, d := range p.Dialects {
		if d.Key == key {
			return d, nil
		}
		keys = append(keys, d.Key)
	}
	return Dialect{}, fmt.Errorf("%s has no dialect %q: it has %s", p.Name, key, strings.Join(keys, ", "))
}
