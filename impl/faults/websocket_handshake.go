package faults

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // as in the handshake itself
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"conform/impl"
)

// websocketHandshakeFaults are the faults of the opening handshake: in reading
// the request, in what is checked of it, and in what is answered.
func websocketHandshakeFaults() []Fault {
	return slices.Concat(wsReadingFaults(), wsCheckFaults(), wsAcceptFaults(), wsAnswerFaults(), wsRefusalFaults())
}

// wsReadingFaults are in how the request is read.
func wsReadingFaults() []Fault {
	return []Fault{
		{Name: "blank-line-in-one-read", change: handler(func(next impl.Handler) impl.Handler {
			var head string
			asked := false
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if asked {
					return next.Data(p)
				}
				head += string(p)
				if asked = strings.Contains(string(p), "\r\n\r\n"); !asked {
					return impl.Reply{}
				}
				return next.Data([]byte(head))
			}}
		}), Text: "Looks for the blank line in each read by itself, and waits for ever if it is cut in two."},
		{Name: "answers-before-blank-line", change: handler(func(next impl.Handler) impl.Handler {
			var head []byte
			asked, early := false, 0
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if asked {
					// What is left of the blank line is skipped when it comes.
					for early > 0 && len(p) > 0 && (p[0] == '\r' || p[0] == '\n') {
						p, early = p[1:], early-1
					}
					if len(p) == 0 {
						return impl.Reply{}
					}
					return next.Data(p)
				}
				head = append(head, p...)
				end := strings.Index(string(head), "\r\n\r")
				if end < 0 {
					return impl.Reply{}
				}
				rest := head[end+3:]
				if asked = true; len(rest) == 0 {
					early = 1
				} else {
					rest = rest[1:]
				}
				return next.Data([]byte(string(head[:end]) + "\r\n\r\n" + string(rest)))
			}}
		}), Text: "Answers when it has seen CR LF CR, and does not wait for the last LF."},
		{Name: "answers-at-the-first-line", change: handler(func(next impl.Handler) impl.Handler {
			asked := false
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if !asked && !strings.Contains(string(p), "\r\n\r\n") {
					return impl.Reply{Send: []byte("HTTP/1.1 101 Switching Protocols\r\n"), Close: true}
				}
				asked = true
				return next.Data(p)
			}}
		}), Text: "Begins its answer with what the first read has brought, before the request is whole."},
		{Name: "head-of-1536-bytes", change: handler(func(next impl.Handler) impl.Handler {
			asked, size := false, 0
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if !asked {
					size += len(p)
					asked = strings.Contains(string(p), "\r\n\r\n")
				}
				if !asked && size > 1536 || len(p) > 1536 && strings.HasPrefix(string(p), "GET ") {
					return impl.Reply{Close: true}
				}
				return next.Data(p)
			}}
		}), Text: "Hangs up on a request that does not fit into a buffer of 1536 bytes."},
		{Name: "early-bytes-are-a-request", change: handler(func(next impl.Handler) impl.Handler {
			asked := false
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				if asked {
					return next.Data(p)
				}
				end := strings.Index(string(p), "\r\n\r\n")
				if end < 0 {
					return next.Data(p)
				}
				asked = true
				r := next.Data(p[:end+4])
				if len(p) > end+4 && !r.Close {
					r.Send = append(r.Send, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"...)
					r.Close = true
				}
				return r
			}}
		}), Text: "Takes what comes behind the request for the next request, although it has answered 101."},
		{Name: "early-bytes-in-wrong-place", change: handler(func(next impl.Handler) impl.Handler {
			asked := false
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				end := strings.Index(string(p), "\r\n\r\n")
				if asked || end < 0 {
					return next.Data(p)
				}
				asked = true
				r := next.Data(p[:end+4])
				if len(p) > end+4 && !r.Close {
					// As a server does that writes its buffer instead of what it has decoded.
					r.Send = append(r.Send, serverFrame(wsText, string(p[end+4:])).append(nil)...)
				}
				return r
			}}
		}), Text: "Echoes what comes behind the request without taking the frame off it, mask and all."},
		{Name: "greets-before-the-handshake", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, open: func() impl.Reply {
				r := next.Open()
				r.Send = append([]byte("Welcome to the echo server\r\n"), r.Send...)
				return r
			}}
		}), Text: "Greets its clients with a line of text before they have asked for anything."},
		{Name: "greets-those-who-wait", change: handler(func(next impl.Handler) impl.Handler {
			return &impatient{Handler: next, limit: 350 * time.Millisecond, from: time.Now(),
				until: func(p []byte) bool { return len(p) > 0 },
				then:  impl.Reply{Send: []byte("Please send your request\r\n")}}
		}), Text: "Prompts a client that has connected and says nothing for a third of a second."},
		{Name: "half-a-request-expires", change: handler(func(next impl.Handler) impl.Handler {
			return &impatient{Handler: next, limit: 250 * time.Millisecond,
				since: func(p []byte) bool { return len(p) > 1 },
				until: func(p []byte) bool { return bytes.Contains(p, []byte("\r\n\r\n")) },
				then:  impl.Reply{Close: true}}
		}), Text: "Takes a request that pauses for a quarter of a second for one that ends there, and hangs up."},

		{Name: "values-not-trimmed", change: wsRequest(func(head string) string {
			return headEach(head, "", func(line string) string {
				name, value, _ := strings.Cut(line, ":")
				if strings.TrimSpace(value) != strings.TrimPrefix(value, " ") {
					return name + ": x" + value
				}
				return line
			})
		}), Text: "Cuts one blank off the front of a value and takes all other white space for a part of it."},
		{Name: "key-trimmed-in-front", change: wsExchange(func(request, response string) string {
			headEach(request, "Sec-WebSocket-Key", func(line string) string {
				_, v, _ := strings.Cut(line, ":")
				response = withAccept(response, accept(strings.TrimLeft(v, " \t")))
				return line
			})
			return response
		}), Text: "Skips the blanks before a value, and takes those behind it for a part of the key."},
		{Name: "colon-and-blank", change: wsRequest(func(head string) string {
			return headEach(head, "", func(line string) string {
				if !strings.Contains(line, ": ") && !strings.HasSuffix(line, ":") {
					return "X-Unread: " + line
				}
				return line
			})
		}), Text: "Cuts fields at a colon and a blank, and does not see those without the blank."},
		{Name: "host-has-to-be-first", change: wsRequest(func(head string) string {
			if lines := strings.Split(head, "\r\n"); len(lines) > 1 && !strings.HasPrefix(strings.ToLower(lines[1]), "host:") {
				return headDel(head, "Host")
			}
			return head
		}), Text: "Reads Host from the second line of the request, wherever it stands."},
		{Name: "empty-value-is-an-error", change: wsRequest(func(head string) string {
			return headEach(head, "", func(line string) string { return strings.TrimSuffix(line, ":") })
		}), Text: "Refuses a request in which any header is empty."},
		{Name: "last-line-wins", change: wsRequest(func(head string) string {
			for _, name := range []string{"Connection", "Upgrade", "Host", "Sec-WebSocket-Version"} {
				last := ""
				headEach(head, name, func(line string) string { last = line; return line })
				if last != "" {
					head = headAdd(headDel(head, name), last)
				}
			}
			return head
		}), Text: "Keeps headers in a map, in which the last of several lines with one name is the only one."},
		{Name: "first-line-wins", change: wsRequest(func(head string) string {
			first := true
			return headEach(head, "Connection", func(line string) string {
				if !first {
					return ""
				}
				first = false
				return line
			})
		}), Text: "Reads the first of several lines Connection and no other."},
		{Name: "header-names-in-three-spellings", change: wsRequest(func(head string) string {
			return headEach(head, "", func(line string) string {
				name, _, _ := strings.Cut(line, ":")
				usual := http.CanonicalHeaderKey(name)
				if name == strings.ToLower(name) || name == strings.ToUpper(name) || name == usual || name == strings.Replace(usual, "Websocket", "WebSocket", 1) {
					return line
				}
				return "X-" + line
			})
		}), Text: "Looks for each header in three spellings, and finds it in no other."},
		{Name: "query-is-part-of-path", change: wsStatusIf(func(request string) bool {
			return strings.Contains(wsTarget(request), "?")
		}, "400 Bad Request"), Text: "Compares the whole target with the path, and refuses one with a query."},
		{Name: "target-is-a-path", change: wsStatusIf(func(request string) bool {
			return !strings.HasPrefix(wsTarget(request), "/")
		}, "400 Bad Request"), Text: "Refuses a target that does not begin with a slash."},
	}
}

