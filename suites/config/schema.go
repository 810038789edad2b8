package config

import (
	"bytes"
	"encoding/json"
)

// Schema is a JSON Schema of the files that have these keys, for editors.
func Schema(keys []Key) ([]byte, error) {
	properties := map[string]any{}
	for _, k := range keys {
		properties[k.Name] = k.schema()
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(map[string]any{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"$id":         "urn:conform:schema:conform-yaml",
		"title":       "conform.yaml",
		"description": "The settings of a run of conform: the flags of the command by their names. A flag and an environment variable go before what stands here.",
		"type":        "object", "properties": properties, "additionalProperties": false,
	})
	return b.Bytes(), err
}

// schema says what the values of one key are.
func (k Key) schema() map[string]any {
	one := map[string]any{}
	switch k.Kind {
	case Switch:
		one["type"] = "boolean"
	case Whole:
		one["type"] = "integer"
	case Number:
		one["type"] = "number"
	case Duration:
		one["type"], one["pattern"] = "string", `^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$`
	default:
		one["type"], one["minLength"] = "string", 1
	}
	if k.Choices != nil && !k.Pairs {
		var values []string
		for _, c := range k.Choices {
			values = append(values, c.Value)
		}
		one["enum"] = values
	}
	all := one
	if k.Many {
		forms := []any{one, map[string]any{"type": "array", "items": one}}
		if k.Pairs {
			forms = append([]any{k.pairs()}, forms...)
		}
		all = map[string]any{"anyOf": forms}
	}
	all["description"] = k.Text
	if k.Default != "" {
		all["default"] = json.RawMessage(k.Default)
		if k.Kind == Text || k.Kind == Duration {
			all["default"] = k.Default
		}
	}
	return all
}

// pairs is a map instead of a list of KEY=VALUE.
func (k Key) pairs() map[string]any {
	value := map[string]any{"type": []string{"string", "number", "boolean"}, "minLength": 1}
	if k.Choices == nil {
		return map[string]any{"type": "object", "additionalProperties": value}
	}
	properties := map[string]any{}
	for _, c := range k.Choices {
		described := map[string]any{"type": value["type"], "minLength": 1}
		if c.Text != "" {
			described["description"] = c.Text
		}
		properties[c.Value] = described
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
}
