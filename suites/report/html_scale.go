package report

import (
	"fmt"
	"html/template"
	"math"

	"conform/specs"
)

type htmlScale struct {
	Rows     []htmlText
	Errors   []htmlProblem
	Pictures []htmlPicture
}

type htmlProblem struct {
	Class, Sign, Title string
	Rows               []htmlText
}

type htmlPicture struct {
	Name string
	SVG  template.HTML
}

// newHTMLScale is what came of many clients: figures, problems and pictures.
func newHTMLScale(s *Scale) *htmlScale {
	h := &htmlScale{}
	add := func(name, format string, args ...any) {
		h.Rows = append(h.Rows, htmlText{Name: name, Text: fmt.Sprintf(format, args...)})
	}
	c := s.Connections
	add("Connections made", "%s, %s a second", grouped(int64(c.Made)), grouped(int64(c.PerSecond)))
	add("Open at once", "at most %s", grouped(int64(c.MostOpen)))
	add("Refused · delayed · lost", "%s · %s · %s", grouped(int64(c.Refused)), grouped(int64(c.Delayed)), grouped(int64(c.Lost)))
	add("Clients served", "%s of %s", grouped(int64(s.Served)), grouped(int64(s.Clients)))
	add("Round trips", "%s right, %s a second", grouped(s.RoundTrips.Right), grouped(int64(s.RoundTrips.PerSecond)))
	if s.RoundTrips.Most > 0 {
		add("For each client", "%s to %s", grouped(s.RoundTrips.Least), grouped(s.RoundTrips.Most))
	}
	if l := s.Latency; l.Count > 0 {
		add("Answer time", "half within %s, 99 of 100 within %s, at most %s", span(l.P50), span(l.P99), span(l.Max))
	}
	switch rec := s.Recovery; {
	case rec == nil:
	case rec.Served:
		add("Afterwards", "a new client is served, after %s", span(rec.AfterMS))
	default:
		add("Afterwards", "a new client is not served: %s", shorten(rec.Problem, maxValue))
	}
	for _, e := range first(s.Errors, maxCards) {
		v := specs.Fail
		if e.Harmless {
			v = specs.NonStrict
		}
		sign, _ := mark(v)
		f := e.First
		problem := htmlProblem{Class: string(v), Sign: sign, Title: fmt.Sprintf("%s, %s; the first: client %d, turn %d, after %s", shorten(string(e.Code), 40), count64(e.Count, "time", "times"), f.Client, f.Turn, span(f.AtMS))}
		for _, l := range []htmlText{{Name: "sent", Text: f.Sent}, {Name: "expected", Text: f.Expected}, {Name: "received", Text: f.Received}, {Name: "because", Text: f.Message}} {
			if l.Text != "" {
				l.Text = textLines(l.Text, maxMessage)
				problem.Rows = append(problem.Rows, l)
			}
		}
		h.Errors = append(h.Errors, problem)
	}
	if len(s.Latency.Buckets) > 0 {
		h.Pictures = append(h.Pictures, htmlPicture{"How long answers took, while all conversed", histogram("latency", "Histogram of the answer times", s.Latency)})
	}
	if len(s.ServedAfter.Buckets) > 0 {
		h.Pictures = append(h.Pictures, htmlPicture{"From the first attempt to connect to the first answer", histogram("served-after", "Histogram of the time to the first answer", s.ServedAfter)})
	}
	if len(s.Series.RoundTrips) > 0 {
		h.Pictures = append(h.Pictures, htmlPicture{"Round trips over time", overTime("round-trips", "Round trips over time", "round trips a second", s.Series.RoundTrips, nil, s.Series)})
	}
	if len(s.Series.Connects) > 0 {
		h.Pictures = append(h.Pictures, htmlPicture{"Connections over time", overTime("connects", "Connections made over time, and how many are open", "connections made a second", s.Series.Connects, s.Series.Open, s.Series)})
	}
	for _, n := range s.Series.Errors {
		if n > 0 {
			h.Pictures = append(h.Pictures, htmlPicture{"Errors over time", overTime("errors", "Errors over time", "errors a second", s.Series.Errors, nil, s.Series)})
			break
		}
	}
	return h
}

const (
	chartLeft, chartTop, chartWidth, chartHeight = 52.0, 34.0, 450.0, 150.0
	maxBars                                      = 300
)

