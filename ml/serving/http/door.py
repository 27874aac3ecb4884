"""Turning requests away before they are read: under a flood, reading them would take the time of answering others."""

import re
from dataclasses import dataclass
from functools import cached_property

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from ml.serving.http.answers import Answer, Header
from ml.serving.http.context import Context
from ml.serving.http.protection import Soon

_SLATE = re.compile(rb"POST /v1/([a-z0-9_]+)/slates HTTP/1\.1\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]{1,9})\r\n", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\n(connection: *close|expect:|transfer-encoding:)", re.IGNORECASE)


@dataclass(frozen=True)
class Door:
    """Looks at the bytes that come on a connection on which nothing is under way."""

    context: Context

    def answer(self, data: bytes, soon: Soon) -> bytes | None:
        """The whole response to a request for a slate that comes while others are turned away; None: read it.

        Only what is beyond doubt is answered here: one whole request, on a connection that stays open.

        Args:
            data: What came.
            soon: The event loop's `call_soon`.
        """
        domain = self._asked_for(data)
        if domain is None or self.context.shield.lets_in(soon):
            return None
        self.context.metrics.shed.labels(domain).inc()
        return self._turned_away

    def _asked_for(self, data: bytes) -> str | None:
        """The domain of which a slate is asked for; None: something else is asked, or it is in doubt."""
        if (asked := _SLATE.match(data)) is None:
            return None
        head = data.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(data, 0, head)
        domain = asked[1].decode()
        if head < 4 or length is None or head + int(length[1]) != len(data) or _CLOSES.search(data, 0, head):
            return None
        return domain if domain in self.context.services else None

    @cached_property
    def _turned_away(self) -> bytes:
        return response(self.context.shield.said.answer())


def response(answer: Answer, *further: Header) -> bytes:
    """A whole response, for those who are answered without the app."""
    headers = ((b"content-type", answer.content_type), *further, *answer.headers)
    head = b"".join(b"%b: %b\r\n" % header for header in (*headers, (b"content-length", b"%d" % len(answer.body))))
    return STATUS_LINE[answer.status] + head + b"\r\n" + answer.body
