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
	// What comes in one read is right, and what comes in pieces is not: a question that is cut, a line end that
	// is sent for itself, a mebibyte, and the part of a question that the client's end leaves.
	{name: "read-is-a-message-py", base: "zen.py", edits: []string{
		"*questions, rest = bytearray(rest).split(b\"?\")\n                    for question in questions:\n                        client.sendall(answer(bytes(question)))",
		"pass\n                client.sendall(answer(bytes(data).removesuffix(b\"?\")))"}, breaks: "framing/* !framing/no-greeting !framing/two-questions-at-once messages/one-mebibyte end-of-input/partial-question concurrency/partial-* concurrency/slow-sender concurrency/any-order*", daily: true},
	// Those who wait their turn are served.
	{name: "one-at-a-time-py", base: "zen.py", edits: []string{"threading.Thread(target=converse, args=(client,), daemon=True).start()", "converse(client)"}, serves: 1, breaks: "concurrency/* !concurrency/queued-client !concurrency/churn !concurrency/any-order*"},
	{name: "one-at-a-time-go", base: "zen.go", edits: []string{"go converse(conn)", "converse(conn)"}, serves: 1, breaks: "concurrency/* !concurrency/queued-client !concurrency/churn !concurrency/any-order*"},
	// What needs three clients or more.
	{name: "two-at-a-time-py", base: "zen.py", edits: []string{
		"    while True:\n        client, _ = server.accept()\n        threading.Thread(target=converse, args=(client,), daemon=True).start()",
		"    from concurrent.futures import ThreadPoolExecutor\n    with ThreadPoolExecutor(2) as pool:\n        while True:\n            client, _ = server.accept()\n            pool.submit(converse, client)"}, serves: 2, breaks: "concurrency/four-clients concurrency/answers-to-the-asker concurrency/partial-* concurrency/one-leaves concurrency/idle-clients concurrency/burst concurrency/busy-clients concurrency/slow-sender"},
	// The first one is the look whether anybody is there.
	{name: "first-connection-only-py", base: "zen.py", edits: []string{
		"    while True:\n        client, _ = server.accept()\n        threading.Thread(target=converse, args=(client,), daemon=True).start()",
		"    client, _ = server.accept()\n    converse(client)\n    threading.Event().wait()"}, breaks: "*/*"},
	{name: "waits-after-the-end-js", base: "zen.js", edits: []string{`socket.on("end", () => socket.end());`, ""}, breaks: "end-of-input/closes end-of-input/answers-then-closes"},
	// Whatever asks this question; so do the look whether a server still serves, and one in three of several clients.
	{name: "wrong-bytes-py", base: "zen.py", edits: []string{`b"Complex."`, `b"Complicated."`}, breaks: "answers/simple answers/nothing-added answers/long-conversation framing/split-question framing/two-questions-at-once end-of-input/* !end-of-input/closes robustness/* concurrency/*"},
	// A client that leaves as soon as it has its answer does not see what follows.
	{name: "line-end-added-js", base: "zen.js", edits: []string{`socket.write(answers.get(question) ?? "Error: unknown aphorism.")`, `socket.write((answers.get(question) ?? "Error: unknown aphorism.") + "\n")`}, breaks: "*/* !concurrency/churn"},
	// As well when it comes a moment later.
	{name: "line-end-in-a-write-of-its-own-c", base: "zen.c", edits: []string{"send_all(fd, said, strlen(said)) < 0", `send_all(fd, said, strlen(said)) < 0 || send_all(fd, "\n", 1) < 0`}, breaks: "*/* !concurrency/churn"},
	{name: "any-case-py", base: "zen.py", edits: []string{"ANSWERS.get(question,", "ANSWERS.get(question.capitalize(),"}, breaks: "answers/case-matters"},
	{name: "strips-blanks-py", base: "zen.py", edits: []string{"ANSWERS.get(question,", "ANSWERS.get(question.strip(),"}, breaks: "answers/blanks-matter framing/line-end-is-not-an-end framing/bytes-after-the-answer framing/question-then-line-end"},
	// It answers all questions of a read. Whatever asks again, or sees whether the connection stays; so does the
	// look whether a server still serves, and clients who are served before they have to wait.
	{name: "closes-after-the-answer-py", base: "zen.py", edits: []string{"client.sendall(answer(bytes(question)))", "client.sendall(answer(bytes(question)))\n                    return"}, breaks: "answers/unknown-question answers/blanks-matter answers/whole-question-matters answers/nothing-added answers/connection-stays-open answers/same-question-again answers/long-conversation framing/split-anywhere framing/byte-by-byte framing/line-end-is-not-an-end framing/bytes-after-the-answer framing/two-questions-at-once framing/question-then-line-end messages/any-byte messages/longer-than-a-read messages/one-mebibyte end-of-input/* !end-of-input/closes !end-of-input/answers-then-closes robustness/* concurrency/* !concurrency/partial-* !concurrency/idle-clients !concurrency/churn"},
	{name: "greets-go", base: "zen.go", edits: []string{"	in := bufio.NewReader(conn)\n", "	in := bufio.NewReader(conn)\n	io.WriteString(conn, \"Hello.\")\n"}, breaks: "*/*"},
	// Whoever comes after, or speaks between, the halves of a question. In one loop: between threads it would be a
	// race besides, which whole questions lose now and then.
	{name: "shared-buffer-js", base: "zen.js", edits: []string{"net.createServer({ allowHalfOpen: true }, (socket) => {\n  let parts = [];", "let parts = [];\nnet.createServer({ allowHalfOpen: true }, (socket) => {"}, breaks: "answers/fresh-connection end-of-input/partial-question end-of-input/partial-question-then-gone robustness/reset-in-a-question robustness/many-short-visits concurrency/partial-* concurrency/one-vanishes concurrency/slow-sender concurrency/any-order*"},
	{name: "slow-py", base: "zen.py", edits: []string{"client.sendall(answer(bytes(question)))", "time.sleep(0.01)\n                        client.sendall(answer(bytes(question)))", "import threading", "import threading\nimport time"}},
	{name: "aborts-on-long-questions-c", base: "zen.c", edits: []string{"question = realloc(question, size *= 2)", "abort()"}, breaks: "messages/longer-than-a-read messages/one-mebibyte"},
	{name: "hangs-up-on-long-questions-c", base: "zen.c", edits: []string{"if (used == size) question = realloc(question, size *= 2);", "if (used == size) goto out;"}, breaks: "messages/longer-than-a-read messages/one-mebibyte"},
	{name: "text-only-py", base: "zen.py", edits: []string{"ANSWERS.get(question,", "ANSWERS.get(question.decode().encode(),"}, breaks: "messages/any-byte"},
	{name: "dies-of-a-reset-js", base: "zen.js", edits: []string{`socket.on("error", () => socket.destroy());`, ""}, breaks: "robustness/reset-* concurrency/one-vanishes concurrency/any-order-and-end", daily: true},
	// Of an error of reading only: it depends on when the reset comes whether there is one.
	{name: "dies-of-a-reset-go", base: "zen.go", edits: []string{"if err != nil {\n			return\n		}\n		answer", "if err == io.EOF {\n			return\n		} else if err != nil {\n			log.Fatal(err)\n		}\n		answer"}, breaks: "robustness/reset-* concurrency/one-vanishes concurrency/any-order-and-end"},
	{name: "leaks-connections-c", base: "zen.c", edits: []string{"  free(question);\n  close(fd);", "  free(question);"}, breaks: "end-of-input/closes end-of-input/answers-then-closes"},
	// Whatever asks an unknown question; a long one is.
	{name: "knows-no-unknown-question-js", base: "zen.js", edits: []string{`?? "Error: unknown aphorism."`, `?? ""`}, breaks: "answers/unknown-question answers/question-mark-alone answers/*-matter* answers/nothing-added answers/connection-stays-open answers/long-conversation framing/byte-by-byte framing/line-end-is-not-an-end framing/bytes-after-the-answer framing/question-then-line-end messages/* end-of-input/unknown-question-then-eof concurrency/slow-sender"},
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
	{name: "fork-bomb-in-the-build-py", text: "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n.py", own: "build: MARK; python3 server.py\nstart: ./server\n", code: "build-processes", says: "limit of 128 processes"},
	{name: "fork-bomb-when-asked-py", base: "zen.py", edits: []string{"def answer(question):", "def answer(question):\n    while len(question) > 1 << 19:\n        try:\n            os.fork()\n        except OSError:\n            pass"}, breaks: "messages/one-mebibyte"},
	{name: "daemon-py", base: "zen.py", edits: []string{"\nmain()\n", "\nif os.fork():\n    os._exit(0)\nos.setsid()\nif os.fork():\n    os._exit(0)\nmain()\n"}, code: "ended-early", says: "exited with code 0|foreground", daily: true},
	{name: "daemon-beside-py", base: "zen.py", edits: []string{"\nmain()\n", "\nimport signal\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        while True:\n            signal.pause()\n    os._exit(0)\nos.wait()\nmain()\n"}},
	{name: "memory-hog-py", text: "hog = []\nwhile True:\n    hog.append(bytearray(b'x') * (1 << 24))\n.py", code: "ended-early", says: "memory"},
	{name: "memory-hog-when-asked-c", base: "zen.c", edits: []string{"static const char *answer(const char *question, size_t n) {", "static const char *answer(const char *question, size_t n) {\n  for (; n > 1 << 19; memset(malloc(1 << 24), 1, 1 << 24));"}, breaks: "messages/one-mebibyte"},
	{name: "disk-filler-py", text: "with open('/tmp/full', 'wb') as f:\n    while True:\n        f.write(b'x' * (1 << 20))\n.py", code: "ended-early", says: "disk space"},
	{name: "output-flood-py", text: "while True:\n    print('x' * 65536)\n.py", code: "not-listening", says: "^listens on no port"},
	{name: "huge-answers-py", base: "zen.py", edits: []string{"client.sendall(answer(bytes(question)))", "for _ in range(1 << 14):\n                            client.sendall(bytes(1 << 16))\n                        client.sendall(answer(bytes(question)))"}, breaks: "*/*"},
	{name: "endless-drip-py", base: "zen.py", edits: []string{"            rest = bytearray()\n", "            rest = bytearray()\n            import time\n            while True:\n                client.sendall(b'.')\n                time.sleep(0.01)\n"}, breaks: "*/*"},
	{name: "endless-flood-py", base: "zen.py", edits: []string{"            rest = bytearray()\n", "            rest = bytearray()\n            while True:\n                client.sendall(b'x' * 65536)\n"}, breaks: "*/*"},
	// Whatever asks the first of the questions; see wrong-bytes-py.
	{name: "answers-in-colour-py", base: "zen.py", edits: []string{`b"Ugly."`, `b"\x1b[2J\x1b]0;owned\x07\n::error file=a,line=1::owned\n<script>alert(1)</script>=cmd|' /C calc'!A0"`}, breaks: "answers/beautiful answers/connection-stays-open answers/long-conversation answers/fresh-connection framing/no-greeting framing/question-mark-alone-in-its-segment framing/byte-by-byte framing/bytes-after-the-answer framing/two-questions-at-once framing/question-then-line-end messages/* !messages/not-ascii end-of-input/* !end-of-input/answers-then-closes robustness/* concurrency/*", daily: true},
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
	{name: "leaves-a-daemon-py", base: "zen.py", own: "build: MARK; (setsid sleep 1000 &) ; exit 0\nstart: MARK; exec python3 server.py\n"},
	{name: "beside-py", base: "zen.py"},
}

