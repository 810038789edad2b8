package feedback

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"conform/suites/grade"
	"conform/suites/report"
	"conform/suites/report/reporttest"
)

// class makes a class of submissions with these names and scores; less than 0 is
// undecided.
func class(of ...any) Class {
	c := Class{Title: "Servers"}
	for i := 0; i < len(of); i += 2 {
		g := open()
		g.Submission.Name = of[i].(string)
		if g.Score = of[i+1].(float64); g.Score < 0 {
			g = undecided()
			g.Submission.Name = of[i].(string)
		}
		c.Entries = append(c.Entries, Entry{Grade: g})
	}
	return c
}

const canvas = "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Lab 1 (101),\"Servers, part 1 (102)\",Servers (103),Final Score\r\n" +
	",,,,,Manual Posting,,,\r\n" +
	"    Points Possible,,,,,10,25,5,(read only)\r\n" +
	"\"Lovelace, Ada\",1001,s1,ada@example.org,\"A, and B\",9,,4,\"=1+1\"\r\n" +
	"\"Hopper, Grace\",1002,s2,grace,A,8,\"12\",3,90\r\n" +
	"\"O\"\"Neil, Shaq\",1003,s3,shaq,A,,7.00,,\r\n" +
	"\"Li, Wei\",1004,s4,wei1,A,,,,\r\n" +
	"\"Li, Wei\",1005,s5,wei2,A,,,,\r\n" +
	"\"Student, Test\",1999,,0123456789abcdef,A,,,,"

func TestFillCanvas(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	f, err := FillCanvas(&b, strings.NewReader(canvas), class(
		"ada.tar.gz", 13.0, // the user of the address
		"hoppergrace_LATE_1002_77_server.zip", 12.5,
		"Shaq O'Neil", 7.0, // by name: and 7.00 is 7
		"Wei Li", 3.0, // two of them
		"S4", -1.0, // by another identifier; not graded yet
		"nobody", 4.0,
		"=cmd|' /C calc'!A0", 4.0,
	), "servers, part 1")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(canvas, "\"A, and B\",9,,4", "\"A, and B\",9,13,4", 1)
	want = strings.Replace(want, "A,8,\"12\",3", "A,8,\"12.5\",3", 1)
	if b.String() != want {
		t.Errorf("%q\nnot\n%q", b.String(), want)
	}
	var matches []string
	for _, m := range f.Matches {
		matches = append(matches, fmt.Sprintf("%s: %s by %s, %q to %q", m.Submission, m.Student, m.Rule, m.Before, m.After))
	}
	if want := []string{
		`ada.tar.gz: Lovelace, Ada by part before the @ of the address, "" to "13"`,
		`hoppergrace_LATE_1002_77_server.zip: Hopper, Grace by name of a Canvas download, "12" to "12.5"`,
		`Shaq O'Neil: O"Neil, Shaq by name, "7.00" to "7.00"`,
	}; !reflect.DeepEqual(matches, want) {
		t.Errorf("%q", matches)
	}
	if len(f.Undecided) != 1 || f.Undecided[0].Submission != "S4" || len(f.Ambiguous) != 1 || !strings.Contains(f.Ambiguous[0], "Wei Li fits 2 students, by name") ||
		!reflect.DeepEqual(f.Unknown, []string{"nobody", "=cmd|' /C calc'!A0"}) || !reflect.DeepEqual(f.Missing, []string{"Li, Wei"}) || len(f.Notes) != 0 || f.OK() {
		t.Errorf("%+v", f)
	}
	var said strings.Builder
	if err := f.Write(&said, report.TerminalOptions{}); err != nil || !strings.Contains(said.String(), "Hopper, Grace: 12 was there, 12.5 is now") || !strings.Contains(said.String(), "no student fits the submission nobody") {
		t.Errorf("%v %s", err, said.String())
	}
}

func TestFillCanvasRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ export, assignment, want string }{
		"another file":  {"a,b\n1,2\n", "x", `not a gradebook of Canvas: it needs the columns "Student" (or "LastName" and "FirstName"), "ID" and "Section", and has "a", "b"`},
		"no assignment": {canvas, "Lab 2", `no column is of the assignment "Lab 2"; there are "Lab 1 (101)", "Servers, part 1 (102)"`},
		"two":           {strings.Replace(canvas, "Lab 1 (101)", "Servers (104)", 1), "Servers", "two columns"},
		"names apart":   {"LastName,ID,Section,x\n", "x", "has no students"},
		"a quote":       {"Student,ID,Section\n\"x,1,2\n", "x", "line 2: a quote is not closed"},
		"after a quote": {"Student,ID,Section\n\"x\"y,1,2\n", "x", "line 2: something follows"},
		"empty":         {"", "x", "the gradebook is empty"},
		"a workbook":    {"PK\x03\x04", "x", "export it as CSV"},
		"UTF-16":        {"\xff\xfeS\x00", "x", "export it as CSV in UTF-8"},
		"Latin-1":       {"Student,ID,Section\n\xe9,1,2\n", "x", "not in UTF-8"},
		"no students":   {"Student,ID,Section,x\n    Points Possible,,,5\n", "x", "has no students"},
	} {
		var b bytes.Buffer
		if _, err := FillCanvas(&b, strings.NewReader(tc.export), class("ada", 1.0), tc.assignment); err == nil || !strings.Contains(err.Error(), tc.want) || b.Len() > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	// By its number or its whole header, each of several can be named.
	for _, a := range []string{"103", "Servers (103)", "SERVERS"} {
		f, err := FillCanvas(io.Discard, strings.NewReader(canvas), class("1001", 4.0), a)
		if err != nil || len(f.Matches) != 1 || f.Matches[0].Before != "4" || len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "Canvas has 5 points possible, and the rubric 25") {
			t.Errorf("%s: %v %+v", a, err, f)
		}
	}
	// Two submissions of one student are nobody's.
	f, err := FillCanvas(io.Discard, strings.NewReader(canvas), class("1001", 4.0, "ada@example.org", 5.0), "103")
	if err != nil || len(f.Matches) != 0 || len(f.Ambiguous) != 1 || !strings.Contains(f.Ambiguous[0], "2 submissions are of Lovelace, Ada: 1001, ada@example.org") {
		t.Errorf("%v %+v", err, f)
	}
}

// As Canvas exports where the decimal mark is a comma: semicolons, and commas in
// titles and names that no quotes are around.
const canvasAbroad = "\ufeffLastName;FirstName;ID;SIS Login ID;Section;Notes;Lab 1, part 2 (101);\"Lab \"\"1\"\"; zen (102)\";Final Score\n" +
	";;;;;;;Manual Posting;\n" +
	"    Points Possible;;;;;;10,00;25,00;(read only)\n" +
	"Lovelace;Ada;1001;ada;A, B, and C;\"a note, or \"\"two\"\"\";9,00;;88,00\n" +
	"\"O\"\"Neil\";Shaq;1002;shaq;A;;8,50;7,50;88,00\n" +
	"van_der_Berg;Jo;1003;jo;A;;;7,50;88,00\n" +
	"Excused;Eve;1004;eve;A;;3,00;EX;\n" +
	"Absent;Al;1005;al;A;;N/A;N/A;\n" +
	"Student;Test;1999;f00;A;;;;\n"

func TestFillCanvasAbroad(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	f, err := FillCanvas(&b, strings.NewReader(canvasAbroad), class("Ada Lovelace", 13.0, "shaq", 12.25, "van_der_bergjo_LATE_1003_88_x.zip", 7.5, "eve", 4.0, "al", 4.0), `lab "1"; zen`)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(canvasAbroad, "9,00;;88,00", "9,00;13;88,00", 1)
	want = strings.Replace(want, "8,50;7,50", "8,50;12,25", 1) // a spreadsheet there takes 12.25 for a text, or a day
	if b.String() != want {
		t.Errorf("%s\nnot\n%s", b.String(), want)
	}
	if len(f.Matches) != 3 || f.Matches[0].Student != "Lovelace, Ada" || len(f.Locked) != 2 || !strings.Contains(f.Locked[0].Why, "N/A") || !strings.Contains(f.Locked[1].Why, "excused") || len(f.Missing)+len(f.Notes) != 0 || f.OK() {
		t.Errorf("%+v", f)
	}
	if _, err := FillCanvas(io.Discard, strings.NewReader(canvasAbroad), class("ada", 1.0), "Final Score"); err == nil || !strings.Contains(err.Error(), `the column "Final Score" is read only, says Canvas: name an assignment`) {
		t.Errorf("%v", err)
	}
}

