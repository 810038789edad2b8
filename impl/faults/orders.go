package faults

import (
	"bytes"
	"slices"
)

// orderFaults are those that show only when what several clients do happens in
// one of few orders: each needs two or three things to come together. Without
// them nothing is wrong, and when the clients have left all is well again, but
// for the one that counts.
func orderFaults(protocol string) []Fault {
	var list []Fault
	switch protocol {
	case "zen":
		list = []Fault{
			{Name: "first-half-in-the-table", change: atTable(inQuestions, firstUnfinished),
				Text: "Joins the end of a message to the first beginning of one in its table, which is another client's unless they are completed in the order of the table."},
			{Name: "last-takes-the-place", change: atTable(inQuestions, lastTakesPlace),
				Text: "Moves the last client of its table to the place of one that has left, and leaves the unfinished message of the moved one behind."},
			{Name: "second-piece-forgotten", change: atTable(inQuestions, secondForgotten),
				Text: "Forgets the second of three pieces of a message when another client has spoken since the first."},
			{Name: "asked-for-both", change: atTable(inQuestions, askedForBoth),
				Text: "Takes a question as answered for a client that has sent half of it, when another client asks the whole of it meanwhile."},
			{Name: "same-question-due", change: atTable(inQuestions, sameQuestionDue),
				Text: "Does not answer a question while the answer to the same one is due to another client and a third is in the middle of its own."},
			{Name: "newcomer-takes-answer", change: atTable(inQuestions, newcomerTakesAnswer),
				Text: "Sends an answer that is due while a third client is in the middle of a message to the client that has just connected."},
			{Name: "place-taken-over", change: atTable(inQuestions, placeTakenOver),
				Text: "Loses what has come of a message when one client leaves and another takes its place before the rest comes."},
			{Name: "lost-once-in-fifty", change: atTable(inQuestions, onceInFifty),
				Text: "Loses every fiftieth of the answers that it gives while another client is in the middle of a message."},
			{Name: "vanishing-clears-all", change: atTable(inQuestions, vanishingClearsAll),
				Text: "Forgets what everybody has sent of unfinished messages when one client ends in the middle of its own, or resets the connection."},
		}
	case "echo":
		list = []Fault{
			{Name: "place-by-count", change: atTable(inLines, placeByCount),
				Text: "Gives a newcomer the place whose number is that of the clients present, and empties it, although another client may have it since somebody left."},
			{Name: "interrupted-twice", change: atTable(inLines, interruptedTwice),
				Text: "Loses what has come of a message when others have spoken between its pieces for the second time."},
			{Name: "silent-newcomer-answered", change: atTable(inLines, newcomerAnswered),
				Text: "Sends the answer to a message that came in pieces to a client that has connected between them and said nothing."},
			{Name: "quit-drops-answers-due", change: atTable(inLines, quitDropsAnswers),
				Text: "Writes all answers to a client but the first in the next turn of its loop, and throws away those that are due when another one quits."},
			{Name: "second-leaver-skips-one", change: atTable(inLines, secondLeaverSkips),
				Text: "Makes its list shorter when a second client quits, and misses what one of those that it has served says next."},
			{Name: "list-cut-in-the-middle", change: atTable(inLines, listCut),
				Text: "Takes a client out of its list together with all that came after it, if another one is in the middle of a message."},
			{Name: "unfinished-line-inherited", change: atTable(inLines, inherited),
				Text: "Gives the unfinished message of a client that vanished to a newcomer, if another client is in the middle of one."},
		}
	case "calc":
		list = []Fault{
			{Name: "buffer-by-count", change: atTable(inLines, bufferByCount),
				Text: "Puts a message that begins into the buffer whose number is that of the unfinished ones, although another may be in it since one was completed."},
			{Name: "buffers-not-shifted", change: atTable(inLines, notShifted),
				Text: "Keeps clients in one list and their unfinished messages in another, and takes one that leaves out of the first only."},
			{Name: "later-halves-cut-off", change: atTable(inLines, laterCutOff),
				Text: "Takes a message that is completed out of the middle of its list together with those of all clients that came later."},
			{Name: "given-up-after-three", change: atTable(inLines, givenUp),
				Text: "Gives up what has come of a message when three others that came whole have been read since."},
			{Name: "first-half-in-the-table", change: atTable(inLines, firstUnfinished),
				Text: "Joins the end of a message to the first beginning of one in its table, which is another client's unless they are completed in the order of the table."},
			{Name: "undelivered-goes-to-another", change: atTable(inLines, undelivered),
				Text: "Keeps the last answer to a client that goes without a quit, and sends it to one that is in the middle of a message."},
		}
	case "raw":
		list = []Fault{
			{Name: "list-cut-in-the-middle", change: atTable(inReads, servedCutsList),
				Text: "Takes a client out of the middle of its list together with those that came after it, who are heard no more once they have been served."},
			{Name: "leaver-drops-answers-due", change: atTable(inReads, leaverDropsAnswers),
				Text: "Writes all answers to a client but the first in the next turn of its loop if it has three or more, and throws away those that are due when another one leaves."},
			{Name: "reset-ends-the-round", change: atTable(inReads, resetEndsRound),
				Text: "Throws away what comes next from the clients that it has served when one of three or more resets the connection."},
		}
	case "pid":
		list = []Fault{
			{Name: "silent-leaver-loosens-list", change: atTable(inReads, silentLoosens),
				Text: "Loses the end of its list when a client leaves that has sent nothing and is not the first in it, so that newcomers are not found while others wait."},
			{Name: "reset-loosens-list", change: atTable(inReads, resetLoosens),
				Text: "Loses the end of its list when a client resets the connection, so that newcomers are not found while others wait."},
		}
	case "websocket":
		list = []Fault{
			{Name: "last-takes-the-place", change: atTable(inFrames(false), lastTakesPlace),
				Text: "Moves the last client of its table to the place of one that has left, and leaves the unfinished frame of the moved one behind."},
			{Name: "buffer-by-count", change: atTable(inFrames(true), bufferByCount),
				Text: "Puts a message that begins into the buffer whose number is that of the unfinished ones, although another may be in it since one was completed."},
			{Name: "vanishing-clears-all", change: atTable(inFrames(false), unannouncedClearsAll),
				Text: "Forgets what everybody has sent of unfinished frames when one client ends without a Close."},
		}
	}
	for i := range list {
		list[i].Load = protocol + "/concurrency/any-order*"
	}
	return about("concurrency", list)
}

