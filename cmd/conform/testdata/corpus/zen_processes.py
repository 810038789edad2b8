import os
import signal
import socket
import sys

ANSWERS = {
    b"Beautiful is better than": b"Ugly.",
    b"Explicit is better than": b"Implicit.",
    b"Simple is better than": b"Complex.",
}


def converse(client):
    rest = bytearray()
    while data := client.recv(65536):
        rest += data
        if b"?" in data:
            *questions, rest = bytearray(rest).split(b"?")
            for question in questions:
                client.sendall(ANSWERS.get(bytes(question), b"Error: unknown aphorism."))


signal.signal(signal.SIGCHLD, signal.SIG_IGN)
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("0.0.0.0", int(sys.argv[1])))
server.listen(128)
while True:
    client, _ = server.accept()
    if os.fork() == 0:
        server.close()
        try:
            converse(client)
        except OSError:
            pass
        os._exit(0)
    client.close()