// wsCheckFaults are in what is checked of the request.
func wsCheckFaults() []Fault {
	fixed := func(name, value string) change {
		return wsRequest(func(head string) string { return headSet(head, name, value) })
	}
	// added has a missing field be there.
	added := func(name, value string) change {
		return wsRequest(func(head string) string {
			if !headHas(head, name) {
				return headAdd(head, name+": "+value)
			}
			return head
		})
	}
	// taken has a field be right if ok says so of its value.
	taken := func(name, value string, ok func(value string) bool) change {
		return wsRequest(func(head string) string {
			if headHas(head, name) && ok(headGet(head, name)) {
				return headSet(head, name, value)
			}
			return head
		})
	}
	has := func(part string) func(string) bool {
		return func(v string) bool { return strings.Contains(strings.ToLower(v), part) }
	}
	return []Fault{
		// The request line.
		{Name: "method-unchecked", change: wsLine(func(method, target, version string) string {
			return "GET " + target + " " + version
		}), Text: "Accepts a handshake with any method."},
		{Name: "method-head-is-get", change: wsLine(func(method, target, version string) string {
			return strings.Replace(method, "HEAD", "GET", 1) + " " + target + " " + version
		}), Text: "Accepts a handshake with HEAD, because its router sends HEAD where GET goes."},
		{Name: "method-in-any-case", change: wsLine(func(method, target, version string) string {
			return strings.ToUpper(method) + " " + target + " " + version
		}), Text: "Compares the method without regard to case."},
		{Name: "unknown-method-is-get", change: wsLine(func(method, target, version string) string {
			known := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
			if !slices.Contains(known, strings.ToUpper(method)) {
				method = "GET"
			}
			return method + " " + target + " " + version
		}), Text: "Has a number for each method it knows, and the one of GET for all others."},
		{Name: "http-version-unchecked", change: wsLine(func(method, target, version string) string {
			return method + " " + target + " HTTP/1.1"
		}), Text: "Accepts a handshake with any version of HTTP."},
		{Name: "http-version-by-prefix", change: wsLine(func(method, target, version string) string {
			if strings.HasPrefix(version, "HTTP/1.") {
				version = "HTTP/1.1"
			}
			return method + " " + target + " " + version
		}), Text: "Looks at no more of the version than HTTP/1."},
		{Name: "http-version-in-any-case", change: wsLine(func(method, target, version string) string {
			return method + " " + target + " " + strings.ToUpper(version)
		}), Text: "Compares the version of HTTP without regard to case."},
		{Name: "http-name-unchecked", change: wsLine(func(method, target, version string) string {
			if strings.HasSuffix(version, "/1.1") && version != "http/1.1" {
				version = "HTTP/1.1"
			}
			return method + " " + target + " " + version
		}), Text: "Looks at the version behind the slash, and not at what stands before it."},
		{Name: "http-version-echoed", change: both(wsLine(func(method, target, version string) string {
			return method + " " + target + " HTTP/1.1"
		}), wsExchange(func(request, response string) string {
			line, _, _ := strings.Cut(request, "\r\n")
			version := line[strings.LastIndex(line, " ")+1:]
			return strings.Replace(response, "HTTP/1.1", version, 1)
		})), Text: "Accepts any version of HTTP and says in its answer that it speaks that one."},
		{Name: "http-1-2-hangs", change: wsHangIf(func(request string) bool { return strings.Contains(request, " HTTP/1.2\r\n") }),
			Text: "Has no branch for a version of HTTP that it does not know, and never answers."},

		// Host.
		{Name: "host-unneeded", change: wsRequest(func(head string) string {
			if !headHas(head, "Host") {
				return headAdd(head, "Host: localhost")
			}
			return head
		}), Text: "Does not miss a Host that is not there."},
		{Name: "host-ignored", change: fixedOnce("Host", "localhost"), Text: "Does not look at Host, nor at how many there are."},
		{Name: "host-looked-up", change: wsHangIf(func(request string) bool {
			return headHas(request, "Host") && strings.ContainsAny(headGet(request, "Host"), " /")
		}), Text: "Looks the name in Host up before it answers, and never answers if there is none."},

		// Upgrade and Connection.
		{Name: "upgrade-unchecked", change: fixed("Upgrade", "websocket"), Text: "Takes any request with a key for a handshake, whatever Upgrade says or if it is missing."},
		{Name: "upgrade-present-is-enough", change: taken("Upgrade", "websocket", func(string) bool { return true }),
			Text: "Looks for Upgrade and not for what it says."},
		{Name: "upgrade-by-substring", change: taken("Upgrade", "websocket", has("websocket")),
			Text: "Looks for websocket anywhere in Upgrade."},
		{Name: "upgrade-by-prefix", change: taken("Upgrade", "websocket", func(v string) bool {
			return strings.HasPrefix(strings.ToLower(v), "websocket")
		}), Text: "Compares as many letters of Upgrade as websocket has."},
		{Name: "upgrade-in-two-spellings", change: taken("Upgrade", "x", func(v string) bool { return v != "websocket" && v != "WebSocket" }),
			Text: "Compares Upgrade with websocket and WebSocket, and knows no other spelling."},
		{Name: "upgrade-by-case", change: taken("Upgrade", "x", func(v string) bool { return v != "websocket" }),
			Text: "Compares Upgrade with websocket byte by byte."},
		{Name: "upgrade-list-hangs", change: wsHangIf(func(request string) bool { return strings.Contains(headGet(request, "Upgrade"), ",") }),
			Text: "Loops for ever over a list in Upgrade."},
		{Name: "connection-unchecked", change: fixed("Connection", "Upgrade"), Text: "Does not look at Connection."},
		{Name: "connection-present-is-enough", change: taken("Connection", "Upgrade", func(string) bool { return true }),
			Text: "Looks for Connection and not for what it says."},
		{Name: "connection-by-substring", change: taken("Connection", "Upgrade", has("upgrade")),
			Text: "Looks for upgrade anywhere in Connection."},
		{Name: "connection-by-prefix", change: taken("Connection", "Upgrade", func(v string) bool {
			return strings.HasPrefix(strings.ToLower(v), "upgrade")
		}), Text: "Compares as many letters of Connection as Upgrade has."},
		{Name: "connection-list-needs-blanks", change: taken("Connection", "x", func(v string) bool {
			return strings.Contains(v, ",") && !strings.Contains(v, ", ")
		}), Text: "Cuts the list in Connection at a comma and a blank, and finds nothing where the blank is missing."},
		{Name: "connection-by-case", change: wsRequest(func(head string) string {
			return headEach(head, "Connection", func(line string) string { return strings.ReplaceAll(line, "uPGRADE", "x") })
		}), Text: "Looks for Upgrade and upgrade in Connection, and for no other spelling."},
		{Name: "connection-is-one-token", change: taken("Connection", "x", func(v string) bool { return !strings.EqualFold(v, "upgrade") }),
			Text: "Compares all of Connection with Upgrade, so that Firefox is refused."},

		// Version.
		{Name: "version-unneeded", change: added("Sec-WebSocket-Version", "13"), Text: "Does not miss a Sec-WebSocket-Version that is not there."},
		{Name: "version-unchecked", change: fixed("Sec-WebSocket-Version", "13"), Text: "Accepts any Sec-WebSocket-Version."},
		{Name: "version-at-least-13", change: taken("Sec-WebSocket-Version", "13", func(v string) bool {
			n, err := strconv.Atoi(v)
			return err == nil && n >= 13
		}), Text: "Accepts later versions than 13, as if they were compatible."},
		{Name: "version-at-most-13", change: taken("Sec-WebSocket-Version", "13", func(v string) bool {
			n, err := strconv.Atoi(v)
			return err == nil && n <= 13
		}), Text: "Accepts versions before 13, and speaks 13 all the same."},
		{Name: "misspelt-version-hangs", change: wsHangIf(func(request string) bool {
			_, err := strconv.Atoi(headGet(request, "Sec-WebSocket-Version"))
			return headHas(request, "Sec-WebSocket-Version") && err != nil
		}), Text: "Dies of an uncaught error, without an answer, when the version is no number."},
		{Name: "draft-version-half-spoken", change: both(taken("Sec-WebSocket-Version", "13", func(v string) bool { return v == "8" || v == "7" }),
			wsExchange(func(request, response string) string {
				if v := headGet(request, "Sec-WebSocket-Version"); v == "8" || v == "7" {
					return headDel(response, "Sec-WebSocket-Accept")
				}
				return response
			})), Text: "Accepts the drafts 7 and 8 with an answer in which the Accept is missing."},
		{Name: "every-request-is-a-handshake", change: wsKeyed(func(head string) string {
			for _, f := range [][2]string{{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Version", "13"}} {
				head = headSet(head, f[0], f[1])
			}
			return head
		}, accept), Text: "Answers every request with a 101."},
	}
}

// wsAcceptFaults are in the key, and in what is made of it.
func wsAcceptFaults() []Fault {
	same := func(head string) string { return head }
	decoded := func(key string) string {
		p, _ := base64.StdEncoding.DecodeString(key)
		return string(p)
	}
	return []Fault{
		{Name: "key-unneeded", change: wsKeyed(func(head string) string {
			if !headHas(head, "Sec-WebSocket-Key") {
				return headAdd(head, "Sec-WebSocket-Key:")
			}
			return head
		}, accept), Text: "Takes a key that is not there for an empty one."},
		{Name: "key-empty", change: wsKeyed(same, accept), Text: "Hashes whatever the key is, even an empty one."},
		{Name: "key-reencoded", change: wsKeyed(same, func(key string) string {
			return accept(base64.StdEncoding.EncodeToString([]byte(leniently(key))))
		}), Text: "Decodes the key leniently, and hashes what it encodes that to again."},
		{Name: "keys-joined", change: wsKeyed(func(head string) string {
			joined := ""
			headEach(head, "Sec-WebSocket-Key", func(line string) string {
				_, v, _ := strings.Cut(line, ":")
				joined = strings.TrimPrefix(joined+", "+strings.TrimSpace(v), ", ")
				return line
			})
			if joined == "" {
				return head
			}
			return headAdd(headDel(head, "Sec-WebSocket-Key"), "Sec-WebSocket-Key: "+joined)
		}, accept), Text: "Joins the values of two lines with keys, and hashes the list."},
		{Name: "key-not-trimmed", change: wsExchange(func(request, response string) string {
			raw := ""
			headEach(request, "Sec-WebSocket-Key", func(line string) string {
				_, raw, _ = strings.Cut(line, ":")
				return line
			})
			return withAccept(response, accept(strings.TrimPrefix(raw, " ")))
		}), Text: "Hashes the key with the blanks around it."},

		{Name: "accept-of-decoded-key", change: wsAccept(func(key string) string { return accept(decoded(key)) }),
			Text: "Decodes the key before it hashes it."},
		{Name: "accept-of-key-as-form", change: wsAccept(func(key string) string { return accept(strings.ReplaceAll(key, "+", " ")) }),
			Text: "Decodes the key like a form, so that a + in it becomes a blank."},
		{Name: "accept-of-c-string", change: wsAccept(func(key string) string {
			if p, _, cut := strings.Cut(decoded(key), "\x00"); cut {
				return accept(base64.StdEncoding.EncodeToString([]byte(p)))
			}
			return accept(key)
		}), Text: "Keeps the decoded key in a C string, and loses what stands behind a zero byte in it."},
		{Name: "accept-of-hash-as-c-string", change: wsAccept(func(key string) string {
			sum := sha1.Sum([]byte(key + guid)) //nolint:gosec
			text, _, _ := strings.Cut(string(sum[:]), "\x00")
			return base64.StdEncoding.EncodeToString([]byte(text))
		}), Text: "Keeps the hash in a C string, and encodes what stands before a zero byte in it."},
		{Name: "accept-without-guid", change: wsAccept(func(key string) string {
			sum := sha1.Sum([]byte(key)) //nolint:gosec
			return base64.StdEncoding.EncodeToString(sum[:])
		}), Text: "Hashes the key without the GUID."},
		{Name: "accept-guid-in-lower-case", change: wsAccept(func(key string) string {
			sum := sha1.Sum([]byte(key + strings.ToLower(guid))) //nolint:gosec
			return base64.StdEncoding.EncodeToString(sum[:])
		}), Text: "Writes the GUID in lower case."},
		{Name: "accept-of-hexadecimal", change: wsAccept(func(key string) string {
			sum := sha1.Sum([]byte(key + guid)) //nolint:gosec
			return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:])))
		}), Text: "Encodes the hexadecimal form of the hash instead of its bytes."},
		{Name: "accept-for-urls", change: wsAccept(func(key string) string {
			return strings.NewReplacer("+", "-", "/", "_").Replace(accept(key))
		}), Text: "Encodes the hash in the alphabet of base64 for URLs."},
		{Name: "accept-unpadded", change: wsAccept(func(key string) string { return strings.TrimRight(accept(key), "=") }),
			Text: "Leaves the padding of the Accept out."},
		{Name: "accept-of-the-sample", change: wsAccept(func(string) string { return "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" }),
			Text: "Sends the Accept that is printed in RFC 6455, whatever the key is."},
	}
}

