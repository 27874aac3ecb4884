"""Keep-alive connections of HTTP/1.1 that never wait: just enough of it to ask a server often."""

import re
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

LENGTH = re.compile(rb"content-length:[ \t]*(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"transfer-encoding:[ \t]*chunked", re.IGNORECASE)
READ_BYTES = 65_536
CLIENTS = 250  # that a server may tell apart by their address
IDLE_SECONDS = 3.0  # servers close what is idle for longer (uvicorn: 5 seconds); we do so first
LOST = 0  # in place of a status: the connection broke before the answer had come
Address = tuple[str, int]


def post(path: str, body: bytes) -> bytes:
    """A request as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


class Connection:
    """One connection, on which at most one request is under way."""

    def __init__(self, address: Address, selector: selectors.BaseSelector, source: str) -> None:
        self.request = -1  # number of the request under way
        self.idle_since = 0.0
        self._selector = selector
        self._unsent = b""
        self._received = bytearray()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            self._socket.bind((source, 0))
        self._socket.connect_ex(address)
        self._writing = True  # until it is connected
        selector.register(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    def send(self, request: int, data: bytes) -> None:
        """Begin a request."""
        self.request, self._unsent = request, data
        if not self._writing:
            self.flush()

    def flush(self) -> None:
        """Send what the system takes now, and ask to be told when it takes the rest."""
        with suppress(OSError):  # whether it is broken shows on reading
            if self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        if bool(self._unsent) != self._writing:
            self._writing = bool(self._unsent)
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._writing else 0)
            self._selector.modify(self._socket, wanted, self)

    def receive(self) -> tuple[int, bytes] | None:
        """Status and body once the answer is whole; `LOST` where the connection broke; None: there is more to come."""
        try:
            part = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            part = b""
        if not part:
            return LOST, b""
        self._received += part
        answer = _whole(self._received)
        if answer is not None:
            self._received.clear()
        return answer

    def close(self) -> None:
        """Let go of it."""
        with suppress(KeyError, ValueError):
            self._selector.unregister(self._socket)
        self._socket.close()


class Pool:
    """Connections to one or several servers in turn, opened as they are needed."""

    def __init__(self, addresses: Sequence[Address], most: int) -> None:
        self.selector = selectors.DefaultSelector()
        self._addresses = addresses
        self._most = most
        self._opened = 0
        self._all: set[Connection] = set()
        self._idle: list[Connection] = []  # the one used last is taken first

    def free(self) -> Connection | None:
        """A connection without a request under way; None where all are busy."""
        while self._idle:
            connection = self._idle.pop()
            if time.perf_counter() - connection.idle_since < IDLE_SECONDS:
                return connection
            self.drop(connection)
        if len(self._all) >= self._most:
            return None
        address = self._addresses[self._opened % len(self._addresses)]
        connection = Connection(address, self.selector, _source(address, self._opened))
        self._opened += 1
        self._all.add(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """Its request is answered."""
        connection.request, connection.idle_since = -1, time.perf_counter()
        self._idle.append(connection)

    def drop(self, connection: Connection) -> None:
        """It is broken, or was idle for too long."""
        connection.close()
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Let go of all."""
        for connection in [*self._all]:
            self.drop(connection)
        self.selector.close()


def _source(address: Address, number: int) -> str:
    """Where the connection of a number comes from: on loopback from many addresses, as users do."""
    if not (address[0].startswith("127.") and sys.platform == "linux"):
        return ""
    return f"127.0.1.{1 + number % CLIENTS}"


def _whole(received: bytearray) -> tuple[int, bytes] | None:
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[:end])
    length = LENGTH.search(head)
    if length is not None:
        stop = end + 4 + int(length[1])
        return (int(head[9:12]), bytes(received[end + 4 : stop])) if len(received) >= stop else None
    if CHUNKED.search(head) and not received.endswith(b"0\r\n\r\n"):
        return None
    return int(head[9:12]), bytes(received[end + 4 :])
