import os
import socket
import threading

ANSWERS = {
    b"Beautiful is better than": b"Ugly.",
    b"Explicit is better than": b"Implicit.",
    b"Simple is better than": b"Complex.",
}


def answer(question):
    return ANSWERS.get(question, b"Error: unknown aphorism.")


def converse(client):
    try:
        with client:
            rest = bytearray()
            while True:
                data = client.recv(65536)
                if not data:
                    return
                rest += data
                if b"?" in data:
                    *questions, rest = bytearray(rest).split(b"?")
                    for question in questions:
                        client.sendall(answer(bytes(question)))
    except OSError:
        pass


def main():
    server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=128)
    while True:
        client, _ = server.accept()
        threading.Thread(target=converse, args=(client,), daemon=True).start()


main()
