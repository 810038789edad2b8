package feedback

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"conform/suites/grade"
)

// filler fills whatever there is in a value, and in whatever it may have some day,
// with secrets that are told apart. Words that mean something stay, and so do what
// is named in except, by path.
type filler struct {
	secrets map[string]string // to the path of what it is in
	except  []string          // beginnings of paths
}

func (f *filler) fill(v reflect.Value, path string) {
	if slices.ContainsFunc(f.except, func(e string) bool { return path == e || strings.HasPrefix(path, e+".") }) {
		return
	}
	n := len(f.secrets)
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2200+n, 1, 2, 3, 4, 5, 0, time.UTC)))
		f.secrets[fmt.Sprintf("%d-01-02", 2200+n)] = path
		return
	case v.Kind() != reflect.Struct && v.Type().PkgPath() != "": // a verdict, an owner
		return
	}
	switch v.Kind() {
	case reflect.String:
		word := fmt.Sprintf("canary%04dbird", n)
		v.SetString(word)
		f.secrets[word] = path
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(7_100_000 + n))
		f.secrets[fmt.Sprint(7_100_000+n)] = path
	case reflect.Float64:
		v.SetFloat(float64(8_100_000 + n))
		f.secrets[fmt.Sprint(8_100_000+n)] = path
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		f.fill(v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.fill(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			word := fmt.Sprintf("canary%04dbird", n)
			v.SetBytes([]byte(word))
			f.secrets[word] = path
			return
		}
		// What is there is another's: a copy.
		have := reflect.MakeSlice(v.Type(), max(1, v.Len()), max(1, v.Len()))
		reflect.Copy(have, v)
		v.Set(have)
		for i := range v.Len() {
			f.fill(v.Index(i), path)
		}
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String && v.Type().Elem().Kind() == reflect.String {
			key, value := fmt.Sprintf("canary%04dbird", n), fmt.Sprintf("canary%04dbeak", n)
			f.secrets[key], f.secrets[value] = path, path
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(value))
		}
	default:
		panic(path + " is of a kind that nobody thought of: " + v.Kind().String())
	}
}

// What is kept back is so wherever it stands, in fields too that are added after
// this was written: whatever of a grade is not named here is full of secrets, and
// none may be in what a student gets. Whoever adds a field finds out here that it
// is kept back, and names it in View, and here, if it should not be.
func TestNoFieldTellsWhatIsKeptBack(t *testing.T) {
	t.Parallel()
	shownOfGrade := []string{".Schema", ".Tool", ".Submission", ".Rubric", ".Tier", ".Started", ".Score", ".Max", ".Deductions", ".Build", ".Lines",
		".Manual.ID", ".Manual.Title", ".Manual.Max", ".Cause.Code", ".Cause.Message", ".Cause.Hint",
		".Report.Schema", ".Report.Tool", ".Report.Results", ".Report.Target.Address", ".Report.Target.Transport", ".Report.Target.Protocol", ".Report.Target.StartedBy",
		".Report.Run.Started", ".Report.Run.Jobs", ".Report.Run.Strict", ".Report.Run.Pace"}
	for _, visibility := range []grade.Visibility{grade.ResultOnly, grade.AfterDue, grade.Hidden, "unheard-of"} {
		g := sample()
		g.Deductions = nil // they have their own test
		g.Cause = &grade.Cause{Owner: grade.OfSubmission, Code: "died", Message: "it died", Hint: "mend it"}
		all := &filler{map[string]string{}, shownOfGrade}
		all.fill(reflect.ValueOf(&g), "")
		// The last line, and what is judged by it.
		l := &g.Lines[len(g.Lines)-1]
		id := l.Judged[0].ID
		l.Visibility, l.Status = visibility, grade.Unmet
		line := &filler{all.secrets, nil}
		if visibility == grade.ResultOnly {
			line.except = []string{".ID", ".Title", ".Points", ".Max", ".Bonus"}
		}
		line.fill(reflect.ValueOf(l), "")
		g.Score, g.Max = 13, 25 // whoever reads a whole total can count
		for i := range g.Report.Results {
			res := &g.Report.Results[i]
			if res.ID == id {
				line.fill(reflect.ValueOf(res), ".Report.Results")
				delete(all.secrets, res.ID)
				res.ID = l.Judged[0].ID
			} else if res.ID == g.Lines[0].Judged[1].ID {
				// What is in full view has been seen in a case that is not, or
				// says so.
				line.fill(reflect.ValueOf(&res.Reason), ".Report.Results.Reason")
				line.fill(reflect.ValueOf(&res.Transcript), ".Report.Results.Transcript")
				line.fill(reflect.ValueOf(&res.Known), ".Report.Results.Known")
				delete(all.secrets, res.Reason.SeenIn)
				res.Reason.SeenIn = l.Judged[0].ID
				res.Notes = []string{"as " + l.Judged[0].ID + " did"}
				res.Replay += " --only " + l.Judged[0].ID
			}
		}
		if len(all.secrets) < 60 {
			t.Fatalf("only %d secrets", len(all.secrets))
		}
		for _, f := range Formats() {
			if f.Class {
				continue
			}
			text := write(t, f.Name, g, Options{})
			if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err == nil {
				text += string(decoded)
			}
			if f.Name == "gradescope" {
				text = withoutLater(t, text)
			}
			for secret, path := range all.secrets {
				found := strings.Contains(text, secret) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(secret)))
				if f.Name == "gradescope" && (path == ".Points" || path == ".Max") {
					continue // of the one test that Gradescope hides, for its sum
				}
				if found {
					t.Errorf("%s, a line that is %s: it tells %s", f.Name, visibility, path)
				}
			}
		}
		// All of it is in what an instructor gets, so that it was there to be told.
		text := write(t, "json", g, Options{Audience: Instructor})
		for secret, path := range all.secrets {
			if !strings.Contains(text, secret) && !strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(secret))) {
				t.Errorf("an instructor is not told %s (%s)", path, secret)
			}
		}
	}
}

// withoutLater is a file for Gradescope as it is shown before the due date.
func withoutLater(t *testing.T, text string) string {
	t.Helper()
	var doc gradescope
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	doc.Tests = slices.DeleteFunc(doc.Tests, func(one gradescopeTest) bool { return one.Visibility == "after_due_date" })
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Each failure that a student sees in full has the command that runs it again, with
// the seed only where nothing follows from it that is kept back.
func TestAFailureCanBeSeenAtHome(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"html", "markdown", "gradescope", "classroom", "prairielearn", "autolab", "junit", "ctrf"} {
		for _, hides := range []bool{false, true} {
			g := sample()
			if !hides {
				g = open()
			}
			text := write(t, name, g, Options{})
			if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err == nil {
				text = string(decoded)
			}
			if !strings.Contains(text, "--only zen/answers/explicit") {
				t.Errorf("%s does not say how the failure is seen at home", name)
			}
			if got := strings.Contains(text, fmt.Sprintf("--seed %d", seed)); got == hides {
				t.Errorf("%s, where something is hidden %t: the seed is told %t", name, hides, got)
			}
			if got := strings.Contains(text, "draws other input than was drawn here"); name == "html" && got != hides {
				t.Errorf("%s, where something is hidden %t: that the input is another is told %t", name, hides, got)
			}
		}
	}
}
