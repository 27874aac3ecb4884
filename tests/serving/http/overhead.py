"""How much processor time the app takes for a slate beside the engine.

PYTHONPATH=.:tests/serving/http python tests/serving/http/overhead.py
"""

import asyncio
import io
import time

from counting_shop import SHOP, CountingShop

from ml.serving.contract import ServedSlate, SlateRequest
from ml.serving.http.app import create_app
from ml.serving.http.context import Context
from ml.serving.http.limits import Limits
from ml.serving.http.request_log import RequestLog

REQUESTS, WARM_UP = 5000, 500
BODY = (
    b'{"placement":"home","user_id":"u","k":10,"context":{"device":"phone"},"exclude":["item-05","item-06"],"session":'
    b'[{"item_id":"item-01","event_type":"view","occurred_at":"2026-01-01T00:00:00Z"},'
    b'{"item_id":"item-02","event_type":"view","occurred_at":"2026-01-01T00:01:00Z"}]}'
)


class Ready(CountingShop):
    """Answers every request with the same slate of ten items, which costs nothing to find."""

    def __init__(self) -> None:
        super().__init__()
        self.slate = self.recommend(SlateRequest("home", 10))

    async def answer(self, request: SlateRequest) -> ServedSlate:
        return self.slate

    def shown(self, slate: ServedSlate) -> None:
        """Keeps nothing."""


async def measure() -> float:
    """Microseconds of processor time a request, without the parsing of HTTP."""
    context = Context(
        {"shop": Ready()}, domains={"shop": SHOP}, limits=Limits(per_second=1e9), log=RequestLog(io.StringIO())
    )
    app = create_app(context)
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]

    async def receive() -> dict:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: dict) -> None:
        assert message.get("status", 200) == 200

    async def one() -> None:
        scope = {
            "type": "http", "method": "POST", "path": "/v1/shop/slates", "raw_path": b"", "query_string": b"",
            "root_path": "", "headers": headers, "client": ("127.0.0.1", 1), "server": ("here", 1), "scheme": "http",
            "http_version": "1.1", "asgi": {"version": "3.0"}, "state": {},
        }  # fmt: skip
        await app(scope, receive, send)

    for _ in range(WARM_UP):
        await one()
    started = time.process_time()
    for _ in range(REQUESTS):
        await one()
    return (time.process_time() - started) / REQUESTS * 1e6


if __name__ == "__main__":
    print(f"{asyncio.run(measure()):.0f} µs a slate request")  # noqa: T201