// firstUnfinished joins the end of a message to the beginning that it finds first;
// who is done out of it gets the other one.
func firstUnfinished(t *table) {
	whole := t.whole
	t.whole = func(s *seat, p []byte) []byte {
		if s.pieces > 0 {
			first := t.unfinished(nil)[0]
			s.held, first.held = first.held, s.held
		}
		return whole(s, p)
	}
}

func lastTakesPlace(t *table) {
	t.gone = func(s *seat) {
		last := t.seats[len(t.seats)-1]
		if last == s {
			return
		}
		last.lose()
		i := slices.Index(t.seats, s)
		t.seats[i], t.seats[len(t.seats)-1] = last, s
	}
}

func secondForgotten(t *table) {
	piece, whole := t.piece, t.whole
	t.piece = func(s *seat, p []byte) {
		if s.pieces == 0 {
			s.text = nil
		} else if s.pieces == 1 && t.last != s {
			s.text = slices.Clone(s.held)
		}
		piece(s, p)
	}
	t.whole = func(s *seat, p []byte) []byte {
		if s.pieces == 2 && s.text != nil {
			s.held = s.text
		}
		return whole(s, p)
	}
}

func askedForBoth(t *table) {
	whole := t.whole
	t.whole = func(s *seat, p []byte) []byte {
		m := whole(s, p)
		if answered := s.text; s.pieces > 0 {
			if s.text = nil; bytes.Equal(answered, m) {
				return nil
			}
			return m
		}
		for _, other := range t.unfinished(s) {
			if bytes.HasPrefix(m, other.held) {
				other.text = m
			}
		}
		return m
	}
}

func sameQuestionDue(t *table) {
	whole := t.whole
	t.waits = func(s *seat) bool { return len(t.unfinished(s)) > 0 }
	t.whole = func(s *seat, p []byte) []byte {
		m := whole(s, p)
		if slices.ContainsFunc(t.outbox, func(l letter) bool { return l.from != s && l.from.asked == string(m) }) {
			return nil
		}
		return m
	}
}