const moodle = "Identifier,\"Full name\",\"Email address\",Status,Grade,\"Maximum Grade\",\"Grade can be changed\",\"Last modified (submission)\",\"Last modified (grade)\",\"Feedback comments\"\n" +
	"\"Participant 41\",\"Ada Lovelace\",ada@example.org,\"Submitted for grading - \",,25.00,Yes,\"Sunday, 1 March\",-,\n" +
	"\"Participant 42\",\"Grace Hopper\",grace@example.org,\"No submission\",12.00,25.00,No,-,-,\"<p>old</p>\"\n" +
	"\"Participant 43\",\"Alan Turing\",alan@example.org,\"No submission\",,25.00,Yes,-,-,\n"

func TestFillMoodle(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	f, err := FillMoodle(&b, strings.NewReader(moodle), class("Ada Lovelace_41_assignsubmission_file_", 13.0, "grace", 14.0), MoodleColumns{}, Options{Audience: Instructor})
	if err != nil {
		t.Fatal(err)
	}
	comment := "<p>Right answers: 8 of 10 points: 1 of 2 requirements is not met<br>More than asked: 2 of 2 points (bonus)<br>Framing: 0 of 5 points<br>For later: 5 of 5 points<br>Under cover: 0 of 5 points<br>late: −2</p>"
	want := strings.Replace(moodle, "\"Submitted for grading - \",,25.00,Yes,\"Sunday, 1 March\",-,\n", "\"Submitted for grading - \",13,25.00,Yes,\"Sunday, 1 March\",-,"+comment+"\n", 1)
	if b.String() != want {
		t.Errorf("%s\nnot\n%s", b.String(), want)
	}
	if len(f.Matches) != 1 || f.Matches[0].Rule != "name of a Moodle download" || len(f.Locked) != 1 || f.Locked[0].Student != "Grace Hopper" || len(f.Missing) != 1 {
		t.Errorf("%+v", f)
	}
	german := strings.NewReplacer("Identifier", "ID", "Full name", "Vollständiger Name", "Grade,", "Bewertung,", "Feedback comments", "Feedback als Kommentar").Replace(moodle)
	if _, err := FillMoodle(io.Discard, strings.NewReader(german), class("41", 1.0), MoodleColumns{}, Options{}); err == nil || !strings.Contains(err.Error(), `and has "ID", "Vollständiger Name"`) {
		t.Errorf("%v", err)
	}
	f, err = FillMoodle(io.Discard, strings.NewReader(german), class("alan", 1.0, "Ada Lovelace_41_assignsubmission_file_", 2.0), MoodleColumns{Identifier: "ID", Grade: "Bewertung", Email: "Email address", Feedback: "Feedback als Kommentar"}, Options{})
	if err != nil || len(f.Matches) != 2 {
		t.Errorf("%v %+v", err, f)
	}
	for columns, want := range map[MoodleColumns]string{
		{Grade: "Note"}:                     `the worksheet has no column "Note"; it has "ID"`,
		{Grade: "Bewertung", Feedback: "x"}: `no column "x"`,
	} {
		if _, err := FillMoodle(io.Discard, strings.NewReader(german), class("alan", 1.0), columns, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v", err)
		}
	}
	// Numbers of participants and addresses are known in any language.
	f, err = FillMoodle(io.Discard, strings.NewReader(strings.Replace(german, "Email address", "E-Mail-Adresse", 1)), class("alan", 1.0, "Ada Lovelace_41_assignsubmission_file", 2.0), MoodleColumns{Grade: "Bewertung"}, Options{})
	if err != nil || len(f.Matches) != 2 || f.Matches[1].Rule != "name of a Moodle download" && f.Matches[0].Rule != "name of a Moodle download" {
		t.Errorf("%v %+v", err, f)
	}
	// Moodle takes no grade above the maximum, and does not say so.
	f, err = FillMoodle(io.Discard, strings.NewReader(moodle), class("alan", 25.5), MoodleColumns{}, Options{})
	if err != nil || len(f.Notes) != 1 || !strings.HasPrefix(f.Notes[0], "1 grade is above the maximum grade of 25.00: Moodle leaves") {
		t.Errorf("%v %+v", err, f)
	}
	// The student's comment keeps back what the student does not see.
	secret, words := canaries(sample())
	secret.Submission.Name = "alan"
	b.Reset()
	if _, err := FillMoodle(&b, strings.NewReader(moodle), Class{Entries: []Entry{{Grade: secret}}}, MoodleColumns{}, Options{Audience: Instructor}); err != nil || !strings.Contains(b.String(), "Right answers") {
		t.Errorf("%v %s", err, b.String())
	}
	for word, what := range words {
		if strings.Contains(b.String(), word) {
			t.Errorf("the comment in Moodle has the %s", what)
		}
	}
}