// wsAnswerFaults are in the 101.
func wsAnswerFaults() []Fault {
	accepted := func(f func(head string) string) change {
		return wsResponse(func(head string) string {
			if strings.HasPrefix(head, "HTTP/1.1 101 ") {
				return f(head)
			}
			return head
		})
	}
	return []Fault{
		{Name: "200-instead-of-101", change: accepted(func(head string) string { return headFirst(head, "HTTP/1.1 200 OK") }),
			Text: "Accepts the handshake with 200."},
		{Name: "101-of-http-1-0", change: accepted(func(head string) string { return headFirst(head, "HTTP/1.0 101 Switching Protocols") }),
			Text: "Says in its 101 that it speaks HTTP/1.0."},
		{Name: "101-without-reason-space", change: accepted(func(head string) string { return headFirst(head, "HTTP/1.1 101") }),
			Text: "Leaves the space behind 101 out together with the reason."},
		{Name: "101-without-upgrade", change: accepted(func(head string) string { return headDel(head, "Upgrade") }),
			Text: "Leaves Upgrade out of its 101."},
		{Name: "101-with-another-upgrade", change: accepted(func(head string) string { return headSet(head, "Upgrade", "websocket, h2c") }),
			Text: "Names another protocol besides websocket in the Upgrade of its 101."},
		{Name: "101-without-connection", change: accepted(func(head string) string { return headDel(head, "Connection") }),
			Text: "Leaves Connection out of its 101."},
		{Name: "101-with-keep-alive", change: accepted(func(head string) string { return headSet(head, "Connection", "keep-alive") }),
			Text: "Says keep-alive in the Connection of its 101, as in every other answer."},
		{Name: "101-with-two-accepts", change: accepted(func(head string) string {
			return headAdd(head, "Sec-WebSocket-Accept: "+headGet(head, "Sec-WebSocket-Accept"))
		}), Text: "Sends its Accept twice."},
		{Name: "101-with-content-length", change: accepted(func(head string) string { return headAdd(head, "Content-Length: 0") }),
			Text: "Sends Content-Length: 0 with its 101."},
		{Name: "101-in-chunks", change: accepted(func(head string) string {
			return headAdd(head, "Transfer-Encoding: chunked") + "0\r\n\r\n"
		}), Text: "Sends its 101 with an empty body in chunks."},
		{Name: "101-says-chunked", change: accepted(func(head string) string { return headAdd(head, "Transfer-Encoding: chunked") }),
			Text: "Says Transfer-Encoding: chunked in its 101, as in every other answer, and sends frames."},
		{Name: "101-with-a-body", change: accepted(func(head string) string { return head + "Welcome!\r\n" }),
			Text: "Sends a line of text behind its 101."},
		{Name: "101-in-bare-lf", change: accepted(func(head string) string { return strings.ReplaceAll(head, "\r\n", "\n") }),
			Text: "Ends the lines of its 101 in LF alone."},
		{Name: "101-with-blank-before-colon", change: accepted(func(head string) string { return headAdd(head, "Server : echo") }),
			Text: "Sets its header names off with a blank before the colon."},
		{Name: "101-then-hangs-up", change: handler(func(next impl.Handler) impl.Handler {
			return &hook{Handler: next, data: func(p []byte) impl.Reply {
				r := next.Data(p)
				r.Close = r.Close || len(r.Send) > 0
				return r
			}}
		}), Text: "Ends the connection behind its 101."},
	}
}

