package grade

import (
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"conform/suites/spelling"
)

// Mistake is one thing that is wrong with a file, and where.
type Mistake struct {
	Line, Column int    // from 1
	Source       string // the line, in printable characters
	Message      string
}

// Mistakes is everything that is wrong with a file, in its order.
type Mistakes []Mistake

// Error shows the mistakes with their lines.
func (m Mistakes) Error() string {
	var b strings.Builder
	for i, one := range m {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "line %d, column %d: %s", one.Line, one.Column, one.Message)
		if one.Source == "" {
			continue
		}
		margin := fmt.Sprintf("%4d | ", one.Line)
		fmt.Fprintf(&b, "\n%s%s\n%s| %s^", margin, one.Source, strings.Repeat(" ", len(margin)-2), strings.Repeat(" ", one.Column-1))
	}
	return b.String()
}

const (
	maxSize     = 1 << 20 // of a rubric, in bytes
	maxMistakes = 20      // are told; whoever has more has another problem
	maxShown    = 160     // characters of a line
)

// source is a YAML file on its way to a value: it remembers where everything
// stood, so that whatever turns out to be wrong later can be shown too.
type source struct {
	lines    []string
	at       map[string]token.Position // by path, as in groups[1].needs[0]
	mistakes Mistakes
}

// load reads a YAML file into v, which points to a struct. The mistakes it finds
// are in the source; an error is one of reading.
func load(r io.Reader, limit int, v any) (*source, []byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, nil, err
	}
	s := &source{lines: strings.Split(string(data), "\n"), at: map[string]token.Position{}}
	if len(data) > limit {
		s.wrong(token.Position{Line: 1, Column: 1}, "the file is longer than %d bytes", limit)
		return s, data, nil
	}
	file, err := parse(data)
	if err != nil {
		position, message := token.Position{Line: 1, Column: 1}, err.Error()
		if syntax, ok := err.(yaml.Error); ok { //nolint:errorlint // it is returned as it is
			message = syntax.GetMessage()
			if t := syntax.GetToken(); t != nil && t.Position != nil {
				position = *t.Position
			}
		}
		s.wrong(position, "this is no YAML: %s", message)
		return s, data, nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		s.wrong(token.Position{Line: 1, Column: 1}, "the file is empty")
	case 1:
		s.into(bodies[0], reflect.ValueOf(v).Elem(), "")
	default:
		s.wrong(where(bodies[1]), "a second document begins here: one file holds one")
	}
	return s, data, nil
}

// parse guards against what the parser does not survive.
func parse(data []byte) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser cannot read it")
		}
	}()
	return parser.ParseBytes(data, 0)
}

func where(n ast.Node) token.Position {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		n = m.Values[0].Key
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		n = m.Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return *t.Position
	}
	return token.Position{Line: 1, Column: 1}
}

// wrong adds a mistake.
func (s *source) wrong(p token.Position, format string, args ...any) {
	m := Mistake{Line: max(1, p.Line), Column: max(1, p.Column), Message: fmt.Sprintf(format, args...)}
	if m.Line <= len(s.lines) {
		line := []rune(strings.TrimRight(s.lines[m.Line-1], "\r"))
		m.Column = min(m.Column, len(line)+1)
		if m.Column <= maxShown {
			line = line[:min(len(line), maxShown)]
			for i, r := range line {
				if !unicode.IsPrint(r) {
					line[i] = ' '
				}
			}
			m.Source = string(line)
		}
	}
	if !slices.Contains(s.mistakes, m) {
		s.mistakes = append(s.mistakes, m)
	}
}

