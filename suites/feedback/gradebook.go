package feedback

import (
	"errors"
	"fmt"
	"html"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"conform/suites/report"
)

// Filled says what became of a gradebook: whoever fills it in reads it before
// uploading.
type Filled struct {
	Matches   []Match
	Undecided []Match  // whose cell was left as it is: it is to be graded again
	Locked    []Match  // whose grade the course system would not take, with Why
	Ambiguous []string // submissions that fit several students, or share one, and why
	Unknown   []string // submissions that fit no student
	Missing   []string // students without a submission
	Notes     []string
}

// Match is a submission and the student that it is of.
type Match struct {
	Submission, Student string
	Rule                string // by which it was matched
	Before, After       string // of the cell
	Why                 string // it was not filled in
}

// OK says whether every submission is in the gradebook.
func (f Filled) OK() bool {
	return len(f.Undecided)+len(f.Locked)+len(f.Ambiguous)+len(f.Unknown) == 0
}

// Write says it to a person.
func (f Filled) Write(w io.Writer, o report.TerminalOptions) error {
	l := report.NewLines(o)
	l.Line(count(len(f.Matches), "grade", "grades") + " filled in")
	for _, m := range f.Matches {
		if m.Before != "" && m.Before != m.After {
			l.Line("  " + report.Plain(m.Student, 60) + ": " + report.Plain(m.Before, 30) + " was there, " + report.Plain(m.After, 30) + " is now")
		}
	}
	for _, m := range f.Undecided {
		l.Odd("!", " "+report.Plain(m.Submission, 80)+" of "+report.Plain(m.Student, 60)+" is not graded yet: the cell is left as it is")
	}
	for _, m := range f.Locked {
		l.Odd("!", " the cell of "+report.Plain(m.Student, 60)+" is left as it is: "+report.Plain(m.Why, 120))
	}
	for _, text := range f.Ambiguous {
		l.Bad("✗", " "+report.Plain(text, 300))
	}
	for _, name := range f.Unknown {
		l.Bad("✗", " no student fits the submission "+report.Plain(name, 120))
	}
	if len(f.Missing) > 0 {
		l.Line(count(len(f.Missing), "student has", "students have") + " no submission, and a cell that is left as it is:")
		for _, name := range f.Missing {
			l.Line("  " + report.Plain(name, 120))
		}
	}
	for _, n := range f.Notes {
		l.Odd("!", " "+report.Plain(n, 300))
	}
	return l.Write(w)
}

// student is a row of a gradebook.
type student struct {
	row    int
	shown  string
	ids    []string // any of them is the student, alone
	name   []string // in the ways in which it may be written
	canvas string   // the ID that Canvas puts into the names of files
	moodle string   // the number that Moodle puts into the names of folders
}

// rules are the ways from the name of a submission to students, the surest
// first: both have to have a key in common.
var rules = []struct {
	name string
	of   func(submission string) string
	keys func(s student) []string
}{
	{"identifier", strings.ToLower, func(s student) []string { return s.ids }},
	{"name of a Canvas download", first(canvasDownload), func(s student) []string { return []string{s.canvas} }},
	{"name of a Moodle download", first(moodleDownload), func(s student) []string { return []string{s.moodle} }},
	{"part before the @ of the address", strings.ToLower, func(s student) (users []string) {
		for _, id := range s.ids {
			if user, _, mail := strings.Cut(id, "@"); mail {
				users = append(users, user)
			}
		}
		return users
	}},
	{"name", letters, func(s student) []string { return s.name }},
}

// first is what the first group of an expression matches.
func first(expression *regexp.Regexp) func(string) string {
	return func(s string) string {
		if m := expression.FindStringSubmatch(s); m != nil {
			return m[1]
		}
		return ""
	}
}

