package faults

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"conform/impl"
)

const (
	calcError   = "ERROR. Enter only integers separated by commas\n"
	calcWelcome = "<welcome: starting in sum mode>\n"
)

func calcFaults() []Fault {
	return []Fault{
		// The greeting and the words.
		{Name: "no-greeting", change: opening(""),
			Text: "Does not greet a new client."},
		{Name: "greeting-and-prompt", change: opening(calcWelcome + "> "),
			Text: "Sends a prompt after its greeting."},
		{Name: "greets-after-first-line", change: greetsLate,
			Text: "Greets a client only when it has sent its first line."},
		{Name: "starts-in-product-mode", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, open: func() impl.Reply {
				r := own(next.Open())
				next.Data([]byte("product\n"))
				return r
			}}
		}), Text: "Is in product mode when a client connects."},
		{Name: "uniform-crlf", change: both(opening("<welcome: starting in sum mode>\r\n"), onAnswer(func(a string) string {
			return strings.ReplaceAll(a, calcError, strings.TrimSuffix(calcError, "\n")+"\r\n")
		})), Text: "Ends every answer in CRLF, the greeting and ERROR too."},
		{Name: "uniform-lf", change: onAnswer(func(a string) string { return strings.ReplaceAll(a, "\r\n", "\n") }),
			Text: "Ends every answer in LF."},
		{Name: "labels-mixed", change: onAnswer(func(a string) string {
			return strings.ReplaceAll(a, "Product of input integers", "Product of input numbers")
		}), Text: "Says integers with a sum and numbers with a product."},
		{Name: "no-quotes", change: onAnswer(func(a string) string { return strings.ReplaceAll(a, "'", "") }),
			Text: "Sends the number without its quotes."},
		{Name: "both-results", change: bothResults,
			Text: "Sends sum and product of every line, whatever the mode."},
		{Name: "always-three", change: computed(func(string, []*big.Int, bool) string { return "3" }),
			Text: "Answers 3 to every list."},
		{Name: "thousands-separated", change: computed(func(_ string, items []*big.Int, product bool) string {
			s, sign := total(items, product).String(), ""
			if s[0] == '-' {
				s, sign = s[1:], "-"
			}
			for i := len(s) - 3; i > 0; i -= 3 {
				s = s[:i] + "," + s[i:]
			}
			return sign + s
		}), Text: "Groups the digits of its results by thousands."},

		// Modes.
		{Name: "always-sum", change: computed(func(_ string, items []*big.Int, _ bool) string { return total(items, false).String() }),
			Text: "Says product and adds."},
		{Name: "never-back-to-sum", change: eachLine(func(text string, next answer) impl.Reply {
			if text == "sum" {
				return say("<switching to sum mode>\r\n")
			}
			return next(text)
		}), Text: "Answers the command sum and stays in product mode."},
		{Name: "mode-toggles", change: toggles,
			Text: "Changes to the other mode on a command for either."},
		{Name: "mode-for-one-line", change: forOneLine,
			Text: "Goes back to sum mode after one product."},
		{Name: "error-resets-mode", change: eachLine(func(text string, next answer) impl.Reply {
			r := next(text)
			if string(r.Send) == calcError {
				next("sum")
			}
			return r
		}), Text: "Goes back to sum mode after an error."},
		{Name: "error-closes", change: onReply(func(r impl.Reply) impl.Reply {
			r.Close = r.Close || strings.Contains(string(r.Send), calcError)
			return r
		}), Text: "Closes the connection after an error."},
		{Name: "error-silent", change: onAnswer(func(a string) string { return strings.ReplaceAll(a, calcError, "") }),
			Text: "Does not answer a line that it cannot read."},
		{Name: "error-other-words", change: onAnswer(func(a string) string {
			return strings.ReplaceAll(a, calcError, "ERROR. invalid literal for int()\n")
		}), Text: "Sends the words of an exception instead of the error that is due."},
		{Name: "commands-any-case", change: respell(strings.ToLower),
			Text: "Takes commands in capital letters too."},
		{Name: "commands-stripped", change: respell(strings.TrimSpace),
			Text: "Takes a command with a blank before it for a command."},
		{Name: "commands-by-prefix", change: respell(func(s string) string {
			for _, c := range []string{"sum", "product"} {
				if strings.HasPrefix(s, c) {
					return c
				}
			}
			return s
		}), Text: "Takes every line that begins with a command for it."},
		{Name: "commands-anywhere", change: respell(func(s string) string {
			for _, c := range []string{"sum", "product"} {
				if strings.Contains(s, c) {
					return c
				}
			}
			return s
		}), Text: "Searches a line for a command instead of comparing the whole."},
		{Name: "not-stripped", change: cut(universal, func(text string, next answer) impl.Reply {
			if bare := strings.TrimRightFunc(text, unicode.IsSpace); bare != text {
				return say(calcError)
			}
			return next(text)
		}), Text: "Does not strip white space at the end of a line and finds an error there."},
		{Name: "cr-kept", change: cut(atLF, func(text string, next answer) impl.Reply {
			if bare, cr := strings.CutSuffix(text, "\r"); cr && (bare == "sum" || bare == "product" || bare == "quit") {
				return say(calcError)
			}
			return next(strings.TrimSuffix(text, "\r"))
		}), Text: "Cuts lines at LF alone, so that a command with a CR behind it is unknown."},

		// Arithmetic.
		{Name: "accumulates", change: accumulates,
			Text: "Carries the result of a line on to the next."},
		{Name: "product-from-zero", change: computed(func(_ string, items []*big.Int, product bool) string {
			if product {
				return "0"
			}
			return total(items, product).String()
		}), Text: "Begins a product with 0."},
		{Name: "product-lost-sign", change: computed(func(_ string, items []*big.Int, product bool) string {
			t := total(items, product)
			if product {
				t.Abs(t)
			}
			return t.String()
		}), Text: "Loses the sign of a product."},
		{Name: "minus-dropped", change: items(func(s string) (string, bool) { return strings.TrimPrefix(s, "-"), true }),
			Text: "Drops the sign of a negative integer."},
		{Name: "minus-refused", change: items(func(s string) (string, bool) { return s, !strings.HasPrefix(s, "-") }),
			Text: "Refuses negative integers: it looks for digits only."},
		{Name: "plus-refused", change: items(func(s string) (string, bool) { return s, !strings.HasPrefix(s, "+") }),
			Text: "Refuses a plus sign."},
		{Name: "needs-a-comma", change: list(func(fields []string) ([]string, bool) { return fields, len(fields) > 1 }),
			Text: "Refuses a line without a comma."},
		{Name: "two-items-only", change: list(func(fields []string) ([]string, bool) { return fields[:min(2, len(fields))], true }),
			Text: "Uses the first two items of a line and no more."},
		{Name: "nine-items-only", change: list(func(fields []string) ([]string, bool) { return fields[:min(9, len(fields))], true }),
			Text: "Uses the first nine items of a line and no more."},
		{Name: "thousand-items-refused", change: list(func(fields []string) ([]string, bool) { return fields, len(fields) <= 1000 }),
			Text: "Refuses a line of more than a thousand items."},
		{Name: "items-in-a-set", change: computed(func(_ string, items []*big.Int, product bool) string {
			seen := map[string]bool{}
			var once []*big.Int
			for _, n := range items {
				if !seen[n.String()] {
					seen[n.String()] = true
					once = append(once, n)
				}
			}
			return total(once, product).String()
		}), Text: "Keeps the items in a set, so that one that is listed twice counts once."},
		{Name: "32-bits", change: computed(machine(func(items []*big.Int, product bool) string {
			t := int32(0)
			if product {
				t = 1
			}
			for _, n := range items {
				if product {
					t *= int32(low(n))
				} else {
					t += int32(low(n))
				}
			}
			return strconv.Itoa(int(t))
		})), Text: "Calculates in 32 bits."},
		{Name: "64-bits", change: computed(machine(func(items []*big.Int, product bool) string {
			t := int64(0)
			if product {
				t = 1
			}
			for _, n := range items {
				if product {
					t *= int64(low(n))
				} else {
					t += int64(low(n))
				}
			}
			return strconv.FormatInt(t, 10)
		})), Text: "Calculates in 64 bits."},
		{Name: "items-beyond-64-bits-refused", change: items(func(s string) (string, bool) {
			_, err := strconv.ParseInt(strings.TrimSpace(strings.ReplaceAll(s, "_", "")), 10, 64)
			return s, err == nil || !strings.Contains(err.Error(), "range")
		}), Text: "Refuses an item that does not fit 64 bits, although its results are exact."},
		{Name: "128-bits", change: computed(func(_ string, items []*big.Int, product bool) string {
			t := total(items, product)
			return t.Rem(t, new(big.Int).Lsh(big.NewInt(1), 127)).String()
		}), Text: "Calculates in 128 bits."},
		{Name: "floating-point", change: computed(func(_ string, items []*big.Int, product bool) string {
			t := 0.0
			if product {
				t = 1
			}
			for _, n := range items {
				f, _ := new(big.Float).SetInt(n).Float64()
				if product {
					t *= f
				} else {
					t += f
				}
			}
			return strconv.FormatFloat(t, 'f', 0, 64)
		}), Text: "Calculates in floating point."},
		{Name: "thousand-digits-only", change: items(func(s string) (string, bool) { return s, len(s) <= 1000 }),
			Text: "Refuses an integer of more than a thousand digits."},
		{Name: "digits-cut-at-4000", change: items(func(s string) (string, bool) { return s[:min(len(s), 4000)], true }),
			Text: "Uses the first 4000 digits of an integer and drops the others."},
		{Name: "dies-on-huge-result", Bound: 1, change: both(serial, func(p *plan) {
			computed(func(_ string, items []*big.Int, product bool) string {
				s := total(items, product).String()
				if len(s) > 4300 {
					p.die()
				}
				return s
			})(p)
		}), Text: "Ends with an uncaught error on a result of more than 4300 digits, as Python does outside the try."},
		{Name: "hangs-on-huge-result", Bound: 1, change: both(serial, func(p *plan) {
			computed(func(_ string, items []*big.Int, product bool) string {
				s := total(items, product).String()
				if len(s) > 4300 {
					<-p.done
				}
				return s
			})(p)
		}), Text: "Never comes to the end of a result of more than 4300 digits."},

		// What is an integer.
		{Name: "atoi", change: parsed(func(s string) (string, bool) {
			s = leading.FindString(strings.TrimLeft(s, " \t"))
			return or(s, "0"), true
		}), Text: "Uses the number at the start of an item, or 0, and ignores the rest, as C's atoi does."},
		{Name: "bad-items-skipped", change: list(func(fields []string) ([]string, bool) {
			var good []string
			for _, f := range fields {
				if plain.MatchString(f) {
					good = append(good, f)
				}
			}
			return good, len(good) > 0
		}), Text: "Skips items that are no integers and uses the others."},
		{Name: "empty-items-skipped", change: list(func(fields []string) ([]string, bool) {
			var good []string
			for _, f := range fields {
				if strings.TrimSpace(f) != "" {
					good = append(good, f)
				}
			}
			return append(good, "0")[:max(1, len(good))], true
		}), Text: "Skips empty items."},
		{Name: "empty-items-are-zero", change: items(func(s string) (string, bool) { return or(strings.TrimSpace(s), "0"), true }),
			Text: "Counts an empty item as 0."},
		{Name: "words-are-zero", change: items(func(s string) (string, bool) {
			if s != "" && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) }) < 0 {
				return "0", true
			}
			return s, true
		}), Text: "Counts a word as 0."},
		{Name: "fractions-truncated", change: items(func(s string) (string, bool) {
			if f, err := strconv.ParseFloat(s, 64); err == nil && strings.ContainsAny(s, ".eEnN") && !strings.ContainsAny(s, "xX_") {
				return fmt.Sprint(int64(f)), true
			}
			return s, true
		}), Text: "Parses items as floating point, fractions, exponents and infinities too, and cuts them to integers."},
		{Name: "base-by-prefix", change: items(func(s string) (string, bool) {
			if n, err := strconv.ParseInt(s, 0, 64); err == nil && !strings.Contains(s, "_") {
				return strconv.FormatInt(n, 10), true
			}
			return s, true
		}), Text: "Takes the base of an integer from its prefix, 0x, 0b or 0, as C's strtol does with base 0."},
		{Name: "leading-zeros-refused", change: items(func(s string) (string, bool) {
			bare := strings.TrimLeft(s, "+-")
			return s, len(bare) < 2 || bare[0] != '0'
		}), Text: "Refuses leading zeros."},
		{Name: "signs-folded", change: items(func(s string) (string, bool) {
			s = strings.ReplaceAll(strings.ReplaceAll(s, "--", "+"), "+-", "-")
			return strings.ReplaceAll(s, "- ", "-"), true
		}), Text: "Folds doubled signs into one."},
		{Name: "lone-sign-is-zero", change: items(func(s string) (string, bool) {
			if s == "-" || s == "+" {
				return "0", true
			}
			return s, true
		}), Text: "Counts a lone sign as 0."},
		{Name: "other-separators", change: eachLine(func(text string, next answer) impl.Reply {
			return next(strings.NewReplacer(";", ",", "|", ",").Replace(text))
		}), Text: "Takes semicolons and bars for commas."},
		{Name: "blanks-separate", change: eachLine(func(text string, next answer) impl.Reply {
			if plainList.MatchString(text) {
				text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }), ",")
			}
			return next(text)
		}), Text: "Takes blanks between integers for commas."},
		{Name: "blanks-in-items-refused", change: items(func(s string) (string, bool) { return s, s == strings.TrimSpace(s) }),
			Text: "Refuses blanks around an item."},
		{Name: "blanks-dropped", change: eachLine(func(text string, next answer) impl.Reply {
			return next(strings.NewReplacer(" ", "", "\t", "").Replace(text))
		}), Text: "Drops all blanks of a line, those inside an integer too."},
		{Name: "underscores-dropped", change: eachLine(func(text string, next answer) impl.Reply {
			return next(strings.ReplaceAll(text, "_", ""))
		}), Text: "Drops underscores wherever they stand."},
		{Name: "letters-dropped", change: items(func(s string) (string, bool) {
			return strings.Map(func(r rune) rune {
				if strings.ContainsRune("+-0123456789", r) {
					return r
				}
				return -1
			}, s), true
		}), Text: "Drops everything in an item that is no digit and no sign."},
		{Name: "evaluates", change: eachLine(func(text string, next answer) impl.Reply { return next(evaluated(text)) }),
			Text: "Evaluates the line as code."},
		{Name: "quotes-stripped", change: eachLine(func(text string, next answer) impl.Reply {
			return next(strings.NewReplacer(`"`, "", "'", "", "[", "", "]", "", "(", "", ")", "").Replace(text))
		}), Text: "Drops quotes and brackets around the items."},
		{Name: "look-alikes-are-digits", change: eachLine(func(text string, next answer) impl.Reply {
			return next(strings.NewReplacer("²", "2", "½", "0", "Ⅷ", "8", "−", "-", "\u200b", "", "\ufeff", "").Replace(text))
		}), Text: "Takes everything that looks like a digit or a sign for one."},
		{Name: "other-scripts-are-zero", change: items(func(s string) (string, bool) {
			for _, r := range s {
				if r > 0x7f && unicode.IsDigit(r) {
					return "0", true
				}
			}
			return s, true
		}), Text: "Takes the digits of other scripts for digits, but has no value for them."},
		{Name: "not-ascii-ends-the-list", change: eachLine(func(text string, next answer) impl.Reply {
			if i := strings.IndexFunc(text, func(r rune) bool { return r > 0x7f }); i >= 0 {
				text = text[:i]
			}
			return next(text)
		}), Text: "Stops reading a line at the first character that is not ASCII."},
		{Name: "not-ascii-closes", change: eachLine(func(text string, next answer) impl.Reply {
			if strings.IndexFunc(text, func(r rune) bool { return r > 0x7f }) >= 0 {
				return impl.Reply{Close: true}
			}
			return next(text)
		}), Text: "Hangs up on a line that is not ASCII."},
	}
}

