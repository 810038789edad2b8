package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"conform/suites/baseline"
	"conform/suites/report"
	"conform/suites/sandbox"
	"conform/suites/selftest"
)

const schemas = "../../docs/schema/"

// schemaFile is where a published schema is, from wherever a script has gone.
func schemaFile(name string) string {
	path, err := filepath.Abs(schemas + name + ".schema.json")
	if err != nil {
		panic(err)
	}
	return path
}

// keeps NAME FILE checks that a file keeps to a published schema.
func keeps(ts *testscript.TestScript, neg bool, args []string) {
	switch err := validate(args[0], args[1], ts.ReadFile(args[1])); {
	case neg && err == nil:
		ts.Fatalf("%s keeps to %s", args[1], args[0])
	case !neg && err != nil:
		ts.Fatalf("%s: %v", args[1], err)
	}
}

// validate says whether a file of some text keeps to a published schema.
func validate(schema, file, text string) error {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	data, err := os.ReadFile(schemaFile("report-v1"))
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err == nil { // the one about several targets speaks of it
		err = c.AddResource("urn:conform:schema:report:v1", document)
	}
	if err != nil {
		return err
	}
	s, err := c.Compile(schemaFile(schema))
	if err != nil {
		return err
	}
	if strings.HasSuffix(file, ".yaml") {
		err = yaml.Unmarshal([]byte(text), &document)
	} else {
		document, err = jsonschema.UnmarshalJSON(strings.NewReader(text))
	}
	if err != nil {
		return err
	}
	return s.Validate(document)
}

// node is what a schema says of one value.
type node struct {
	Ref         string          `json:"$ref"`
	Defs        map[string]node `json:"$defs"`
	Type        string
	Description string
	Properties  map[string]node
	Required    []string
	Items       *node
}

// The published schemas name every field there is, no other, and require none
// that may be left out.
func TestTheSchemasAreFresh(t *testing.T) {
	t.Parallel()
	type diff struct {
		Schema  string          `json:"schema"`
		Changes []report.Change `json:"changes"`
	}
	for name, of := range map[string]struct {
		model reflect.Type
		tag   string
	}{
		"report-v1":   {reflect.TypeFor[report.Report](), "json"},
		"matrix-v1":   {reflect.TypeFor[report.Matrix](), "json"},
		"selftest-v1": {reflect.TypeFor[selftest.Matrix](), "json"},
		"doctor-v1":   {reflect.TypeFor[sandbox.Report](), "json"},
		"diff-v1":     {reflect.TypeFor[diff](), "json"},
		"config-v1":   {reflect.TypeFor[shownSettings](), "json"},
		"baseline":    {reflect.TypeFor[baseline.Baseline](), "yaml"},
	} {
		data, err := os.ReadFile(schemaFile(name))
		if err != nil {
			t.Fatal(err)
		}
		var root node
		if err := json.Unmarshal(data, &root); err != nil {
			t.Fatal(err)
		}
		compare(t, name, of.tag, of.model, root, root.Defs)
	}
}

// compare compares a type with what a schema says of its values.
func compare(t *testing.T, where, tag string, model reflect.Type, n node, defs map[string]node) {
	if n.Ref == "urn:conform:schema:report:v1" && model == reflect.TypeFor[report.Report]() {
		return // it is compared by itself
	}
	if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
		n = defs[name]
	}
	switch model.Kind() {
	case reflect.Pointer:
		compare(t, where, tag, model.Elem(), n, defs)
	case reflect.Slice:
		switch {
		case model.Elem().Kind() == reflect.Uint8:
		case n.Items == nil:
			t.Errorf("%s: the schema has no list", where)
		default:
			compare(t, where+"[]", tag, model.Elem(), *n.Items, defs)
		}
	case reflect.Struct:
		if model == reflect.TypeFor[time.Time]() {
			return
		}
		var fields, optional []string
		for i := range model.NumField() {
			name, options, _ := strings.Cut(model.Field(i).Tag.Get(tag), ",")
			if name == "-" {
				continue
			}
			property, known := n.Properties[name]
			switch {
			case !known:
				t.Errorf("%s.%s is not in the schema", where, name)
				continue
			case property.Description == "" && property.Ref == "" && name != "schema":
				t.Errorf("%s.%s is not described", where, name)
			}
			fields = append(fields, name)
			if strings.Contains(options, "omitempty") {
				optional = append(optional, name)
			}
			compare(t, where+"."+name, tag, model.Field(i).Type, property, defs)
		}
		for name := range n.Properties {
			if !slices.Contains(fields, name) {
				t.Errorf("%s.%s is in the schema, and nowhere else", where, name)
			}
		}
		for _, name := range n.Required {
			if !slices.Contains(fields, name) || slices.Contains(optional, name) {
				t.Errorf("%s.%s is required, and may be left out", where, name)
			}
		}
	case reflect.String:
		is(t, where, n, "string")
	case reflect.Bool:
		is(t, where, n, "boolean")
	case reflect.Int, reflect.Int64:
		is(t, where, n, "integer")
	case reflect.Float64:
		is(t, where, n, "number")
	case reflect.Map:
		is(t, where, n, "object")
	case reflect.Interface: // any
	default:
		t.Errorf("%s: no schema has a %s", where, model)
	}
}

func is(t *testing.T, where string, n node, kind string) {
	if n.Type != kind && n.Type != "" { // a choice of words has no type of its own
		t.Errorf("%s is a %s, and %s in the schema", where, kind, n.Type)
	}
}
