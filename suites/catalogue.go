package suites

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"conform/impl"
	implcalc "conform/impl/calc"
	implecho "conform/impl/echo"
	implpid "conform/impl/pid"
	implraw "conform/impl/raw"
	"conform/impl/serve"
	implsink "conform/impl/sink"
	implwebsocket "conform/impl/websocket"
	implzen "conform/impl/zen"
	"conform/specs"
	"conform/specs/calc"
	"conform/specs/echo"
	"conform/specs/pid"
	"conform/specs/raw"
	"conform/specs/sink"
	"conform/specs/websocket"
	"conform/specs/zen"
)

// Protocols is the catalogue, in the order of the documentation.
func Protocols() []specs.Protocol {
	return []specs.Protocol{zen.Protocol(), echo.Protocol(), calc.Protocol(),
		raw.Protocol(), pid.Protocol(), sink.Protocol(), websocket.Protocol()}
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
// implementation of a protocol, set up as the dialects say.
func Handler(protocol string, dialects map[string]string) (func() impl.Handler, error) {
	switch protocol {
	case "zen":
		return implzen.New, nil
	case "echo":
		return implecho.New, nil
	case "calc":
		return func() impl.Handler { return implcalc.New(implcalc.Options{}) }, nil
	case "raw":
		return implraw.New, nil
	case "pid":
		return func() impl.Handler { return implpid.New(os.Getpid()) }, nil
	case "sink":
		return implsink.New, nil
	case "websocket":
		var o implwebsocket.Options
		Configure(&o, dialects)
		return func() impl.Handler { return implwebsocket.New(o) }, nil
	}
	return nil, fmt.Errorf("no reference implementation of %q", protocol)
}

// Answer returns what the bundled reference implementation of a protocol answers
// datagrams with.
func Answer(protocol string) (func(datagram []byte) []byte, error) {
	if protocol == "raw" {
		return implraw.Answer, nil
	}
	return nil, fmt.Errorf("%s is not spoken over datagrams", protocol)
}

// Bundled is what the bundled implementation of a protocol is set up by, and
// declared as, when it is tested: facts that nobody can see from outside.
func Bundled(protocol string) map[string]string {
	switch protocol {
	case "pid":
		return map[string]string{"process": "threading"} // it is one process
	case "websocket":
	default:
		return map[string]string{}
	}
	o := implwebsocket.Bundled()
	return map[string]string{"path": "/", "echo": "yes", "pong": "yes", "opening": "standard", "utf8": "enforced",
		"unserved-path": "/nowhere", "subprotocol": o.Subprotocols[0], "origin": "checked", "max-message": "16777216",
		"close-trigger": o.CloseTrigger, "handshake-timeout": "2s"}
}

// Configure sets WebSocket options to what a server with these dialects does.
// The values have been checked.
func Configure(o *implwebsocket.Options, dialects map[string]string) {
	duration := func(text string) time.Duration { d, _ := time.ParseDuration(text); return d }
	for key, value := range dialects {
		switch key {
		case "path":
			o.Path = value
		case "subprotocol":
			o.Subprotocols = []string{value}
		case "max-message":
			o.MaxMessage, _ = strconv.Atoi(value)
		case "origin":
			if value == "checked" {
				o.Origins = []string{} // none but its own
			}
		case "credentials":
			o.Credentials = value
		case "close-trigger":
			o.CloseTrigger = value
		case "keepalive":
			interval, timeout, _ := strings.Cut(value, ",")
			o.PingInterval, o.PongTimeout = duration(interval), duration(timeout)
		case "handshake-timeout":
			o.HandshakeTimeout = duration(value)
		}
	}
}

// startDatagrams serves the bundled implementation of a protocol over datagrams,
// on a free port of the loopback.
func startDatagrams(protocol string) (*serve.PacketServer, error) {
	answer, err := Answer(protocol)
	if err != nil {
		return nil, err
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return serve.StartPacket(pc, answer, serve.Options{}), nil
}

// startReference serves the bundled implementation of a protocol on a free port
// of the loopback.
func startReference(protocol string, dialects map[string]string) (*serve.Server, error) {
	handler, err := Handler(protocol, dialects)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return serve.Start(ln, handler, serve.Options{}), nil
}
