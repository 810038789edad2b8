package calc

import (
	"strings"

	"conform/specs"
)

const (
	session = "tutorial 001, the session with example 3"
	listing = "tutorial 001, example 3 and 6"
)

// exchange sends a line and expects its answer.
func exchange(client *specs.Client, line, answer string) {
	client.Send(line + "\r\n")
	client.Expect(answer)
}

// What a client hears first.
func greeting() specs.Section {
	return specs.Section{Name: "greeting", Title: "What a client hears first", Specs: []specs.Spec{
		specs.Requirement("calc/greeting/welcome", specs.Must, session,
			`A new client is greeted "<welcome: starting in sum mode>", before it has sent anything.`,
			func(c *specs.Case) { c.Dial().Expect(welcome(c)) }, specs.Covers("CALC-01"),
			specs.Cause("the greeting is missing, or waits for the first line")),

		specs.Requirement("calc/greeting/nothing-more", specs.Must, session,
			"Nothing follows the greeting until the client has sent a line.",
			func(c *specs.Case) {
				client := dial(c)
				client.ExpectSilence("nothing was sent")
				exchange(client, "1,2", sum(c, "3"))
			}, specs.Covers("CALC-01"), specs.Cause("a prompt follows the greeting")),

		specs.Requirement("calc/greeting/line-ends", specs.Should, session,
			"The greeting and ERROR end in LF alone, every other answer in CRLF.",
			func(c *specs.Case) {
				client := c.Dial()
				client.Expect("<welcome: starting in sum mode>\n")
				exchange(client, "1,2", strings.TrimRight(sum(c, "3"), "\r\n")+"\r\n")
				exchange(client, "x", "ERROR. Enter only integers separated by commas\n")
				exchange(client, "sum", "<switching to sum mode>\r\n")
				client.Send("quit\r\n")
				client.ExpectOneOf(specs.Exactly("connection closed\r\n").ThenFIN())
			}, specs.InDialect("line-ends", "mixed"), specs.Covers("CALC-01", "CALC-05"),
			specs.Cause("the line ends were made uniform; the tutorial's are not")),

		specs.Requirement("calc/greeting/sum-mode", specs.Must, session,
			"A new connection is in sum mode.",
			func(c *specs.Case) { exchange(dial(c), "2,3", sum(c, "5")) }, specs.Covers("CALC-02")),
	}}
}

// The commands that change the mode.
func modes() specs.Section {
	return specs.Section{Name: "modes", Title: "The commands that change the mode", Specs: []specs.Spec{
		specs.Requirement("calc/modes/product", specs.Must, session,
			`"product" is answered "<switching to product mode>", and the lines that follow are multiplied.`,
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, "product", switching(c, "product"))
				exchange(client, "2,3", product(c, "6"))
			}, specs.Covers("CALC-03", "CALC-04")),

		specs.Requirement("calc/modes/back-to-sum", specs.Must, session,
			`"sum" is answered "<switching to sum mode>", and the lines that follow are added.`,
			func(c *specs.Case) {
				client := dial(c)
				for range 3 {
					exchange(client, "product", switching(c, "product"))
					exchange(client, "2,4", product(c, "8"))
					exchange(client, "sum", switching(c, "sum"))
					exchange(client, "2,4", sum(c, "6"))
				}
			}, specs.Covers("CALC-03", "CALC-04")),

		specs.Requirement("calc/modes/same-again", specs.Must, listing,
			"A command for the mode that is already on is answered the same, and changes nothing.",
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, "sum", switching(c, "sum"))
				exchange(client, "2,3", sum(c, "5"))
				exchange(client, "product", switching(c, "product"))
				exchange(client, "product", switching(c, "product"))
				exchange(client, "2,3", product(c, "6"))
			}, specs.Covers("CALC-03"), specs.Cause("the command toggles the mode; it sets it")),

		specs.Requirement("calc/modes/error-keeps-it", specs.Must, listing,
			"An ERROR leaves the mode and the connection as they were.",
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, "product", switching(c, "product"))
				exchange(client, "x", failure(c))
				exchange(client, "2,3,4", product(c, "24"))
				exchange(client, "", failure(c))
				exchange(client, "2,3,4", product(c, "24"))
			}, specs.Covers("CALC-05"), specs.Cause("an error resets the connection's mode, or closes it")),

		specs.Requirement("calc/modes/results-are-not-kept", specs.Must, session,
			"Every line is computed by itself: no earlier result is carried on.",
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, "1,2", sum(c, "3"))
				exchange(client, "1,2", sum(c, "3"))
				exchange(client, "product", switching(c, "product"))
				exchange(client, "2,3", product(c, "6"))
				exchange(client, "2,3", product(c, "6"))
			}, specs.Covers("CALC-04"), specs.Cause("the accumulator is not reset for each line")),

		specs.Requirement("calc/modes/case-matters", specs.Must, listing,
			`"SUM" and "Product" are no commands.`,
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, "Product", failure(c))
				exchange(client, "PRODUCT", failure(c))
				exchange(client, "2,3", sum(c, "5"))
				exchange(client, "SUM", failure(c))
			}, specs.Covers("CALC-09"), specs.Cause("the line is folded to one case before it is compared")),

		specs.Requirement("calc/modes/whole-line", specs.Must, listing,
			"A line that only begins with a command, or lists one, is no command.",
			func(c *specs.Case) {
				client := dial(c)
				for _, line := range []string{"product 2,3", "products", "1,2,sum", "sum,1"} {
					exchange(client, line, failure(c))
				}
				exchange(client, "2,3", sum(c, "5"))
			}, specs.Covers("CALC-05"), specs.Cause("only the beginning of the line, or its first word, is compared")),

		specs.Requirement("calc/modes/blanks-behind", specs.Should, "tutorial 001, rstrip in the listing",
			"White space behind a command does not matter.",
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, "product  \t", switching(c, "product"))
				exchange(client, "sum ", switching(c, "sum"))
			}, specs.Covers("CALC-09")),

		specs.Requirement("calc/modes/blank-before", specs.Should, "tutorial 001, rstrip in the listing",
			"White space before a command makes it an error.",
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, " product", failure(c))
				exchange(client, "2,3", sum(c, "5"))
			}, specs.Covers("CALC-09"), specs.Cause("white space is stripped on both sides")),
	}}
}