var echoes = []entry{
	{name: "threads-py", base: "echo.py", daily: true},
	{name: "event-loop-js", base: "echo.js"},
	{name: "goroutines-go", base: "echo.go"},
	// The word to part with is answered as it should be.
	{name: "no-line-end-py", base: "echo.py", edits: []string{`{ascii(text)}\r\n"`, `{ascii(text)}"`}, breaks: "*/* !quit/first-word !quit/in-pieces !quit/input-behind-it !quit/blanks-behind !end-of-input/quit-without-line-end"},
	// A character that was cut may come back as it is.
	{name: "plain-quotes-py", base: "echo.py", edits: []string{`{ascii(text)}`, `'{text}'`}, breaks: "quoting/* !quoting/double-quotes !quoting/character-in-two-segments"},
	{name: "quit-in-any-case-go", base: "echo.go", edits: []string{`text == "quit"`, `strings.EqualFold(text, "quit")`}, breaks: "quit/upper-case"},
	// What comes in one read is right, and what comes in pieces, is longer than a read, or comes with others is not.
	{name: "read-is-a-line-py", base: "echo.py", edits: []string{`for line in client.makefile("rb"):`, `while line := client.recv(4096):`}, breaks: "quoting/character-in-two-segments framing/crlf-in-two-segments framing/quiet-until-the-line-ends framing/split-anywhere framing/byte-by-byte framing/line-and-a-half framing/several-lines-at-once framing/line-of-4096 framing/one-mebibyte quit/in-pieces quit/input-behind-it quit/much-input-behind-it concurrency/partial-* concurrency/busy-clients concurrency/slow-sender concurrency/one-does-not-read concurrency/any-order*"},
	// It takes lines of up to 64 KiB.
	{name: "scanner-go", base: "echo.go", edits: []string{
		"in := bufio.NewReader(conn)", "in := bufio.NewScanner(conn)",
		"line, err := in.ReadString('\\n')\n		if err != nil && line == \"\" {", "if !in.Scan() {", "TrimRightFunc(line", "TrimRightFunc(in.Text()"}, breaks: "framing/one-mebibyte"},
	{name: "dies-of-bad-text-py", base: "echo.py", edits: []string{`line.decode(errors="replace").rstrip()`, "line.decode().rstrip()", "except OSError:\n        pass", "except OSError:\n        pass\n    except ValueError:\n        os._exit(1)"}, breaks: "robustness/telnet-negotiation robustness/invalid-utf-8*"},
}

