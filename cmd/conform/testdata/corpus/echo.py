import os
import socket
import threading


def converse(client):
    try:
        with client:
            for line in client.makefile("rb"):
                text = line.decode(errors="replace").rstrip()
                if text == "quit":
                    client.sendall(b"connection closed\r\n")
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):
                        pass
                    return
                client.sendall(f"Echoed: {ascii(text)}\r\n".encode())
    except OSError:
        pass


def main():
    server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=128)
    while True:
        client, _ = server.accept()
        threading.Thread(target=converse, args=(client,), daemon=True).start()


main()
