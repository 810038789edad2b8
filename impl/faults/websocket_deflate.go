package faults

import (
	"bytes"
	"compress/flate"
	"io"
	"regexp"
	"slices"
	"strings"

	"conform/impl"
)

// websocketDeflateFaults are in the negotiation of extensions, and in
// permessage-deflate.
func websocketDeflateFaults() []Fault {
	return slices.Concat(wsExtensionFaults(), wsParameterFaults(), wsInflaterFaults(), wsDeflaterFaults())
}

const extensionsField = "Sec-WebSocket-Extensions"

// offering rewrites what a client offers; nothing at all takes the field out.
func offering(f func(offer string) string) change {
	return wsRequest(func(head string) string {
		offer := joinedOffers(head)
		if offer == "" {
			return head
		}
		head = headDel(head, extensionsField)
		if offer = f(offer); offer != "" {
			head = headAdd(head, extensionsField+": "+offer)
		}
		return head
	})
}

// joinedOffers is the list in all lines of the field.
func joinedOffers(head string) string {
	var lines []string
	headEach(head, extensionsField, func(line string) string {
		_, value, _ := strings.Cut(line, ":")
		lines = append(lines, strings.TrimSpace(value))
		return line
	})
	return strings.Join(lines, ", ")
}

// agreeing rewrites what the server agrees to, if it does.
func agreeing(f func(offer, answer string) string) change {
	return wsExchange(func(request, response string) string {
		if answer := headGet(response, extensionsField); answer != "" {
			return headSet(response, extensionsField, f(joinedOffers(request), answer))
		}
		return response
	})
}

// dropping takes what matches out of an offer, and answers as if it had not
// been there.
func dropping(pattern string) change {
	re := regexp.MustCompile(pattern)
	return offering(func(offer string) string { return re.ReplaceAllString(offer, "") })
}

