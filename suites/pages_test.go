package suites_test

import (
	"bytes"
	"errors"
	"html"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"conform/impl/serve"
	"conform/specs"
	"conform/suites"
	"conform/suites/report"
)

// The generated pages of docs are what the code says now.
func TestThePagesAreFresh(t *testing.T) {
	t.Parallel()
	t.Run("reasons", func(t *testing.T) {
		var b bytes.Buffer
		if err := report.WriteMeanings(&b, specs.Meanings()); err != nil {
			t.Fatal(err)
		}
		fresh(t, "reasons", b.Bytes())
	})
	for _, p := range suites.Protocols() {
		t.Run(p.Name, func(t *testing.T) { fresh(t, p.Name, page(t, p)) })
	}
}

func page(t *testing.T, p specs.Protocol) []byte {
	t.Helper()
	list, err := suites.List(p.Name)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := report.WriteListMarkdown(&b, list, suites.Protocols()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func fresh(t *testing.T, name string, page []byte) {
	t.Helper()
	file := "../docs/" + name + ".md"
	if *update {
		if err := os.WriteFile(file, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if had, err := os.ReadFile(file); err != nil || !bytes.Equal(had, page) {
		t.Errorf("%s is stale: go test ./suites -run Pages -update writes it", file)
	}
}

// What a reader of the rendered page sees is what the specifications say, to the
// letter, and every requirement is a heading to be linked to.
func TestThePagesSayWhatIsRequired(t *testing.T) {
	t.Parallel()
	tags := regexp.MustCompile(`<[^>]*>`)
	for _, p := range suites.Protocols() {
		var rendered bytes.Buffer
		if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert(page(t, p), &rendered); err != nil {
			t.Fatal(err)
		}
		seen := html.UnescapeString(tags.ReplaceAllString(rendered.String(), ""))
		for _, s := range p.Specs() {
			if !strings.Contains(rendered.String(), "<h4>"+s.ID+"</h4>") {
				t.Errorf("%s is no heading", s.ID)
			}
			for _, want := range []string{s.Title, s.Clause, s.Cause, strings.Join(s.Covers, ", ")} {
				if !strings.Contains(seen, want) {
					t.Errorf("%s: there is no %q", s.ID, want)
				}
			}
		}
		for _, d := range p.Dialects {
			if !strings.Contains(seen, d.Text) {
				t.Errorf("%s: there is no %q", p.Name, d.Text)
			}
		}
	}
}

// The sessions of the introductions are what the reference implementation does.
func TestTheSessionsOfTheIntroductionsAreReal(t *testing.T) {
	t.Parallel()
	for _, p := range suites.Protocols() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			sessions := regexp.MustCompile("(?ms)^```session\n(.*?)^```$").FindAllStringSubmatch(p.Intro, -1)
			if len(sessions) == 0 {
				t.Fatal("the introduction has no session")
			}
			handler, err := suites.Handler(p.Name, nil)
			if err != nil {
				t.Fatal(err)
			}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := serve.Start(ln, handler, serve.Options{})
			t.Cleanup(func() { server.Close() })
			for _, s := range sessions {
				text := strings.ReplaceAll(s[1], `"4711: `, `"`+strconv.Itoa(os.Getpid())+`: `)
				play(t, ln.Addr().String(), text)
			}
		})
	}
}

// play does what a session says, line by line.
func play(t *testing.T, address, session string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(session) {
		who, what, _ := strings.Cut(strings.TrimSpace(line), "  ")
		data, quoted := strconv.Unquote(what)
		switch {
		case quoted == nil && who == "client":
			if _, err := conn.Write([]byte(data)); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		case quoted == nil && who == "server":
			got := make([]byte, len(data))
			if n, err := io.ReadFull(conn, got); string(got[:n]) != data {
				t.Fatalf("%s: got %q, %v", line, got[:n], err)
			}
		case what == "FIN" && who == "client":
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
		case what == "FIN" && who == "server":
			if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Fatalf("%s: got %d bytes, %v", line, n, err)
			}
		case what == "silence" && who == "server":
			_ = conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
			if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("%s: got %d bytes, %v", line, n, err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		default:
			t.Fatalf("not a line of a session: %q", line)
		}
	}
}
