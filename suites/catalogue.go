package suites

import (
	"fmt"
	"net"
	"strings"

	"conform/impl"
	implcalc "conform/impl/calc"
	implecho "conform/impl/echo"
	"conform/impl/serve"
	implzen "conform/impl/zen"
	"conform/specs"
	"conform/specs/calc"
	"conform/specs/echo"
	"conform/specs/websocket"
	"conform/specs/zen"
)

// Protocols is the catalogue, in the order of the documentation.
func Protocols() []specs.Protocol {
	return []specs.Protocol{zen.Protocol(), echo.Protocol(), calc.Protocol(), websocket.Protocol()}
}

// Find looks a protocol up by its name.
func Find(name string) (specs.Protocol, error) {
	var names []string
	for _, p := range Protocols() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return specs.Protocol{}, usagef("unknown protocol %q: known are %s", name, strings.Join(names, ", "))
}

// Handler returns what makes the handlers of the bundled reference
// implementation of a protocol.
func Handler(protocol string) (func() impl.Handler, error) {
	switch protocol {
	case "zen":
		return implzen.New, nil
	case "echo":
		return implecho.New, nil
	case "calc":
		return func() impl.Handler { return implcalc.New(implcalc.Options{}) }, nil
	}
	return nil, fmt.Errorf("no reference implementation of %q", protocol)
}

// startReference serves the bundled implementation of a protocol on a free port
// of the loopback.
func startReference(protocol string) (*serve.Server, error) {
	handler, err := Handler(protocol)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return serve.Start(ln, handler, serve.Options{}), nil
}
