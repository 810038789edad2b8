package feedback

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
	rows      [][]sheetCell
}

type sheetCell struct {
	from, to int // with its quotes
	value    string
	set      *string
}

// readSheet takes a table apart. The separator is a comma, or a semicolon or a
// tab where the first line has no comma outside of quotes.
func readSheet(r io.Reader) (*sheet, error) {
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
	return s, s.parse(start)
}

func separatorOf(data []byte) byte {
	counts := map[byte]int{}
	quoted := false
	for _, c := range data {
		if c == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if c == '\n' || c == '\r' {
			break
		}
		counts[c]++
	}
	for _, c := range []byte{',', ';', '\t'} {
		if counts[c] > 0 {
			return c
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