var calculators = []entry{
	{name: "threads-py", base: "calc.py"},
	{name: "goroutines-go", base: "calc.go"},
	// What is multiplied is followed by a look whether others are served, in sum mode.
	{name: "shared-mode-py", base: "calc.py", edits: []string{"    mode = b\"sum\"\n    try:", "    global mode\n    try:", "\n\ndef converse", "\nmode = b\"sum\"\n\n\ndef converse"}, breaks: "concurrency/state-* robustness/large-product"},
	{name: "no-greeting-py", base: "calc.py", edits: []string{"            client.sendall(b\"<welcome: starting in sum mode>\\n\")\n", ""}, breaks: "*/*"},
	// 0 times -3 is -0, and so is -0 alone. What has more than 53 bits is rounded; so are the long lines of clients.
	{name: "floats-py", base: "calc.py", edits: []string{"int(n) for n", "float(n) for n", "sum(numbers)}", "sum(numbers):.0f}", "math.prod(numbers)}", "math.prod(numbers):.0f}"}, breaks: "sums/session sums/leading-zeros numbers/* !numbers/32-bits !numbers/many-items !numbers/underscores !numbers/digits-of-other-scripts !numbers/white-space-of-unicode robustness/large-* concurrency/slow-sender concurrency/one-does-not-read"},
	// Whatever is answered ERROR, such as numbers that it may refuse.
	{name: "hangs-up-on-errors-go", base: "calc.go", edits: []string{"say(\"ERROR. Enter only integers separated by commas\\n\")", "return"}, breaks: "greeting/line-ends sums/nothing-added modes/error-keeps-it modes/case-matters modes/whole-line modes/blank-before errors/* numbers/underscores numbers/digits-of-other-scripts numbers/white-space-of-unicode framing/lone-cr framing/line-of-4096 quit/upper-case quit/with-a-word-behind quit/inside-a-line quit/blank-before"},
}