var (
	leading   = regexp.MustCompile(`^[+-]?[0-9]+`)
	plain     = regexp.MustCompile(`^[ \t]*[+-]?[0-9]+[ \t]*$`)
	plainList = regexp.MustCompile(`^[-+0-9, \t]*[0-9][ \t]+[0-9][-+0-9, \t]*$`)
	operation = regexp.MustCompile(`^([0-9]+)(\+|\*\*|\*)([0-9]+)$`)
)

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// opening greets with other words.
func opening(text string) change {
	return handler(func(next impl.Handler) impl.Handler {
		return &hook{Handler: next, open: func() impl.Reply { return say(text) }}
	})
}

func greetsLate(p *plan) {
	handler(func(next impl.Handler) impl.Handler {
		greeted := false
		return &hook{Handler: next,
			open: func() impl.Reply { return impl.Reply{} },
			data: func(b []byte) impl.Reply {
				r := next.Data(b)
				if !greeted && len(r.Send) > 0 {
					greeted = true
					return join(say(calcWelcome), r)
				}
				return r
			}}
	})(p)
}

func isCommand(text string) bool { return text == "sum" || text == "product" || text == "quit" }

// inMode gives lines that are no command to f, with the mode.
func inMode(f func(text string, product bool, next answer) impl.Reply) change {
	return handler(func(next impl.Handler) impl.Handler {
		product := false
		return around(next, eachLine(func(text string, next answer) impl.Reply {
			if !isCommand(text) {
				return f(text, product, next)
			}
			if text != "quit" {
				product = text == "product"
			}
			return next(text)
		}))
	})
}