func newcomerTakesAnswer(t *table) {
	t.waits = func(s *seat) bool { return len(t.unfinished(s)) > 0 }
	t.came = func(s *seat) {
		for i := range t.outbox {
			t.outbox[i].to = s
		}
	}
}

func placeTakenOver(t *table) {
	piece := t.piece
	t.piece = func(s *seat, p []byte) {
		if s.pieces == 0 {
			s.n = 0
		}
		piece(s, p)
	}
	t.gone = func(s *seat) {
		for _, other := range t.unfinished(s) {
			other.n = 1
		}
	}
	t.came = func(s *seat) {
		for _, other := range t.unfinished(s) {
			if other.n == 1 {
				other.lose()
			}
		}
	}
}

func onceInFifty(t *table) {
	n := 0
	t.answer = func(s *seat, b []byte) (*seat, []byte) {
		if len(t.unfinished(s)) > 0 {
			n++
			if n%50 == 0 {
				return s, nil
			}
		}
		return s, b
	}
}

func vanishingClearsAll(t *table) {
	t.gone = func(s *seat) {
		if s.pieces > 0 || isReset(s.err) {
			for _, other := range t.seats {
				other.lose()
			}
		}
	}
}

// unannouncedClearsAll is for protocols in which a client says that it leaves.
func unannouncedClearsAll(t *table) {
	t.gone = func(s *seat) {
		if s.err != nil {
			for _, other := range t.seats {
				other.lose()
			}
		}
	}
}

func placeByCount(t *table) {
	t.came = func(s *seat) {
		s.n = len(t.seats)
		for _, other := range t.seats {
			if other.n == s.n {
				other.lose()
			}
		}
	}
}

func interruptedTwice(t *table) {
	piece, whole := t.piece, t.whole
	t.piece = func(s *seat, p []byte) {
		if s.pieces == 0 {
			s.n = 0
		} else if t.last != s {
			s.n++
		}
		piece(s, p)
	}
	t.whole = func(s *seat, p []byte) []byte {
		if s.pieces > 0 && s.n > 0 && t.last != s {
			s.held = nil
		}
		return whole(s, p)
	}
}

func newcomerAnswered(t *table) {
	var newcomer *seat
	forget := func(s *seat) {
		if newcomer == s {
			newcomer = nil
		}
	}
	t.came = func(s *seat) {
		if newcomer = nil; len(t.unfinished(s)) > 0 {
			newcomer = s
		}
	}
	t.gone = forget
	piece, whole := t.piece, t.whole
	t.piece = func(s *seat, p []byte) { forget(s); piece(s, p) }
	t.whole = func(s *seat, p []byte) []byte {
		forget(s)
		s.n = s.pieces
		return whole(s, p)
	}
	t.answer = func(s *seat, b []byte) (*seat, []byte) {
		to := newcomer
		if newcomer = nil; to == nil || s.n == 0 {
			return s, b
		}
		return to, b
	}
}

func quitDropsAnswers(t *table) {
	t.waits = func(s *seat) bool { return len(t.seats) > 1 && s.said != nil }
	whole := t.whole
	t.whole = func(s *seat, p []byte) []byte {
		m := whole(s, p)
		if quits(m) {
			t.outbox = slices.DeleteFunc(t.outbox, func(l letter) bool { return l.to != s })
		}
		return m
	}
}

func quits(line []byte) bool { return string(bytes.TrimRight(line, "\r\n")) == "quit" }

func secondLeaverSkips(t *table) {
	left := 0
	whole := t.whole
	t.whole = func(s *seat, p []byte) []byte {
		m := whole(s, p)
		switch {
		case quits(m):
			if left++; left%2 == 0 {
				for _, other := range t.others(s) {
					if other.asked != "" { // who has just come is looked for
						other.n = 1
						break
					}
				}
			}
		case s.n == 1:
			s.n = 0
			return nil
		}
		return m
	}
	t.gone = func(*seat) {
		if len(t.seats) == 1 {
			left = 0
		}
	}
}

func listCut(t *table) {
	t.gone = func(s *seat) {
		if len(t.unfinished(s)) > 0 {
			for _, other := range t.seats[slices.Index(t.seats, s):] {
				other.deaf = true
			}
		}
	}
}