var rawEchoes = []entry{
	{name: "threads-c", base: "raw.c"},
	{name: "pipes-js", base: "raw.js"},
	{name: "select-py", base: "raw.py"},
	// Whatever has a NUL in it: random bytes, and the look whether a server still serves.
	{name: "strings-c", base: "raw.c", edits: []string{"for (ssize_t sent = 0; sent < n;) {", "data[n] = 0;\n    n = (ssize_t)strlen(data);\n    for (ssize_t sent = 0; sent < n;) {", "data, sizeof data, 0", "data, sizeof data - 1, 0", "#include <stdlib.h>", "#include <stdlib.h>\n#include <string.h>"}, breaks: "bytes/every-byte bytes/each-byte-alone bytes/nul bytes/random meaning/quit-ends-nobody segments/without-waiting lengths/random end-of-input/* !end-of-input/closes !end-of-input/last-bytes-then-closes flow/leaves-without-reading robustness/* concurrency/one-vanishes concurrency/busy-clients concurrency/one-does-not-read"},
	// Whatever is no UTF-8: random bytes, and the look whether a server still serves.
	{name: "text-js", base: "raw.js", edits: []string{"socket.pipe(socket);", `socket.on("data", (data) => socket.write(data.toString()));` + "\n" + `socket.on("end", () => socket.end());`}, breaks: "bytes/every-byte bytes/each-byte-alone bytes/not-utf8 bytes/cut-characters bytes/random meaning/other-protocols meaning/quit-ends-nobody segments/without-waiting lengths/random end-of-input/* !end-of-input/closes !end-of-input/last-bytes-then-closes flow/leaves-without-reading robustness/* concurrency/one-vanishes concurrency/busy-clients concurrency/one-does-not-read"},
}