// computed replaces the result of a line that is a list of integers.
func computed(f func(text string, items []*big.Int, product bool) string) change {
	return inMode(func(text string, product bool, next answer) impl.Reply {
		var items []*big.Int
		for _, field := range strings.Split(text, ",") {
			n, ok := new(big.Int).SetString(strings.TrimSpace(field), 10)
			if !ok {
				return next(text)
			}
			items = append(items, n)
		}
		return say(calcResult(product, f(text, items, product)))
	})
}

func calcResult(product bool, number string) string {
	name := "Sum"
	if product {
		name = "Product"
	}
	return name + " of input integers: '" + number + "'\r\n"
}

func total(items []*big.Int, product bool) *big.Int {
	t := new(big.Int)
	if product {
		t.SetInt64(1)
	}
	for _, n := range items {
		if product {
			t.Mul(t, n)
		} else {
			t.Add(t, n)
		}
	}
	return t
}

// machine drops the text from what computed gives.
func machine(f func(items []*big.Int, product bool) string) func(string, []*big.Int, bool) string {
	return func(_ string, items []*big.Int, product bool) string { return f(items, product) }
}

// low is the lowest 64 bits of n in two's complement.
func low(n *big.Int) uint64 {
	u := new(big.Int).And(n, new(big.Int).SetUint64(1<<64-1))
	return u.Uint64()
}

