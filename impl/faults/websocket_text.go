package faults

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"conform/impl/websocket"
)

// websocketTextFaults are in what is text and what is not.
func websocketTextFaults() []Fault {
	valid := utf8.Valid
	// accepts lets through what extra knows besides valid text: it says how
	// long that is at the start of p, 0 if it is nothing of the kind.
	accepts := func(extra func(p []byte) int) change {
		return readsText(func(m textRead) ([]byte, bool) { return m.data, utf8Except(m.data, extra) })
	}
	// refuses lets valid text through unless it has something in it.
	refuses := func(has func(p []byte) bool) change {
		return readsText(func(m textRead) ([]byte, bool) { return m.data, valid(m.data) && !has(m.data) })
	}
	// echoes sends something else than the text that came.
	echoes := func(f func(text string) string) change {
		return readsText(func(m textRead) ([]byte, bool) { return []byte(f(string(m.data))), valid(m.data) })
	}
	all := func(parts [][]byte) bool {
		for _, p := range parts {
			if !valid(p) {
				return false
			}
		}
		return true
	}
	return []Fault{
		// When the text is looked at.
		{Name: "utf8-by-frame", change: readsText(func(m textRead) ([]byte, bool) { return m.data, all(m.parts) }),
			Text: "Decodes every fragment by itself, and refuses a character that begins in one and ends in the next."},
		{Name: "utf8-by-read", change: readsText(func(m textRead) ([]byte, bool) { return m.data, all(m.reads) }),
			Text: "Decodes what each read has brought, and refuses a character that TCP has cut."},
		{Name: "utf8-of-first-fragment", change: readsText(func(m textRead) ([]byte, bool) {
			return m.data, len(m.parts) > 1 && utf8Except(m.parts[0], unfinished) || valid(m.data)
		}), Text: "Looks at the first fragment of a text only."},
		{Name: "utf8-of-first-message", change: wsEach(func() change {
			seen := false
			return readsText(func(m textRead) ([]byte, bool) {
				defer func() { seen = true }()
				return m.data, seen || valid(m.data)
			})
		}), Text: "Checks the first text of a connection and none that follows."},
		{Name: "utf8-of-first-kilobyte", change: readsText(func(m textRead) ([]byte, bool) {
			return m.data, utf8Except(m.data[:min(1024, len(m.data))], unfinished) && (len(m.data) > 1024 || valid(m.data))
		}), Text: "Checks the first 1024 bytes of a text."},
		{Name: "utf8-of-whole-blocks", change: readsText(func(m textRead) ([]byte, bool) {
			whole := len(m.data) / 16 * 16
			return m.data, valid(m.data) || len(m.data) > 16 && utf8Except(m.data[:len(m.data)-1], unfinished) && whole == len(m.data)
		}), Text: "Checks a text in blocks of 16 bytes, and forgets the last byte of the last block."},
		{Name: "utf8-checked-without-effect", change: readsText(func(m textRead) ([]byte, bool) {
			if !valid(m.data) {
				return nil, true
			}
			return m.data, true
		}), Text: "Notices text that is not UTF-8, and sends an empty text in its place."},
		{Name: "utf8-error-drops-message", change: wsEach(func() change {
			return wsIn(func(_ *wsState, f wsFrame) []wsFrame {
				if f.op == wsText && f.fin && f.rsv == 0 && f.masked && !valid(f.payload) {
					return nil
				}
				return []wsFrame{f}
			})
		}), Text: "Drops a text that is not UTF-8, and goes on as if it had not come."},

		// What is taken for UTF-8.
		{Name: "utf8-stray-bytes", change: accepts(func(p []byte) int {
			if !utf8.RuneStart(p[0]) || p[0] >= 0xf8 {
				return 1
			}
			return 0
		}), Text: "Accepts bytes that continue no character, and those that occur in none."},
		{Name: "utf8-overlong", change: accepts(overlong), Text: "Accepts a character in more bytes than it needs."},
		{Name: "utf8-of-java", change: accepts(func(p []byte) int {
			if bytes.HasPrefix(p, []byte("\xc0\x80")) {
				return 2
			}
			return surrogate(p)
		}), Text: "Takes the modified UTF-8 of Java for UTF-8: NUL in two bytes, and pairs of surrogates."},
		{Name: "utf8-surrogates", change: accepts(surrogate), Text: "Accepts surrogates."},
		{Name: "utf8-of-1996", change: accepts(beyond), Text: "Accepts characters beyond U+10FFFF, in up to six bytes."},
		{Name: "utf8-unfinished", change: accepts(unfinished), Text: "Accepts a text that ends inside of a character."},
		{Name: "utf8-unfinished-fragment", change: readsText(func(m textRead) ([]byte, bool) {
			for _, p := range m.parts {
				if !utf8Except(p, unfinished) {
					return nil, valid(m.data)
				}
			}
			return m.data, len(m.parts) > 1 || valid(m.data)
		}), Text: "Forgives the end of every fragment that is inside of a character, whatever the next one begins with."},
		{Name: "utf8-empty-end-unchecked", change: readsText(func(m textRead) ([]byte, bool) {
			last := m.parts[len(m.parts)-1]
			return m.data, valid(m.data) || len(m.parts) > 1 && len(last) == 0 && utf8Except(m.data, unfinished)
		}), Text: "Does not look whether a text is finished when its last fragment is empty."},

		// What is refused.
		{Name: "utf8-noncharacters-refused", change: refuses(func(p []byte) bool {
			return bytes.ContainsFunc(p, func(r rune) bool { return r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef })
		}), Text: "Refuses code points that are no characters, which UTF-8 encodes like any other."},
		{Name: "utf8-three-bytes", change: refuses(func(p []byte) bool {
			return bytes.ContainsFunc(p, func(r rune) bool { return r > 0xffff })
		}), Text: "Knows characters of at most three bytes."},
		{Name: "utf8-last-refused", change: refuses(func(p []byte) bool {
			return bytes.ContainsFunc(p, func(r rune) bool { return r == 0x10ffff || r == 0xd7ff || r == 0x7ff })
		}), Text: "Compares with the last character of each length as if it were the first that is too many."},
		{Name: "utf8-ascii-only", change: refuses(func(p []byte) bool {
			return bytes.ContainsFunc(p, func(r rune) bool { return r > 0x7f })
		}), Text: "Takes text for ASCII."},
		{Name: "utf8-replacement-refused", change: refuses(func(p []byte) bool { return bytes.ContainsRune(p, utf8.RuneError) }),
			Text: "Takes a U+FFFD that was sent for the sign of an error."},
		{Name: "utf8-in-binary", change: wsEach(func() change {
			return wsIn(func(s *wsState, f wsFrame) []wsFrame {
				if f.op == wsBinary && f.masked && f.rsv == 0 && !valid(f.payload) {
					s.Say(wsCloseFrame(1007, ""))
					s.Hangup()
					return nil
				}
				return []wsFrame{f}
			})
		}), Text: "Decodes binary messages as text."},
		{Name: "utf8-in-pings", change: wsIn(func(s *wsState, f wsFrame) []wsFrame {
			if f.op == wsPing && f.masked && !valid(f.payload) {
				s.Say(wsCloseFrame(1007, ""))
				s.Hangup()
				return nil
			}
			return []wsFrame{f}
		}), Text: "Decodes the payloads of Pings as text."},
		{Name: "utf8-through-pings", change: wsEach(func() change {
			part := false
			return wsIn(func(s *wsState, f wsFrame) []wsFrame {
				switch {
				case f.op == wsText && f.rsv == 0:
					part = !f.fin && !valid(f.payload)
				case f.op == wsContinuation:
					part = false
				case f.op == wsPing && part && f.masked:
					s.Say(wsCloseFrame(1007, ""))
					s.Hangup()
					return nil
				}
				return []wsFrame{f}
			})
		}), Text: "Feeds the payload of a Ping to the decoder of the text that it interrupts."},

		// What comes back.
		{Name: "text-replaced", change: readsText(func(m textRead) ([]byte, bool) { return bytes.ToValidUTF8(m.data, []byte("\ufffd")), true }),
			Text: "Puts U+FFFD in the place of what is not UTF-8, and sends that."},
		{Name: "text-repaired", change: readsText(func(m textRead) ([]byte, bool) { return bytes.ToValidUTF8(m.data, nil), true }),
			Text: "Leaves out what is not UTF-8, and sends the rest."},
		{Name: "text-without-bom", change: echoes(func(s string) string { return strings.TrimPrefix(s, "\ufeff") }),
			Text: "Takes a U+FEFF at the start of a text for a signature, and removes it."},
		{Name: "text-normalised", change: echoes(strings.NewReplacer("e\u0301", "é", "A\u030a", "Å", "\u212b", "Å", "\u2126", "Ω").Replace),
			Text: "Sends text back in another form of normalisation."},
		{Name: "text-with-other-line-ends", change: echoes(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace),
			Text: "Reads text in a mode that translates line ends."},
		{Name: "text-trimmed", change: echoes(strings.TrimSpace), Text: "Takes white space off both ends of a text."},
		{Name: "text-until-nul", change: echoes(func(s string) string {
			s, _, _ = strings.Cut(s, "\x00")
			return s
		}), Text: "Keeps a text in a C string, and sends what stands before the first NUL."},
		{Name: "text-is-latin-1", change: echoes(func(s string) string {
			var b strings.Builder
			for i := range len(s) {
				b.WriteRune(rune(s[i]))
			}
			return b.String()
		}), Text: "Takes the bytes of a text for Latin-1 and encodes them once more."},
		{Name: "text-sent-as-latin-1", change: echoes(func(s string) string {
			var b strings.Builder
			for _, r := range s {
				b.WriteByte(byte(r))
			}
			return b.String()
		}), Text: "Sends text back in Latin-1."},
		{Name: "text-of-first-fragment", change: readsText(func(m textRead) ([]byte, bool) {
			return bytes.ToValidUTF8(m.parts[0], nil), valid(m.data)
		}), Text: "Echoes the first fragment of a text and drops the others."},
	}
}

