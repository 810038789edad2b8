package main

import (
	"archive/tar"
	"strings"
)

// Right programs, of every language and model.
var rightZen = []entry{
	{name: "threads-py", base: "zen.py", daily: true},
	{name: "processes-py", base: "zen_processes.py"},
	{name: "asyncio-py", base: "zen_asyncio.py"},
	{name: "event-loop-js", base: "zen.js"},
	{name: "goroutines-go", base: "zen.go", daily: true},
	{name: "threads-c", base: "zen.c", daily: true},
	{name: "processes-c", base: "zen.c", edits: []string{"#ifdef FORK", "#if 1"}},
	// All on one port, at the same time.
	{name: "fixed-port-py", base: "zen.py", edits: []string{`os.environ["PORT"]`, `"1060"`}, port: 1060, daily: true},
	{name: "fixed-port-js", base: "zen.js", edits: []string{"process.env.PORT", "1060"}, port: 1060, daily: true},
	{name: "fixed-port-c", base: "zen.c", edits: []string{`getenv("PORT")`, `"1060"`}, port: 1060},
	{name: "fixed-port-again-py", base: "zen.py", edits: []string{`os.environ["PORT"]`, `"1060"`}, port: 1060},
	// What does no harm costs nothing.
	{name: "talks-much-py", base: "zen.py", edits: []string{"\nmain()\n", "\nfor _ in range(20000):\n    print('x' * 2000)\nmain()\n"}},
	{name: "colours-py", base: "zen.py", edits: []string{"\nmain()\n", "\nprint('\\x1b[31m\\x1b]0;owned\\x07\\n::error::owned\\n<script>alert(1)</script>\\n=1+1', flush=True)\nmain()\n"}},
	{name: "starts-slowly-py", base: "zen.py", edits: []string{"\nmain()\n", "\nimport time\ntime.sleep(2)\nmain()\n"}},
}