// list changes the items of a line, or refuses them.
func list(f func(fields []string) ([]string, bool)) change {
	return inMode(func(text string, _ bool, next answer) impl.Reply {
		fields, ok := f(strings.Split(text, ","))
		if !ok {
			return say(calcError)
		}
		return next(strings.Join(fields, ","))
	})
}

// items changes each item of a line, or refuses it.
func items(f func(item string) (string, bool)) change {
	return list(func(fields []string) ([]string, bool) {
		for i, field := range fields {
			var ok bool
			if fields[i], ok = f(field); !ok {
				return nil, false
			}
		}
		return fields, true
	})
}

// parsed reads items in a way of its own; a line is never refused.
func parsed(f func(item string) (string, bool)) change { return items(f) }

// respell changes what is compared with the commands.
func respell(f func(text string) string) change {
	return eachLine(func(text string, next answer) impl.Reply {
		if c := f(text); c == "sum" || c == "product" {
			return next(c)
		}
		return next(text)
	})
}

func toggles(p *plan) {
	handler(func(next impl.Handler) impl.Handler {
		product := false
		return around(next, eachLine(func(text string, next answer) impl.Reply {
			if text == "sum" || text == "product" {
				if product = !product; product {
					return next("product")
				}
				return next("sum")
			}
			return next(text)
		}))
	})(p)
}

