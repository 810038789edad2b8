package websocket

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"conform/specs"
	"conform/specs/websocket/frame"
	"conform/specs/wire"
)

// reaction is what a server has done about what it was sent.
type reaction struct {
	reply *response // to an opening handshake; nil after it
	key   string    // that it was asked with
	hint  string    // at the cause, where it is not that of the requirement

	messages []message
	partial  bool   // fragments of a message that has no end yet
	torn     string // what has come of a frame that has no end yet, described
	pongs    []string
	close    *frame.Frame
	end      wire.Kind // FIN, RST or Broken; empty while the connection is open
	usable   bool      // open, and a later Ping or message was answered
	waited   bool      // rests on a wait that ran out
}

// String describes the reaction in a line.
func (r reaction) String() string {
	if r.reply != nil {
		return r.reply.String()
	}
	var parts []string
	for _, m := range r.messages {
		parts = append(parts, m.String())
	}
	if r.partial {
		parts = append(parts, "a part of a message")
	}
	if r.torn != "" {
		parts = append(parts, r.torn)
	}
	for _, p := range r.pongs {
		parts = append(parts, "PONG "+wire.Quote([]byte(p), 40))
	}
	if r.close != nil {
		parts = append(parts, r.close.String())
	}
	switch {
	case r.end == wire.Broken:
		parts = append(parts, "a broken connection")
	case r.end == late:
		parts = append(parts, "a FIN that this target sends late")
	case r.end != "":
		parts = append(parts, strings.ToUpper(string(r.end)))
	case r.usable:
		parts = append(parts, "nothing; a later message was served as usual")
	case r.close != nil:
		parts = append(parts, "and the TCP connection stayed open")
	case len(parts) == 0:
		parts = append(parts, "nothing; the connection stayed open")
	default:
		parts = append(parts, "and the connection stayed open")
	}
	if len(parts) > 6 {
		parts = append(append(parts[:4:4], fmt.Sprintf("… (%d more)", len(parts)-5)), parts[len(parts)-1])
	}
	text := strings.Join(parts, ", then ")
	return strings.ReplaceAll(strings.ReplaceAll(text, "then and ", "and "), ", then nothing;", ";")
}

// outcome is one thing that a server may do, and what it is worth. What no
// outcome of an expectation matches is a failure.
type outcome struct {
	text    string
	verdict specs.Verdict
	why     string
	match   func(reaction) bool
	answer  bool // a message or a Pong, which may overtake the answer to a later one
	patient bool // nothing may follow: no later message is sent to see whether it is served
	misread bool // what follows may be read as a part of it: it is sent late, and only an answer to it tells anything
	fitting int  // of a failure: the close code for the error, or severalFit; else 0
}

// info makes it an outcome that is allowed and worth recording.
func (o outcome) info(why string) outcome { o.verdict, o.why = specs.Info, why; return o }

// nonstrict makes it an outcome that respected servers show and the text does
// not allow.
func (o outcome) nonstrict(why string) outcome { o.verdict, o.why = specs.NonStrict, why; return o }

func (o outcome) String() string {
	if o.verdict != specs.Pass {
		return fmt.Sprintf("%s (%s: %s)", o.text, o.verdict, o.why)
	}
	return o.text
}

func expecting(text string, match func(reaction) bool) outcome {
	return outcome{text: text, verdict: specs.Pass, match: match}
}

// accepted is a right 101 (RFC 6455 §4.2.2).
func accepted() outcome {
	return expecting("101 with the right Sec-WebSocket-Accept", func(r reaction) bool { return r.reply.fault(r.key) == "" })
}

// switched is any 101, whatever its fields are.
func switched() outcome {
	return expecting("101", func(r reaction) bool { return r.reply.status == 101 })
}

// refused is any final status other than 101, or the end of the connection
// without a response: RFC 6455 §4.2.1 leaves the way open, and respected servers
// close on what is no HTTP.
func refused() outcome {
	return expecting("a refusal: a status other than 101, or the end of the connection", func(r reaction) bool {
		if r.reply.head == "" {
			return r.reply.end != ""
		}
		return r.reply.status >= 200
	})
}