func servedCutsList(t *table) {
	t.gone = func(s *seat) {
		i := slices.Index(t.seats, s)
		for _, other := range t.seats[i:] {
			other.deaf = other.deaf || i > 0 && other.asked != ""
		}
	}
}

// loosen is a list that loses its end when a client goes of which that is said.
// Who comes then is in no list, until the last one in the list has gone.
func loosen(t *table) (gone func(s *seat, loses bool)) {
	loose := false
	t.came = func(s *seat) { s.deaf = loose }
	return func(s *seat, loses bool) {
		inList := slices.ContainsFunc(t.others(s), func(other *seat) bool { return !other.deaf })
		loose = inList && (loose || loses)
	}
}

func silentLoosens(t *table) {
	gone := loosen(t)
	t.gone = func(s *seat) { gone(s, !s.heard && t.seats[0] != s) }
}

func resetLoosens(t *table) {
	gone := loosen(t)
	t.gone = func(s *seat) { gone(s, isReset(s.err)) }
	t.reset = func(s *seat) { gone(s, true) }
}

func inherited(t *table) {
	var left []byte
	t.gone = func(s *seat) {
		if s.pieces > 0 && len(t.unfinished(s)) > 0 {
			left = s.held
		}
	}
	t.came = func(s *seat) {
		if len(t.unfinished(s)) > 0 {
			s.held = left
		}
		left = nil
	}
}

func bufferByCount(t *table) {
	piece := t.piece
	t.piece = func(s *seat, p []byte) {
		piece(s, p)
		others := t.unfinished(s)
		if s.pieces == 0 {
			s.n = len(others)
		}
		for _, other := range others {
			if other.n == s.n {
				other.held = slices.Clone(s.held)
			}
		}
	}
}

func notShifted(t *table) {
	t.gone = func(s *seat) {
		i := slices.Index(t.seats, s)
		if s.pieces > 0 {
			return // its message goes with it
		}
		for k := len(t.seats) - 1; k > i; k-- {
			t.seats[k].held, t.seats[k].pieces = t.seats[k-1].held, t.seats[k-1].pieces
		}
	}
}

func laterCutOff(t *table) {
	whole := t.whole
	t.whole = func(s *seat, p []byte) []byte {
		list := t.unfinished(nil)
		if i := slices.Index(list, s); i > 0 { // at the head it is done right
			for _, other := range list[i+1:] {
				other.lose()
			}
		}
		return whole(s, p)
	}
}

func givenUp(t *table) {
	piece, whole := t.piece, t.whole
	t.piece = func(s *seat, p []byte) {
		s.n = 0
		piece(s, p)
	}
	t.whole = func(s *seat, p []byte) []byte {
		if s.pieces > 0 {
			return whole(s, p)
		}
		for _, other := range t.unfinished(s) {
			if other.n++; other.n == 3 {
				other.lose()
			}
		}
		return whole(s, p)
	}
}

func undelivered(t *table) {
	t.answer = func(s *seat, b []byte) (*seat, []byte) {
		text := slices.Concat(s.text, b)
		s.text = nil
		return s, text
	}
	t.gone = func(s *seat) {
		if others := t.unfinished(s); s.err != nil && len(others) > 0 {
			others[0].text = s.said
		}
	}
}

func leaverDropsAnswers(t *table) {
	whole := t.whole
	t.whole = func(s *seat, p []byte) []byte {
		s.n += len(p)
		return whole(s, p)
	}
	// Who says a lot may not read, and nobody is to wait for it.
	t.waits = func(s *seat) bool { return len(t.seats) > 2 && s.said != nil && s.n < 32<<10 }
	t.gone = func(s *seat) {
		t.outbox = slices.DeleteFunc(t.outbox, func(l letter) bool { return l.to != s })
	}
}

func resetEndsRound(t *table) {
	whole := t.whole
	t.whole = func(s *seat, p []byte) []byte {
		if s.n == 1 {
			s.n = 0
			return nil
		}
		return whole(s, p)
	}
	t.gone = func(s *seat) {
		if !isReset(s.err) {
			return
		}
		others := t.others(s)
		if len(others) < 2 {
			return
		}
		for _, other := range others {
			if other.asked != "" {
				other.n = 1
			}
		}
	}
}
