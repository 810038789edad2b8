import os
import selectors
import socket

# One thread for all clients.
selector = selectors.DefaultSelector()
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=128)
server.setblocking(False)
selector.register(server, selectors.EVENT_READ, None)


def leave(client):
    selector.unregister(client)
    client.close()


while True:
    for key, _ in selector.select():
        if key.data is None:
            try:
                client, _ = server.accept()
            except OSError:
                continue
            client.setblocking(False)
            selector.register(client, selectors.EVENT_READ, {"due": b"", "ended": False})
            continue
        client, state = key.fileobj, key.data
        try:
            if not state["due"] and not state["ended"]:
                state["due"] = client.recv(65536)
                state["ended"] = not state["due"]
            if state["due"]:
                state["due"] = state["due"][client.send(state["due"]):]
        except BlockingIOError:
            pass
        except OSError:
            leave(client)
            continue
        if state["ended"]:
            leave(client)
        else:
            selector.modify(client, selectors.EVENT_WRITE if state["due"] else selectors.EVENT_READ, state)