// wsExtensionFaults are in which extensions are agreed to.
func wsExtensionFaults() []Fault {
	deflates := "permessage-deflate"
	return []Fault{
		{Name: "extension-unasked", change: wsResponse(func(head string) string {
			if headHas(head, extensionsField) {
				return head
			}
			return with101(head, extensionsField+": "+deflates)
		}), Text: "Has Sec-WebSocket-Extensions in every 101, whether the client has offered one or not."},
		{Name: "extensions-copied", change: both(offering(func(offer string) string {
			if !strings.Contains(offer, deflates) {
				return ""
			}
			return offer
		}), wsExchange(func(request, response string) string {
			if offer := joinedOffers(request); offer != "" {
				return with101(headDel(response, extensionsField), extensionsField+": "+offer)
			}
			return response
		})), Text: "Copies what the client offers into the response."},
		{Name: "unknown-extension-refused", change: wsStatusIf(func(request string) bool {
			return strings.Contains(joinedOffers(request), "x-")
		}, "400 Bad Request"), Text: "Refuses a handshake because of an extension that it does not know."},
		{Name: "extension-looked-up-in-object", change: onHead(dies, func(head string) bool {
			return regexp.MustCompile(`\b(constructor|__proto__|toString|hasOwnProperty)\b`).MatchString(joinedOffers(head))
		}), Text: "Looks extensions up in an object that knows constructor and toString as well, and ends with an uncaught error."},
		{Name: "extension-found-anywhere", change: offering(func(offer string) string {
			if strings.Contains(offer, deflates) {
				return deflates
			}
			return ""
		}), Text: "Looks for permessage-deflate anywhere in the offer, also inside of a quoted string."},
		{Name: "extension-regexp-explodes", change: wsHangIf(func(request string) bool {
			return strings.Count(joinedOffers(request), `\`) > 1000
		}), Text: "Reads the offer with a regular expression that takes years for a long quoted string."},
		{Name: "extensions-of-first-line", change: wsRequest(func(head string) string {
			seen := false
			return headEach(head, extensionsField, func(line string) string {
				if seen {
					return ""
				}
				seen = true
				return line
			})
		}), Text: "Reads the first of several lines of Sec-WebSocket-Extensions."},
		{Name: "extensions-of-last-line", change: wsRequest(func(head string) string {
			last := ""
			headEach(head, extensionsField, func(line string) string { last = line; return line })
			if last == "" {
				return head
			}
			return headAdd(headDel(head, extensionsField), last)
		}), Text: "Reads the last of several lines of Sec-WebSocket-Extensions."},
		{Name: "extensions-compared-with-each-other", change: wsHangIf(func(request string) bool {
			return strings.Count(joinedOffers(request), deflates) > 500
		}), Text: "Compares every offer with every other, and is not done with a thousand of them in time."},
		{Name: "extension-answered-twice", change: agreeing(func(_, answer string) string { return answer + ", " + answer }),
			Text: "Agrees to the same extension twice."},
		{Name: "extension-with-own-parameter", change: agreeing(func(_, answer string) string { return answer + "; level=6" }),
			Text: "Puts a parameter of its own into the response."},
	}
}

// wsParameterFaults are in what parameters of permessage-deflate are agreed to,
// and not kept to.
func wsParameterFaults() []Fault {
	const bits = `; *server_max_window_bits=\d+`
	serverBits := regexp.MustCompile(bits)
	// keeping has a parameter in the response that the reference has not been told of.
	keeping := func(pattern string) change {
		re := regexp.MustCompile(pattern)
		return both(dropping(pattern), agreeing(func(offer, answer string) string {
			first, _, _ := strings.Cut(offer, ",")
			return answer + re.FindString(first)
		}))
	}
	return []Fault{
		{Name: "client-window-unasked", change: agreeing(func(_, answer string) string { return answer + "; client_max_window_bits=12" }),
			Text: "Asks every client to limit its window, also one that has not said that it can."},
		{Name: "client-window-without-value", change: agreeing(func(offer, answer string) string {
			if strings.Contains(offer, "client_max_window_bits") {
				return answer + "; client_max_window_bits"
			}
			return answer
		}), Text: "Copies client_max_window_bits into the response, where it needs a value."},
		{Name: "server-window-passed-over", change: dropping(bits), Text: "Passes server_max_window_bits over."},
		{Name: "server-window-answered-larger", change: both(dropping(bits), agreeing(func(offer, answer string) string {
			if serverBits.MatchString(offer) {
				return answer + "; server_max_window_bits=15"
			}
			return answer
		})), Text: "Answers server_max_window_bits with the window that it has, whatever the client asks for."},
		{Name: "server-window-not-kept", change: keeping(bits), Text: "Agrees to a limit of its window, and makes its compressor without it."},
		{Name: "server-window-of-9-for-8", change: offering(func(offer string) string {
			return strings.ReplaceAll(offer, "server_max_window_bits=8", "server_max_window_bits=9")
		}), Text: "Takes a window of 512 bytes where 256 are asked for, because its library has none."},
		{Name: "server-window-of-8-breaks", change: wsHangIf(func(request string) bool {
			return strings.Contains(joinedOffers(request), "server_max_window_bits=8")
		}), Text: "Ends with an uncaught error, and without an answer, when its library cannot make a window of 256 bytes."},
		{Name: "server-takeover-not-dropped", change: keeping(`; *server_no_context_takeover`),
			Text: "Agrees to server_no_context_takeover, and does not reset its compressor."},
		{Name: "server-takeover-passed-over", change: dropping(`; *server_no_context_takeover`),
			Text: "Passes server_no_context_takeover over."},
		{Name: "parameters-unread", change: dropping(`;[^,]*`), Text: "Reads no parameters of permessage-deflate."},
		{Name: "unknown-parameters-dropped", change: dropping(`; *(foo|x_|constructor|__proto__|toString|hasOwnProperty)[^;,]*`),
			Text: "Drops the parameters that it does not know from an offer, and accepts it."},
		{Name: "invalid-window-dropped", change: dropping(`; *\w+_max_window_bits(=(7|16|0\d*|abc|))?(?:$|;)`),
			Text: "Takes a window that is not allowed for none at all."},
		{Name: "window-by-number", change: offering(func(offer string) string { return strings.ReplaceAll(offer, "=0", "=") }),
			Text: "Converts the window to a number, and does not mind a zero before it."},
		{Name: "repeated-parameter-dropped", change: offering(func(offer string) string {
			return strings.ReplaceAll(offer, "; server_no_context_takeover; server_no_context_takeover", "; server_no_context_takeover")
		}), Text: "Reads parameters into a map, so that one that is there twice is there once."},
		{Name: "valued-flag-is-a-flag", change: offering(func(offer string) string {
			return strings.ReplaceAll(offer, "takeover=1", "takeover")
		}), Text: "Does not look whether server_no_context_takeover has a value."},
		{Name: "first-offer-answered", change: agreeing(func(offer, answer string) string {
			if strings.Contains(offer, "; foo,") {
				return answer + "; foo"
			}
			return answer
		}), Text: "Takes the second offer and answers the first."},
		{Name: "quoted-value-passed-over", change: dropping(`; *\w+="[^"]*"`), Text: "Passes over parameters with a quoted value."},
	}
}

// packedRead is a compressed message that a fault has read.
type packedRead struct {
	op      byte
	payload []byte
	parts   [][]byte // by frame
	pinged  bool     // a control frame came in between
}

// plain passes data on to the reference as a message without compression.
func (m packedRead) plain(data []byte) []wsFrame {
	return []wsFrame{{fin: true, op: m.op, masked: true, key: [4]byte{'k', 'e', 'y', '!'}, payload: data}}
}

// readsPacked has the fault read the compressed messages: f says what goes on
// to the reference. The window is that of the messages before.
func readsPacked(f func(s *wsState, window *[]byte, m packedRead) []wsFrame) change {
	return wsEach(func() change {
		var m *packedRead
		var window []byte
		return wsIn(func(s *wsState, fr wsFrame) []wsFrame {
			agreed := headGet(s.response, extensionsField) != ""
			switch {
			case !agreed, fr.huge, !fr.masked:
				return []wsFrame{fr}
			case fr.control():
				if m != nil {
					m.pinged = true
				}
				return []wsFrame{fr}
			case m == nil && (fr.rsv != 4 || fr.op == wsContinuation):
				return []wsFrame{fr}
			case m == nil:
				m = &packedRead{op: fr.op}
			case fr.op != wsContinuation || fr.rsv != 0:
				s.Say(wsCloseFrame(1002, ""))
				s.Hangup()
				return nil
			}
			m.payload = append(m.payload, fr.payload...)
			m.parts = append(m.parts, fr.payload)
			if !fr.fin {
				return nil
			}
			whole := *m
			m = nil
			return f(s, &window, whole)
		})
	})
}

// inflates is readsPacked for what goes wrong with some messages only: f says
// what becomes of a message and what it inflates to. nil fails the connection.
func inflates(f func(s *wsState, m packedRead, data []byte) []byte) change {
	return readsPacked(func(s *wsState, window *[]byte, m packedRead) []wsFrame {
		data, err := wsInflate(window, m.payload)
		if err == nil {
			data = f(s, m, append([]byte{}, data...))
		}
		if err != nil || data == nil {
			s.Say(wsCloseFrame(1007, ""))
			s.Hangup()
			return nil
		}
		return m.plain(data)
	})
}

// wsInflaterFaults are in how compressed messages are read.
func wsInflaterFaults() []Fault {
	const large = "websocket/deflate/large-messages"
	fails := func(s *wsState) []wsFrame {
		s.Say(wsCloseFrame(1007, ""))
		s.Hangup()
		return nil
	}
	// onError has something else happen than a failure when a message does not inflate.
	onError := func(f func(s *wsState, m packedRead, start []byte) []wsFrame) change {
		return readsPacked(func(s *wsState, window *[]byte, m packedRead) []wsFrame {
			before := bytes.Clone(*window)
			data, err := wsInflate(window, m.payload)
			if err != nil {
				r := flate.NewReaderDict(bytes.NewReader(m.payload), before)
				start, _ := io.ReadAll(io.LimitReader(r, 1<<20))
				return f(s, m, start)
			}
			return m.plain(data)
		})
	}
	return []Fault{
		{Name: "rsv1-not-understood", change: readsPacked(func(_ *wsState, _ *[]byte, m packedRead) []wsFrame { return m.plain(m.payload) }),
			Text: "Agrees to compression, and takes compressed messages as they are."},
		{Name: "plain-message-inflated", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if headGet(s.response, extensionsField) != "" && f.masked && f.rsv == 0 && (f.op == wsText || f.op == wsBinary) {
				return fails(s)
			}
			return []wsFrame{f}
		}), Text: "Inflates every message once compression is agreed on, also one without RSV1."},
		{Name: "inflates-without-context", change: readsPacked(func(s *wsState, window *[]byte, m packedRead) []wsFrame {
			*window = nil
			data, err := wsInflate(window, m.payload)
			if err != nil {
				return fails(s)
			}
			return m.plain(data)
		}), Text: "Makes its inflater anew for each message, without having asked the client to do the same."},
		{Name: "inflates-with-small-window", change: readsPacked(func(s *wsState, window *[]byte, m packedRead) []wsFrame {
			*window = (*window)[max(0, len(*window)-512):]
			data, err := wsInflate(window, m.payload)
			if err != nil {
				return fails(s)
			}
			return m.plain(data)
		}), Text: "Inflates with a window of 512 bytes, which it has not told the client."},
		{Name: "inflates-each-frame", change: readsPacked(func(s *wsState, window *[]byte, m packedRead) []wsFrame {
			var all []byte
			for _, p := range m.parts {
				data, err := wsInflate(window, p)
				if err != nil {
					return fails(s)
				}
				all = append(all, data...)
			}
			return m.plain(all)
		}), Text: "Inflates each frame of a message by itself."},
		{Name: "inflates-to-one-buffer", change: inflates(func(_ *wsState, _ packedRead, data []byte) []byte { return data[:min(len(data), 1024)] }),
			Text: "Inflates into a buffer of 1024 bytes, and takes what fits for all of it."},
		{Name: "inflates-to-64-kib", Load: large, change: inflates(func(_ *wsState, _ packedRead, data []byte) []byte { return data[:min(len(data), 64<<10)] }),
			Text: "Inflates into a buffer of 64 KiB, and takes what fits for all of it."},
		{Name: "inflates-two-thousand-messages", Load: "websocket/deflate/thousands-of-messages", change: wsEach(func() change {
			n := 0
			return inflates(func(_ *wsState, _ packedRead, data []byte) []byte {
				if n++; n > 2000 {
					return nil
				}
				return data
			})
		}), Text: "Does not give back what its library lends it for a message, and has nothing left after two thousand of a connection."},
		{Name: "inflates-what-fits-the-buffer", change: readsPacked(func(s *wsState, window *[]byte, m packedRead) []wsFrame {
			data, err := wsInflate(window, m.payload[:min(len(m.payload), 4096)])
			if err != nil {
				return fails(s)
			}
			return m.plain(data)
		}), Text: "Copies a compressed message into a buffer of 4096 bytes."},
		{Name: "inflates-one-block", change: inflates(func(_ *wsState, m packedRead, data []byte) []byte {
			if at := bytes.Index(m.payload, []byte("\x00\x00\xff\xff")); at >= 0 {
				return data[:len(data)/2]
			}
			return data
		}), Text: "Takes a flush inside of a message for its end."},
		{Name: "stored-blocks-refused", change: inflates(func(_ *wsState, m packedRead, data []byte) []byte {
			if len(m.payload) > 1 && m.payload[0]&6 == 0 {
				return nil
			}
			return data
		}), Text: "Knows compressed blocks only, and refuses those that are stored."},
		{Name: "final-block-refused", change: inflates(func(_ *wsState, m packedRead, data []byte) []byte {
			if len(m.payload) > 0 && m.payload[0]&1 != 0 {
				return nil
			}
			return data
		}), Text: "Takes BFINAL for an error."},
		{Name: "final-block-ends-inflater", change: wsEach(func() change {
			ended := false
			return inflates(func(_ *wsState, m packedRead, data []byte) []byte {
				if ended {
					return []byte{}
				}
				ended = len(m.payload) > 0 && m.payload[0]&1 != 0
				return data
			})
		}), Text: "Has an inflater that has seen BFINAL inflate nothing more, and takes that for empty messages."},
		{Name: "empty-message-is-an-error", change: inflates(func(_ *wsState, _ packedRead, data []byte) []byte {
			if len(data) == 0 {
				return nil
			}
			return data
		}), Text: "Takes it for an error that nothing comes out of its inflater."},
		{Name: "empty-message-lost", change: readsPacked(func(s *wsState, window *[]byte, m packedRead) []wsFrame {
			data, err := wsInflate(window, m.payload)
			switch {
			case len(m.payload) < 2:
				return nil
			case err != nil:
				return fails(s)
			}
			return m.plain(data)
		}), Text: "Hands no message on when nothing comes out of its inflater."},
		{Name: "ping-ends-compression", change: readsPacked(func(s *wsState, window *[]byte, m packedRead) []wsFrame {
			data, err := wsInflate(window, m.payload)
			switch {
			case m.pinged:
				return m.plain(m.payload)
			case err != nil:
				return fails(s)
			}
			return m.plain(data)
		}), Text: "Notes RSV1 of every frame, and does not inflate a message that a Ping has interrupted."},
		{Name: "compressed-text-unchecked", change: readsPacked(func(s *wsState, window *[]byte, m packedRead) []wsFrame {
			data, err := wsInflate(window, m.payload)
			if err != nil {
				return fails(s)
			}
			s.Say(serverFrame(m.op, string(data)))
			return nil
		}), Text: "Checks text that is not compressed, and hands on what inflates to anything."},
		{Name: "compressed-text-checked-on-the-wire", change: readsPacked(func(s *wsState, window *[]byte, m packedRead) []wsFrame {
			data, err := wsInflate(window, m.payload)
			if err != nil || m.op == wsText && !utf8Except(m.payload, func([]byte) int { return 0 }) {
				return fails(s)
			}
			return m.plain(data)
		}), Text: "Checks the compressed bytes of a text, which are no text."},
		{Name: "corrupt-message-echoed", change: onError(func(s *wsState, m packedRead, _ []byte) []wsFrame {
			s.Say(serverFrame(wsBinary, string(m.payload)))
			return nil
		}), Text: "Hands on the compressed bytes of what does not inflate."},
		{Name: "corrupt-message-cut", change: onError(func(s *wsState, m packedRead, start []byte) []wsFrame { return m.plain(start) }),
			Text: "Hands on as much of a message as can be inflated."},
		{Name: "corrupt-message-dropped", change: onError(func(*wsState, packedRead, []byte) []wsFrame { return nil }),
			Text: "Drops what does not inflate, and goes on."},
		{Name: "corrupt-message-hangs", change: handler(func(next impl.Handler) impl.Handler {
			hangs := false
			inner := around(next, onError(func(*wsState, packedRead, []byte) []wsFrame { hangs = true; return nil }))
			return &hook{Handler: inner, data: func(p []byte) impl.Reply {
				if hangs {
					return impl.Reply{}
				}
				return inner.Data(p)
			}}
		}), Text: "Has an error of its inflater end the thread that serves the connection, and leaves the connection open."},
		{Name: "bomb-inflated", change: func(p *plan) {
			wsIn(func(s *wsState, f wsFrame) []wsFrame {
				if f.rsv == 4 && len(f.payload) > 32<<10 {
					r := flate.NewReader(bytes.NewReader(f.payload))
					if n, _ := io.Copy(io.Discard, r); n > 8<<20 {
						p.die()
					}
				}
				return []wsFrame{f}
			})(p)
		}, Text: "Inflates without a limit, and is ended by the system when its memory is used up."},
		{Name: "limit-on-the-wire-only", change: readsPacked(func(s *wsState, window *[]byte, m packedRead) []wsFrame {
			r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(m.payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")), *window)
			data, err := io.ReadAll(io.LimitReader(r, 128<<20))
			if err != nil {
				return fails(s)
			}
			wsSlide(window, data[max(0, len(data)-32<<10):])
			if len(data) > 60<<10 {
				s.Say(serverFrame(m.op, string(data)))
				return nil
			}
			return m.plain(data)
		}), Text: "Limits the length of a message before it is inflated, and not after it."},
		{Name: "rsv1-anywhere", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if headGet(s.response, extensionsField) != "" && (f.op == wsContinuation || f.control()) {
				f.rsv &^= 4
			}
			return []wsFrame{f}
		}), Text: "Lets RSV1 through on every frame once compression is agreed on."},
		{Name: "rsv1-on-ping-inflates", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if headGet(s.response, extensionsField) != "" && f.op == wsPing && f.rsv == 4 {
				return nil
			}
			return []wsFrame{f}
		}), Text: "Tries to inflate a Ping with RSV1, and drops it."},
		{Name: "rsv2-and-rsv3-let-through", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if headGet(s.response, extensionsField) != "" {
				f.rsv &= 4
			}
			return []wsFrame{f}
		}), Text: "Lets all reserved bits through once an extension is agreed on."},
	}
}

