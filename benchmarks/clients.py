"""Clients: those who are connected to the sender, and as much of RFC 6455 as they need."""

from __future__ import annotations

import json
import re
import selectors
import socket
from base64 import b64encode
from hashlib import sha1

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PATIENCE_S = 5.0  # with one that does not read


class Clients:
    """All of them, on a free port of loopback; `ready` once one has subscribed to so many streams.

    When the file `ends_with` ends, so does the process.
    """

    def __init__(self, streams: int, ends_with: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._streams = streams
        self._clients: list[Client] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(ends_with, selectors.EVENT_READ)

    @property
    def port(self) -> int:
        """Where they connect to."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def ready(self) -> bool:
        """Whether there is anybody to send to."""
        return any(client.ready for client in self._clients)

    def send(self, data: bytes) -> None:
        """Send to each that has subscribed, and wait while one takes no more."""
        for client in self._clients:
            if client.ready:
                client.send(data)

    def hear(self, timeout_s: float | None) -> None:
        """Let in who knocks, and answer who has said something."""
        for key, _ in self._selector.select(timeout_s):
            if isinstance(key.data, Client):
                key.data.hear()
                if key.data.over:
                    self._selector.unregister(key.fileobj)
                    self._clients.remove(key.data)
                    key.data.connection.close()
            elif key.fileobj is self._listener:
                client = Client(self._listener.accept()[0], self._streams)
                self._clients.append(client)
                self._selector.register(client.connection, selectors.EVENT_READ, client)
            else:
                raise SystemExit


class Client:
    """A connection, from its handshake on; `ready` once it has subscribed to so many streams."""

    def __init__(self, connection: socket.socket, streams: int) -> None:
        connection.settimeout(PATIENCE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self.over = False
        self._streams = streams
        self._topics: set[str] = set()
        self._heard = b""
        self._open = False

    @property
    def ready(self) -> bool:
        """Whether everything is to be sent to it."""
        return len(self._topics) == self._streams and not self.over

    def send(self, data: bytes) -> None:
        """Send, and wait while it takes no more."""
        try:
            self.connection.sendall(data)
        except OSError:
            self.over = True

    def hear(self) -> None:
        """Read what is there, and answer it."""
        try:
            data = self.connection.recv(65_536)
        except OSError:
            data = b""
        self.over = self.over or not data
        self._heard += data
        if not self._open and b"\r\n\r\n" in self._heard:
            head, _, self._heard = self._heard.partition(b"\r\n\r\n")
            self._open = True
            self.send(handshake(head))
        while self._open and (parts := unmasked(self._heard)):
            kind, said, self._heard = parts
            self._answer(kind, said)

    def _answer(self, kind: int, said: bytes) -> None:
        if kind == TEXT:
            asked = json.loads(said)
            self._topics.update(asked["params"])
            self.send(framed(json.dumps({"result": None, "id": asked["id"]}).encode()))
        elif kind == PING:
            self.send(framed(said, PONG))
        elif kind == CLOSE:
            self.send(framed(said, CLOSE))
            self.over = True


def framed(data: bytes, kind: int = TEXT) -> bytes:
    """As a server sends it by RFC 6455: unmasked."""
    size = len(data)
    return bytes((kind, size)) + data if size < 126 else bytes((kind, 126)) + size.to_bytes(2, "big") + data


def handshake(head: bytes) -> bytes:
    """The answer to a request for a WebSocket."""
    [key] = re.findall(rb"(?im)^sec-websocket-key:\s*(\S+)", head)
    accept = b64encode(sha1(key + GUID).digest())
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return upgrade + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"


def unmasked(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The kind and content of the first frame of a client's, and what follows; None if it is not whole."""
    if len(data) < 6:
        return None
    size, at = data[1] & 0x7F, 2
    if size == 126:
        size, at = int.from_bytes(data[2:4], "big"), 4
    mask, body = data[at : at + 4], data[at + 4 : at + 4 + size]
    if len(body) < size:
        return None
    return data[0], bytes(byte ^ mask[n & 3] for n, byte in enumerate(body)), data[at + 4 + size :]
