"""Tokens, rates, bodies and the shield: what is turned away, and that it is turned away early."""

import asyncio
import gc
import json

import pytest
from counting_shop import CountingShop
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ml.errors import BadInput
from ml.serving.contract import Overloaded
from ml.serving.http.answers import Refused
from ml.serving.http.app import create_app
from ml.serving.http.limits import Limits
from ml.serving.http.protection import RateLimit, Tokens

TOKENS = Tokens(SecretStr("wr-ite"), SecretStr("adm-in"))
EVENT = {
    "event_id": "e", "user_id": "u", "item_id": "item-01", "event_type": "view", "occurred_at": "2026-01-01T00:00:00Z",
}  # fmt: skip
WRITES = [("POST", "/v1/shop/events", EVENT)]
ADMINISTERS = [("PUT", "/v1/shop/items/i", {"price": 1}), ("DELETE", "/v1/shop/users/u", None)]


@pytest.mark.parametrize(("method", "path", "body"), [*WRITES, *ADMINISTERS])
@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic adm-in", "adm-in"])
def test_without_a_token_nothing_is_written(make_client, shop, method, path, body, shown):
    headers = {} if shown is None else {"Authorization": shown}
    answer = make_client(tokens=TOKENS).request(method, path, json=body, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert (shop.events, shop.items) == ({}, {})


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize("token", ["wr-ite", "adm-in"])
def test_writers_and_administrators_write(make_client, method, path, body, token):
    headers = {"Authorization": f"bearer {token}"}
    assert make_client(tokens=TOKENS).request(method, path, json=body, headers=headers).status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), ADMINISTERS)
def test_administrators_alone_administer(make_client, method, path, body):
    client = make_client(tokens=TOKENS)
    write = {"Authorization": "Bearer wr-ite"}
    assert client.request(method, path, json=body, headers=write).status_code == 401
    assert client.request(method, path, json=body, headers={"Authorization": "Bearer adm-in"}).status_code == 200


def test_a_slate_needs_no_token(make_client):
    assert make_client(tokens=TOKENS).post("/v1/shop/slates", json={"placement": "home"}).status_code == 200


@pytest.mark.parametrize("tokens", [Tokens(), Tokens(write=SecretStr("w")), Tokens(SecretStr("w"), SecretStr(""))])
def test_others_are_served_with_tokens_alone(tokens):
    for host in ("127.0.0.1", "localhost", "::1"):
        tokens.check_host(host)
    for host in ("0.0.0.0", "::", "10.0.0.7"):
        with pytest.raises(BadInput, match=r"SLATE_(WRITE|ADMIN)_TOKEN"):
            tokens.check_host(host)
        TOKENS.check_host(host)


def test_a_token_is_never_shown():
    assert "wr-ite" not in repr(TOKENS)


def test_who_asks_too_often_waits(make_client):
    client = make_client(limits=Limits(per_second=0.001, burst=2))
    statuses = [client.post("/v1/shop/slates", json={"placement": "home"}).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = client.get("/docs")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 1000
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
    assert "slate_rate_limited_total 2.0" in client.get("/metrics").text


def test_tokens_made_up_share_the_rate_of_their_address(make_client):
    client = make_client(tokens=TOKENS, limits=Limits(per_second=0.001, burst=2))
    answers = [client.get("/docs", headers={"Authorization": f"Bearer {number}"}) for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert client.get("/docs", headers={"Authorization": "Bearer adm-in"}).status_code == 200


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 3)), max_size=60))
def test_nobody_gets_more_than_burst_and_rate(asked):
    limit, now, allowed = RateLimit(2.0, 3, 100), 0.0, {}
    for client, pause in asked:
        now += pause
        if limit.wait(client, now) == 0:
            allowed[client] = allowed.get(client, 0) + 1
    assert all(count <= 3 + 2.0 * now + 1e-6 for count in allowed.values())


@given(st.lists(st.integers(0, 50), max_size=80))
def test_memory_for_clients_is_bounded(clients):
    limit = RateLimit(1.0, 1, 5)
    for now, client in enumerate(clients):
        limit.wait(str(client), float(now))
    assert len(limit) == min(5, len(set(clients)))


def test_waiting_as_told_is_enough():
    limit = RateLimit(3.0, 1, 5)
    assert limit.wait("a", 10.0) == 0
    wait = limit.wait("a", 10.0)
    assert wait > 0
    assert limit.wait("a", 10.0 + wait + 1e-9) == 0


# Bodies


@pytest.mark.parametrize("path", ["/v1/shop/slates", "/v1/shop/events"])
@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'{"placement":"\xff"}', b"[" * 100_000, b"null x", b"NaN"])
def test_what_is_no_json_is_refused(client, path, body):
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert set(answer.json()["error"]) == {"field", "message", "remedy"}


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_page_of_another_site_could_send_is_refused(client, shop, kind):
    headers = {} if kind is None else {"Content-Type": kind}
    answer = client.post("/v1/shop/events", content=json.dumps(EVENT).encode(), headers=headers)
    assert answer.status_code == 415
    assert shop.events == {}


def test_a_charset_does_no_harm(client):
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/v1/shop/slates", content=b'{"placement":"home"}', headers=headers).status_code == 200


