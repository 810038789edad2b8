package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// formats are the renderings of a report, in the order of the help text.
var formats = []struct {
	name   string
	write  func(io.Writer, *Report) error
	matrix func(io.Writer, *Matrix) error // of several targets
}{
	{"json", WriteJSON, writeMatrixJSON},
	{"junit", WriteJUnit, writeMatrixJUnit},
	{"markdown", WriteMarkdown, writeMatrixMarkdown},
	{"ctrf", WriteCTRF, writeMatrixCTRF},
	{"tap", WriteTAP, writeMatrixTAP},
	{"github", WriteGitHub, writeMatrixGitHub},
	{"badge", WriteBadge, writeMatrixBadge},
	{"html", WriteHTML, writeMatrixHTML},
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
	return unknownFormat(format)
}

func unknownFormat(format string) error {
	names := Formats()
	slices.Sort(names)
	return fmt.Errorf("there is no report format %q: write one of %s", shorten(format, 60), strings.Join(names, ", "))
}
