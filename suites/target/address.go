package target

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Address is where a target is reached. The zero value is not an address.
type Address struct {
	Scheme  string // tcp, tls, udp, unix, unixgram, ws or wss
	Network string // for net.Dial: tcp, udp, unix or unixgram
	Address string // for net.Dial: host:port, or the path of a Unix socket
	TLS     bool   // tls and wss
	Path    string // ws and wss: what the handshake asks for, "/" when none was given
}

// schemes are the ones ParseAddress knows, in the order its errors list them.
const schemes = "tcp, tls, udp, unix, unixgram, ws, wss"

// maxUnixPath is what fits into sun_path with its final NUL on Linux. Other
// systems have a little less, and then their own error from the dial.
const maxUnixPath = 107

// ParseAddress reads an address as a user writes it:
//
//	localhost:1060  :1060  [::1]:1060           TCP
//	tcp://host:port  tls://host:port  udp://host:port
//	unix:///run/x.sock  unix:/run/x.sock  unix:x.sock  (and unixgram:)
//	ws://host[:80][/path]  wss://host[:443][/path]
//
// An empty host is 127.0.0.1. The path of a Unix socket is taken byte for byte,
// without percent decoding; one that begins with @ is an abstract socket.
//
// An error is one line that quotes the input, control bytes escaped, and says
// what would be right.
func ParseAddress(s string) (Address, error) {
	scheme, rest, isURL := strings.Cut(s, "://")
	if !isURL {
		if kind, path, ok := strings.Cut(s, ":"); ok && isUnix(strings.ToLower(kind)) {
			return unixAddress(s, strings.ToLower(kind), path)
		}
		scheme, rest = "tcp", s
	}
	a := Address{Scheme: strings.ToLower(scheme), Network: "tcp"}
	var defaultPort string
	switch a.Scheme {
	case "tcp":
	case "tls":
		a.TLS = true
	case "udp":
		a.Network = "udp"
	case "unix", "unixgram":
		if !strings.HasPrefix(rest, "/") {
			return Address{}, fmt.Errorf("%q has no absolute path after %s://: write %s:///run/server.sock, or %s:server.sock for a relative one",
				s, a.Scheme, a.Scheme, a.Scheme)
		}
		return unixAddress(s, a.Scheme, rest)
	case "ws":
		defaultPort = "80"
	case "wss":
		defaultPort, a.TLS = "443", true
	case "http", "https":
		return Address{}, fmt.Errorf("%q is an HTTP address: for a WebSocket server write %s://",
			s, strings.Replace(a.Scheme, "http", "ws", 1))
	default:
		return Address{}, fmt.Errorf("%q has the unknown scheme %q: known are %s", s, scheme, schemes)
	}

	hostport := rest
	if isURL {
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			hostport, a.Path = rest[:i], rest[i:]
		}
		if strings.Contains(hostport, "@") {
			return Address{}, fmt.Errorf("%q has a user name: write %s://host:port", s, a.Scheme)
		}
	}
	if err := a.checkPath(s); err != nil {
		return Address{}, err
	}
	address, err := hostPort(s, hostport, defaultPort)
	if err != nil {
		return Address{}, err
	}
	a.Address = address
	return a, nil
}

// Datagram says whether the target is spoken to in datagrams.
func (a Address) Datagram() bool { return a.Network == "udp" || a.Network == "unixgram" }

// String gives the canonical form: host:port for tcp, a URL for the rest.
// ParseAddress takes it back.
func (a Address) String() string {
	switch {
	case a.Scheme == "tcp":
		return a.Address
	case isUnix(a.Scheme) && strings.HasPrefix(a.Address, "/"):
		return a.Scheme + "://" + a.Address
	case isUnix(a.Scheme):
		return a.Scheme + ":" + a.Address
	}
	return a.Scheme + "://" + a.Address + a.Path
}

func isUnix(scheme string) bool { return scheme == "unix" || scheme == "unixgram" }

