package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"strings"

	"conform/impl"
)

func echoFaults() []Fault {
	return []Fault{
		// What a line comes back as.
		{Name: "greets", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, open: func() impl.Reply { return say("Welcome\r\n") }}
		}), Text: "Greets a client that has not sent anything."},
		{Name: "always-hello", change: echoes(func(string) string { return "hello" }),
			Text: "Gives the same answer to every line."},
		{Name: "upper-case", change: echoes(strings.ToUpper),
			Text: "Echoes in capital letters."},
		{Name: "lower-case", change: echoes(strings.ToLower),
			Text: "Echoes in small letters."},
		{Name: "first-word", change: echoes(func(s string) string { s, _, _ = strings.Cut(s, " "); return s }),
			Text: "Echoes only the first word of a line, as scanf does."},
		{Name: "no-label", change: onAnswer(func(a string) string { return strings.ReplaceAll(a, "Echoed: ", "") }),
			Text: "Echoes the text without its label."},
		{Name: "no-quotes", change: onAnswer(func(a string) string { return strings.ReplaceAll(a, "'", "") }),
			Text: "Echoes the text without quotes around it."},
		{Name: "double-quotes", change: onAnswer(func(a string) string { return strings.ReplaceAll(a, "'", `"`) }),
			Text: "Puts the text between double quotes."},
		{Name: "lf-only", change: onAnswer(func(a string) string { return strings.ReplaceAll(a, "\r\n", "\n") }),
			Text: "Ends its answers in LF instead of CRLF."},
		{Name: "no-line-end", change: onAnswer(func(a string) string { return strings.TrimRight(a, "\r\n") }),
			Text: "Does not end its answers in a line end."},
		{Name: "used-as-format", change: echoes(func(s string) string {
			return strings.NewReplacer("%s", "(null)", "%d", "0", "%%", "%").Replace(s)
		}), Text: "Uses the line as a printf format instead of as its argument."},
		{Name: "used-as-template", change: echoes(func(s string) string {
			return strings.NewReplacer("{}", "", "{0}", "").Replace(s)
		}), Text: "Uses the line as a format with braces."},
		{Name: "html-escaped", change: echoes(html.EscapeString),
			Text: "Escapes the text for HTML, which nobody asked for."},
		{Name: "shell-expanded", change: echoes(func(s string) string { return strings.ReplaceAll(s, "$HOME", "/root") }),
			Text: "Passes the line to a shell, which expands it."},
		{Name: "knows-calculator-commands", change: eachLine(func(text string, next answer) impl.Reply {
			if text == "product" || text == "sum" {
				return say("<switching to " + text + " mode>\r\n")
			}
			return next(text)
		}), Text: "Still knows the commands of the calculator."},
		{Name: "exit-quits-too", change: quitWhen(func(s string) bool { return s == "quit" || s == "exit" }),
			Text: "Quits on exit too."},
		{Name: "cut-at-80", change: echoes(func(s string) string { return s[:min(len(s), 80)] }),
			Text: "Cuts a line at the eightieth character."},
		{Name: "buffer-of-64k", change: bounded('\n', 64<<10-1),
			Text: "Keeps at most 65535 bytes of a line and drops the rest, its end included."},
		{Name: "reversed", change: echoes(func(s string) string {
			r := []rune(s)
			for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
				r[i], r[j] = r[j], r[i]
			}
			return string(r)
		}), Text: "Sends the text back from its end to its start."},
		{Name: "punctuation-dropped", change: echoes(func(s string) string {
			return strings.Map(func(r rune) rune {
				if strings.ContainsRune("~`!#$%^&*|<>?;", r) {
					return -1
				}
				return r
			}, s)
		}), Text: "Drops the characters that it takes for dangerous."},

		// White space.
		{Name: "stripped-on-both-sides", change: echoes(strings.TrimSpace),
			Text: "Strips white space at the start of a line too."},
		{Name: "not-stripped", change: rawLines(universal),
			Text: "Does not strip white space at the end of a line."},
		{Name: "only-blanks-stripped", change: cut(universal, func(text string, next answer) impl.Reply {
			return rawEcho(strings.TrimRight(text, " \t"), next)
		}), Text: "Strips blanks and tabs at the end of a line, but no other white space."},
		{Name: "only-ascii-stripped", change: cut(universal, func(text string, next answer) impl.Reply {
			return rawEcho(strings.TrimRight(text, " \t\v\f\x1c\x1d\x1e\x1f"), next)
		}), Text: "Does not know white space beyond ASCII."},
		{Name: "one-blank-stripped", change: cut(universal, func(text string, next answer) impl.Reply {
			return rawEcho(strings.TrimSuffix(strings.TrimSuffix(text, " "), "\t"), next)
		}), Text: "Strips one blank at the end of a line and leaves the others."},
		{Name: "blanks-collapsed", change: echoes(func(s string) string {
			return s[:len(s)-len(strings.TrimLeft(s, " "))] + strings.Join(strings.Fields(s), " ")
		}), Text: "Splits the line into words and joins them with one blank each."},
		{Name: "blanks-dropped", change: echoes(func(s string) string { return strings.ReplaceAll(s, " ", "") }),
			Text: "Drops the blanks inside a line."},
		{Name: "cr-kept", change: rawLines(atLF),
			Text: "Cuts lines at LF alone and keeps the CR in the text."},
		{Name: "splitlines", change: onInput(func(p []byte) []byte {
			for _, end := range []string{"\v", "\f", "\x1c", "\x1d", "\x1e", "\u0085", "\u2028", "\u2029"} {
				p = bytes.ReplaceAll(p, []byte(end), []byte("\n"))
			}
			return p
		}), Text: "Cuts lines at every character that Unicode calls a line end, as Python's splitlines does."},

		// How the text is quoted.
		{Name: "quoted-as-it-is", change: echoText(func(s string) string { return "'" + s + "'" }),
			Text: "Puts the text between single quotes as it is."},
		{Name: "quoted-as-json", change: echoText(func(s string) string {
			b, _ := json.Marshal(s)
			return string(b)
		}), Text: "Quotes the text as JSON."},
		{Name: "json-in-single-quotes", change: echoText(func(s string) string {
			b, _ := json.Marshal(s)
			return "'" + string(b[1:len(b)-1]) + "'"
		}), Text: "Quotes the text as JSON between single quotes."},
		{Name: "quoted-as-repr", change: echoes16(func(r rune, escaped string) string {
			if r > 0xa0 && r != 0x2028 && r != 0xfeff {
				return string(r)
			}
			return escaped
		}), Text: "Quotes the text as Python's repr, which leaves printable characters of all scripts as they are."},
		{Name: "surrogate-pairs", change: echoes16(func(r rune, escaped string) string {
			if r > 0xffff {
				r -= 0x10000
				return fmt.Sprintf(`\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			}
			return escaped
		}), Text: "Writes characters above U+FFFF as two surrogates, as JSON and Java do."},
		{Name: "four-digits-always", change: echoes16(func(r rune, escaped string) string {
			if r >= 0x80 && r <= 0xff {
				return fmt.Sprintf(`\u%04x`, r)
			}
			return escaped
		}), Text: `Writes U+0080 to U+00FF with \u and four digits.`},
		{Name: "upper-case-hex", change: echoes16(func(r rune, escaped string) string {
			if len(escaped) > 2 {
				return escaped[:2] + strings.ToUpper(escaped[2:])
			}
			return escaped
		}), Text: "Writes hexadecimal digits in capital letters."},
		{Name: "not-ascii-replaced", change: echoes(func(s string) string {
			return strings.Map(func(r rune) rune {
				if r > 0x7e {
					return '?'
				}
				return r
			}, s)
		}), Text: "Replaces every character that is not ASCII with a question mark."},
		{Name: "bytes-quoted", change: echoText(func(s string) string {
			var b strings.Builder
			for i := range len(s) {
				b.WriteString(quoteRune(rune(s[i])))
			}
			return quoteWith(s, b.String())
		}), Text: "Quotes the bytes of the text instead of its characters."},
		{Name: "backslash-alone", change: echoes16(func(r rune, escaped string) string {
			if r == '\\' {
				return `\`
			}
			return escaped
		}), Text: "Does not double a backslash."},
		{Name: "tab-expanded", change: echoes(func(s string) string { return strings.ReplaceAll(s, "\t", "        ") }),
			Text: "Replaces a tab with blanks."},
		{Name: "controls-dropped", change: echoes(func(s string) string {
			return strings.Map(func(r rune) rune {
				if r < ' ' || r == 0x7f {
					return -1
				}
				return r
			}, s)
		}), Text: "Drops control characters."},
		{Name: "bom-dropped", change: echoes(func(s string) string { return strings.TrimPrefix(s, "\ufeff") }),
			Text: "Drops a byte order mark, which is a character like others."},
		{Name: "single-quote-always", change: echoText(func(s string) string {
			r := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
			return "'" + r.Replace(s) + "'"
		}), Text: "Escapes a single quote instead of changing to double quotes."},
	}
}

// echoes answers another text than the one that was sent.
func echoes(f func(text string) string) change {
	return eachLine(func(text string, next answer) impl.Reply {
		if text == "quit" {
			return next(text)
		}
		if text = f(text); text == "quit" {
			text = "quit." // changed into the command: no, then
		}
		return next(text)
	})
}

// echoText answers with a quoted form of its own.
func echoText(quote func(text string) string) change {
	return eachLine(func(text string, next answer) impl.Reply {
		if text == "quit" {
			return next(text)
		}
		return say("Echoed: " + quote(text) + "\r\n")
	})
}

// echoes16 changes the quoted form of single characters.
func echoes16(f func(r rune, escaped string) string) change {
	return echoText(func(s string) string {
		var b strings.Builder
		for _, r := range s {
			b.WriteString(f(r, quoteRune(r)))
		}
		return quoteWith(s, b.String())
	})
}

// quoteRune is a character as Python's ascii() writes it, quotes aside.
func quoteRune(r rune) string {
	switch {
	case r == '\\':
		return `\\`
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case r == '\n':
		return `\n`
	case ' ' <= r && r <= '~':
		return string(r)
	case r <= 0xff:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	default:
		return fmt.Sprintf(`\U%08x`, r)
	}
}

// quoteWith puts the quotes around escaped that Python chooses for text.
func quoteWith(text, escaped string) string {
	if strings.Contains(text, "'") {
		if !strings.Contains(text, `"`) {
			return `"` + escaped + `"`
		}
		escaped = strings.ReplaceAll(escaped, "'", `\'`)
	}
	return "'" + escaped + "'"
}

// rawLines echoes lines with whatever split has left at their end.
func rawLines(split func([]byte) ([]string, []byte)) change {
	return cut(split, rawEcho)
}

func rawEcho(text string, next answer) impl.Reply {
	if text == "quit" {
		return next(text)
	}
	var b strings.Builder
	for _, r := range text {
		b.WriteString(quoteRune(r))
	}
	return say("Echoed: " + quoteWith(text, b.String()) + "\r\n")
}
