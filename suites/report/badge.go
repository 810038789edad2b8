package report

import (
	"fmt"
	"io"
)

// WriteBadge writes a small SVG picture with the headline, for a README. There is
// nothing in it that a target could have said.
func WriteBadge(w io.Writer, r *Report) error {
	text, colour := "error", "#6e7781"
	switch r.Summary.Headline {
	case "conformant":
		text, colour = "conformant", "#1a7f37"
	case "nonconformant":
		text, colour = "nonconformant", "#cf222e"
	case "incomplete":
		text, colour = "incomplete", "#9a6700"
	}
	const name = "conform"
	// As wide as the letters of a common font are at this size, and a bit.
	left, right := 12+7*len(name), 12+7*len(text)
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="%[4]s: %[5]s">
<title>%[4]s: %[5]s</title>
<rect width="%[1]d" height="20" rx="3" fill="#24292f"/>
<path d="M%[2]d 0h%[7]dq3 0 3 3v14q0 3 -3 3h-%[7]dz" fill="%[6]s"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="%[8]d" y="14" textLength="%[9]d">%[4]s</text>
<text x="%[3]d" y="14" textLength="%[10]d">%[5]s</text>
</g>
</svg>
`, left+right, left, left+right/2, name, text, colour, right-3, left/2, left-12, right-12)
	return err
}

// writeMatrixBadge writes the badge of the worst target.
func writeMatrixBadge(w io.Writer, m *Matrix) error {
	return WriteBadge(w, &Report{Summary: Summary{Headline: m.Summary.Headline}})
}
