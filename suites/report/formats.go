package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// formats are the renderings of a report, in the order of the help text.
var formats = []struct {
	name  string
	write func(io.Writer, *Report) error
}{
	{"json", WriteJSON},
	{"junit", WriteJUnit},
	{"markdown", WriteMarkdown},
	{"ctrf", WriteCTRF},
	{"tap", WriteTAP},
	{"github", WriteGitHub},
	{"badge", WriteBadge},
	{"html", WriteHTML},
}

// Formats lists the formats that Write knows.
func Formats() (names []string) {
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// Write writes the report in the named format.
func Write(format string, w io.Writer, r *Report) error {
	for _, f := range formats {
		if f.name == format {
			return f.write(w, r)
		}
	}
	names := Formats()
	slices.Sort(names)
	return fmt.Errorf("there is no report format %q: write one of %s", shorten(format, 60), strings.Join(names, ", "))
}