// wsRefusalFaults are in the answers to requests that are refused.
func wsRefusalFaults() []Fault {
	refusals := func(f func(head string) string) change {
		return wsResponse(func(head string) string {
			if strings.HasPrefix(head, "HTTP/1.1 101 ") {
				return head
			}
			return f(head)
		})
	}
	return []Fault{
		{Name: "refusal-is-silence", change: wsRefusing(func(impl.Reply) impl.Reply { return impl.Reply{} }),
			Text: "Does not answer a handshake that it refuses, and does not end the connection."},
		{Name: "refusal-is-plain-text", change: wsRefusing(func(impl.Reply) impl.Reply {
			return impl.Reply{Send: []byte("this is a WebSocket server\n"), Close: true}
		}), Text: "Refuses with a line of text that is no HTTP."},
		{Name: "refusal-is-a-close-frame", change: wsRefusing(func(impl.Reply) impl.Reply {
			return impl.Reply{Send: wsCloseFrame(1002, "no handshake").append(nil), Close: true}
		}), Text: "Refuses with a Close frame, although there is no WebSocket yet."},
		{Name: "refusal-without-length", change: wsRefusing(func(r impl.Reply) impl.Reply {
			head := headDel(string(r.Send), "Content-Length")
			return impl.Reply{Send: []byte(headDel(head, "Connection"))}
		}), Text: "Sends a refusal without Content-Length and keeps the connection open, so that its end is never seen."},
		{Name: "refusal-too-short", change: refusals(func(head string) string { return headSet(head, "Content-Length", "1000") }),
			Text: "Announces a longer body of a refusal than it sends."},
		{Name: "refusal-too-long", change: wsRefusing(func(r impl.Reply) impl.Reply {
			return impl.Reply{Send: append([]byte(headDel(string(r.Send), "Connection")), "no\r\n"...)}
		}), Text: "Sends more behind its refusals than Content-Length says, and goes on with the connection."},
		{Name: "refusal-has-an-afterthought", change: handler(func(next impl.Handler) impl.Handler {
			w := &impatient{Handler: next, limit: 20 * time.Millisecond, then: say("\r\n")}
			w.Handler = &hook{Handler: next, data: func(p []byte) impl.Reply {
				r := next.Data(p)
				if strings.HasPrefix(string(r.Send), "HTTP/1.1 4") {
					w.from = time.Now()
					return say(headDel(string(r.Send), "Connection"))
				}
				return r
			}}
			return w
		}), Text: "Writes a line end behind the body of a refusal, a moment later, and goes on with the connection."},
		{Name: "refusal-of-head-has-a-body", change: wsEach(func() change {
			head := false
			return both(wsRefusing(func(r impl.Reply) impl.Reply {
				if head {
					return impl.Reply{Send: append([]byte(headDel(string(r.Send), "Connection")), "method not allowed\n"...)}
				}
				return r
			}), wsRequest(func(request string) string { head = strings.HasPrefix(request, "HEAD "); return request }))
		}), Text: "Sends the body of its refusal in answer to HEAD as well, and goes on with the connection."},
		{Name: "refusal-keeps-silent-connection", change: wsRefusing(func(r impl.Reply) impl.Reply {
			return impl.Reply{Send: []byte(headDel(string(r.Send), "Connection"))}
		}), Text: "Neither closes a connection whose handshake it has refused nor reads from it again."},
		{Name: "refusal-then-frames", change: wsRefusedThen(func() impl.Reply {
			return impl.Reply{Send: append(serverFrame(wsText, "hello").append(nil), wsCloseFrame(1002, "").append(nil)...), Close: true}
		}), Text: "Reads frames from a connection whose handshake it has refused, and answers with some."},
		{Name: "refusal-without-version", change: refusals(func(head string) string { return headDel(head, "Sec-WebSocket-Version") }),
			Text: "Does not say which version it speaks when it refuses another one."},
		{Name: "refusal-names-other-versions", change: refusals(func(head string) string {
			if headHas(head, "Sec-WebSocket-Version") {
				return headSet(head, "Sec-WebSocket-Version", "7, 8")
			}
			return head
		}), Text: "Names the versions of old drafts when it refuses a version, and not its own."},
		{Name: "refusal-is-for-ever", change: wsRefusalForEver,
			Text: "Notes in a global variable that a handshake was wrong, and refuses all that follow."},
		{Name: "426-asks-for-h2c", change: refusals(func(head string) string {
			if headHas(head, "Upgrade") {
				return headSet(head, "Upgrade", "h2c")
			}
			return head
		}), Text: "Names another protocol than websocket in the Upgrade of a 426."},
		{Name: "405-allows-all", change: refusals(func(head string) string {
			if headHas(head, "Allow") {
				return headSet(head, "Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS")
			}
			return head
		}), Text: "Lists in Allow the very method that it refuses with 405."},
		{Name: "path-unchecked", change: wsLine(func(method, target, version string) string { return method + " / " + version }),
			Text: "Serves WebSocket at every path."},
	}
}

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