var (
	// lastfirst_LATE_userid_submissionid_file; a name may have blanks like this_one
	canvasDownload = regexp.MustCompile(`^.+?_(?:LATE_)?(\d{1,20})_\d{1,20}_`)
	// Full Name_participant_assignsubmission_file_
	moodleDownload = regexp.MustCompile(`_(\d{1,20})_assignsubmission_`)
	lastNumber     = regexp.MustCompile(`(\d{1,20})\s*$`)
)

// letters is a name without what people and systems write differently.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// names are the ways of writing "First Last" or "Last, First".
func names(shown string) []string {
	all := []string{letters(shown)}
	if last, given, ok := strings.Cut(shown, ","); ok {
		all = append(all, letters(given)+letters(last))
	}
	return all
}

// archives are what a submission may be packed in.
var archives = []string{".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".zip", ".tar", ".7z"}

// base is the name of a submission without folder and archive.
func base(name string) string {
	name = path.Base(strings.ReplaceAll(strings.TrimSpace(name), `\`, "/"))
	for _, end := range archives {
		if cut := len(name) - len(end); cut > 0 && strings.EqualFold(name[cut:], end) {
			return name[:cut]
		}
	}
	return name
}

// match finds the student of each submission, by the first rule that any student
// fits. It never guesses: what fits two is nobody's.
func match(s *summary, students []student) (of map[int]int, by map[int]string, f Filled) {
	of, by = map[int]int{}, map[int]string{}
	taken := map[int][]int{}
	index := make([]map[string][]int, len(rules))
	for n, rule := range rules {
		index[n] = map[string][]int{}
		for k, st := range students {
			for _, key := range rule.keys(st) {
				key = strings.ToLower(key)
				if key != "" && !slices.Contains(index[n][key], k) {
					index[n][key] = append(index[n][key], k)
				}
			}
		}
	}
	for i, r := range s.Submissions {
		name := base(r.Name)
		if name == "" || name == "." || name == "/" {
			f.Unknown = append(f.Unknown, r.Name)
			continue
		}
		var found []int
		for n, rule := range rules {
			if found = index[n][strings.ToLower(rule.of(name))]; len(found) > 0 {
				by[i] = rule.name
				break
			}
		}
		switch len(found) {
		case 0:
			f.Unknown = append(f.Unknown, r.Name)
		case 1:
			taken[found[0]] = append(taken[found[0]], i)
		default:
			f.Ambiguous = append(f.Ambiguous, fmt.Sprintf("the submission %s fits %d students, by %s: %s, %s", report.Plain(r.Name, 80), len(found), by[i],
				report.Plain(students[found[0]].shown, 60), report.Plain(students[found[1]].shown, 60)))
		}
	}
	for k, st := range students {
		switch all := taken[k]; len(all) {
		case 0:
			f.Missing = append(f.Missing, st.shown)
		case 1:
			of[all[0]] = k
		default:
			var which []string
			for _, i := range all[:min(len(all), 5)] {
				which = append(which, report.Plain(s.Submissions[i].Name, 80))
			}
			f.Ambiguous = append(f.Ambiguous, fmt.Sprintf("%d submissions are of %s: %s", len(all), report.Plain(st.shown, 60), strings.Join(which, ", ")))
		}
	}
	return of, by, f
}

// column finds a column by its header, whatever its case.
func column(header []sheetCell, name string) int {
	return slices.IndexFunc(header, func(c sheetCell) bool { return strings.EqualFold(strings.TrimSpace(c.value), name) })
}

func headers(header []sheetCell) string {
	var all []string
	for _, c := range header[:min(len(header), 40)] {
		if v := strings.TrimSpace(c.value); v != "" {
			all = append(all, fmt.Sprintf("%q", report.Plain(v, 60)))
		}
	}
	return strings.Join(all, ", ")
}

var (
	assignmentID = regexp.MustCompile(`^(.*\S)\s+\((\d{1,20})\)$`)
	readOnly     = regexp.MustCompile(`(?i)read\s+only`)
	decimalComma = regexp.MustCompile(`^-?\d+,\d+$`)
)

// FillCanvas fills in a gradebook that was exported from Canvas: the column of
// the assignment, which is given by its title, its number, or the header as it is.
// Only the cells of students whose submission has a score are changed, and not
// those of students who are excused or need not hand it in.
func FillCanvas(w io.Writer, export io.Reader, c Class, assignment string) (Filled, error) {
	var none Filled
	sh, err := readSheet(export)
	if err != nil {
		return none, err
	}
	header := sh.rows[0]
	name, id, given := column(header, "Student"), column(header, "ID"), -1
	if name < 0 { // an export with the names apart
		name, given = column(header, "LastName"), column(header, "FirstName")
	}
	sis, login, section := column(header, "SIS User ID"), column(header, "SIS Login ID"), column(header, "Section")
	if name < 0 || id < 0 || section < 0 {
		return none, fmt.Errorf(`not a gradebook of Canvas: it needs the columns "Student" (or "LastName" and "FirstName"), "ID" and "Section", and has %s`, headers(header))
	}
	at := -1
	for i := section + 1; i < len(header); i++ {
		h := strings.TrimSpace(header[i].value)
		m := assignmentID.FindStringSubmatch(h)
		if h != assignment && (m == nil || !strings.EqualFold(m[1], strings.TrimSpace(assignment)) && m[2] != strings.TrimSpace(assignment)) {
			continue
		}
		if at >= 0 {
			return none, fmt.Errorf("two columns are of the assignment %q: name it with the number in its header, as in %q", report.Plain(assignment, 80), report.Plain(h, 80))
		}
		at = i
	}
	if at < 0 {
		return none, fmt.Errorf("no column is of the assignment %q; there are %s", report.Plain(assignment, 80), headers(header[section+1:]))
	}
	var students []student
	points, comma := "", false
	for i := 1; i < len(sh.rows); i++ {
		who := strings.TrimSpace(sh.value(i, name))
		if first := strings.TrimSpace(sh.value(i, given)); first != "" {
			who += ", " + first
		}
		comma = comma || decimalComma.MatchString(strings.TrimSpace(sh.value(i, at)))
		if strings.EqualFold(who, "Points Possible") {
			points = strings.TrimSpace(sh.value(i, at))
		}
		user := strings.TrimSpace(sh.value(i, id))
		if user == "" || at >= len(sh.rows[i]) || who == "Student, Test" { // "Points Possible", "Manual Posting", blank lines
			continue // and the student that Canvas makes up for teachers to look through
		}
		st := student{row: i, shown: who, canvas: user, name: names(who)}
		for _, col := range []int{id, sis, login} {
			if v := strings.TrimSpace(sh.value(i, col)); v != "" {
				st.ids = append(st.ids, v)
			}
		}
		students = append(students, st)
	}
	if len(students) == 0 {
		return none, errors.New("the gradebook has no students")
	}
	if readOnly.MatchString(points) {
		return none, fmt.Errorf("the column %q is read only, says Canvas: name an assignment", report.Plain(header[at].value, 80))
	}
	s := summarize(c)
	of, by, f := match(s, students)
	if most := maxOf(s); points != "" && !sameNumber(points, most) {
		f.Notes = append(f.Notes, fmt.Sprintf("Canvas has %s points possible, and the rubric %s: scores are filled in as they are", points, number(most)))
	}
	lock(&f, s, students, of, by, sh, at, func(row int) string {
		switch v := strings.TrimSpace(sh.value(row, at)); {
		case strings.EqualFold(v, "EX"):
			return "Canvas says that the student is excused (EX)"
		case strings.EqualFold(v, "N/A"):
			return "Canvas takes no grade there (N/A)"
		}
		return ""
	})
	fill(&f, s, students, of, by, sh, at, comma, nil)
	return f, sh.writeTo(w)
}

// lock takes out the students for whom there is a reason not to fill in a cell.
func lock(f *Filled, s *summary, students []student, of map[int]int, by map[int]string, sh *sheet, at int, why func(row int) string) {
	for i, k := range of {
		if text := why(students[k].row); text != "" {
			f.Locked = append(f.Locked, Match{Submission: s.Submissions[i].Name, Student: students[k].shown, Rule: by[i], Before: sh.value(students[k].row, at), Why: text})
			delete(of, i)
		}
	}
	slices.SortFunc(f.Locked, func(a, b Match) int { return strings.Compare(a.Submission, b.Submission) })
}

// MoodleColumns name the columns of a grading worksheet, for a Moodle that does
// not speak English. Empty ones are as in English, or known by what is in them.
type MoodleColumns struct{ Identifier, Name, Email, Grade, Feedback string }

// Set sets a column by its key: what a user writes.
func (m *MoodleColumns) Set(key, header string) error {
	keys := map[string]*string{"identifier": &m.Identifier, "name": &m.Name, "email": &m.Email, "grade": &m.Grade, "feedback": &m.Feedback}
	if keys[key] == nil {
		return fmt.Errorf("there is no column %q of a worksheet: write one of email, feedback, grade, identifier and name", report.Plain(key, 60))
	}
	*keys[key] = header
	return nil
}

// FillMoodle fills in an offline grading worksheet of Moodle: the grade, and if
// there is a column for feedback comments, what a student may see of each line.
func FillMoodle(w io.Writer, worksheet io.Reader, c Class, columns MoodleColumns, o Options) (Filled, error) {
	var none Filled
	sh, err := readSheetEscaped(worksheet, '\\')
	if err != nil {
		return none, err
	}
	header := sh.rows[0]
	find := func(name, english string) int {
		if name == "" {
			name = english
		}
		return column(header, name)
	}
	id, name, mail := find(columns.Identifier, "Identifier"), find(columns.Name, "Full name"), find(columns.Email, "Email address")
	at, comments := find(columns.Grade, "Grade"), find(columns.Feedback, "Feedback comments")
	most, locked, idnumber, login := column(header, "Maximum Grade"), column(header, "Grade can be changed"), column(header, "ID number"), column(header, "Username")
	if id < 0 && columns.Identifier == "" && sh.all(0, participant) {
		id = 0 // Moodle writes it first, in any language
	}
	for i := range header {
		if mail < 0 && columns.Email == "" && sh.all(i, address) {
			mail = i
		}
	}
	for _, c := range []struct {
		header string
		at     int
	}{{columns.Identifier, id}, {columns.Name, name}, {columns.Email, mail}, {columns.Grade, at}, {columns.Feedback, comments}} {
		if c.header != "" && c.at < 0 {
			return none, fmt.Errorf("the worksheet has no column %q; it has %s", report.Plain(c.header, 60), headers(header))
		}
	}
	if id < 0 || at < 0 {
		return none, fmt.Errorf(`not a grading worksheet of Moodle in English: it needs the columns "Identifier" and "Grade", and has %s; in another language, say which they are, as in --column grade=Bewertung`, headers(header))
	}
	var students []student
	limit := ""
	for i := 1; i < len(sh.rows); i++ {
		m := lastNumber.FindStringSubmatch(sh.value(i, id))
		if m == nil || at >= len(sh.rows[i]) {
			continue
		}
		st := student{row: i, shown: strings.TrimSpace(sh.value(i, name)), moodle: m[1], name: names(sh.value(i, name)), ids: []string{strings.TrimSpace(sh.value(i, id))}}
		if st.shown == "" {
			st.shown = st.ids[0]
		}
		for _, col := range []int{mail, idnumber, login} {
			if v := strings.TrimSpace(sh.value(i, col)); v != "" {
				st.ids = append(st.ids, v)
			}
		}
		if limit == "" {
			limit = strings.TrimSpace(sh.value(i, most))
		}
		students = append(students, st)
	}
	if len(students) == 0 {
		return none, errors.New("the worksheet has no students")
	}
	s := summarize(c)
	of, by, f := match(s, students)
	if top := maxOf(s); limit != "" && !sameNumber(limit, top) {
		f.Notes = append(f.Notes, fmt.Sprintf("Moodle has a maximum grade of %s, and the rubric %s: scores are filled in as they are", limit, number(top)))
	}
	lock(&f, s, students, of, by, sh, at, func(row int) string {
		if strings.EqualFold(strings.TrimSpace(sh.value(row, locked)), "no") {
			return "the worksheet says that the grade cannot be changed"
		}
		return ""
	})
	fill(&f, s, students, of, by, sh, at, false, func(r row, at int) {
		if comments >= 0 && comments < len(sh.rows[at]) {
			sh.set(at, comments, comment(r, Options{Student, o.PastDue}))
		}
	})
	for i, r := range sh.rows {
		if n := len(r); n != len(header) && (n > 1 || r[0].value != "") {
			f.Notes = append(f.Notes, fmt.Sprintf("row %d has %s as Moodle reads it, and the header has %d: Moodle refuses the whole file; a backslash before a quote does it", i+1, count(n, "cell", "cells"), len(header)))
			break
		}
	}
	if top, err := strconv.ParseFloat(strings.Replace(limit, ",", ".", 1), 64); err == nil {
		over := 0
		for _, m := range f.Matches {
			if got, err := strconv.ParseFloat(m.After, 64); err == nil && got > top {
				over++
			}
		}
		if over > 0 {
			f.Notes = append(f.Notes, fmt.Sprintf("%s above the maximum grade of %s: Moodle leaves them out without a word, unless the maximum is raised first", count(over, "grade is", "grades are"), limit))
		}
	}
	return f, sh.writeTo(w)
}

// What the cells of a column look like in any language.
var (
	participant = regexp.MustCompile(`^\D*\d{1,20}$`)
	address     = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
)

// fill sets the cells of the submissions that have a score.
func fill(f *Filled, s *summary, students []student, of map[int]int, by map[int]string, sh *sheet, column int, comma bool, also func(row, int)) {
	for i, r := range s.Submissions {
		k, matched := of[i]
		if !matched {
			continue
		}
		at := students[k].row
		m := Match{Submission: r.Name, Student: students[k].shown, Rule: by[i], Before: sh.value(at, column)}
		if r.Score == nil {
			f.Undecided = append(f.Undecided, m)
			continue
		}
		m.After = number(*r.Score)
		if comma { // as the file has it: a spreadsheet in that language takes 12.5 for a day
			m.After = strings.Replace(m.After, ".", ",", 1)
		}
		if sameNumber(m.Before, *r.Score) {
			m.After = m.Before // 8.00 is 8: nothing changes
		} else {
			sh.set(at, column, m.After)
		}
		f.Matches = append(f.Matches, m)
		if also != nil {
			also(r, at)
		}
	}
}

// comment is the feedback of a submission, in the HTML that Moodle takes it for.
func comment(r row, o Options) string {
	v := newView(r.grade, o)
	var lines []string
	if r.grade.Cause != nil && v.failure() != "" {
		lines = append(lines, v.failure())
	}
	for _, l := range v.Lines[:min(len(v.Lines), 60)] {
		lines = append(lines, title(l)+": "+says(l))
	}
	for _, d := range v.Deductions {
		lines = append(lines, report.Plain(d.Title, 200)+": −"+number(d.Points))
	}
	for i, l := range lines {
		lines[i] = html.EscapeString(l)
	}
	return "<p>" + strings.Join(lines, "<br>") + "</p>"
}

// sameNumber says whether a cell has these points already, in whatever way it
// writes them.
func sameNumber(text string, points float64) bool {
	x, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(text), ",", ".", 1), 64)
	return err == nil && rounded(x) == rounded(points)
}

func maxOf(s *summary) (top float64) {
	for _, r := range s.Submissions {
		top = max(top, r.Max)
	}
	return top
}
