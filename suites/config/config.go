// Package config reads conform.yaml, the file with the settings of a run, and
// says in JSON Schema what may stand in it. It knows the form of a value, and
// where it stands; what a value is good for, and what goes before it, is the
// business of the command line.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"conform/suites/report"
	"conform/suites/spelling"
)

// What a file may hold. The parser takes time by the square of how deep and how
// wide a document is: with these bounds it is never more than a second.
const (
	maxSize     = 64 << 10
	maxLine     = 4 << 10
	maxBrackets = 1000
)

// Kind is what a single value is.
type Kind int

const (
	Text Kind = iota
	Switch
	Whole
	Number
	Duration
)

// due says what has to be written for a kind.
func (k Kind) due() string {
	return [...]string{"text", "true or false", "a whole number", "a number", "a duration, as in 90s"}[k]
}

// Key is a setting that a file may have.
type Key struct {
	Name string
	Text string // what it is for
	Kind Kind

	Many  bool // a list of values may be written as well
	Pairs bool // and a map of them, for KEY=VALUE

	Default string   // empty: none
	Choices []Choice // the only values, or of pairs the only keys; nil: any
}

// Choice is one value, or key, of those that there are.
type Choice struct{ Value, Text string }

// File is what stands in a file, in its order.
type File struct {
	Path     string
	Settings []Setting
	lines    []string
}

// Setting is a key with its values: one, or as many as are listed. Pairs are
// written KEY=VALUE, whether the file has a map of them or a list.
type Setting struct {
	Name         string
	Line, Column int
	Values       []Value
}

// Value is one value as it is to be given to a flag.
type Value struct {
	Text         string
	Line, Column int
}

// Error is something wrong in a file.
type Error struct {
	Path         string
	Line, Column int // 0: of the whole file
	Err          error

	source string // the line; empty if it is not to be shown
}

func (e *Error) Unwrap() error { return e.Err }

// Error is one line that says where it is and what.
func (e *Error) Error() string {
	where := report.Clean(e.Path)
	if e.Line > 0 {
		where += fmt.Sprintf(":%d:%d", e.Line, e.Column)
	}
	return fmt.Sprintf("%s: %s", where, e.Err)
}

// Excerpt is the line that is wrong and a mark below it, or nothing.
func (e *Error) Excerpt() string {
	if e.source == "" {
		return ""
	}
	runes := []rune(e.source)
	at := min(max(e.Column-1, 0), len(runes))
	// Of a long line, what is around the place.
	from, to := max(0, at-60), min(len(runes), at+100)
	before, after := report.Clean(strings.ReplaceAll(string(runes[from:at]), "\t", " ")), report.Clean(string(runes[at:to]))
	if from > 0 {
		before = "… " + before
	}
	if to < len(runes) {
		after += " …"
	}
	margin := fmt.Sprintf("%5d", e.Line)
	return fmt.Sprintf("%s | %s%s\n%s | %s^\n", margin, before, after, strings.Repeat(" ", len(margin)), strings.Repeat(" ", utf8.RuneCountInString(before)))
}

// Open reads a file. One that is no regular file is refused: nobody wants to
// wait for a pipe, and a device has no end.
func Open(path string, keys []Key) (*File, error) {
	fail := func(format string, args ...any) (*File, error) {
		return nil, &Error{Path: path, Err: fmt.Errorf(format, args...)}
	}
	info, err := os.Stat(path)
	var notThere *os.PathError
	switch {
	case errors.As(err, &notThere):
		return fail("%w", notThere.Err)
	case err != nil:
		return fail("%w", err)
	case info.IsDir():
		return fail("this is a folder: name a file")
	case !info.Mode().IsRegular():
		return fail("this is no regular file")
	}
	file, err := os.Open(path)
	if errors.As(err, &notThere) {
		return fail("%w", notThere.Err)
	} else if err != nil {
		return fail("%w", err)
	}
	defer file.Close()
	return Read(file, path, keys)
}

// Read reads the settings that have one of these keys. The path is for errors,
// which are of type *Error.
func Read(r io.Reader, path string, keys []Key) (_ *File, err error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, &Error{Path: path, Err: err}
	}
	if len(data) > maxSize {
		return nil, &Error{Path: path, Err: fmt.Errorf("this is longer than %d bytes, and can hardly be a file of settings", maxSize)}
	}
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	f := &File{Path: path, lines: strings.Split(string(data), "\n")}
	if err := f.plain(); err != nil {
		return nil, err
	}
	document, err := f.parse(data)
	if err != nil || document == nil {
		return f, err
	}
	if err := f.settings(document, keys); err != nil {
		return nil, err
	}
	return f, nil
}