// Mistakes that students make.
var wrongZen = []entry{
	{name: "read-is-a-message-py", base: "zen.py", edits: []string{
		"*questions, rest = bytearray(rest).split(b\"?\")\n                    for question in questions:\n                        client.sendall(answer(bytes(question)))",
		"pass\n                client.sendall(answer(bytes(data).removesuffix(b\"?\")))"}, lost: "framing 4.44, messages 8, end-of-input 8.57, together 7, any-order 0"},
	{name: "one-at-a-time-py", base: "zen.py", edits: []string{"threading.Thread(target=converse, args=(client,), daemon=True).start()", "converse(client)"}, lost: "together 0, many 0"},
	{name: "one-at-a-time-go", base: "zen.go", edits: []string{"go converse(conn)", "converse(conn)"}, lost: "together 0, many 0"},
	{name: "two-at-a-time-py", base: "zen.py", edits: []string{
		"    while True:\n        client, _ = server.accept()\n        threading.Thread(target=converse, args=(client,), daemon=True).start()",
		"    from concurrent.futures import ThreadPoolExecutor\n    with ThreadPoolExecutor(2) as pool:\n        while True:\n            client, _ = server.accept()\n            pool.submit(converse, client)"}, lost: "together 0, many 0"},
	{name: "first-connection-only-py", base: "zen.py", edits: []string{
		"    while True:\n        client, _ = server.accept()\n        threading.Thread(target=converse, args=(client,), daemon=True).start()",
		"    client, _ = server.accept()\n    converse(client)\n    threading.Event().wait()"}, lost: "first 0, answers 0, details 0, framing 0, messages 0, end-of-input 0, robustness 0, together 0, many 0, any-order 0"},
	{name: "waits-after-the-end-js", base: "zen.js", edits: []string{`socket.on("end", () => socket.end());`, ""}, lost: "end-of-input 7.14"},
	{name: "wrong-bytes-py", base: "zen.py", edits: []string{`b"Complex."`, `b"Complicated."`}, lost: "first 0, answers 10, framing 15.56, end-of-input 1.43, robustness 0, together 0, many 0, any-order 0"},
	{name: "line-end-added-js", base: "zen.js", edits: []string{`socket.write(answers.get(question) ?? "Error: unknown aphorism.")`, `socket.write((answers.get(question) ?? "Error: unknown aphorism.") + "\n")`}, lost: "first 0, answers 0, details 0, framing 0, messages 0, end-of-input 0, robustness 0, together 0, many 1.67, any-order 0"},
	{name: "any-case-py", base: "zen.py", edits: []string{"ANSWERS.get(question,", "ANSWERS.get(question.capitalize(),"}, lost: "details 3.75"},
	{name: "strips-blanks-py", base: "zen.py", edits: []string{"ANSWERS.get(question,", "ANSWERS.get(question.strip(),"}, lost: "details 3.75, framing 13.33"},
	{name: "closes-after-the-answer-py", base: "zen.py", edits: []string{"client.sendall(answer(bytes(question)))", "client.sendall(answer(bytes(question)))\n                    return"}, lost: "answers 2.5, details 2.5, framing 6.67, messages 4, end-of-input 2.86, robustness 0, together 2, many 3.33, any-order 0"},
	{name: "greets-go", base: "zen.go", edits: []string{"	in := bufio.NewReader(conn)\n", "	in := bufio.NewReader(conn)\n	io.WriteString(conn, \"Hello.\")\n"}, lost: "first 0, answers 0, details 0, framing 0, messages 0, end-of-input 0, robustness 0, together 0, many 0, any-order 0"},
	{name: "shared-buffer-py", base: "zen.py", edits: []string{"def converse(client):\n    try:", "rest = bytearray()\n\n\ndef converse(client):\n    global rest\n    try:", "            rest = bytearray()\n", ""}, lost: "answers 12.5, end-of-input 7.14, robustness 5, together 6, any-order 0"},
	{name: "slow-py", base: "zen.py", edits: []string{"client.sendall(answer(bytes(question)))", "time.sleep(0.01)\n                        client.sendall(answer(bytes(question)))", "import threading", "import threading\nimport time"}},
	{name: "aborts-on-long-questions-c", base: "zen.c", edits: []string{"question = realloc(question, size *= 2)", "abort()"}, lost: "messages 6"},
	{name: "hangs-up-on-long-questions-c", base: "zen.c", edits: []string{"if (used == size) question = realloc(question, size *= 2);", "if (used == size) goto out;"}, lost: "messages 6"},
	{name: "text-only-py", base: "zen.py", edits: []string{"ANSWERS.get(question,", "ANSWERS.get(question.decode().encode(),"}, lost: "messages 8"},
	{name: "dies-of-a-reset-js", base: "zen.js", edits: []string{`socket.on("error", () => socket.destroy());`, ""}, lost: "robustness 2.5, together 9, any-order 2.5"},
	{name: "dies-of-a-reset-go", base: "zen.go", edits: []string{"if err != nil {\n			return\n		}\n		answer", "if err == io.EOF {\n			return\n		} else if err != nil {\n			log.Fatal(err)\n		}\n		answer"}, lost: "robustness 5, together 9, any-order 2.5"},
	{name: "leaks-connections-c", base: "zen.c", edits: []string{"  free(question);\n  close(fd);", "  free(question);"}, lost: "end-of-input 7.14"},
	{name: "knows-no-unknown-question-js", base: "zen.js", edits: []string{`?? "Error: unknown aphorism."`, `?? ""`}, lost: "answers 5, details 0, framing 11.11, messages 0, end-of-input 8.57, together 9"},
}

