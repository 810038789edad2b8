package reporttest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// hashSource is how a policy names a text that it allows.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// elements are all that a page has: none of them loads or sends anything.
var elements = map[string]bool{}

func init() {
	for name := range strings.FieldsSeq(`html head meta title style body script header main footer section h1 h2 h3 h4 h5 p a b small mark code pre
		ul ol li dl dt dd div span details summary figure figcaption table thead tbody tfoot tr th td
		form label input select option optgroup fieldset legend button output svg g path rect circle text desc`) {
		elements[name] = true
	}
}

// CheckPage looks over a page with this style and script: whatever was in the report,
// the page consists of what the template and the pictures have, and loads nothing.
// Its links lead to places in it, or to files that begin with "./".
func CheckPage(t *testing.T, text, style, script string) *html.Node {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Error("it is not UTF-8")
	}
	for i, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("character %U at %d: %.60q", r, i, text[max(0, i-20):])
		}
	}
	page, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	ids, links := map[string]bool{}, []string{}
	scripts, styles, policy := 0, 0, ""
	for n := range page.Descendants() {
		if n.Type == html.CommentNode {
			t.Error("there is a comment")
		}
		if n.Type != html.ElementNode {
			continue
		}
		if !elements[n.Data] {
			t.Fatalf("there is an element %.40q", n.Data)
		}
		attribute := map[string]string{}
		for _, a := range n.Attr {
			attribute[a.Key] = a.Val
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "src", a.Key == "style", a.Key == "action", a.Key == "formaction", a.Key == "srcset", a.Key == "data":
				t.Errorf("%s has the attribute %s=%.40q", n.Data, a.Key, a.Val)
			case a.Key == "href":
				place, inside := strings.CutPrefix(a.Val, "#")
				if inside {
					links = append(links, place)
				} else if !strings.HasPrefix(a.Val, "./") || strings.Contains(a.Val, "..") {
					t.Errorf("a link leads to %.60q", a.Val)
				}
			case a.Key == "id":
				if ids[a.Val] {
					t.Errorf("two elements have the id %.60q", a.Val)
				}
				ids[a.Val] = true
			case a.Key == "aria-labelledby":
				links = append(links, strings.Fields(a.Val)...)
			}
		}
		switch n.Data {
		case "script":
			scripts++
			if n.FirstChild == nil || n.FirstChild.Data != script {
				t.Error("the script is not the one of the page")
			}
		case "style":
			styles++
			if n.FirstChild == nil || n.FirstChild.Data != style {
				t.Error("the style is not the one of the page")
			}
		case "meta":
			if attribute["http-equiv"] == "Content-Security-Policy" {
				policy = attribute["content"]
			}
		case "form":
			if _, hidden := attribute["hidden"]; !hidden {
				t.Error("the filter is shown where there is no script")
			}
		}
	}
	for _, id := range links {
		if !ids[id] {
			t.Errorf("nothing has the id %.60q", id)
		}
	}
	if scripts != 1 || styles != 1 {
		t.Errorf("%d scripts and %d styles", scripts, styles)
	}
	for _, want := range []string{"default-src 'none'", hashSource(script), hashSource(style)} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy is %q", policy)
		}
	}
	CheckPictures(t, text)
	return page
}

// CheckPictures reads every picture as XML: each says what it shows.
func CheckPictures(t *testing.T, text string) (n int) {
	t.Helper()
	for {
		from := strings.Index(text, "<svg ")
		if from < 0 {
			return n
		}
		end := strings.Index(text[from:], "</svg>")
		if end < 0 {
			t.Fatal("a picture has no end")
		}
		n++
		var picture struct {
			Title string `xml:"title"`
			Desc  string `xml:"desc"`
		}
		one := text[from : from+end+len("</svg>")]
		if err := xml.Unmarshal([]byte(one), &picture); err != nil {
			t.Fatalf("%v in %.200q", err, one)
		}
		if picture.Title == "" || picture.Desc == "" {
			t.Errorf("a picture is not described: %.200q", one)
		}
		d := xml.NewDecoder(strings.NewReader(one))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if e, ok := token.(xml.StartElement); ok {
				for _, a := range e.Attr {
					if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
						t.Errorf("%s %s=%q", e.Name.Local, a.Name.Local, a.Value)
					}
				}
			}
		}
		text = text[from+end:]
	}
}