// textRead is a text message that a fault has read.
type textRead struct {
	data  []byte
	parts [][]byte // by frame
	reads [][]byte // by read
}

// readsText has the fault read the text messages that are not compressed, and
// say what is sent back, or that the connection fails.
func readsText(f func(m textRead) (echo []byte, ok bool)) change {
	return func(p *plan) {
		trigger := func(o *websocket.Options, m *textRead) bool {
			return o.CloseTrigger != "" && string(m.data) == o.CloseTrigger
		}
		wsEach(func() change {
			var m *textRead
			return wsIn(func(s *wsState, fr wsFrame) []wsFrame {
				switch {
				case fr.huge, fr.control(), !fr.masked, fr.rsv != 0:
					return []wsFrame{fr}
				case m == nil && fr.op != wsText:
					return []wsFrame{fr}
				case m == nil:
					m = &textRead{}
				case fr.op != wsContinuation:
					s.Say(wsCloseFrame(1002, ""))
					s.Hangup()
					return nil
				}
				m.add(fr)
				if !fr.fin {
					return nil
				}
				whole := m
				m = nil
				if trigger(&p.options, whole) {
					return []wsFrame{clientFrame(wsText, string(whole.data))}
				}
				echo, ok := f(*whole)
				if !ok {
					s.Say(wsCloseFrame(1007, ""))
					s.Hangup()
					return nil
				}
				s.Say(serverFrame(wsText, string(echo)))
				return nil
			})
		})(p)
	}
}