func accept(key string) string {
	sum := sha1.Sum([]byte(key + guid)) //nolint:gosec
	return base64.StdEncoding.EncodeToString(sum[:])
}

// leniently decodes base64 and skips what is none.
func leniently(key string) string {
	key = regexp.MustCompile(`[^A-Za-z0-9+/]`).ReplaceAllString(key, "")
	p, _ := base64.RawStdEncoding.DecodeString(key)
	return string(append(p, make([]byte, 16)...)[:16])
}

func headHas(head, name string) bool {
	found := false
	headEach(head, name, func(line string) string { found = true; return line })
	return found
}

// fixedOnce gives a head one line with that name, whatever there was.
func fixedOnce(name, value string) change {
	return wsRequest(func(head string) string { return headAdd(headDel(head, name), name+": "+value) })
}

// wsLine rewrites the request line, if it has three parts.
func wsLine(f func(method, target, version string) string) change {
	return wsRequest(func(head string) string {
		line, _, _ := strings.Cut(head, "\r\n")
		if parts := strings.Split(line, " "); len(parts) == 3 {
			return headFirst(head, f(parts[0], parts[1], parts[2]))
		}
		return head
	})
}

func wsTarget(head string) string {
	if parts := strings.Split(head, " "); len(parts) > 2 {
		return parts[1]
	}
	return "/"
}