// Moodle writes its worksheets with PHP, where a backslash in quotes takes the
// meaning from a quote, and reads them so.
func TestFillMoodleReadsAsPHP(t *testing.T) {
	t.Parallel()
	const sheet = "Identifier,\"Full name\",Username,Grade,\"Online text\",\"Last modified (grade)\"\n" +
		"\"Participant 41\",\"Ada \"\"the \\\" Lovelace, A.\",user0,,\"He said \\\"hi\\\", then \"\"left\"\"\",-\n" +
		"\"Participant 42\",Bob,user1,,\"C:\\dir \"\"x\"\" \\\\\",-\n" +
		"\"Participant 43\",Eve,user2,,\"\\\\\"tail \",-\n"
	var b bytes.Buffer
	f, err := FillMoodle(&b, strings.NewReader(sheet), class("user0", 1.0, "user1", 2.5, "user2", 3.0), MoodleColumns{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("user0,,", "user0,1,", "user1,,", "user1,2.5,", "user2,,", "user2,3,").Replace(sheet)
	if b.String() != want || len(f.Matches) != 3 || len(f.Notes) != 0 {
		t.Errorf("%s\nnot\n%s\n%+v", b.String(), want, f)
	}
	// Where PHP reads another number of cells, Moodle takes nothing of the file.
	f, err = FillMoodle(io.Discard, strings.NewReader(sheet+"\"Participant 44\",\"x \\\",user3,,,-\n\"Participant 45\",\"y\",user4,,,-\n"), class("user0", 1.0), MoodleColumns{}, Options{})
	if err != nil || len(f.Notes) != 1 || !strings.HasPrefix(f.Notes[0], "row 5 has ") {
		t.Errorf("%v %+v", err, f)
	}
}

// Whatever there is in other cells stays, and what is filled in can be read.
func TestGradebooksStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n", "\r\n", "\r"} {
		for _, last := range []string{"", end} {
			for _, separator := range []string{",", ";", "\t"} {
				text := strings.Join([]string{"Student", "ID", "Section", `"x"`, ""}, separator) + end +
					strings.Join([]string{`" a ""b""` + end + `c"`, "7", "", "", ""}, separator) + end + end +
					strings.Join([]string{"short", "8"}, separator) + last
				var b bytes.Buffer
				if _, err := FillCanvas(&b, strings.NewReader(text), class("7", 1.5), "x"); err != nil {
					t.Fatalf("%v in %q", err, text)
				}
				want := strings.Replace(text, "7"+separator+separator+separator, "7"+separator+separator+"1.5"+separator, 1)
				if b.String() != want {
					t.Errorf("%q\nnot\n%q", b.String(), want)
				}
			}
		}
	}
}

func FuzzSheet(f *testing.F) {
	f.Add(canvas)
	f.Add(moodle)
	f.Add("a,\"b\"\"\"\r\n,,\n\"\"")
	f.Fuzz(func(t *testing.T, text string) {
		var b bytes.Buffer
		if sh, err := readSheetEscaped(strings.NewReader(text), '\\'); err == nil {
			if err := sh.writeTo(&b); err != nil || b.String() != text {
				t.Errorf("%v, %q became %q", err, text, b.String())
			}
			b.Reset()
		}
		sh, err := readSheet(strings.NewReader(text))
		if err != nil {
			return
		}
		if err := sh.writeTo(&b); err != nil || b.String() != text {
			t.Errorf("%v, %q became %q", err, text, b.String())
		}
		for r := range sh.rows {
			for c := range sh.rows[r] {
				sh.set(r, c, "\"x\",\n;\t")
			}
		}
		b.Reset()
		if err := sh.writeTo(&b); err != nil {
			t.Fatal(err)
		}
		again, err := readSheet(&b)
		if err != nil {
			t.Fatalf("%v after %q", err, text)
		}
		if len(again.rows) != len(sh.rows) {
			t.Errorf("%q: %d rows became %d", text, len(sh.rows), len(again.rows))
		}
	})
}

