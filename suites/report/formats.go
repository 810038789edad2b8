package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Formats lists the formats that Write knows, in the order of the help text.
func Formats() []string { return []string{"json", "junit"} }

// Write writes the report in the named format.
func Write(format string, w io.Writer, r *Report) error {
	switch format {
	case "json":
		return WriteJSON(w, r)
	case "junit":
		return WriteJUnit(w, r)
	}
	formats := Formats()
	slices.Sort(formats)
	return fmt.Errorf("there is no report format %q: write one of %s", shorten(format, 60), strings.Join(formats, ", "))
}