// unanswered is no response at all, on a connection that stays open.
func unanswered() outcome {
	return expecting("no response", func(r reaction) bool { return r.reply.head == "" && r.reply.end == "" })
}

// failed is a failed connection (RFC 6455 §7.1.7): the end of the TCP
// connection, and before it at most a Close frame, which is empty or has one of
// the codes. No Close frame at all is allowed. The first code is the one that
// fits the error (§7.4.1); any other is counted.
func failed(codes ...int) outcome {
	o := expecting("the connection fails ("+codeText(codes)+" or no Close frame, then FIN or RST)", func(r reaction) bool {
		return r.end != "" && !r.answered() && (r.close == nil || len(r.close.Payload) == 0 || slices.Contains(codes, r.closeCode()))
	})
	o.fitting = codes[0]
	return o
}

// failedSomehow is failed where no code fits better than the others.
func failedSomehow(codes ...int) outcome {
	o := failed(codes...)
	o.fitting = severalFit
	return o
}

const severalFit = -1

// closed is a closing handshake that the server completes: a Close frame with
// one of the codes, 0 for an empty one, then the end of the TCP connection.
func closed(codes ...int) outcome {
	return expecting(codeText(codes)+", then FIN or RST", func(r reaction) bool {
		return r.end != "" && !r.answered() && r.close != nil && slices.Contains(codes, r.closeCode())
	})
}

// ended is the end of the TCP connection without a Close frame.
func ended() outcome {
	return expecting("FIN or RST without a Close frame", func(r reaction) bool {
		return r.end != "" && !r.answered() && r.close == nil
	})
}

// echoed is one message with this type and content; the connection stays.
func echoed(op frame.Opcode, data string) outcome {
	want := message{op: op, data: data}
	o := expecting(want.String(), func(r reaction) bool {
		return r.end == "" && r.close == nil && len(r.pongs) == 0 && len(r.messages) == 1 && r.messages[0].is(op, data)
	})
	o.answer = true
	return o
}

// ponged is one Pong with this payload; the connection stays.
func ponged(payload string) outcome {
	o := expecting("PONG "+wire.Quote([]byte(payload), 40), func(r reaction) bool {
		return r.end == "" && r.close == nil && len(r.messages) == 0 && len(r.pongs) == 1 && r.pongs[0] == payload
	})
	o.answer = true
	return o
}

// stays is no reaction, on a connection on which a later message is served.
func stays() outcome {
	return expecting("nothing, and the connection stays usable", func(r reaction) bool { return r.usable && !r.answered() })
}

// silent is no reaction at all, on a connection that stays open and serves
// nothing any more.
func silent() outcome {
	return expecting("silence on an open connection", func(r reaction) bool {
		return r.end == "" && !r.usable && r.close == nil && !r.answered() && r.torn == ""
	})
}

// misread is silence about a frame that may have been misread. A server that takes
// what is sent next for the rest of it, and fails because of that, has not
// failed because of the frame.
func misread() outcome {
	o := silent()
	o.misread = true
	return o
}

// anything is whatever else a server may do.
func anything() outcome {
	return expecting("anything else", func(reaction) bool { return true })
}

// waiting is no reaction while a frame is not whole: nothing is sent after it.
func waiting() outcome {
	o := silent()
	o.text, o.patient = "waiting for the rest", true
	return o
}

// after allows messages, in this order, before the outcome: all of them, or the
// first ones.
func (o outcome) after(messages ...message) outcome {
	match := o.match
	o.match = func(r reaction) bool {
		for _, m := range messages {
			if len(r.messages) == 0 || !r.messages[0].is(m.op, m.data) {
				break
			}
			r.messages = r.messages[1:]
		}
		return match(r)
	}
	return o
}

// answered says whether anything of a message or a Pong has come.
func (r reaction) answered() bool { return len(r.messages) > 0 || len(r.pongs) > 0 || r.partial }

// closeCode is the code of the Close frame: 0 for an empty one, -1 for a body
// that is no code that a frame could have.
func (r reaction) closeCode() int {
	if code := r.close.CloseCode(); code != 0 || len(r.close.Payload) == 0 {
		return code
	}
	return -1
}

