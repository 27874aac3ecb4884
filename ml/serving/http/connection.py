"""Connections that nobody can hold for longer, or with more, than a request takes."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ml.serving.http.answers import Refused
from ml.serving.http.door import Door, response

READ_SECONDS = 10.0  # from the first byte of a request to its last
IDLE_SECONDS = 30  # between two requests, and until the first
MAXIMUM_HEAD = 64 * 1024  # bytes of address and headers
MAXIMUM_CONNECTIONS = 4096


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which by itself waits for ever for a request that never comes to its end."""

    read_seconds = READ_SECONDS
    maximum_connections = MAXIMUM_CONNECTIONS
    door: Door | None = None
    _deadline: asyncio.TimerHandle | None = None
    _head = 0  # bytes since the request began, or since the last one ended
    _in_head = True
    _ended = False  # whether a request ended with the bytes that came last

    def connection_made(self, transport: Any) -> None:
        """Somebody connected: the first request has to begin as soon as any other."""
        super().connection_made(transport)
        if len(self.connections) > self.maximum_connections:
            self._refuse(Refused(503, None, "too many connections", "Connect again later."))
        self._wait_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._unset_deadline()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request came."""
        if self._turned_away(data):
            return
        if self._head > MAXIMUM_HEAD:
            self._refuse(Refused(431, None, "address and headers are too long", "Send a shorter request."))
            return
        self._begin()
        self._ended = False
        super().data_received(data)
        # What a body ended with is no part of the next request's head, however much came at once.
        self._head = self._head + len(data) if self._in_head and not self._ended else 0
        if self._deadline is None and self.timeout_keep_alive_task is None and self._nothing_under_way():
            self._wait_idle()  # the rest of a body came whose request is answered already

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_head = True
        self._begin()

    def on_headers_complete(self) -> None:
        """The last byte of its headers."""
        super().on_headers_complete()
        self._in_head = False

    def on_message_complete(self) -> None:
        """Its last byte."""
        self._unset_deadline()
        self._head, self._in_head, self._ended = 0, True, True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        self._refuse(Refused(400, None, msg, "Send HTTP/1.1."))

    def timeout_keep_alive_handler(self) -> None:
        """Nobody asked anything for a while."""
        self._close()

    def _turned_away(self, data: bytes) -> bool:
        """Whether what came was answered at the door."""
        between = self._deadline is None and self._head == 0 and self._nothing_under_way() and not self.pipeline
        if self.door is None or not between or self.flow.write_paused or self.transport.is_closing():
            return False
        answer = self.door.answer(data, self.loop.call_soon)
        if answer is None:
            return False
        self.transport.write(answer)
        self._unset_keepalive_if_required()
        self._wait_idle()
        return True

    def _begin(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.read_seconds, self._too_slow)

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _wait_idle(self) -> None:
        if not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _nothing_under_way(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _too_slow(self) -> None:
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self._refuse(Refused(408, None, "the request did not come to its end in time", "Send it faster."))
        else:
            self._close()

    def _refuse(self, refused: Refused) -> None:
        """Answer without the app, and hang up."""
        if self.transport.is_closing():
            return
        self.transport.write(response(refused.answer(), (b"connection", b"close")))
        self._close()

    def _close(self) -> None:
        """Hang up once all is sent, or else soon: whoever does not read may not hold it either."""
        if not self.transport.is_closing():
            self.transport.close()
            self.loop.call_later(self.read_seconds, self.transport.abort)
