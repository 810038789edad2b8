package specs

// Meaning is what there is to know about a code: for somebody who has met it in
// a report and wants to know what to look for.
type Meaning struct {
	Code   Code      `json:"code"`
	Text   string    `json:"text"`   // what was seen
	Causes [3]string `json:"causes"` // what brings it about most often
	// Right is what a right server does. It is empty where the code says
	// nothing about the server, and then Do says what to do.
	Right string `json:"right,omitempty"`
	Do    string `json:"do,omitempty"`
}

// Meanings explains every code, in groups that are best read together: answers,
// ends of connections, the service as a whole, and what keeps a requirement from
// being judged.
func Meanings() []Meaning {
	return []Meaning{
		{Code: NoAnswer,
			Text: "An answer was due, nothing came for as long as any answer may take, and the connection is still open. That wait follows the pace of the target, and is four times as long when the failure is confirmed.",
			Causes: [3]string{
				"the server waits for something that is not part of the protocol: CRLF where LF will do, the end of input, a full buffer",
				"the answer is written into a buffer that nobody flushes",
				"the server is busy elsewhere: it waits for another client, or has left its loop after an error"},
			Right: "It answers as soon as the last byte of a message has come, whatever other clients do."},
		{Code: PartialAnswer,
			Text: "The beginning of the answer came, and then nothing; the connection is still open.",
			Causes: [3]string{
				"one write took fewer bytes than it was given, and the rest is not written later",
				"the length of the answer is counted in characters, and it is written by bytes",
				"the rest is in a buffer that is only flushed when it is full"},
			Right: "It writes on until all bytes of an answer have been taken."},
		{Code: WrongBytes,
			Text: "Other bytes came than any answer that is allowed. The report shows the first one that differs, and its place.",
			Causes: [3]string{
				"a message is taken to end where a read ends, so that a part of it, or two at once, are looked up",
				"white space, line ends or case of the message are changed before it is looked up",
				"the wording is not exact: a label, a quotation mark or a line end is another"},
			Right: "It answers with exactly the bytes that the protocol has for this message."},
		{Code: ExtraBytes,
			Text: "The right answer came, and more bytes behind it.",
			Causes: [3]string{
				"a line end is added to each answer, as print and println do",
				"what stood behind the message in the same read is answered as well",
				"a whole buffer is sent, and not only the bytes that were put into it"},
			Right: "It sends the answer, and then nothing until there is another message."},
		{Code: NotSilent,
			Text: "Bytes came where none were due: before a message was complete, behind the last answer, or where the protocol has no greeting.",
			Causes: [3]string{
				"each read is taken for a whole message",
				"a line end or a blank is answered as a message of its own",
				"the server greets its clients, or prompts them"},
			Right: "It says nothing until a message has ended."},
		{Code: Misdelivered,
			Text: "A client got the answer to what another client had said, or to another of its own messages. What a client says names it and the turn, so this is certain.",
			Causes: [3]string{
				"a buffer, or the current client, is kept in one place for all of them",
				"a descriptor or an index is used on after its connection has ended, when another one has it",
				"answers are made by several workers, and sent in the order in which they are ready"},
			Right: "It keeps what belongs to a connection with that connection, and answers each in the order of its messages."},
		{Code: Violation,
			Text: "Something that came breaks a rule for everything that a server sends, whatever it is an answer to. It is watched for on every connection, and reported once.",
			Causes: [3]string{
				"frames are written by hand, with a length, a bit or a mask that is not allowed",
				"two threads write to one connection, and their frames are mixed",
				"something is used that was not agreed on, such as compression without the extension"},
			Right: "It sends nothing but well-formed frames, one behind the other."},
		{Code: Flood,
			Text: "More bytes came than any answer could have. conform stopped reading.",
			Causes: [3]string{
				"a loop does not notice that its client has ended, and answers for ever",
				"the same buffer is sent again and again",
				"what is read is echoed to everybody, and to its sender again"},
			Right: "It sends each answer once."},
		{Code: WrongSource,
			Text: "The answer to a datagram came from another address or port than the datagram was sent to. A client that has connected its socket never sees such an answer.",
			Causes: [3]string{
				"a new socket is made for each answer",
				"the server listens on all addresses, and the system picks one of them to answer from",
				"one socket receives and another one sends"},
			Right: "It answers from the socket that the datagram came to."},
		{Code: Assertion,
			Text: "A condition of this requirement does not hold. The message says which: it is about something that is not a comparison of bytes, such as two numbers that have to differ, or a field of a response.",
			Causes: [3]string{
				"a field is missing, there twice, or has another value",
				"a value that has to be new each time is the same",
				"something that must not depend on the moment does, such as the order of messages"},
			Right: "It does what the sentence of the requirement says; conform explain ID has an exchange in which that is seen."},

		{Code: ClosedEarly,
			Text: "The server ended its side in order (FIN), before the answer or in the midst of it.",
			Causes: [3]string{
				"the connection is good for one message only, and closed behind it",
				"an error in this connection is caught, and answered by closing it",
				"the end of the client's input is acted on before the messages that came with it"},
			Right: "It answers what is complete, and keeps the connection open until the client or the protocol ends it."},
		{Code: ResetEarly,
			Text: "The connection was reset (RST), before the answer or in the midst of it. Bytes that were on their way may be lost by that.",
			Causes: [3]string{
				"the process died",
				"the socket was closed while input was still unread, which makes the system send a reset",
				"the server sets SO_LINGER to zero, or aborts the connection on an error"},
			Right: "It answers what is complete, reads what has come, and closes in order."},
		{Code: NotClosed,
			Text: "The connection is still open where its end was due.",
			Causes: [3]string{
				"the end of the client (an empty read) is not noticed, or is taken for no input yet",
				"another process or thread still has the descriptor, so that closing it here does not end the connection",
				"the server waits for its client to close first"},
			Right: "It closes when the protocol says so: behind the last answer, and when its client has ended."},
		{Code: ResetNotFIN,
			Text: "The connection was reset where it had to be ended in order. What the server sent before may not have arrived.",
			Causes: [3]string{
				"the socket was closed while input was still unread",
				"the process died, or was killed",
				"the server sets SO_LINGER to zero"},
			Right: "It reads what has come, ends its side, and closes then."},
		{Code: FINNotReset,
			Text: "The connection was ended in order where a reset was due.",
			Causes: [3]string{
				"the error is handled as if the client had left",
				"a library closes in order whatever is asked of it",
				"something between client and server ends connections in its own way"},
			Right: "It resets a connection where the protocol wants that to be seen."},
		{Code: SendFailed,
			Text: "The server stopped taking what it was sent: a write failed, or nothing more was read for long.",
			Causes: [3]string{
				"the server has closed the connection, or reset it, while the client was sending",
				"it reads no further while it cannot write, or waits for something else",
				"it reads a fixed number of bytes, and no more"},
			Right: "It goes on reading until the client or the protocol ends the connection."},

		{Code: ConnectFailed,
			Text: "No connection could be made: the attempt was refused, or nothing came back in time.",
			Causes: [3]string{
				"the server died, or closed its listening socket, during a requirement before this one",
				"it accepts clients too slowly, and its backlog is full",
				"it has run out of descriptors, because connections that ended are never closed"},
			Right: "It listens for as long as it runs, and accepts clients whatever those before have done."},
		{Code: Refused,
			Text: "Connections were refused while many clients came at once. Attempts that were repeated with success are harmless.",
			Causes: [3]string{
				"the server is not there any more",
				"its limit on clients or open files is reached, and it closes the listening socket then",
				"the backlog is short, and the system refuses what does not fit instead of dropping it"},
			Right: "It accepts as fast as clients come, with a backlog that bears a burst: listen(128) or more."},
		{Code: NotServing,
			Text: "What the requirement did was followed by a new client, and that one is not served.",
			Causes: [3]string{
				"the error of one connection (a reset, a broken pipe, bytes that are no text) ended the program or its loop",
				"the server still waits for the client before, or spins on its end",
				"each connection uses something up: a worker, a thread, a descriptor"},
			Right: "It loses the one connection at most, and serves the next client."},
		{Code: TargetDied,
			Text: "The server died, or answers nobody any more. One that was started with --exec is started again for the requirements that follow; the report has its exit status and last words.",
			Causes: [3]string{
				"an exception or a signal that nobody handles: the output of the command shows which",
				"the server waits for ever, or spins, so that it is as good as dead",
				"somebody else ended it: the system for lack of memory, or a supervisor"},
			Right: "It survives whatever its clients send, and however they leave."},
		{Code: TooFewServed,
			Text: "The requirement needs more clients at once than the server was found to serve. One card names all of these requirements.",
			Causes: [3]string{
				"clients are served one after the other, each to its end",
				"the pool has fewer workers than there are clients that stay",
				"a read from one client blocks the loop that serves them all"},
			Right: "It serves many clients at once; one that says that it does not (--dialect class=serial or class=pool:N) is judged by what it owes them."},

		{Code: OutOfTime,
			Text: "The time for this requirement, or for the whole run, was spent before it could be judged.",
			Causes: [3]string{
				"the run has a budget (--timeout) that is too small for a server of this pace",
				"the server delays every answer, so that every wait is long",
				"the machine is busy with something else"},
			Do: "Give the run more time with --timeout, or select less with --only."},
		{Code: Interrupted,
			Text: "The run was ended by its user, or by a signal, before this requirement was judged.",
			Causes: [3]string{
				"Ctrl-C",
				"the CI system ended the job, at its own time limit or because another one failed",
				"a supervisor ended conform together with the server"},
			Do: "Run it again; the reports have what was judged until then."},
		{Code: Declared,
			Text: "The declared dialect says that the requirement is not about this target.",
			Causes: [3]string{
				"--dialect declares another variant than the one that the requirement belongs to",
				"--dialect class=serial or class=pool:N says that fewer clients are served than it needs",
				"a fact that nobody can see, and that it needs, is not declared"},
			Do: "Nothing, if the dialect is right; conform list PROTOCOL shows what can be declared."},
		{Code: Missing,
			Text: "Something that the requirement needs was not found on the target.",
			Causes: [3]string{
				"the server does not offer it: no echo, no compression, no subprotocol",
				"it is at another place, such as another path",
				"an exchange that all others rest on, such as the opening handshake, fails; that has a result of its own"},
			Do: "Mend what the message names, or declare the place with --dialect; what is not offered on purpose may stay away."},
		{Code: OtherKind,
			Text: "The requirement is about connections and the target is reached by datagrams, or the other way round.",
			Causes: [3]string{
				"the target is a udp or unixgram address: requirements about connections do not apply",
				"the target is reached by a stream: requirements about datagrams do not apply",
				"the address has the wrong scheme"},
			Do: "Nothing, if the address is right: write udp://host:port for datagrams, tcp://host:port for connections."},
		{Code: Deselected,
			Text: "The selection left the requirement out.",
			Causes: [3]string{
				"--only names others",
				"--skip names it",
				"--filter does not match its labels"},
			Do: "Nothing, if that is what you wanted; a run that leaves something out never says conformant."},
		{Code: LaterStage,
			Text: "With --stage, requirements are run in the order in which they are learnt, up to the first stage that is not met. This one is of a stage behind it.",
			Causes: [3]string{
				"a requirement of an earlier stage fails: the report says which",
				"an earlier stage could not be judged, because the target died",
				"with --strict, a SHOULD of an earlier stage is not met"},
			Do: "Mend what fails in the earlier stage, and run it again; without --stage everything is run."},
		{Code: KitFault,
			Text: "conform itself failed, and says nothing about the target here.",
			Causes: [3]string{
				"a defect of conform: the message has the place",
				"the environment lacks something: descriptors, memory, ports, a temporary folder",
				"two runs in one place were in each other's way"},
			Do: "Run the requirement again, alone, with the line after again; if it stays, it is a defect to be reported with that line."},
	}
}

// MeaningOf finds what there is to know about a code.
func MeaningOf(code Code) (Meaning, bool) {
	for _, m := range Meanings() {
		if m.Code == code {
			return m, true
		}
	}
	return Meaning{}, false
}