// histogram draws a distribution over time on a logarithmic axis: the bounds of
// its buckets grow by a fifth, so that they are of one width.
func histogram(id, title string, dist Distribution) template.HTML {
	buckets := first(dist.Buckets, maxBars)
	const grows = 1.2
	lo, hi, most := math.Inf(1), 0.0, int64(1)
	for _, b := range buckets {
		if b.To > 0 && b.To < 1e12 {
			lo, hi, most = min(lo, b.To/grows), max(hi, b.To), max(most, b.Count)
		}
	}
	d := &drawing{w: chartLeft + chartWidth + 14, h: chartTop + chartHeight + 30}
	if hi == 0 {
		lo, hi = 0.1, 1
	}
	x := func(ms float64) float64 {
		return chartLeft + chartWidth*max(0, min(1, math.Log(max(ms, lo)/lo)/math.Log(hi/lo)))
	}
	base := chartTop + chartHeight
	y := func(n float64) float64 { return base - chartHeight*n/float64(most) }
	for _, t := range ticks(float64(most), 4) {
		d.line("grid", chartLeft, y(t), chartLeft+chartWidth, y(t))
		d.text("s", "end", chartLeft-6, y(t)+4, compact(t))
	}
	for _, b := range buckets {
		if b.To > 0 && b.To < 1e12 {
			d.rect("col", x(b.To/grows)+.5, y(float64(b.Count)), max(1, x(b.To)-x(b.To/grows)-1), base-y(float64(b.Count)))
		}
	}
	for decade := math.Floor(math.Log10(lo)); decade <= math.Ceil(math.Log10(hi)); decade++ {
		for _, f := range []float64{1, 2, 5} {
			if t := f * math.Pow(10, decade); t >= lo && t <= hi && (f == 1 || hi/lo < 200) {
				d.line("axis", x(t), base, x(t), base+4)
				d.text("s", "middle", x(t), base+16, ticked(t))
			}
		}
	}
	d.line("axis", chartLeft, base, chartLeft+chartWidth, base)
	// Labels of percentiles that are close to each other take turns.
	low := math.Inf(-1)
	level := 0
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", dist.P50}, {"p90", dist.P90}, {"p99", dist.P99}, {"p99.9", dist.P999}} {
		if !(q.at > 0) {
			continue
		}
		at := x(q.at)
		if at-low < 30 {
			level = (level + 1) % 3
		} else {
			level = 0
		}
		low = at
		d.line("pct", at, chartTop-20+float64(level)*10, at, base)
		d.text("s halo", "middle", at, chartTop-22+float64(level)*10, q.name)
	}
	return d.svg("chart-"+id, title, fmt.Sprintf("%s; half within %s, 90 of 100 within %s, 99 of 100 within %s, at most %s", count64(dist.Count, "time", "times"), span(dist.P50), span(dist.P90), span(dist.P99), span(dist.Max)))
}

// overTime draws a count in each interval as bars, as a rate, and a level as a
// line with a scale of its own.
func overTime(id, title, unit string, counts, open []int64, s Series) template.HTML {
	interval := s.IntervalMS
	if !(interval > 0) || interval > 1e9 {
		interval = 1000
	}
	each := (len(counts) + maxBars - 1) / maxBars
	each = max(1, each)
	var rates []float64
	most := 0.0
	for i := 0; i < len(counts); i += each {
		sum, n := 0.0, 0
		for _, c := range counts[i:min(len(counts), i+each)] {
			sum += float64(max(0, c))
			n++
		}
		rate := sum / float64(n) / interval * 1000
		rates = append(rates, rate)
		most = max(most, rate)
	}
	if most == 0 {
		most = 1
	}
	d := &drawing{w: chartLeft + chartWidth + 44, h: chartTop + chartHeight + 30}
	base := chartTop + chartHeight
	total := float64(len(counts)) * interval
	w := chartWidth / float64(len(rates))
	y := func(v float64) float64 { return base - chartHeight*v/most }
	for _, t := range ticks(most, 4) {
		d.line("grid", chartLeft, y(t), chartLeft+chartWidth, y(t))
		d.text("s", "end", chartLeft-6, y(t)+4, compact(t))
	}
	class := "col"
	if id == "errors" {
		class = "col3"
	} else if open != nil {
		class = "col2"
	}
	for i, rate := range rates {
		if rate > 0 {
			d.rect(class, chartLeft+float64(i)*w+.3, y(rate), max(.8, w-.6), base-y(rate))
		}
	}
	d.rect(class, chartLeft, 5, 10, 9)
	d.text("s", "", chartLeft+15, 13, unit)
	for _, t := range ticks(total, 6) {
		at := chartLeft + chartWidth*t/total
		d.line("axis", at, base, at, base+4)
		d.text("s", "middle", at, base+16, ticked(t))
	}
	d.line("axis", chartLeft, base, chartLeft+chartWidth, base)
	peak := int64(0)
	for _, n := range open {
		peak = max(peak, n)
	}
	if peak > 0 {
		d.b.WriteString(`<path class="open" d="M` + num(chartLeft) + " " + num(base))
		for i := 0; i < len(open); i += each {
			at := chartLeft + chartWidth*min(1, float64(i+each)/float64(len(counts)))
			fmt.Fprintf(&d.b, "L%s %s", num(at), num(base-chartHeight*float64(max(0, open[i]))/float64(peak)))
		}
		d.b.WriteString(`"/>`)
		d.line("open", chartLeft+190, 9.5, chartLeft+202, 9.5)
		d.text("s", "", chartLeft+207, 13, "open, at most "+grouped(peak))
	}
	return d.svg("chart-"+id, title, fmt.Sprintf("over %s; at most %s %s", span(total), compact(most), unit))
}

// compact writes a number short enough for an axis.
func compact(v float64) string {
	switch {
	case v >= 1e6:
		return trimNumber(v/1e6) + " M"
	case v >= 1e4:
		return trimNumber(v/1e3) + " k"
	}
	return trimNumber(v)
}