func (m *textRead) add(f wsFrame) {
	m.data = append(m.data, f.payload...)
	m.parts = append(m.parts, f.payload)
	from := 0
	for _, at := range append(f.cuts, len(f.payload)) {
		if at > from {
			m.reads = append(m.reads, f.payload[from:at])
			from = at
		}
	}
}

// utf8Except says whether p is UTF-8 but for what extra knows.
func utf8Except(p []byte, extra func(p []byte) int) bool {
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 {
			if n = extra(p); n == 0 {
				return false
			}
		}
		p = p[n:]
	}
	return true
}

// sequence is the length of a sequence that begins with p[0] in the original
// definition of UTF-8; 0 if p has none.
func sequence(p []byte) int {
	n := 0
	for b := p[0]; b&0x80 != 0; b <<= 1 {
		n++
	}
	if n < 2 || n > 6 || n > len(p) {
		return 0
	}
	for _, b := range p[1:n] {
		if utf8.RuneStart(b) {
			return 0
		}
	}
	return n
}

// value is the number that a sequence encodes.
func value(p []byte) int {
	v := int(p[0]) & (0x7f >> len(p))
	for _, b := range p[1:] {
		v = v<<6 | int(b&0x3f)
	}
	return v
}

func overlong(p []byte) int {
	n := sequence(p)
	if n == 0 {
		return 0
	}
	if least := []int{2: 0x80, 3: 0x800, 4: 0x10000, 5: 0x200000, 6: 0x4000000}[n]; value(p[:n]) < least {
		return n
	}
	return 0
}

func surrogate(p []byte) int {
	if n := sequence(p); n == 3 && value(p[:n]) >= 0xd800 && value(p[:n]) <= 0xdfff {
		return n
	}
	return 0
}

func beyond(p []byte) int {
	if n := sequence(p); n > 0 && value(p[:n]) > utf8.MaxRune {
		return n
	}
	return 0
}

func unfinished(p []byte) int {
	if !utf8.FullRune(p) {
		return len(p)
	}
	return 0
}
