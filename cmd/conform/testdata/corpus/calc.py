import math
import os
import re
import socket
import sys
import threading

sys.set_int_max_str_digits(0)
INTEGERS = re.compile(rb"\s*[+-]?[0-9]+\s*(,\s*[+-]?[0-9]+\s*)*")
ERROR = b"ERROR. Enter only integers separated by commas\n"


def converse(client):
    mode = b"sum"
    try:
        with client:
            client.sendall(b"<welcome: starting in sum mode>\n")
            for line in client.makefile("rb"):
                line = line.rstrip()
                if line == b"quit":
                    client.sendall(b"connection closed\r\n")
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):
                        pass
                    return
                if line in (b"sum", b"product"):
                    mode = line
                    client.sendall(b"<switching to " + mode + b" mode>\r\n")
                elif INTEGERS.fullmatch(line):
                    numbers = [int(n) for n in line.split(b",")]
                    if mode == b"sum":
                        answer = f"Sum of input integers: '{sum(numbers)}'\r\n"
                    else:
                        answer = f"Product of input integers: '{math.prod(numbers)}'\r\n"
                    client.sendall(answer.encode())
                else:
                    client.sendall(ERROR)
    except OSError:
        pass


def main():
    server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=128)
    while True:
        client, _ = server.accept()
        threading.Thread(target=converse, args=(client,), daemon=True).start()


main()