// What lines of integers are answered.
func sums() specs.Section {
	table := func(rows ...[3]string) func(*specs.Case) {
		return func(c *specs.Case) {
			client := dial(c)
			for _, r := range rows {
				exchange(client, r[0], sum(c, r[1]))
			}
			exchange(client, "product", switching(c, "product"))
			for _, r := range rows {
				exchange(client, r[0], product(c, r[2]))
			}
		}
	}
	return specs.Section{Name: "sums", Title: "What lines of integers are answered", Specs: []specs.Spec{
		specs.Requirement("calc/sums/session", specs.Must, session,
			"The lines of the tutorial's session are answered as printed there.",
			table([3]string{"1,2", "3", "2"}, [3]string{"4,9", "13", "36"}, [3]string{"0,-3", "-3", "0"}, [3]string{"5,-9,10", "6", "-450"}),
			specs.Covers("CALC-04")),

		specs.Requirement("calc/sums/one-integer", specs.Must, listing,
			"One integer alone is its own sum and product.",
			table([3]string{"7", "7", "7"}, [3]string{"0", "0", "0"}, [3]string{"-7", "-7", "-7"}),
			specs.Covers("CALC-06"), specs.Cause("a line needs a comma, or the product begins with 0")),

		specs.Requirement("calc/sums/negative", specs.Must, session,
			"Negative integers are added and multiplied with their sign.",
			table([3]string{"-5,-6", "-11", "30"}, [3]string{"-1,-1,-1", "-3", "-1"}, [3]string{"5,-5", "0", "-25"}),
			specs.Covers("CALC-06"), specs.Cause("the minus sign is refused or lost")),

		specs.Requirement("calc/sums/ten-integers", specs.Must, listing,
			"A line may list ten integers.",
			table([3]string{"1,2,3,4,5,6,7,8,9,10", "55", "3628800"}),
			specs.Covers("CALC-04"), specs.Cause("the number of items is bounded, or only the first ones are used")),

		specs.Requirement("calc/sums/any", specs.Must, listing,
			"Any list of integers is added and multiplied exactly.",
			func(c *specs.Case) {
				client := dial(c)
				for range 8 {
					// No product has more than nine digits: which ones needed more than
					// 32 bits would be chance, and numbers is about that.
					size := 1 + c.IntN(6)
					line, total, times := list(c, size, 9/size)
					exchange(client, "sum", switching(c, "sum"))
					exchange(client, line, sum(c, total))
					exchange(client, "product", switching(c, "product"))
					exchange(client, line, product(c, times))
				}
			}, specs.Covers("CALC-04")),

		specs.Requirement("calc/sums/same-integers", specs.Must, listing,
			"An integer that is listed twice counts twice.",
			table([3]string{"3,3", "6", "9"}, [3]string{"1,1,1", "3", "1"}),
			specs.Covers("CALC-04"), specs.Cause("the items are kept in a set")),

		specs.Requirement("calc/sums/long-conversation", specs.Must, session,
			"Any number of lines is answered on one connection, each in its turn.",
			func(c *specs.Case) {
				client := dial(c)
				for range 60 {
					line, total, _ := list(c, 3, 4)
					exchange(client, line, sum(c, total))
				}
			}, specs.Covers("CALC-04"), specs.Cause("the connection is closed after an answer")),

		specs.Requirement("calc/sums/nothing-added", specs.Must, session,
			"Nothing follows an answer.",
			func(c *specs.Case) {
				client := dial(c)
				exchange(client, "1,2", sum(c, "3"))
				client.ExpectSilence("the answer has ended")
				exchange(client, "x", failure(c))
				client.ExpectSilence("the answer has ended")
			}, specs.Covers("CALC-04", "CALC-05"), specs.Cause("a prompt, a NUL or a second line end follows the answer")),

		specs.Requirement("calc/sums/plus-sign", specs.Should, "tutorial 001, int() in the listing",
			"A plus sign is allowed.",
			table([3]string{"+3", "3", "3"}, [3]string{"+3,-1", "2", "-3"}), specs.Covers("CALC-06")),

		specs.Requirement("calc/sums/leading-zeros", specs.Should, "tutorial 001, int() in the listing",
			"Leading zeros are allowed and mean nothing; -0 is 0.",
			table([3]string{"007", "7", "7"}, [3]string{"00", "0", "0"}, [3]string{"-0", "0", "0"}, [3]string{"010,1", "11", "10"}),
			specs.Covers("CALC-06"), specs.Cause("a leading zero is refused or read as octal")),

		specs.Requirement("calc/sums/blanks-around-items", specs.Should, "tutorial 001, int() in the listing",
			"Blanks and tabs around an item do not matter.",
			table([3]string{"1, 2", "3", "2"}, [3]string{" 1 , 2 ", "3", "2"}, [3]string{"1\t,\t2", "3", "2"}),
			specs.Covers("CALC-06")),

		specs.Requirement("calc/sums/blanks-at-the-end", specs.Should, "tutorial 001, rstrip in the listing",
			"White space at the end of a line does not matter.",
			table([3]string{"1,2  \t", "3", "2"}, [3]string{"1,2\v\f", "3", "2"}),
			specs.Covers("CALC-09")),
	}}
}
