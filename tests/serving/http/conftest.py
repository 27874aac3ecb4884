"""An app over the counting shop, asked without a network."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from counting_shop import SHOP, CountingShop
from starlette.testclient import TestClient

from ml.serving.http.app import create_app
from ml.serving.http.context import Context
from ml.serving.http.request_log import RequestLog


@pytest.fixture
def shop() -> CountingShop:
    return CountingShop()


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def make_context(shop: CountingShop, log: io.StringIO) -> Iterator[Callable[..., Context]]:
    made: list[Context] = []

    def make(**changes: Any) -> Context:
        told = {"domains": {"shop": SHOP}, "log": RequestLog(log), **changes}
        made.append(Context({"shop": shop}, **told))
        return made[-1]

    yield make
    for each in made:
        each.threads.shutdown()
        each.slow.shutdown()


@pytest.fixture
def make_client(make_context: Callable[..., Context]) -> Iterator[Callable[..., TestClient]]:
    made: list[TestClient] = []

    def make(**changes: Any) -> TestClient:
        client = TestClient(create_app(make_context(**changes)), base_url="http://localhost")
        made.append(client.__enter__())
        return client

    yield make
    for each in made:
        each.__exit__()


@pytest.fixture
def client(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client()
