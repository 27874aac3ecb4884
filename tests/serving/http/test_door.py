"""Under a flood, requests for slates are turned away before they are read; nothing else is."""

import io

import pytest
from counting_shop import SHOP

from ml.serving.http.context import Context
from ml.serving.http.door import Door
from ml.serving.http.request_log import RequestLog

BODY = b'{"placement":"home"}'
HEAD = b"POST /v1/shop/slates HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
WHOLE = HEAD + b"Content-Length: 20\r\n\r\n" + BODY


@pytest.fixture
def context(shop):
    return Context({"shop": shop}, domains={"shop": SHOP}, log=RequestLog(io.StringIO()))


def shed(context):
    return context.metrics.registry.get_sample_value("slate_shed_total", {"domain": "shop"}) or 0


def never(_):
    """In place of an event loop in which no route begins."""


def test_nobody_is_turned_away_while_there_is_room(context):
    assert Door(context).answer(WHOLE, never) is None


def test_whoever_comes_right_after_one_that_was_turned_away_is_too_and_is_counted(context):
    context.shield.turn_away()
    answer = Door(context).answer(WHOLE, never)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in head
    assert f"content-length: {len(body)}".encode() in head
    assert b"too many slates are under way" in body
    assert shed(context) == 1


def test_the_door_opens_again(context, monkeypatch):
    context.shield.turn_away()
    monkeypatch.setattr("ml.serving.http.protection.time.monotonic", lambda: 1e12)
    assert Door(context).answer(WHOLE, never) is None


@pytest.mark.parametrize("under_way", [0, 2])
def test_what_is_read_before_the_routes_begin_counts_as_under_way(context, under_way):
    soon, most = [], context.limits.slates
    context.shield.under_way = under_way
    answers = [Door(context).answer(WHOLE, soon.append) for _ in range(most + 5)]
    assert [answer is None for answer in answers] == [True] * (most - under_way) + [False] * (5 + under_way)
    assert shed(context) == 5 + under_way
    assert len(soon) == 1, "the loop is asked once, however many are read"


def test_once_the_routes_have_begun_others_may_come(context):
    soon = []
    for _ in range(3):
        context.shield._shut_until = 0.0
        for _ in range(context.limits.slates):
            assert Door(context).answer(WHOLE, soon.append) is None
        assert Door(context).answer(WHOLE, soon.append) is not None
        soon.pop()()


def test_what_is_no_request_for_a_slate_takes_no_place(context):
    for _ in range(2 * context.limits.slates):
        assert Door(context).answer(WHOLE.replace(b"slates", b"events"), never) is None
    assert Door(context).answer(WHOLE, never) is None


@pytest.mark.parametrize(
    "data",
    [
        WHOLE[:-1], WHOLE + b"P", HEAD, b"", b"\x00", WHOLE.replace(b"slates", b"events"), WHOLE.replace(b"POST", b"GET"),
        WHOLE.replace(b"shop", b"nobody"), WHOLE.replace(b"Host", b"Connection: close\r\nHost"),
        WHOLE.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"), WHOLE.replace(b"Host", b"Expect: 100-continue\r\nHost"),
        WHOLE.replace(b"Content-Length: 20\r\n", b""), WHOLE.replace(b"1.1", b"1.0"),
        WHOLE.replace(b"shop", "café".encode()),
    ],
)  # fmt: skip
def test_what_is_in_doubt_is_read(context, data):
    context.shield.turn_away()
    assert Door(context).answer(data, never) is None
    assert shed(context) == 0