// Attacks, and what else never gets as far as being graded.
var hostile = []entry{
	{name: "exits-at-once-py", text: "print('no config')\nraise SystemExit(3)\n.py", code: "ended-early", says: "^exited with code 3 before it listened", daily: true},
	{name: "syntax-error-py", text: "def main(:\n.py", code: "ended-early", says: "^exited with code 1"},
	{name: "no-such-program", own: "start: ./server\n", files: map[string]string{"readme": "here"}, code: "ended-early", says: "127"},
	{name: "no-start", files: map[string]string{"main.py": "print(1)"}, code: "no-start", says: "conform-submission.yaml"},
	{name: "build-fails-c", text: "int main(void) { return x; }\n.c", code: "build-exited", says: "exited with code 1"},
	{name: "binds-nothing-py", text: "import time\ntime.sleep(1000)\n.py", code: "not-listening", says: "^listens on no port"},
	{name: "wrong-port-py", base: "zen.py", edits: []string{`os.environ["PORT"]`, "9999"}, code: "wrong-port", says: "^listens on 9999, expected 8080"},
	{name: "wrong-interface-py", base: "zen.py", edits: []string{`"127.0.0.1"`, `"127.0.0.2"`}, code: "wrong-interface", says: "127.0.0.2:8080 only"},
	{name: "fork-bomb-py", text: "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n.py", code: "ended-early", says: "limit of 128 processes", daily: true},
	{name: "fork-bomb-when-asked-py", base: "zen.py", edits: []string{"def answer(question):", "def answer(question):\n    while len(question) > 1 << 19:\n        try:\n            os.fork()\n        except OSError:\n            pass"}, lost: "messages 8"},
	{name: "daemon-py", base: "zen.py", edits: []string{"\nmain()\n", "\nif os.fork():\n    os._exit(0)\nos.setsid()\nif os.fork():\n    os._exit(0)\nmain()\n"}, code: "ended-early", says: "exited with code 0|foreground", daily: true},
	{name: "daemon-beside-py", base: "zen.py", edits: []string{"\nmain()\n", "\nimport signal\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        while True:\n            signal.pause()\n    os._exit(0)\nos.wait()\nmain()\n"}},
	{name: "memory-hog-py", text: "hog = []\nwhile True:\n    hog.append(bytearray(b'x') * (1 << 24))\n.py", code: "ended-early", says: "memory"},
	{name: "memory-hog-when-asked-c", base: "zen.c", edits: []string{"static const char *answer(const char *question, size_t n) {", "static const char *answer(const char *question, size_t n) {\n  for (; n > 1 << 19; memset(malloc(1 << 24), 1, 1 << 24));"}, lost: "messages 8"},
	{name: "disk-filler-py", text: "with open('/tmp/full', 'wb') as f:\n    while True:\n        f.write(b'x' * (1 << 20))\n.py", code: "ended-early", says: "disk space"},
	{name: "output-flood-py", text: "while True:\n    print('x' * 65536)\n.py", code: "not-listening", says: "^listens on no port"},
	{name: "huge-answers-py", base: "zen.py", edits: []string{"client.sendall(answer(bytes(question)))", "for _ in range(1 << 14):\n                            client.sendall(bytes(1 << 16))\n                        client.sendall(answer(bytes(question)))"}, lost: "first 0, answers 0, details 0, framing 0, messages 0, end-of-input 0, robustness 0, together 0, many 0, any-order 0"},
	{name: "endless-drip-py", base: "zen.py", edits: []string{"            rest = bytearray()\n", "            rest = bytearray()\n            import time\n            while True:\n                client.sendall(b'.')\n                time.sleep(0.01)\n"}, lost: "first 0, answers 0, details 0, framing 0, messages 0, end-of-input 0, robustness 0, together 0, many 0, any-order 0"},
	{name: "endless-flood-py", base: "zen.py", edits: []string{"            rest = bytearray()\n", "            rest = bytearray()\n            while True:\n                client.sendall(b'x' * 65536)\n"}, lost: "first 0, answers 0, details 0, framing 0, messages 0, end-of-input 0, robustness 0, together 0, many 0, any-order 0"},
	{name: "answers-in-colour-py", base: "zen.py", edits: []string{`b"Ugly."`, `b"\x1b[2J\x1b]0;owned\x07\n::error file=a,line=1::owned\n<script>alert(1)</script>=cmd|' /C calc'!A0"`}, lost: "first 0, answers 7.5, framing 6.67, messages 2, end-of-input 1.43, robustness 0, together 0, many 0, any-order 0", daily: true},
	{name: "=cmd|' \n::error::owned\x1b[31m<script>alert(1)<script>", base: "zen.py"},
	{name: "reads-all-py", base: "zen.py", edits: []string{"\nmain()\n", `
for top in ("/", "/proc/1", "/proc/self"):
    for path, folders, names in os.walk(top):
        folders[:] = [f for f in folders if os.path.join(path, f) not in ("/usr", "/proc", "/sys", "/lib", "/bin", "/proc/1/task", "/proc/self/task", "GOCACHE", "GOROOT")]
        for name in names:
            if name in ("kmsg", "kmem", "mem", "pagemap", "clear_refs"):
                continue
            file = os.path.join(path, name)
            if file == os.path.abspath(__file__):
                continue
            try:
                fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
                data = os.read(fd, 1 << 16)
                os.close(fd)
            except OSError:
                continue
            if b"SECRE" b"T-" in data or b"SECRET_OF" b"_THE_GRADER" in data:
                raise SystemExit("found the secret in " + file)
main()
`}, daily: true},
	{name: "writes-results-py", text: `
import os
for path in ("results.json", "../results.json", "/autograder/results/results.json", "/results.json", "/tmp/results.json", "../../ledger.jsonl", "/submission/grades/x.json", "/proc/1/fd/3"):
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w") as f:
            f.write('{"score": 100, "max": 100, "tests": [{"score": 100}]}')
    except OSError:
        pass
print('{"score": 100}')
.py`, files: map[string]string{"results.json": `{"score": 100}`, "grade.json": `{"schema": "conform.grade/v1", "score": 100}`}, code: "ended-early", says: "exited with code 0", daily: true},
	{name: "kills-all-others-py", base: "zen.py", edits: []string{"\nmain()\n", "\nimport signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nfor target in (-1, os.getppid(), 1):\n    try:\n        os.kill(target, signal.SIGKILL if target != -1 else signal.SIGTERM)\n    except OSError:\n        pass\nmain()\n"}, daily: true},
	{name: "kills-itself-and-all-py", text: "import os, signal\nif os.fork() == 0:\n    os.kill(-1, signal.SIGKILL)\nsignal.pause()\n.py", code: "ended-early", says: "signal 9|SIGKILL|killed"},
	{name: "traces-its-parent-c", base: "zen.c", edits: []string{"int main(void) {", "#include <sys/ptrace.h>\n#include <sched.h>\nint main(void) {\n  if (ptrace(PTRACE_ATTACH, getppid(), 0, 0) == 0 || ptrace(PTRACE_ATTACH, 1, 0, 0) == 0) return 9;"}},
	{name: "own-file-is-no-yaml", own: "start: [\x1b[31m\n", files: map[string]string{"a": "b"}, code: "own-file", says: "cannot be read"},
	{name: "own-file-is-a-bomb", own: "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\nstart: [*d,*d,*d,*d,*d,*d,*d]\n", files: map[string]string{"a": "b"}, code: "own-file", says: "cannot be read"},
	{name: "own-file-is-large", own: "start: " + strings.Repeat("x", 1<<20) + "\n", files: map[string]string{"a": "b"}, code: "own-file", says: "cannot be read"},
	{name: "own-file-asks-for-points", own: "start: MARK; exec sleep 100\npoints: 100\nscore: 100\n", files: map[string]string{"a": "b"}, code: "own-file", says: "cannot be read"},
	{name: "archive-with-dots.tar.gz", pack: tarOf(tar.Header{Name: "../../evil", Typeflag: tar.TypeReg}), code: "submission-outside", says: "evil", daily: true},
	{name: "archive-with-links.tar.gz", pack: tarOf(tar.Header{Name: "conform-submission.yaml", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), code: "submission-outside", says: "/etc/passwd"},
	{name: "archive-with-device.tar.gz", pack: tarOf(tar.Header{Name: "server", Typeflag: tar.TypeReg}, tar.Header{Name: "disk", Typeflag: tar.TypeBlock, Devmajor: 8}), code: "submission-special-file", says: "disk"},
	{name: "archive-that-is-a-bomb.zip", pack: bomb, code: "submission-too-large", says: "50000"},
	{name: "archive-with-odd-names.zip", pack: zipOf("caf\xe9.py", "a\\b"), code: "submission-bad-name", says: "not one that every system can have"},
}

// Attacks while a submission is built.
var hostileBuilds = []entry{
	{name: "sleeps-for-ever", own: "build: MARK; sleep 1000\nstart: ./server\n", files: map[string]string{"a": "sleep"}, code: "build-wall", says: "ran for more than 4s"},
	{name: "floods", own: "build: MARK; yes $(printf '\\033[31m::error::x')\nstart: ./server\n", files: map[string]string{"a": "flood"}, code: "build-wall", says: "ran for more than 4s"},
	{name: "bomb-of-forks-py", text: "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n.py", own: "build: MARK; python3 server.py\nstart: ./server\n", code: "build-processes", says: "limit of 128 processes"},
	{name: "leaves-a-daemon-py", base: "zen.py", own: "build: MARK; (setsid sleep 1000 &) ; exit 0\nstart: MARK; exec python3 server.py\n"},
	{name: "beside-py", base: "zen.py"},
}

var echoes = []entry{
	{name: "threads-py", base: "echo.py", daily: true},
	{name: "event-loop-js", base: "echo.js"},
	{name: "goroutines-go", base: "echo.go"},
	{name: "no-line-end-py", base: "echo.py", edits: []string{`{ascii(text)}\r\n"`, `{ascii(text)}"`}, lost: "first 0, answers 0, details 0, blanks 0, framing 0, quit 5, end-of-input 0.71, robustness 0, together 0, many 0, any-order 0"},
	{name: "plain-quotes-py", base: "echo.py", edits: []string{`{ascii(text)}`, `'{text}'`}, lost: "blanks 4.44"},
	{name: "quit-in-any-case-go", base: "echo.go", edits: []string{`text == "quit"`, `strings.EqualFold(text, "quit")`}, lost: "quit 13.75"},
	{name: "read-is-a-line-py", base: "echo.py", edits: []string{`for line in client.makefile("rb"):`, `while line := client.recv(4096):`}, lost: "blanks 9.44, framing 6.67, quit 11.25, together 5.45, any-order 0"},
	{name: "scanner-go", base: "echo.go", edits: []string{
		"in := bufio.NewReader(conn)", "in := bufio.NewScanner(conn)",
		"line, err := in.ReadString('\\n')\n		if err != nil && line == \"\" {", "if !in.Scan() {", "TrimRightFunc(line", "TrimRightFunc(in.Text()"}, lost: "framing 18.33"},
	{name: "dies-of-bad-text-py", base: "echo.py", edits: []string{`line.decode(errors="replace").rstrip()`, "line.decode().rstrip()", "except OSError:\n        pass", "except OSError:\n        pass\n    except ValueError:\n        os._exit(1)"}, lost: "robustness 6.25"},
}

var calculators = []entry{
	{name: "threads-py", base: "calc.py"},
	{name: "goroutines-go", base: "calc.go"},
	{name: "shared-mode-py", base: "calc.py", edits: []string{"    mode = b\"sum\"\n    try:", "    global mode\n    try:", "\n\ndef converse", "\nmode = b\"sum\"\n\n\ndef converse"}, lost: "sums 1.67, modes 6.67, errors 0, odd-errors 0, numbers 0, framing 0.91, quit 3.33, endings 0.29, together 0, many 0, any-order 0"},
	{name: "no-greeting-py", base: "calc.py", edits: []string{"            client.sendall(b\"<welcome: starting in sum mode>\\n\")\n", ""}, lost: "greeting 0, sums 0, modes 0, errors 0, odd-errors 0, numbers 0, framing 0, quit 0, endings 0, together 0, many 0, any-order 0"},
	{name: "floats-py", base: "calc.py", edits: []string{"int(n) for n", "float(n) for n", "sum(numbers)}", "sum(numbers):.0f}", "math.prod(numbers)}", "math.prod(numbers):.0f}"}, lost: "sums 8.33, numbers 2.5, endings 4.41, together 8.46"},
	{name: "hangs-up-on-errors-go", base: "calc.go", edits: []string{"say(\"ERROR. Enter only integers separated by commas\\n\")", "return"}, lost: "greeting 7.5, sums 9.17, modes 5.56, errors 0, odd-errors 0, numbers 7.5, framing 8.18, quit 6.67"},
}

var rawEchoes = []entry{
	{name: "threads-c", base: "raw.c"},
	{name: "pipes-js", base: "raw.js"},
	{name: "select-py", base: "raw.py"},
	{name: "strings-c", base: "raw.c", edits: []string{"for (ssize_t sent = 0; sent < n;) {", "data[n] = 0;\n    n = (ssize_t)strlen(data);\n    for (ssize_t sent = 0; sent < n;) {", "data, sizeof data, 0", "data, sizeof data - 1, 0", "#include <stdlib.h>", "#include <stdlib.h>\n#include <string.h>"}, lost: "bytes 12, meaning 8.33, segments 8.33, lengths 11.25, end-of-input 4.55, robustness 0, together 6.67"},
	{name: "text-js", base: "raw.js", edits: []string{"socket.pipe(socket);", `socket.on("data", (data) => socket.write(data.toString()));` + "\n" + `socket.on("end", () => socket.end());`}, lost: "bytes 10, meaning 6.67, segments 8.33, lengths 11.25, end-of-input 4.55, robustness 0, together 6.67"},
}

var webSockets = []entry{
	{name: "goroutines-go", base: "websocket.go"},
	{name: "event-loop-js", base: "websocket.js"},
	{name: "takes-unmasked-frames-js", base: "websocket.js", edits: []string{"|| !(start[1] & 0x80) ", ""}, lost: "masking 3.16"},
	{name: "no-pongs-go", base: "websocket.go", edits: []string{"err = write(conn, pong, f.payload)", ""}, lost: "masking 4.74, fragmentation 8.7, control 1.88, robustness 4.91, many 4"},
	{name: "huge-frames-go", base: "websocket.go", edits: []string{"err = write(conn, kind, message)", "head := []byte{0x80 | kind, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}\n				for err == nil {\n					_, err = conn.Write(head)\n					head = make([]byte, 1<<16)\n				}"}, lost: "framing 3.85, masking 2.63, fragmentation 3.48, control 4.06, text 4.09, closing 8.15, limits 1.85, robustness 3.95, together 1.11, many 3, any-order 0"},
}