var forOneLine = inMode(func(text string, product bool, next answer) impl.Reply {
	r := next(text)
	next("sum")
	return r
})

func bothResults(p *plan) {
	computed(func(_ string, items []*big.Int, product bool) string {
		other := total(items, !product).String()
		return total(items, product).String() + "'\r\n" + strings.TrimSuffix(calcResult(!product, other), "'\r\n")
	})(p)
}

func accumulates(p *plan) {
	handler(func(next impl.Handler) impl.Handler {
		sum, times := new(big.Int), big.NewInt(1)
		return around(next, computed(func(_ string, items []*big.Int, product bool) string {
			if product {
				return times.Mul(times, total(items, true)).String()
			}
			return sum.Add(sum, total(items, false)).String()
		}))
	})(p)
}

// evaluated is a line with what an interpreter makes of it.
func evaluated(text string) string {
	bare := strings.NewReplacer(`"`, "", "'", "", "[", "", "]", "").Replace(text)
	fields := strings.Split(bare, ",")
	for i, f := range fields {
		f = strings.Trim(strings.TrimPrefix(f, "abs"), "()")
		if strings.HasPrefix(fields[i], "abs") {
			f = strings.TrimPrefix(f, "-")
		}
		if m := operation.FindStringSubmatch(f); m != nil && len(f) < 20 {
			a, _ := new(big.Int).SetString(m[1], 10)
			b, _ := new(big.Int).SetString(m[3], 10)
			switch m[2] {
			case "+":
				a.Add(a, b)
			case "*":
				a.Mul(a, b)
			default:
				a.Exp(a, new(big.Int).And(b, big.NewInt(63)), nil)
			}
			f = a.String()
		}
		fields[i] = f
	}
	return strings.Join(fields, ",")
}