// wsDeflaterFaults are in how messages are compressed.
func wsDeflaterFaults() []Fault {
	// repacks has the fault compress what the reference sends.
	repacks := func(f func(window *[]byte, message []byte) []byte) change {
		return wsEach(func() change {
			var theirs, ours []byte
			return wsOut(func(s *wsState, fr wsFrame) []wsFrame {
				if fr.rsv != 4 {
					return []wsFrame{fr}
				}
				if strings.Contains(s.response, "server_no_context_takeover") {
					theirs, ours = nil, nil
				}
				if data, err := wsInflate(&theirs, fr.payload); err == nil {
					fr.payload = f(&ours, data)
				}
				return []wsFrame{fr}
			})
		})
	}
	packed := func(f func(fr wsFrame) []wsFrame) change {
		return wsOut(func(_ *wsState, fr wsFrame) []wsFrame {
			if fr.rsv != 4 {
				return []wsFrame{fr}
			}
			return f(fr)
		})
	}
	return []Fault{
		{Name: "compresses-twice", change: repacks(func(window *[]byte, message []byte) []byte {
			wsDeflate(window, message)
			return wsDeflate(window, message)
		}), Text: "Compresses each message once to see whether it is worth it, and again to send it, with one compressor."},
		{Name: "compresses-unsent-messages", change: wsEach(func() change {
			n := 0
			return repacks(func(window *[]byte, message []byte) []byte {
				if n++; n%100 == 0 {
					wsDeflate(window, []byte("a message that was compressed and never sent, because its receiver was gone"))
				}
				return wsDeflate(window, message)
			})
		}), Text: "Keeps what it has compressed and not sent in the context of the messages after it."},
		{Name: "tail-left", change: packed(func(fr wsFrame) []wsFrame {
			fr.payload = append(fr.payload, "\x00\x00\xff\xff"...)
			return []wsFrame{fr}
		}), Text: "Leaves 00 00 FF FF behind a compressed message, which the receiver puts back."},
		{Name: "tail-cut-too-long", change: packed(func(fr wsFrame) []wsFrame {
			fr.payload = fr.payload[:max(0, len(fr.payload)-2)]
			return []wsFrame{fr}
		}), Text: "Cuts six bytes off the end of a compressed message instead of four."},
		{Name: "rsv1-forgotten", change: packed(func(fr wsFrame) []wsFrame {
			fr.rsv = 0
			return []wsFrame{fr}
		}), Text: "Sends compressed messages without RSV1."},
		{Name: "rsv1-on-every-fragment", change: packed(func(fr wsFrame) []wsFrame {
			if len(fr.payload) < 100 {
				return []wsFrame{fr}
			}
			rest := fr
			fr.payload, rest.payload = fr.payload[:100], fr.payload[100:]
			fr.fin, rest.op = false, wsContinuation
			return []wsFrame{fr, rest}
		}), Text: "Sets RSV1 on every fragment of a compressed message."},
		{Name: "rsv1-on-pongs", change: wsOut(func(s *wsState, fr wsFrame) []wsFrame {
			if fr.op == wsPong && headGet(s.response, extensionsField) != "" {
				fr.rsv = 4
			}
			return []wsFrame{fr}
		}), Text: "Sets RSV1 on every frame that it sends once compression is agreed on, on Pongs too."},
	}
}