var webSockets = []entry{
	{name: "goroutines-go", base: "websocket.go"},
	{name: "event-loop-js", base: "websocket.js"},
	// A Close frame without a mask ends the connection, as it should.
	{name: "takes-unmasked-frames-js", base: "websocket.js", edits: []string{"|| !(start[1] & 0x80) ", "", "const whole = 6 + wide + n;", "const bare = start[1] < 0x80;\n      const whole = (bare ? 2 : 6) + wide + n;", "bytes.subarray(2 + wide, 6 + wide)", "bare ? Buffer.alloc(4) : bytes.subarray(2 + wide, 6 + wide)", "bytes.subarray(6 + wide, whole)", "bytes.subarray(whole - n, whole)"}, breaks: "masking/unmasked-* !masking/unmasked-close-fails masking/nothing-after-unmasked"},
	// Whatever is about Pongs alone: otherwise messages show that a connection is served. A Ping with a longer length
	// than it needs is refused before it could be answered, which is allowed.
	{name: "no-pongs-go", base: "websocket.go", edits: []string{"err = write(conn, pong, f.payload)", ""}, breaks: "masking/ping-is-unmasked framing/ping-waits-for-its-end fragmentation/ping-* fragmentation/control-frames-cut-between-fragments control/empty-ping control/pong-repeats-payload control/longest-ping control/ten-pings-* control/ping-byte-by-byte control/pings-between-messages control/ping-during-echo control/own-pong-for-each-client control/ping-after-idling concurrency/pongs-apart"},
	// In answer to an empty message. Such a one is among those of every length, and of the conversation in which a
	// server is to send frames of every kind, whose rules are judged by it.
	{name: "huge-frames-go", base: "websocket.go", edits: []string{"err = write(conn, kind, message)", "head := []byte{0x80 | kind, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}\n				for err == nil && len(message) == 0 {\n					_, err = conn.Write(head)\n					head = make([]byte, 1<<16)\n				}\n				if err == nil {\n					err = write(conn, kind, message)\n				}"}, breaks: "masking/every-length masking/server-* framing/empty-messages framing/thousand-empty-messages framing/server-* fragmentation/only-empty-fragments fragmentation/server-* control/server-* text/server-* closing/nothing-after-close closing/server-close-body limits/round-trips-*"},
}
