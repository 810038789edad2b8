package feedback

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// What a gradebook may take.
const (
	maxSheet     = 64 << 20
	maxSheetRows = 200_000
)

// sheet is a table that knows where in the file each of its cells is, so that
// everything but the cells that are set stays as it is, byte for byte: the byte
// order mark, the ends of lines, the quotes.
type sheet struct {
	data      []byte
	separator byte
	escape    byte // in quotes, it takes its meaning from what follows; 0 is none
	rows      [][]sheetCell
}

type sheetCell struct {
	from, to int // with its quotes
	value    string
	set      *string
}

// readSheet takes a table apart. The separator is the comma, semicolon or tab
// that ends the first header, in which there never is one: titles of assignments
// and names may have any of them.
func readSheet(r io.Reader) (*sheet, error) { return readSheetEscaped(r, 0) }

// readSheetEscaped reads what PHP has written, as PHP does: a backslash in quotes
// takes the meaning from a quote. Where that cannot be read it is a table like
// any other.
func readSheetEscaped(r io.Reader, escape byte) (*sheet, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSheet+1))
	if err != nil {
		return nil, fmt.Errorf("the gradebook cannot be read: %w", err)
	}
	switch {
	case len(data) > maxSheet:
		return nil, fmt.Errorf("the gradebook is larger than %d MiB", maxSheet>>20)
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return nil, errors.New("the gradebook is in UTF-16: export it as CSV in UTF-8")
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return nil, errors.New("the gradebook is a workbook: export it as CSV")
	case !utf8.Valid(data):
		return nil, errors.New("the gradebook is not in UTF-8: export it as CSV in UTF-8")
	}
	s := &sheet{data: data}
	start := 0
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		start = 3
	}
	s.separator = separatorOf(data[start:])
	if escape != 0 {
		s.escape = escape
		if err := s.parse(start); err == nil {
			return s, nil
		}
		s.escape, s.rows = 0, nil
	}
	return s, s.parse(start)
}

func separatorOf(data []byte) byte {
	quoted := false
	for _, c := range data {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',', c == ';', c == '\t':
			return c
		case c == '\n', c == '\r':
			return ','
		}
	}
	return ','
}

func (s *sheet) parse(at int) error {
	var row []sheetCell
	line := 1
	for at < len(s.data) {
		c := sheetCell{from: at}
		if s.data[at] == '"' {
			var b strings.Builder
			began := line
			at++
			for closed := false; !closed; {
				if at >= len(s.data) {
					return fmt.Errorf("the gradebook, line %d: a quote is not closed", began)
				}
				switch ch := s.data[at]; {
				case s.escape != 0 && ch == s.escape && at+1 < len(s.data) && (s.data[at+1] == '"' || s.data[at+1] == s.escape):
					b.Write(s.data[at : at+2])
					at++
				case ch == '"' && at+1 < len(s.data) && s.data[at+1] == '"':
					b.WriteByte('"')
					at++
				case ch == '"':
					closed = true
				default:
					if ch == '\n' {
						line++
					}
					b.WriteByte(ch)
				}
				at++
			}
			for s.escape != 0 && at < len(s.data) && s.data[at] != s.separator && s.data[at] != '\n' && s.data[at] != '\r' {
				b.WriteByte(s.data[at]) // PHP takes it for a part of the cell
				at++
			}
			if at < len(s.data) && s.data[at] != s.separator && s.data[at] != '\n' && s.data[at] != '\r' {
				return fmt.Errorf("the gradebook, line %d: something follows a quote that is closed", line)
			}
			c.value = b.String()
		} else {
			for at < len(s.data) && s.data[at] != s.separator && s.data[at] != '\n' && s.data[at] != '\r' {
				at++
			}
			c.value = string(s.data[c.from:at])
		}
		c.to = at
		row = append(row, c)
		switch {
		case at >= len(s.data):
		case s.data[at] == s.separator:
			at++
			if at == len(s.data) || s.data[at] == '\n' || s.data[at] == '\r' { // an empty cell ends the line
				row = append(row, sheetCell{from: at, to: at})
			} else {
				continue
			}
		}
		if at < len(s.data) && s.data[at] == '\r' {
			at++
			if at < len(s.data) && s.data[at] == '\n' {
				at++
			}
		} else if at < len(s.data) {
			at++
		}
		line++
		if len(s.rows) >= maxSheetRows {
			return fmt.Errorf("the gradebook has more than %d rows", maxSheetRows)
		}
		s.rows = append(s.rows, row)
		row = nil
	}
	if len(s.rows) == 0 {
		return errors.New("the gradebook is empty")
	}
	return nil
}

// value is that of a cell; of one that is not there, nothing.
func (s *sheet) value(row, column int) string {
	if column < 0 || column >= len(s.rows[row]) {
		return ""
	}
	return s.rows[row][column].value
}

// all says whether all cells of a column below its header are of a kind: those
// that are not empty, and at least one.
func (s *sheet) all(column int, kind *regexp.Regexp) bool {
	found := false
	for i := 1; i < len(s.rows); i++ {
		if v := strings.TrimSpace(s.value(i, column)); v != "" {
			if !kind.MatchString(v) {
				return false
			}
			found = true
		}
	}
	return found
}

func (s *sheet) set(row, column int, value string) {
	s.rows[row][column].set = &value
}

// writeTo writes the table with the cells that were set.
func (s *sheet) writeTo(w io.Writer) error {
	var b bytes.Buffer
	b.Grow(len(s.data) + len(s.data)/8)
	at := 0
	for _, row := range s.rows {
		for _, c := range row {
			if c.set == nil {
				continue
			}
			b.Write(s.data[at:c.from])
			// One that was quoted stays so.
			quoted := c.to > c.from && s.data[c.from] == '"'
			if quoted || strings.ContainsAny(*c.set, "\"\r\n"+string(s.separator)) {
				b.WriteString(`"` + strings.ReplaceAll(*c.set, `"`, `""`) + `"`)
			} else {
				b.WriteString(*c.set)
			}
			at = c.to
		}
	}
	b.Write(s.data[at:])
	_, err := w.Write(b.Bytes())
	return err
}
