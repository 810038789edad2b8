package report_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"conform/impl/faults"
	"conform/suites"
	"conform/suites/report"
	"conform/suites/report/reporttest"
	"conform/suites/target"
)

// The walkthrough of docs shows reports of three faulty servers. Here they are
// tested, and what the text says is looked for in the report: somebody who sees
// only that has to be able to name the defect.
func TestWalkthrough(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/walkthrough.md")
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Join(strings.Fields(string(text)), " ")
	cases := []struct {
		protocol, fault, only string
		address               string // as the text has it
		cause                 string // what the first screen says
		second, element       string // another picture, and of what
	}{
		{"zen", "serial", "", "localhost:1060", "a client is served to its end before the next is accepted", "clients", "details.profile figure"},
		{"zen", "stale-descriptor", "", "localhost:1060", "the descriptor of a client that has left is closed and still watched", "exchange", `details[id="zen/concurrency/churn"] .evidence`},
		{"websocket", "header-names-by-case", "websocket/handshake", "localhost:8080", "header names are compared byte by byte", "exchange", `details[id="websocket/handshake/header-names-any-case"] figure.sequence`},
	}
	pages := make([]string, len(cases))
	t.Run("runs", func(t *testing.T) {
		for i, c := range cases {
			t.Run(c.fault, func(t *testing.T) {
				t.Parallel()
				pages[i] = reportOf(t, c.protocol, c.fault, c.only, c.address)
				if !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(pages[i], "&#39;", "'")), " "), c.cause) {
					t.Errorf("the report does not say %q", c.cause)
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	for _, c := range cases {
		for _, part := range []string{c.cause, "conform serve " + c.protocol, "--fault " + c.fault, c.address, pictureName(c.fault, "wrong"), pictureName(c.fault, c.second)} {
			if !strings.Contains(told, part) {
				t.Errorf("docs/walkthrough.md does not say %q", part)
			}
		}
	}
	for _, m := range regexp.MustCompile(`\]\((images/[^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
		if data, err := os.ReadFile(filepath.Join("../../docs", m[1])); !*report.Update && (err != nil || !looksLikeAPage(data)) {
			t.Errorf("docs/%s is no picture of a page: %v; go test ./suites/report -run Walkthrough -update makes it", m[1], err)
		}
	}

	ctx, expect := reporttest.Browser(t)
	for i, c := range cases {
		path := filepath.Join(t.TempDir(), c.fault+".html")
		if err := os.WriteFile(path, []byte(pages[i]), 0o600); err != nil {
			t.Fatal(err)
		}
		expect(path)
		do(t, ctx, chromedp.EmulateViewport(900, 700), chromedp.Navigate("file://"+path))
		// The first screen: from the headline to the end of what is wrong.
		bottom := evaluated(t, ctx, `Math.ceil(document.querySelector('section[aria-labelledby="wrong"]').getBoundingClientRect().bottom) + 16`)
		if bottom > 900 {
			t.Errorf("%s: what is wrong ends %v pixels down: that is no first screen", c.fault, bottom)
		}
		do(t, ctx, chromedp.EmulateViewport(900, int64(bottom)))
		picture(t, ctx, pictureName(c.fault, "wrong"), chromedp.CaptureScreenshot())
		do(t, ctx, chromedp.EmulateViewport(900, 700))
		// The filter stays at the top of the window, over what is to be seen.
		evaluated(t, ctx, fmt.Sprintf(`{ document.getElementById("filter").hidden = true; const e = document.querySelector(%q); const d = e.closest("details"); d.open = true; e.scrollIntoView(); 1 }`, c.element))
		picture(t, ctx, pictureName(c.fault, c.second), chromedp.Screenshot(chromedp.CSS(c.element)))
	}
}

func pictureName(fault, what string) string { return "images/" + fault + "-" + what + ".png" }

// reportOf tests a faulty server, and writes what came of it as if it had been
// reached at an address.
func reportOf(t *testing.T, protocol, fault, only, address string) string {
	t.Helper()
	all := faults.For(protocol)
	at := slices.IndexFunc(all, func(f faults.Fault) bool { return f.Name == fault })
	if at < 0 {
		t.Fatalf("%s has no fault %s", protocol, fault)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := all[at].Start(ln)
	t.Cleanup(func() { server.Close() })
	plan := suites.Plan{Target: &target.Address{Scheme: "tcp", Network: "tcp", Address: ln.Addr().String()}, Pace: 1, Seed: 8341,
		Tool: report.Tool{Name: "conform"}}
	if protocol == "websocket" {
		plan.Target.Scheme, plan.Target.Path = "ws", "/"
	}
	if only != "" {
		plan.Only = []string{only}
	}
	r, err := suites.Run(t.Context(), plan, suites.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	var stored, page bytes.Buffer
	if err := report.WriteJSON(&stored, r); err != nil {
		t.Fatal(err)
	}
	r, err = report.ReadJSON(strings.NewReader(strings.ReplaceAll(stored.String(), ln.Addr().String(), address)))
	if err != nil {
		t.Fatal(err)
	}
	if err := report.WriteHTML(&page, r); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

func do(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

func evaluated(t *testing.T, ctx context.Context, expression string) float64 {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[float64](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// picture takes one, and with -update keeps it. Fonts differ from machine to
// machine, so pixels are not compared.
func picture(t *testing.T, ctx context.Context, name string, take chromedp.Action[[]byte]) {
	t.Helper()
	var data []byte
	// A browser that has just scrolled may not have painted yet.
	for end := time.Now().Add(20 * time.Second); !looksLikeAPage(data); {
		var err error
		if data, err = chromedp.Run(ctx, take); err != nil || time.Now().After(end) {
			t.Fatalf("%s: %d bytes, which show nothing: %v", name, len(data), err)
		}
	}
	if *report.Update {
		if err := os.WriteFile(filepath.Join("../../docs", name), small(t, data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// looksLikeAPage says whether a picture has a size, and something on it.
func looksLikeAPage(data []byte) bool {
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil || img.Bounds().Dx() < 300 || img.Bounds().Dy() < 60 {
		return false
	}
	return len(colours(img)) > 8
}

func colours(img image.Image) map[color.RGBA]int {
	seen := map[color.RGBA]int{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			seen[color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)]++
		}
	}
	return seen
}

// small writes a picture with the 32 colours that it has most of: letters on
// paper need no more, and a repository keeps every version.
func small(t *testing.T, data []byte) []byte {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	seen := colours(img)
	var most []color.RGBA
	for c := range seen {
		most = append(most, c)
	}
	slices.SortFunc(most, func(a, b color.RGBA) int { return seen[b] - seen[a] })
	var palette color.Palette
	for _, c := range most[:min(32, len(most))] {
		palette = append(palette, c)
	}
	reduced := image.NewPaletted(img.Bounds(), palette)
	draw.Draw(reduced, img.Bounds(), img, img.Bounds().Min, draw.Src)
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, reduced); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