class Asked:
    """One request by hand: its body in parts, and how many of them were read."""

    def __init__(self, app, parts, headers=(), path="/v1/shop/slates"):
        self.app, self.parts, self.read, self.sent = app, list(parts), 0, []
        kind, host = (b"content-type", b"application/json"), (b"host", b"localhost")
        self.scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
            "root_path": "", "headers": [host, kind, *headers], "client": ("127.0.0.1", 1), "server": ("here", 1),
            "scheme": "http", "http_version": "1.1", "asgi": {"version": "3.0"}, "state": {},
        }  # fmt: skip

    async def receive(self):
        if self.read == len(self.parts):
            return {"type": "http.disconnect"}
        self.read += 1
        return {"type": "http.request", "body": self.parts[self.read - 1], "more_body": self.read < len(self.parts)}

    async def send(self, message):
        self.sent.append(message)

    async def answered(self):
        await self.app(self.scope, self.receive, self.send)
        return self.sent[0]["status"] if self.sent else None


@pytest.fixture
def app(make_context):
    return create_app(make_context(limits=Limits(body=100, slates=2)))


def test_a_long_body_is_refused_before_it_is_read(app):
    asked = Asked(app, [b"x"] * 10, [(b"content-length", b"101")])
    assert (asyncio.run(asked.answered()), asked.read) == (413, 0)


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"20")], [(b"content-length", b"-5")]])
def test_a_body_that_is_longer_than_it_says_is_read_no_further(app, headers):
    asked = Asked(app, [b" " * 30] * 10, headers)
    assert (asyncio.run(asked.answered()), asked.read) == (413, 4)


def test_a_body_in_parts_is_one_body(app):
    assert asyncio.run(Asked(app, [b'{"place', b'ment":', b'"home"}', b""]).answered()) == 200


def test_who_hangs_up_is_answered_nothing(app, log):
    asked = Asked(app, [])
    assert asyncio.run(asked.answered()) is None
    assert '"status":499' in log.getvalue()
    assert "error_id" not in log.getvalue()


# The shield


def test_beyond_so_many_slates_more_are_shed_unread(app, shop, make_context):
    shop.delay = 0.05

    async def all_at_once():
        asked = [Asked(app, [b'{"placement":"home"}']) for _ in range(5)]
        statuses = await asyncio.gather(*(each.answered() for each in asked))
        again = await Asked(app, [b'{"placement":"home"}']).answered()
        return statuses, [each.read for each in asked], asked[-1].sent[0]["headers"], again

    statuses, read, headers, again = asyncio.run(all_at_once())
    assert statuses == [200, 200, 503, 503, 503]
    assert read == [1, 1, 0, 0, 0]
    assert (b"retry-after", b"1") in headers
    assert again == 200
    assert len(shop.requests) == 3


def test_who_was_turned_away_leaves_nothing_for_the_collector_of_garbage(app, shop):
    shop.raises = Overloaded("too much is asked at once")
    gc.collect()
    gc.disable()
    try:
        statuses = [asyncio.run(Asked(app, [b'{"placement":"home"}']).answered()) for _ in range(4)]
        left = [each for each in gc.get_objects() if isinstance(each, Refused)]
    finally:
        gc.enable()
    assert statuses == [503] * 4
    assert not left, "an exception that is held by a frame which it holds stays until it is collected"


def test_what_fails_gives_its_place_back(app, shop):
    shop.raises = RuntimeError("no")
    statuses = [asyncio.run(Asked(app, [b'{"placement":"home"}']).answered()) for _ in range(4)]
    assert statuses == [500] * 4


def test_a_slow_body_takes_nobodys_place(app):
    async def slow():
        slow = [Asked(app, [b'{"placement":', b'"home"}']) for _ in range(2)]
        waiting = asyncio.Event()
        for each in slow:
            receive = each.receive

            async def held(receive=receive):
                await waiting.wait()
                return await receive()

            each.receive = held
        tasks = [asyncio.create_task(each.answered()) for each in slow]
        await asyncio.sleep(0)
        quick = await Asked(app, [b'{"placement":"home"}']).answered()
        waiting.set()
        return quick, await asyncio.gather(*tasks)

    assert asyncio.run(slow()) == (200, [200, 200])


def test_events_are_taken_in_while_slates_are_shed(app, shop):
    shop.delay = 0.05

    async def both():
        slates = [asyncio.create_task(Asked(app, [b'{"placement":"home"}']).answered()) for _ in range(3)]
        await asyncio.sleep(0)
        event = json.dumps({**EVENT, "user_id": None, "session_id": "s"}).encode()
        assert len(event) > 100
        return await Asked(app, [event[:50]], path="/v1/shop/events").answered(), await asyncio.gather(*slates)

    assert asyncio.run(both()) == (400, [200, 200, 503])


def test_one_error_shape():
    refused = Refused(429, "k", "too many", "Wait.", 7)
    assert json.loads(refused.answer().body) == {"error": {"field": "k", "message": "too many", "remedy": "Wait."}}
    assert refused.answer().headers == ((b"retry-after", b"7"),)


def test_the_shop_serves_as_the_protocol_says():
    assert CountingShop().ready() is None