// wrongAt adds a mistake about what stood at a path, or if that has not been
// written, about the nearest thing around it that has.
func (s *source) wrongAt(path, format string, args ...any) {
	for {
		if p, ok := s.at[path]; ok || path == "" {
			s.wrong(p, format, args...)
			return
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

// err is all that was wrong; nil if nothing was.
func (s *source) err() error {
	if len(s.mistakes) == 0 {
		return nil
	}
	slices.SortStableFunc(s.mistakes, func(a, b Mistake) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return s.mistakes[:min(len(s.mistakes), maxMistakes)]
}

// worded is a string with a closed set of values.
type worded interface{ words() []string }

// into sets v to what a node says.
func (s *source) into(n ast.Node, v reflect.Value, path string) {
	position := where(n)
	s.at[path] = position
	wrong := func(format string, args ...any) { s.wrong(position, format, args...) }
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		wrong("anchors, aliases and tags are not understood here: write it out")
		return
	case *ast.NullNode:
		wrong("nothing is written here: write a value, or leave the key out")
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	scalar, text := scalarOf(n)
	switch value := v.Addr().Interface().(type) {
	case *Decimal:
		d, err := parseDecimal(text)
		if scalar != number || err != nil {
			wrong("%s is no number of this kind: write one from 0 to %s with at most four decimal places, as in 12.5", shown(n, text), maxDecimal)
			return
		}
		*value = d
		return
	case *Size:
		b, err := parseSize(text)
		if scalar == number {
			err = fmt.Errorf("no unit")
		}
		if err != nil || scalar == none {
			wrong("%s is no size: write a whole number with B, KiB, MiB or GiB, as in 256MiB", shown(n, text))
			return
		}
		*value = b
		return
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if scalar != word || err != nil || d < 0 || strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") {
			wrong("%s is no duration: write as in 90s, 10m or 48h", shown(n, text))
			return
		}
		*value = d
		return
	case *time.Time:
		t, err := time.Parse(time.RFC3339, text)
		if scalar != word || err != nil {
			wrong("%s is no time: write as in 2027-01-31T23:59:00+01:00", shown(n, text))
			return
		}
		*value = t
		return
	}
	switch v.Kind() {
	case reflect.String:
		if scalar != word {
			if scalar == none {
				wrong("a text belongs here, not %s", shown(n, text))
			} else {
				wrong("%s is not a text: put it in quotes if it is meant as one", shown(n, text))
			}
			return
		}
		if w, ok := v.Interface().(worded); ok && !slices.Contains(w.words(), text) {
			wrong("%q is not known here%s", text, orOneOf(text, w.words()))
			return
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
			wrong("the text has the control character %+q in it: take it out", rune(text[i]))
			return
		}
		v.SetString(text)
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			v.SetBool(b.Value)
			return
		}
		wrong("%s is neither true nor false", shown(n, text))
	case reflect.Int:
		i, err := strconv.ParseInt(text, 10, 32)
		if scalar != number || err != nil || i < 0 {
			wrong("%s is no whole number from 0 on", shown(n, text))
			return
		}
		v.SetInt(i)
	case reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			wrong("a list belongs here, not %s: write each entry behind a dash on a line of its own, or [a, b]", shown(n, text))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
		for i, entry := range list.Values {
			s.into(entry, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		s.entries(n, path, func(key string, at token.Position, node ast.Node, inner string) {
			entry := reflect.New(v.Type().Elem()).Elem()
			if kind, text := scalarOf(node); entry.Kind() == reflect.String && (kind == number || kind == truth) {
				// Dialects and variables are texts that often look like
				// something else: max-message: 1024.
				s.at[inner] = where(node)
				entry.SetString(text)
			} else {
				s.into(node, entry, inner)
			}
			v.SetMapIndex(reflect.ValueOf(key), entry)
		})
	case reflect.Struct:
		fields := map[string]int{}
		var keys []string
		for i := range v.NumField() {
			if key := v.Type().Field(i).Tag.Get("yaml"); key != "" {
				fields[key] = i
				keys = append(keys, key)
			}
		}
		s.entries(n, path, func(key string, at token.Position, node ast.Node, inner string) {
			i, known := fields[key]
			if !known {
				s.wrong(at, "unknown key %q%s", key, orOneOf(key, keys))
				return
			}
			s.into(node, v.Field(i), inner)
		})
	default:
		wrong("%s cannot be read", v.Type())
	}
}

// entries calls f for each entry of a mapping.
func (s *source) entries(n ast.Node, path string, f func(key string, at token.Position, node ast.Node, inner string)) {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		_, text := scalarOf(n)
		s.wrong(where(n), "keys with values belong here, as in title: Zen, not %s", shown(n, text))
		return
	}
	seen := map[string]bool{}
	for _, entry := range values {
		at := where(entry.Key)
		kind, key := scalarOf(entry.Key)
		switch {
		case kind == none:
			s.wrong(at, "a key is a word here")
			continue
		case seen[key]:
			s.wrong(at, "the key %q is here for the second time", key)
			continue
		}
		seen[key] = true
		inner := key
		if path != "" {
			inner = path + "." + key
		}
		f(key, at, entry.Value, inner)
	}
}

// kind is what a scalar looks like.
type kind int

const (
	none kind = iota // it is no scalar
	word
	number
	truth
)

func scalarOf(n ast.Node) (kind, string) {
	switch n := n.(type) {
	case *ast.StringNode:
		return word, n.Value
	case *ast.LiteralNode:
		return word, n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return number, n.GetToken().Value
	case *ast.BoolNode:
		return truth, n.Token.Value
	}
	return none, ""
}

// shown names what was found in the place of something else.
func shown(n ast.Node, text string) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	}
	return strconv.Quote(text)
}

// orOneOf says what could have been meant.
func orOneOf(asked string, known []string) string {
	if near := nearest(asked, known); near != "" {
		return ": did you mean " + near + "?"
	}
	return ": write one of " + strings.Join(known, ", ")
}

// nearest is the known word that is most like the one asked for; empty if none
// is much like it.
func nearest(asked string, known []string) string {
	best, distance := "", 1+max(1, len(asked)/3)
	for _, k := range known {
		if len(asked) > 200 || len(k) > 200 {
			continue // nobody has misspelt that
		}
		if d := spelling.Distance(asked, k); d < distance {
			best, distance = k, d
		}
	}
	return best
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
