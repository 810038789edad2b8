package faults

import (
	"bytes"
	"strings"

	"conform/fixtures"
	"conform/impl"
)

func zenFaults() []Fault {
	unknown := fixtures.UnknownAphorism
	return []Fault{
		// Which question gets which answer.
		{Name: "always-ugly", change: questions(func(string) string { return "Ugly." }),
			Text: "Gives every question the answer to the first one."},
		{Name: "always-unknown", change: questions(func(string) string { return unknown }),
			Text: "Knows no question at all."},
		{Name: "answers-in-turn", change: inTurn,
			Text: "Gives its answers one after the other, whatever is asked."},
		{Name: "two-answers-swapped", change: onAnswer(func(a string) string {
			return strings.NewReplacer("Implicit.", "Complex.", "Complex.", "Implicit.").Replace(a)
		}), Text: "Has two answers swapped in its table."},
		{Name: "each-question-once", change: questionOnce,
			Text: "Takes a question out of its table when it answers it, so that it is unknown the second time."},
		{Name: "case-folded", change: lookup(func(q, known string) bool { return strings.EqualFold(q, known) }),
			Text: "Compares without regard to upper and lower case."},
		{Name: "stripped", change: questions(func(q string) string {
			return zenAnswer(strings.TrimSpace(strings.TrimSuffix(q, "?")) + "?")
		}), Text: "Strips white space from the question before it looks it up."},
		{Name: "contains", change: lookup(strings.Contains),
			Text: "Searches the message for a known question instead of comparing the whole."},
		{Name: "ends-with", change: lookup(strings.HasSuffix),
			Text: "Compares only the end of the message."},
		{Name: "begins-with-two-words", change: lookup(func(q, known string) bool {
			return strings.HasPrefix(q, strings.TrimSuffix(known, " better than?"))
		}), Text: "Looks only at the first two words of a question."},
		{Name: "first-letter", change: lookup(func(q, known string) bool { return q[0] == known[0] }),
			Text: "Tells the questions apart by their first letter."},
		{Name: "abbreviation", change: lookup(func(q, known string) bool {
			return len(q) > 1 && strings.HasSuffix(known, q)
		}), Text: "Takes a part of a known question for the whole: its lookup has the operands swapped."},
		{Name: "c-string", change: questions(func(q string) string {
			q, _, _ = strings.Cut(q, "\x00")
			return zenAnswer(q)
		}), Text: "Takes the message for a C string that ends at its first NUL."},
		{Name: "not-ascii-dropped", change: onInput(func(p []byte) []byte {
			return bytes.Map(func(r rune) rune {
				if r > 0x7f {
					return -1
				}
				return r
			}, bytes.ReplaceAll(p, []byte("为什么"), []byte("Beautiful is better than")))
		}), Text: "Translates a question from another script before it looks it up."},
		{Name: "unknown-silent", change: questions(func(q string) string {
			return strings.TrimSuffix(zenAnswer(q), unknown)
		}), Text: "Does not answer an unknown question."},
		{Name: "unknown-closes", change: onReply(func(r impl.Reply) impl.Reply {
			r.Close = r.Close || string(r.Send) == unknown
			return r
		}), Text: "Closes the connection after an unknown question."},
		{Name: "unknown-wrong-words", change: onAnswer(func(a string) string {
			return strings.ReplaceAll(a, unknown, "Error: unknown aphorism")
		}), Text: "Leaves the full stop out of the answer to an unknown question."},
		{Name: "lone-mark-dropped", change: questions(func(q string) string {
			if q == "?" {
				return ""
			}
			return zenAnswer(q)
		}), Text: "Drops a question that is nothing but its question mark."},
		{Name: "lower-case-answers", change: onAnswer(strings.ToLower),
			Text: "Answers in small letters."},
		{Name: "answer-and-question", change: questions(func(q string) string { return q + " " + zenAnswer(q) }),
			Text: "Repeats the question in front of its answer."},
		{Name: "closes-after-three", change: closesAfterThree,
			Text: "Closes the connection after three questions, as many as the client of the tutorial has."},

		// Where a question begins and ends.
		{Name: "greets", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, open: func() impl.Reply { return say("Ask: ") }}
		}), Text: "Greets a client before it has asked anything."},
		{Name: "read-is-a-question", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, data: func(p []byte) impl.Reply { return say(zenAnswer(string(p))) }}
		}), Text: "Takes each read for a whole question."},
		{Name: "partial-dropped", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if !bytes.HasSuffix(p, []byte("?")) {
					return impl.Reply{}
				}
				return say(zenAnswer(string(p)))
			}}
		}), Text: "Forgets the beginning of a question when its question mark comes with a later read."},
		{Name: "acknowledges-partial", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if bytes.HasSuffix(p, []byte("?")) {
					return next.Data(p)
				}
				return join(say("..."), next.Data(p))
			}}
		}), Text: "Sends dots while a question is incomplete."},
		{Name: "answers-in-lines-only", change: ends("\n"),
			Text: "Reads lines, so that a question without a line end is never answered."},
		{Name: "line-end-ends-too", change: endsToo("\n"),
			Text: "Takes a line end for the end of a question."},
		{Name: "blank-ends-too", change: endsToo(" "),
			Text: "Takes a blank for the end of a question."},
		{Name: "full-stop-ends-too", change: endsToo("."),
			Text: "Takes a full stop for the end of a question."},
		{Name: "line-ends-skipped", change: onInput(func(p []byte) []byte {
			return bytes.ReplaceAll(bytes.ReplaceAll(p, []byte("\r"), nil), []byte("\n"), nil)
		}), Text: "Skips line ends, although they are part of the message."},
		{Name: "only-first-of-two", change: questions(func(q string) string {
			first, _, _ := strings.Cut(q, "?")
			return zenAnswer(first + "?")
		}), Text: "Answers the first of two questions that arrive together and loses the second."},
		{Name: "only-last-of-two", change: questions(func(q string) string {
			parts := strings.Split(q, "?")
			return zenAnswer(parts[len(parts)-2] + "?")
		}), Text: "Answers the last of two questions that arrive together and loses the first."},
		{Name: "buffer-not-cleared", change: notCleared(func(string) bool { return true }),
			Text: "Does not clear its buffer after an answer, so that the next question begins with the last one."},
		{Name: "buffer-not-cleared-after-unknown", change: notCleared(func(a string) bool { return a == unknown }),
			Text: "Does not clear its buffer after an unknown question."},
		{Name: "buffer-of-64k", change: bounded('?', 64<<10-1),
			Text: "Keeps at most 65535 bytes of a question and drops the rest, its question mark included."},
		{Name: "full-buffer-is-a-question", change: handler(func(next impl.Handler) impl.Handler {
			n := 0
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				r := own(next.Data(p))
				n += len(p)
				full := n / 4096
				if n %= 4096; len(r.Send) > 0 {
					n = 0
				}
				return join(say(strings.Repeat(unknown, full)), r)
			}}
		}), Text: "Answers each time that its buffer of 4096 bytes is full, question mark or not."},

		// What happens at the end.
		{Name: "partial-answered-at-eof", change: zenAtEnd(func(q string) string {
			if q == "" {
				return ""
			}
			return zenAnswer(q + "?")
		}), Text: "Answers what is in the buffer when the client ends, as if it were a question."},
		{Name: "eof-is-a-question", change: zenAtEnd(func(string) string { return unknown }),
			Text: "Takes the empty read at the client's end for an unknown question."},
	}
}