// at is an error at a place.
func (f *File) at(line, column int, format string, args ...any) *Error {
	e := &Error{Path: f.Path, Line: line, Column: column, Err: fmt.Errorf(format, args...)}
	// What was named by mistake may hold what nobody should see in a log.
	if extension := filepath.Ext(f.Path); (extension == ".yaml" || extension == ".yml") && line > 0 && line <= len(f.lines) {
		e.source = f.lines[line-1]
	}
	return e
}

// Refuse is an error of whoever uses the values of a setting, at the i-th of
// them; at the key if that is none, unless there is only one value.
func (f *File) Refuse(name string, i int, err error) error {
	at := slices.IndexFunc(f.Settings, func(s Setting) bool { return s.Name == name })
	if at < 0 {
		return err
	}
	s := f.Settings[at]
	if len(s.Values) == 1 {
		i = 0
	}
	if i < 0 || i >= len(s.Values) {
		return f.at(s.Line, s.Column, "%w", err)
	}
	return f.at(s.Values[i].Line, s.Values[i].Column, "%w", err)
}

// plain refuses what is no text, and what the parser would take too long for.
func (f *File) plain() error {
	brackets := 0
	for i, line := range f.lines {
		if len(line) > maxLine {
			return f.at(i+1, maxLine, "this line is longer than %d bytes", maxLine)
		}
		for j, r := range line {
			column := utf8.RuneCountInString(line[:j]) + 1
			switch {
			case r == utf8.RuneError && !strings.HasPrefix(line[j:], string(utf8.RuneError)):
				return f.at(i+1, column, "this is no UTF-8: save the file as UTF-8")
			case unicode.IsControl(r) && r != '\t':
				return f.at(i+1, column, "the control character %s does not belong in a file of settings", strconv.QuoteRune(r))
			case r == '[' || r == '{':
				if brackets++; brackets > maxBrackets {
					return f.at(i+1, column, "more than %d brackets can hardly be settings", maxBrackets)
				}
			}
		}
	}
	return nil
}

// parse returns the one document of a file, or nil if it is empty.
func (f *File) parse(data []byte) (document ast.Node, err error) {
	defer func() {
		// Nothing that stands in a file is a fault of conform.
		if r := recover(); r != nil {
			document, err = nil, &Error{Path: f.Path, Err: fmt.Errorf("this is no YAML: %s", report.Clean(fmt.Sprint(r)))}
		}
	}()
	parsed, err := parser.ParseBytes(data, 0)
	var wrong yaml.Error
	switch {
	case errors.As(err, &wrong) && wrong.GetToken() != nil:
		place := wrong.GetToken().Position
		return nil, f.at(place.Line, place.Column, "this is no YAML: %s", report.Clean(wrong.GetMessage()))
	case err != nil:
		return nil, &Error{Path: f.Path, Err: fmt.Errorf("this is no YAML: %s", report.Clean(err.Error()))}
	}
	for _, d := range parsed.Docs {
		switch d.Body.(type) {
		case nil, *ast.DirectiveNode, *ast.CommentGroupNode:
			continue
		}
		if document != nil {
			return nil, f.wrong(d.Body, "a second document: write all settings into one")
		}
		document = d.Body
	}
	return document, nil
}

// wrong is an error at a node.
func (f *File) wrong(n ast.Node, format string, args ...any) *Error {
	line, column := place(n)
	return f.at(line, column, format, args...)
}

// place is where a node begins; the token of a map or a list is not always its
// first.
func place(n ast.Node) (line, column int) {
	if m, ok := n.(ast.MapNode); ok {
		if entries := entries(m); len(entries) > 0 {
			n = entries[0].Key
		}
	}
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return 0, 0
	}
	return t.Position.Line, t.Position.Column
}

func entries(n ast.MapNode) (all []*ast.MappingValueNode) {
	for i := n.MapRange(); i.Next(); {
		all = append(all, i.KeyValue())
	}
	return all
}

func (f *File) settings(document ast.Node, keys []Key) error {
	m, ok := document.(ast.MapNode)
	if !ok {
		e := f.wrong(document, "%s is no setting: write NAME: VALUE, as in target: localhost:1060", what(document))
		e.source = "" // it can be any file
		return e
	}
	for _, entry := range entries(m) {
		name, ok := scalar(entry.Key)
		i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name })
		if !ok || i < 0 {
			return f.unknown(entry.Key, name, keys)
		}
		line, column := place(entry.Key)
		s := Setting{Name: name, Line: line, Column: column}
		if err := f.values(&s, keys[i], entry.Value); err != nil {
			return err
		}
		f.Settings = append(f.Settings, s)
	}
	return nil
}