// wsEach makes a change anew for every connection, so that it can keep
// something of it.
func wsEach(make func() change) change {
	return handler(func(next impl.Handler) impl.Handler {
		p := &plan{handler: func() impl.Handler { return next }}
		make()(p)
		return p.handler()
	})
}

// wsExchange rewrites the head of a response as that of the request says, as
// it came from the client if the change is made after all others.
func wsExchange(f func(request, response string) string) change {
	return wsEach(func() change {
		var request string
		return both(wsResponse(func(head string) string { return f(request, head) }),
			wsRequest(func(head string) string { request = head; return head }))
	})
}

// withAccept gives a 101 another Accept.
func withAccept(response, value string) string {
	if headHas(response, "Sec-WebSocket-Accept") {
		return headSet(response, "Sec-WebSocket-Accept", value)
	}
	return response
}

// wsAccept answers keys in another way.
func wsAccept(f func(key string) string) change {
	return wsExchange(func(request, response string) string {
		return withAccept(response, f(headGet(request, "Sec-WebSocket-Key")))
	})
}

// wsKeyed has the reference see a right key in every request that has one after
// f has changed it, and answers the one that f has left.
func wsKeyed(f, answer func(string) string) change {
	return wsEach(func() change {
		key, keyed := "", false
		return both(wsResponse(func(head string) string {
			if keyed {
				return withAccept(head, answer(key))
			}
			return head
		}), wsRequest(func(head string) string {
			head = f(head)
			if keyed = headHas(head, "Sec-WebSocket-Key"); keyed {
				key = headGet(head, "Sec-WebSocket-Key")
				head = headAdd(headDel(head, "Sec-WebSocket-Key"), "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
			}
			return head
		}))
	})
}

// wsHangIf never answers certain requests.
func wsHangIf(hangs func(request string) bool) change {
	return wsRequest(func(head string) string {
		if hangs(head) {
			return ""
		}
		return head
	})
}

// wsStatusIf refuses certain requests.
func wsStatusIf(refuses func(request string) bool, status string) change {
	return wsEach(func() change {
		refused := false
		return both(wsRefusing(func(r impl.Reply) impl.Reply {
			if refused {
				r.Send = []byte("HTTP/1.1 " + status + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			}
			return r
		}), wsRequest(func(head string) string {
			if refused = refuses(head); refused {
				return headFirst(head, http.MethodGet+" * HTTP/1.1")
			}
			return head
		}))
	})
}

// impatient answers by itself when nothing has stopped it for so long: since the
// handler was made or something was read, until something else was.
type impatient struct {
	impl.Handler
	limit        time.Duration
	since, until func(all []byte) bool // of what has been read; nil for never
	then         impl.Reply

	from time.Time // zero while it is patient
	read []byte
	done bool
}

func (h *impatient) Data(p []byte) impl.Reply {
	if !h.done {
		h.read = append(h.read, p...)
		switch {
		case h.until != nil && h.until(h.read):
			h.from, h.done = time.Time{}, true
		case h.since != nil && h.since(h.read):
			h.from = time.Now()
		}
	}
	return h.Handler.Data(p)
}

func (h *impatient) Deadline() time.Time {
	if h.from.IsZero() {
		return deadline(h.Handler)
	}
	return h.from.Add(h.limit)
}

func (h *impatient) Expire(now time.Time) impl.Reply {
	if h.from.IsZero() {
		return expire(h.Handler, now)
	}
	h.from, h.done = time.Time{}, true
	return h.then
}

func (h *impatient) Stop() impl.Reply { return stop(h.Handler) }

// wsAnswer is what a reply says to the request: nothing yet, a 101 or a refusal.
func wsAnswer(r impl.Reply) (accepts, refuses bool) {
	if len(r.Send) == 0 && !r.Close || interim(r.Send) {
		return false, false
	}
	accepts = strings.HasPrefix(string(r.Send), "HTTP/1.1 101 ")
	return accepts, !accepts
}

// wsRefusing changes the replies that refuse a handshake. What comes from the
// client afterwards is dropped, if the connection stays.
func wsRefusing(f func(r impl.Reply) impl.Reply) change {
	return wsRefusingThen(f, func() impl.Reply { return impl.Reply{} })
}

// wsRefusedThen keeps a connection open behind a refusal, and answers what
// comes next.
func wsRefusedThen(then func() impl.Reply) change {
	return wsRefusingThen(func(r impl.Reply) impl.Reply {
		return impl.Reply{Send: []byte(headDel(string(r.Send), "Connection"))}
	}, then)
}

func wsRefusingThen(f func(r impl.Reply) impl.Reply, then func() impl.Reply) change {
	return handler(func(next impl.Handler) impl.Handler {
		accepted, refused := false, false
		return &hook{Handler: next, data: func(p []byte) impl.Reply {
			if refused {
				return then()
			}
			r := next.Data(p)
			if !accepted {
				if accepted, refused = wsAnswer(r); refused {
					r = f(r)
				}
			}
			return r
		}}
	})
}

// wsRefusalForEver refuses every connection after the first refusal.
func wsRefusalForEver(p *plan) {
	var refused atomic.Bool
	handler(func(next impl.Handler) impl.Handler {
		return &hook{Handler: next, data: func(b []byte) impl.Reply {
			if refused.Load() {
				return impl.Reply{Send: []byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), Close: true}
			}
			r := next.Data(b)
			if strings.HasPrefix(string(r.Send), "HTTP/") && !strings.HasPrefix(string(r.Send), "HTTP/1.1 101 ") {
				refused.Store(true)
			}
			return r
		}}
	})(p)
}
