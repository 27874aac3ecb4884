"""What happens to every request before and after its route: limits, errors, one line of log, metrics."""

import math
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml.errors import BadInput
from ml.serving.http.answers import Answer, Header, Refused
from ml.serving.http.context import Context
from ml.serving.http.request_log import Entry
from ml.serving.online.errors import NotDurable, StoreGone

Endpoint = Callable[[Context, Scope, Receive], Awaitable[Answer]]
UNLIMITED = ("/healthz", "/readyz", "/metrics")
CLIENT_CLOSED = 499
OFTEN = re.compile("/v1/([^/]+)/(slates|events)")  # what is posted thousands of times a second


class ClientGone(Exception):
    """Whoever asked hung up; nobody reads an answer."""


class Front:
    """Around the whole app.

    Args:
        app: What answers all other requests.
        context: Its guards.
        often: By the last word of their address, endpoints that are called without the app's own routing and layers,
            which would take as long as all the rest.
    """

    def __init__(self, app: ASGIApp, context: Context, often: Mapping[str, Endpoint]) -> None:
        self._app, self._context, self._often = app, context, often

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the app's start and end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, entry = time.perf_counter(), Entry()
        scope["entry"] = entry

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        try:
            await self._answer(scope, receive, told, entry)
        finally:
            seconds = time.perf_counter() - started
            entry.ms = round(seconds * 1e3, 3)
            self._context.metrics.request(entry.route, entry.status, seconds)
            self._context.log.write(entry)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, entry: Entry) -> None:
        try:
            self._context.hosts.check(header(scope, b"host"))
            if scope["path"] not in UNLIMITED:
                self._check_rate(scope)
            if scope["method"] == "POST" and (asked := OFTEN.fullmatch(scope["path"])) is not None:
                await self._answer_often(scope, receive, send, entry, asked)
            else:
                scope["app"] = self._app  # by which Starlette's router knows that somebody answers for what it raises
                await self._app(scope, receive, send)
        except ClientGone:
            entry.status = CLIENT_CLOSED
        except Exception as error:  # noqa: BLE001 - the boundary: whatever it is, no trace of it leaves
            answer = self._refusal(error, entry).answer()  # the refusal itself, kept here, would hold this frame
            if not entry.status:  # else the answer has begun: the server ends it
                await send_answer(send, answer)

    def _check_rate(self, scope: Scope) -> None:
        role = self._context.tokens.role(header(scope, b"authorization"))
        client = role or (scope["client"] or ("unknown",))[0]
        if wait := self._context.rates.wait(client, time.monotonic()):
            self._context.metrics.limited.inc()
            seconds = max(1, math.ceil(wait))
            raise Refused(429, None, "too many requests", f"Send it again in {seconds} s, and fewer a second.", seconds)

    async def _answer_often(
        self, scope: Scope, receive: Receive, send: Send, entry: Entry, asked: re.Match[str]
    ) -> None:
        domain, what = asked.groups()
        entry.route, scope["path_params"] = f"/v1/{{domain}}/{what}", {"domain": domain}
        await send_answer(send, await self._often[what](self._context, scope, receive))

    def _refusal(self, error: Exception, entry: Entry) -> Refused:
        """What the sender is told of an error."""
        if isinstance(error, Refused):
            return error
        if isinstance(error, BadInput):
            return Refused(422, None, str(error), "Correct the request as the message says.")
        if isinstance(error, NotDurable | StoreGone):
            message = "this cannot be kept or read right now"
            return Refused(503, None, message, "Send the same again later.", self._context.limits.retry_after)
        self._note(error, entry)
        return Refused(500, None, "something failed on our side", f"Report the error as {entry.error_id}.")

    def _note(self, error: Exception, entry: Entry) -> None:
        entry.error_id = uuid.uuid4().hex
        self._context.metrics.errors.labels(entry.route).inc()
        self._context.log.failure(entry.error_id, error)


def header(scope: MutableMapping[str, Any], name: bytes) -> str | None:
    """A header of a request; None: it has none."""
    for each, value in scope["headers"]:
        if each == name:
            return str(value.decode("latin-1"))
    return None


async def send_answer(send: Send, answer: Answer) -> None:
    """Send it, with its length."""
    headers: list[Header] = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-content-type-options", b"nosniff"),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def read_body(scope: Scope, receive: Receive, maximum: int) -> bytes:
    """All of a JSON body, at most so many bytes however long it says it is.

    Raises:
        Refused: 413 for more, 415 for another type: pages of other sites can send forms here, JSON they cannot.
        ClientGone: It hung up.
    """
    if (header(scope, b"content-type") or "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "Content-Type", "the body is not said to be JSON", "Send `Content-Type: application/json`.")
    too_long = Refused(413, None, f"the body is longer than {maximum} bytes", "Send less at a time.")
    said = header(scope, b"content-length")
    if said is not None and said.isascii() and said.isdigit() and int(said[:20]) > maximum:
        raise too_long
    parts, length, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        length += len(part)
        if length > maximum:
            raise too_long
        parts.append(part)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)
