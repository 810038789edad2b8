package report

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"conform/specs"
)

// schema compiles one of the published schemas.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	// The one about several targets speaks of the one about a report.
	file, err := os.Open("../../docs/schema/report-v1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	document, err := jsonschema.UnmarshalJSON(file)
	if err == nil {
		err = c.AddResource("urn:conform:schema:report:v1", document)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("../../docs/schema/" + name + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Whatever a target sends, and however a run ends, the report keeps to its
// schema.
func TestReportsKeepToTheirSchema(t *testing.T) {
	keeps := func(t *testing.T, s *jsonschema.Schema, r *Report) {
		t.Helper()
		var b bytes.Buffer
		if err := WriteJSON(&b, r); err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(document); err != nil {
			t.Errorf("%v", err)
		}
	}
	s := schema(t, "report-v1")
	for name, r := range endings() {
		t.Run(name, func(t *testing.T) { keeps(t, s, r) })
	}
	t.Run("profile", func(t *testing.T) {
		r := sample()
		r.Target.Concurrency = profile()
		r.Target.Concurrency.Profile = append(r.Target.Concurrency.Profile, others()...)
		keeps(t, s, r)
	})
	t.Run("empty", func(t *testing.T) { // nothing but what cannot be left out
		r := &Report{Summary: Summary{Headline: "error"}, Scale: &Scale{Ended: "complete"}, Results: []Result{
			{Level: specs.Must, Verdict: specs.Fail, Reason: &Reason{Code: specs.Assertion}, Known: &Known{}, Schedule: &Schedule{}}}}
		r.Target.Concurrency.Profile = []Profile{{}}
		keeps(t, s, r)
	})
	hostileReports(t, 2_000, func(t *testing.T, r *Report) {
		ours(reflect.ValueOf(r))
		r.Schema, r.Summary.Headline, r.Target.Concurrency.Class, r.Scale.Ended = Schema, "error", "bounded", "complete"
		r.Summary.Counts = Count(r.Results)
		keeps(t, s, r)
	})
}

// ours puts words of ours back where no target can bring in one of its own.
func ours(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			ours(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				ours(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			ours(v.Index(i))
		}
	case reflect.String:
		switch v.Type() {
		case reflect.TypeFor[specs.Verdict]():
			v.SetString(string(specs.Fail))
		case reflect.TypeFor[specs.Level]():
			v.SetString(string(specs.Must))
		case reflect.TypeFor[specs.Code]():
			v.SetString(string(specs.WrongBytes))
		case reflect.TypeFor[StageState]():
			v.SetString(string(StageUnmet))
		case reflect.TypeFor[specs.Action]():
			v.SetString(string(specs.Sends))
		}
	}
	if known, ok := v.Interface().(Known); ok && v.CanSet() {
		known.As = ExpectedFail
		v.Set(reflect.ValueOf(known))
	}
}

// A schema that takes everything would prove nothing.
func TestTheSchemaRefusesWhatIsNoReport(t *testing.T) {
	s := schema(t, "report-v1")
	for name, spoil := range map[string]func(doc map[string]any){
		"another schema":  func(doc map[string]any) { doc["schema"] = "conform.report/v2" },
		"no results":      func(doc map[string]any) { delete(doc, "results") },
		"null for a list": func(doc map[string]any) { doc["results"] = nil },
		"a verdict":       func(doc map[string]any) { doc["results"].([]any)[0].(map[string]any)["verdict"] = "passed" },
		"a level":         func(doc map[string]any) { doc["results"].([]any)[0].(map[string]any)["level"] = "MUST" },
		"a code": func(doc map[string]any) {
			doc["results"].([]any)[2].(map[string]any)["reason"].(map[string]any)["code"] = "No answer"
		},
		"no expectation": func(doc map[string]any) {
			delete(doc["results"].([]any)[2].(map[string]any)["reason"].(map[string]any), "expected")
		},
		"a verdict counts": func(doc map[string]any) { doc["summary"].(map[string]any)["counts"].(map[string]any)["passed"] = 1 },
		"no time":          func(doc map[string]any) { doc["run"].(map[string]any)["started"] = "yesterday" },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := WriteJSON(&b, sample()); err != nil {
				t.Fatal(err)
			}
			var doc map[string]any
			if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			spoil(doc)
			if s.Validate(doc) == nil {
				t.Error("it is taken for a report")
			}
		})
	}
}

// The words of the schema are those of the language.
func TestTheSchemaKnowsEveryWord(t *testing.T) {
	properties := schema(t, "report-v1").Properties["results"].Items2020.Ref.Properties
	words := func(s *jsonschema.Schema) (words []string) {
		for _, v := range s.Enum.Values {
			words = append(words, v.(string))
		}
		slices.Sort(words)
		return words
	}
	var verdicts, codes []string
	for _, v := range specs.Verdicts {
		verdicts = append(verdicts, string(v))
	}
	for _, m := range specs.Meanings() {
		codes = append(codes, string(m.Code))
	}
	slices.Sort(verdicts)
	slices.Sort(codes)
	if got := words(properties["verdict"].Ref); !slices.Equal(got, verdicts) {
		t.Errorf("verdicts %v, not %v", got, verdicts)
	}
	if got := words(properties["reason"].Ref.Properties["code"].Ref.AnyOf[0]); !slices.Equal(got, codes) {
		t.Errorf("codes %v, not %v", got, codes)
	}
	if got := words(schema(t, "baseline").Properties["known"].Items2020.Properties["reason"]); !slices.Equal(got, codes) {
		t.Errorf("codes of a baseline %v, not %v", got, codes)
	}
}