// unknown is the error of a key that there is not. What stands behind it is not
// shown: it has nothing to do with conform.
func (f *File) unknown(key ast.Node, name string, keys []Key) error {
	hint := "conform --help shows the flags, and their names are the keys"
	if near := nearest(name, keys); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	e := f.wrong(key, "unknown key %s: %s", report.Clean(strconv.Quote(name)), hint)
	if runes := []rune(e.source); e.source != "" {
		if end := e.Column - 1 + len([]rune(key.String())); end < len(runes) {
			e.source = string(runes[:end]) + ": …"
		}
	}
	return e
}

// values reads what stands behind a key.
func (f *File) values(s *Setting, k Key, n ast.Node) error {
	switch n := n.(type) {
	case *ast.SequenceNode:
		if !k.Many {
			return f.wrong(n, "%s takes %s, not a list", k.Name, k.Kind.due())
		}
		for _, v := range n.Values {
			if err := f.value(s, k, "", v, k.Kind); err != nil {
				return err
			}
		}
		return nil
	case *ast.MappingNode, *ast.MappingValueNode:
		if !k.Pairs {
			due := k.Kind.due()
			if k.Many {
				due += ", or a list"
			}
			return f.wrong(n, "%s takes %s, not a map", k.Name, due)
		}
		for _, entry := range entries(n.(ast.MapNode)) {
			name, ok := scalar(entry.Key)
			if !ok || name == "" || strings.Contains(name, "=") {
				return f.wrong(entry.Key, "%s is no key of %s", what(entry.Key), k.Name)
			}
			// On the command line all of them are text.
			if err := f.value(s, k, name+"=", entry.Value, anything); err != nil {
				return err
			}
			last := &s.Values[len(s.Values)-1]
			last.Line, last.Column = place(entry.Key)
		}
		return nil
	}
	return f.value(s, k, "", n, k.Kind)
}

// anything takes any scalar for text.
const anything Kind = -1

func (f *File) value(s *Setting, k Key, key string, n ast.Node, kind Kind) error {
	text, ok := scalar(n)
	name, due := k.Name, "text"
	if kind != anything {
		due = kind.due()
	} else {
		name += "." + strings.TrimSuffix(key, "=")
	}
	line, column := place(n)
	switch n.(type) {
	case *ast.NullNode:
		if line, column = place(n); line == 0 {
			line, column = s.Line, s.Column
		}
		return f.at(line, column, "%s has no value: write %s, or take the line out", report.Clean(name), due)
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return f.wrong(n, "anchors, aliases and tags are of no use here: write the value of %s itself", report.Clean(name))
	}
	if ok && kind != anything {
		switch n.(type) {
		case *ast.IntegerNode:
			ok = kind == Whole || kind == Number
		case *ast.FloatNode:
			ok = kind == Number
		case *ast.BoolNode:
			ok = kind == Switch
		default:
			ok = kind == Text || kind == Duration
		}
	}
	switch {
	case !ok && kind == Text:
		return f.wrong(n, "%s takes %s, not %s: write it in quotes", report.Clean(name), due, what(n))
	case !ok:
		return f.wrong(n, "%s takes %s, not %s", report.Clean(name), due, what(n))
	case strings.ContainsFunc(key+text, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' }):
		return f.wrong(n, "%s holds a character that cannot be shown", report.Clean(name))
	}
	if n, isInteger := n.(*ast.IntegerNode); isInteger && kind != anything {
		text = fmt.Sprint(n.Value) // 0x10 and 1_000 are numbers, and no flag knows them
	}
	if text = strings.TrimSpace(text); text == "" {
		return f.wrong(n, "%s has no value: write %s, or take the line out", report.Clean(name), due)
	}
	s.Values = append(s.Values, Value{Text: key + text, Line: line, Column: column})
	return nil
}

// scalar is the text of a single value as it is written.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// what is how a node is called in an error.
func what(n ast.Node) string {
	switch n := n.(type) {
	case ast.MapNode:
		return "a map"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return "an anchor, an alias or a tag"
	case *ast.StringNode, *ast.LiteralNode:
		text, _ := scalar(n)
		if runes := []rune(text); len(runes) > 40 {
			text = string(runes[:40]) + "…"
		}
		return report.Clean(strconv.Quote(text))
	}
	text, ok := scalar(n)
	if !ok {
		return "this"
	}
	return report.Clean(text)
}

// nearest is the key that may have been meant, or nothing.
func nearest(name string, keys []Key) string {
	name = strings.ToLower(strings.ReplaceAll(strings.TrimLeft(name, "-"), "_", "-"))
	if len(name) > 64 {
		return ""
	}
	best, distance := "", 1+len(name)/3
	for _, k := range keys {
		if d := spelling.Distance(name, k.Name); d <= distance {
			best, distance = k.Name, d-1
		}
	}
	return best
}