func unixAddress(s, scheme, path string) (Address, error) {
	switch {
	case path == "":
		return Address{}, fmt.Errorf("%q has no path: write %s:///run/server.sock", s, scheme)
	case strings.ContainsRune(path, 0):
		return Address{}, fmt.Errorf("%q has a NUL byte in its path", s)
	case len(path) > maxUnixPath:
		return Address{}, fmt.Errorf("%q has a path of %d bytes: a Unix socket has at most %d", s, len(path), maxUnixPath)
	}
	return Address{Scheme: scheme, Network: scheme, Address: path}, nil
}

// checkPath judges what follows the port, and completes it: a WebSocket
// handshake cannot ask for nothing, so "" is "/" (RFC 6455 §3).
func (a *Address) checkPath(s string) error {
	if a.Scheme != "ws" && a.Scheme != "wss" {
		if a.Path != "" && a.Path != "/" {
			return fmt.Errorf("%q has a path: write %s://host:port", s, a.Scheme)
		}
		a.Path = ""
		return nil
	}
	if strings.Contains(a.Path, "#") {
		return fmt.Errorf("%q has a fragment, which a WebSocket address must not have: write # as %%23", s)
	}
	for _, r := range a.Path {
		if r <= ' ' || r > '~' {
			return fmt.Errorf("%q has %q in its path: write it percent-encoded", s, r)
		}
	}
	if !strings.HasPrefix(a.Path, "/") {
		a.Path = "/" + a.Path
	}
	return nil
}

// hostPort gives the canonical form of what stands in s for host and port.
// Without a defaultPort the port is required.
func hostPort(s, hostport, defaultPort string) (string, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		bare := strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
		_, notIP := netip.ParseAddr(bare)
		switch {
		case hostport == "" && defaultPort == "":
			return "", fmt.Errorf("%q has no port: write host:port, as in localhost:1060", s)
		case notIP != nil && strings.Count(hostport, ":") > 1 && !strings.ContainsAny(hostport, "[]"):
			return "", fmt.Errorf("%q has more than one colon: write host:port, or [address]:port for IPv6, as in [::1]:1060", s)
		case notIP == nil && bare == hostport && strings.Contains(bare, ":"):
			return "", fmt.Errorf("%q is an IPv6 address without brackets: write [address]:port, as in [::1]:1060", s)
		case strings.ContainsAny(hostport, "[]") && (notIP != nil || "["+bare+"]" != hostport):
			return "", fmt.Errorf("%q has stray brackets: write [address]:port, as in [::1]:1060", s)
		case defaultPort != "":
			host, port = bare, defaultPort
		case isNumber(hostport):
			return "", fmt.Errorf("%q has no host: write :%s or host:%s", s, hostport, hostport)
		default:
			return "", fmt.Errorf("%q has no port: write host:port, as in %s", s, net.JoinHostPort(exampleHost(bare), "1060"))
		}
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" && defaultPort != "" {
		port = defaultPort
	}
	switch n, err := strconv.ParseUint(port, 10, 64); {
	case port == "":
		return "", fmt.Errorf("%q has no port after the colon: write host:port, as in localhost:1060", s)
	case !isNumber(port):
		return "", fmt.Errorf("%q has the port %q: write a number from 1 to 65535", s, port)
	case err != nil || n < 1 || n > 65535:
		return "", fmt.Errorf("%q has the port %s, which is out of range: write a number from 1 to 65535", s, port)
	default:
		port = strconv.FormatUint(n, 10)
	}
	if strings.Contains(host, ":") {
		if _, err := netip.ParseAddr(host); err != nil {
			return "", fmt.Errorf("%q has %q in brackets, which is not an IPv6 address: write it as in [::1]:1060", s, host)
		}
	} else if r, bad := badInHost(host); bad {
		return "", fmt.Errorf("%q has %q in its host: write host:port, as in localhost:1060", s, r)
	}
	return net.JoinHostPort(host, port), nil
}

// exampleHost is the user's own host when it can stand in a suggestion.
func exampleHost(host string) string {
	if _, bad := badInHost(host); bad || host == "" {
		return "localhost"
	}
	return host
}

// badInHost finds the first character that no host name has. It is no more than
// what keeps an error readable: the resolver judges the rest.
func badInHost(host string) (rune, bool) {
	for _, r := range host {
		if r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`/\?#@[]"'<>,;`, r) {
			return r, true
		}
	}
	return 0, false
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