func codeText(codes []int) string {
	var list []string
	for _, code := range codes {
		if code == 0 {
			list = append(list, "an empty CLOSE")
		} else {
			list = append(list, fmt.Sprintf("CLOSE %d", code))
		}
	}
	return strings.Join(list, ", ")
}

// judge gives a reaction its verdict: that of the first outcome that matches.
// It returns the index of that outcome, and does not return from a failure.
func judge(cl *specs.Client, sent string, r reaction, outcomes []outcome) int {
	c := cl.Case()
	var expected []string
	for _, o := range outcomes {
		expected = append(expected, o.String())
	}
	reason := specs.Reason{Code: r.code(), Message: r.message(), Sent: sent, Expected: expected, Received: r.String(), Hint: r.hint}
	for i, o := range outcomes {
		if !o.match(r) {
			continue
		}
		if o.verdict != specs.Pass {
			reason.Message = o.why
			c.Admit(o.verdict, reason, r.waited)
		}
		return i
	}
	c.Refute(reason, r.waited)
	return -1
}

// code says in which way a reaction is not what was expected.
func (r reaction) code() specs.Code {
	if r.reply != nil {
		switch {
		case r.reply.head == "" && r.reply.end == wire.RST:
			return specs.ResetEarly
		case r.reply.head == "" && r.reply.end != "":
			return specs.ClosedEarly
		case r.reply.head == "":
			return specs.NoAnswer
		}
		return specs.WrongBytes
	}
	switch {
	case r.answered():
		return specs.NotSilent
	case r.torn != "" && r.close == nil && r.end == "":
		return specs.PartialAnswer
	case r.close != nil && r.end == "":
		return specs.NotClosed
	case r.close != nil:
		return specs.WrongBytes
	case r.end == wire.RST:
		return specs.ResetEarly
	case r.end != "":
		return specs.ClosedEarly
	case r.usable:
		return specs.NotClosed
	}
	return specs.NoAnswer
}

// message says in a line what is wrong.
func (r reaction) message() string {
	if r.reply != nil {
		switch {
		case r.reply.head == "" && r.reply.end != "":
			return "the connection ended without a response"
		case r.reply.head == "":
			return "no response"
		case r.reply.status == 0:
			return "what came is no HTTP response: " + r.reply.problem
		case r.reply.status != 101:
			return fmt.Sprintf("the opening handshake was refused with %d", r.reply.status)
		case r.reply.fault(r.key) != "":
			return r.reply.fault(r.key)
		case len(r.reply.values("Sec-WebSocket-Protocol")) > 0:
			return "the opening handshake was accepted with the subprotocol " + wire.Quote([]byte(strings.Join(r.reply.values("Sec-WebSocket-Protocol"), " and ")), 120)
		case len(r.reply.values("Sec-WebSocket-Extensions")) > 0:
			text := "the opening handshake was accepted with the extension " + wire.Quote([]byte(strings.Join(r.reply.values("Sec-WebSocket-Extensions"), ", ")), 120)
			if _, err := agreed(r.reply); err != nil {
				text += ": " + err.Error()
			}
			return text
		}
		return "the opening handshake was accepted"
	}
	switch {
	case len(r.messages) > 0:
		return "a message came that is not allowed here"
	case r.partial:
		return "a part of a message came that is not allowed here"
	case r.torn != "" && r.close == nil && r.end == "":
		return "a frame came that has no end"
	case len(r.pongs) > 0:
		return "a Pong came that is not allowed here"
	case r.close != nil && r.end == "":
		return "a Close frame came, and the TCP connection stayed open"
	case r.close != nil:
		return "a Close frame came that is not allowed here"
	case r.torn != "" && r.end != "":
		return "the connection ended inside of a frame"
	case r.end != "":
		return "the connection ended"
	case r.usable:
		return "the connection goes on as if nothing had happened"
	}
	return "nothing came, and the connection stayed open"
}

// patience is how long an answer to so many bytes may take.
func patience(c *specs.Case, size int) time.Duration {
	return c.Timing().Answer + time.Duration(size/(256<<10))*time.Second
}
