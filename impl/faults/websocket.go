package faults

import (
	"slices"
	"strings"
	"unicode/utf8"

	"conform/impl"
)

func websocketFaults() []Fault {
	return slices.Concat(about("handshake framing masking control closing text", []Fault{
		// The opening handshake.
		{Name: "request-in-one-read", change: handler(func(next impl.Handler) impl.Handler {
			asked := false
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if !asked && !strings.Contains(string(p[:min(1024, len(p))]), "\r\n\r\n") {
					return impl.Reply{Send: []byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), Close: true}
				}
				asked = true
				return next.Data(p)
			}}
		}), Text: "Takes one read of 1024 bytes for the whole request, and refuses one that is longer or comes in two."},
		{Name: "header-names-by-case", change: wsRequest(func(head string) string {
			return headEach(head, "", func(line string) string {
				name, _, _ := strings.Cut(line, ":")
				known := []string{"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"}
				if slices.Contains(known, name) || !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
					return line
				}
				return "X-" + line
			})
		}), Text: "Finds the headers of the request only when their names are spelled as in the RFC."},

		// Frames.
		{Name: "unmasked-accepted", change: wsIn(func(_ *wsState, f wsFrame) []wsFrame {
			f.masked = true
			return []wsFrame{f}
		}), Text: "Accepts frames without a mask."},
		{Name: "long-lengths-refused", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.form == 64 {
				s.Say(wsCloseFrame(1009, ""))
				s.Hangup()
				return nil
			}
			return []wsFrame{f}
		}), Text: "Understands lengths of 7 and of 16 bits only, so that no message of 64 KiB is echoed."},
		{Name: "length-little-endian", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			f.swapped = f.form == 16
			return []wsFrame{f}
		}), Text: "Sends the two bytes of a length in the order of its own machine."},

		// Control frames.
		{Name: "ping-answered-with-text", change: wsOut(func(_ *wsState, f wsFrame) []wsFrame {
			if f.op == wsPong {
				f.op = wsText
			}
			return []wsFrame{f}
		}), Text: "Takes a Ping for a message and echoes it as text."},
		{Name: "close-echoed-as-text", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsClose && f.masked {
				s.Say(serverFrame(wsText, string(f.payload)))
				return nil
			}
			return []wsFrame{f}
		}), Text: "Takes a Close for a message, echoes it as text and stays connected."},

		// Text.
		{Name: "utf8-unchecked", change: utf8Unchecked,
			Text: "Echoes text that is not UTF-8."},
	}),
		about("handshake", websocketHandshakeFaults(), websocketGrammarFaults()),
		about("handshake security", websocketSecurityFaults()),
		about("masking", websocketMaskingFaults()),
		about("framing masking", websocketFramingFaults()),
		about("fragmentation framing", websocketFragmentationFaults()),
		about("control", websocketControlFaults()),
		about("text", websocketTextFaults()),
		about("closing", websocketClosingFaults()),
		about("deflate extensions", websocketDeflateFaults()),
		about("limits concurrency", websocketLimitsFaults(), websocketConcurrencyFaults()),
	)
}

// about names the sections of the standard that faults are about.
func about(sections string, lists ...[]Fault) []Fault {
	all := slices.Concat(lists...)
	for i := range all {
		all[i].Sections = strings.Fields(sections)
	}
	return all
}

// utf8Unchecked passes text on as binary, which is not validated, and sends the
// echo as text again. What is valid on the face of it stays text.
func utf8Unchecked(p *plan) {
	wsBoth(func(s *wsState, f wsFrame) []wsFrame {
		if f.op == wsText && !(f.fin && utf8.Valid(f.payload)) {
			f.op = wsBinary
		}
		if f.fin && !f.control() {
			s.kept = append(s.kept, s.message)
		}
		return []wsFrame{f}
	}, func(s *wsState, f wsFrame) []wsFrame {
		if f.op == wsBinary && len(s.kept) > 0 {
			f.op = s.kept[0]
		}
		if f.fin && !f.control() && len(s.kept) > 0 {
			s.kept = s.kept[1:]
		}
		return []wsFrame{f}
	})(p)
}
