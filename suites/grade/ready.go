package grade

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed ready
var ready embed.FS

// ReadyPrefix stands before the name of a ready-made rubric.
const ReadyPrefix = "ready:"

// readyProtocols are the protocols with a ready-made rubric: what it is called,
// the requirements that hold many clients, those that are hidden, and those about
// concurrency that only concern a bonus: a server without it loses nothing.
var readyProtocols = []struct{ name, title, many, order, extra string }{
	{"zen", "Zen server", "{idle-clients,burst,churn}", "any-order*", ""},
	{"echo", "Echo server", "{idle-clients,burst,churn}", "any-order*", ""},
	{"calc", "Calculator", "{idle-clients,burst,churn}", "any-order*", ""},
	{"raw", "Raw echo server", "{idle-clients,burst,churn,arrive-together}", "any-order*", ""},
	{"pid", "PID server", "{idle-clients,burst,churn}", "any-order*", ""},
	{"sink", "Sink", "{idle-clients,burst,churn}", "one-leaves", ""},
	{"websocket", "WebSocket server", "{handshakes-apart,pongs-apart,fifty-busy-clients,burst-of-clients,churn}", "any-order*", "{compression,extensions}-apart"},
}

// readyClasses are the classes that each protocol has one for.
var readyClasses = []struct{ name, class, text string }{
	{"serial", "serial", "one client at a time"},
	{"pool", "pool:4", "four clients at once"},
	{"concurrent", "concurrent", "many clients at once"},
}

// Ready names a ready-made rubric.
type Ready struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// ReadyMade lists the ready-made rubrics.
func ReadyMade() (list []Ready) {
	for _, p := range readyProtocols {
		for _, c := range readyClasses {
			list = append(list, Ready{p.name + "-" + c.name, p.title + ", " + c.text})
		}
	}
	return append(list, Ready{"raw-udp", "Raw echo server, over datagrams"})
}

// ReadyText is the text of a ready-made rubric, by its name. The name of a
// protocol alone is that for many clients at once.
func ReadyText(name string) ([]byte, error) {
	if name == "raw-udp" { // datagrams have no clients at once
		return ready.ReadFile("ready/raw-udp.yaml")
	}
	names := []string{"raw-udp"}
	for _, p := range readyProtocols {
		for _, c := range readyClasses {
			own := p.name + "-" + c.name
			names = append(names, own)
			if name != own && (name != p.name || c.name != "concurrent") {
				continue
			}
			order := p.order
			if p.name == "sink" && c.class == "serial" {
				order = "" // one requirement is left there
			}
			t, err := template.ParseFS(ready, "ready/head.tmpl", "ready/"+p.name+".tmpl")
			if err != nil {
				return nil, err
			}
			var b bytes.Buffer
			err = t.ExecuteTemplate(&b, p.name+".tmpl", map[string]any{"Name": own, "Title": p.title, "ClassText": c.text, "Protocol": p.name,
				"Class": c.class, "Serial": c.name == "serial", "Pool": c.name == "pool", "Many": p.many, "Order": order, "Extra": p.extra})
			if err != nil {
				return nil, err
			}
			// Around templates there are empty lines.
			lines := strings.Split(b.String(), "\n")
			kept := lines[:0]
			for _, line := range lines {
				if strings.TrimSpace(line) != "" {
					kept = append(kept, line)
				}
			}
			return []byte(strings.Join(kept, "\n") + "\n"), nil
		}
	}
	return nil, fmt.Errorf("no ready-made rubric is called %q%s", name, orOneOf(name, names))
}