// A spreadsheet takes no cell of the class's table for a formula, whatever a
// submission is called.
func TestCSV(t *testing.T) {
	t.Parallel()
	names := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "|calc", "%x", "a,\"b\"\nc", "ada"}
	for _, s := range reporttest.Hostile {
		names = append(names, s[:min(len(s), 5000)])
	}
	var c Class
	for _, name := range names {
		for _, g := range []grade.Grade{open(), unbuilt(), undecided()} {
			g.Submission.Name, g.Tier, g.Submission.Digest = name, name, name
			g.Lines[0].ID = name
			if g.Cause != nil {
				g.Cause.Message, g.Cause.Code = name, name
			}
			c.Entries = append(c.Entries, Entry{Grade: g})
		}
	}
	var b bytes.Buffer
	if err := WriteClass("csv", &b, c); err != nil {
		t.Fatal(err)
	}
	plain(t, b.String())
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+3*len(names) {
		t.Errorf("%d rows", len(rows))
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.ContainsAny(strings.TrimLeft(cell, " ")+" ", "\r\n\t") || strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "+") || strings.HasPrefix(cell, "@") || strings.HasPrefix(cell, "-") || strings.HasPrefix(cell, "|") || strings.HasPrefix(cell, "%") || strings.HasPrefix(strings.TrimLeft(cell, " "), "=") || strings.HasPrefix(cell, "＝") {
				t.Errorf("%.60q", cell)
			}
		}
	}
	b.Reset()
	c = class("ada", 13.0, "grace", -1.0)
	if err := WriteClass("csv", &b, c); err != nil {
		t.Fatal(err)
	}
	digest := strings.Repeat("ad", 32)
	want := "name,digest,outcome,owner,cause,score,max,submitted,deducted,deductions,seconds,isolation,answers,extra,framing,later,secret\n" +
		"ada," + digest + ",graded,,,13,25,2026-03-01 12:00:00,2,late: 4 hours late: 2 points,4.322,namespaced,8,2,0,5,0\n" +
		"grace," + digest + ",undecided,infrastructure,worker-lost: the machine went away,,25,2026-03-01 12:00:00,2,late: 4 hours late: 2 points,4.322,namespaced,,,,,\n"
	if b.String() != want {
		t.Errorf("%s\nnot\n%s", b.String(), want)
	}
}

// What a submission is called or prints is text in a gradebook, and in what is
// said of filling it in.
func TestGradebooksAreSafe(t *testing.T) {
	t.Parallel()
	for name, h := range reporttest.Hostile {
		h = h[:min(len(h), 5000)]
		strange := harmed(unbuilt(), h)
		g := harmed(open(), h)
		g.Submission.Name = "alan"
		sheet := strings.Replace(moodle, `"Alan Turing"`, `"`+strings.ReplaceAll(strings.ToValidUTF8(h, "?"), `"`, `""`)+` Turing"`, 1)
		var b, said bytes.Buffer
		f, err := FillMoodle(&b, strings.NewReader(sheet), Class{Entries: []Entry{{Grade: g}, {Grade: strange}}}, MoodleColumns{}, Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		comment := rows[3][9]
		plain(t, comment)
		page, err := html.Parse(strings.NewReader(comment))
		if err != nil || !strings.HasPrefix(comment, "<p>") {
			t.Errorf("%v %.80q", err, comment)
		}
		for n := range page.Descendants() {
			if n.Type == html.ElementNode && !strings.Contains(" html head body p br ", " "+n.Data+" ") {
				t.Errorf("%s: there is an element %s", name, n.Data)
			}
		}
		if err := f.Write(&said, report.TerminalOptions{}); err != nil || said.Len() == 0 {
			t.Errorf("%v %q", err, said.String())
		}
		plain(t, said.String())
	}
}