func zenAnswer(question string) string {
	for _, a := range fixtures.Aphorisms() {
		if a.Question == question {
			return a.Answer
		}
	}
	return fixtures.UnknownAphorism
}

// questions frames rightly, and answers by f.
func questions(f func(question string) string) change {
	return handler(func(next impl.Handler) impl.Handler {
		var message []byte
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			message = append(message, p...)
			if !bytes.HasSuffix(p, []byte("?")) {
				return impl.Reply{}
			}
			q := string(message)
			message = nil
			return say(f(q))
		}}
	})
}

// lookup takes a question for a known one when same says so.
func lookup(same func(question, known string) bool) change {
	return questions(func(q string) string {
		for _, a := range fixtures.Aphorisms() {
			if same(q, a.Question) {
				return a.Answer
			}
		}
		return fixtures.UnknownAphorism
	})
}

func inTurn(p *plan) {
	handler(func(next impl.Handler) impl.Handler {
		turn, known := -1, fixtures.Aphorisms()
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			if !bytes.HasSuffix(p, []byte("?")) {
				return impl.Reply{}
			}
			turn++
			return say(known[turn%len(known)].Answer)
		}}
	})(p)
}

func questionOnce(p *plan) {
	handler(func(next impl.Handler) impl.Handler {
		asked := map[string]bool{}
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			r := next.Data(p)
			if a := string(r.Send); a != "" && asked[a] {
				return say(fixtures.UnknownAphorism)
			}
			asked[string(r.Send)] = true
			return r
		}}
	})(p)
}

func closesAfterThree(p *plan) {
	handler(func(next impl.Handler) impl.Handler {
		n := 0
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			r := next.Data(p)
			if len(r.Send) > 0 {
				n++
			}
			r.Close = n >= 3
			return r
		}}
	})(p)
}

// ends answers at another end than the question mark.
func ends(end string) change {
	return handler(func(next impl.Handler) impl.Handler {
		var message []byte
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			message = append(message, p...)
			if !bytes.HasSuffix(p, []byte(end)) {
				return impl.Reply{}
			}
			q := strings.TrimSuffix(string(message), end)
			message = nil
			return say(zenAnswer(q))
		}}
	})
}

// endsToo answers at another end as well.
func endsToo(end string) change {
	return handler(func(next impl.Handler) impl.Handler {
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			if bytes.HasSuffix(p, []byte(end)) {
				return own(say(fixtures.UnknownAphorism))
			}
			return next.Data(p)
		}}
	})
}

// notCleared keeps what was asked as long as its answer says so.
func notCleared(keeps func(answer string) bool) change {
	return handler(func(next impl.Handler) impl.Handler {
		var message []byte
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			if message = append(message, p...); !bytes.HasSuffix(p, []byte("?")) {
				return impl.Reply{}
			}
			a := zenAnswer(string(message))
			if !keeps(a) {
				message = nil
			}
			return say(a)
		}}
	})
}

// zenAtEnd answers what the client's end has left incomplete.
func zenAtEnd(f func(rest string) string) change {
	return handler(func(next impl.Handler) impl.Handler {
		var rest []byte
		return &hook{Handler: next,
			data: func(p []byte) impl.Reply {
				if rest = append(rest, p...); bytes.HasSuffix(p, []byte("?")) {
					rest = nil
				}
				return next.Data(p)
			},
			end: func() impl.Reply { return join(say(f(string(rest))), impl.Reply{Close: true}) }}
	})
}
