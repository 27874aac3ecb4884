"""`POST /v1/{domain}/slates`: what is asked reaches the engine, and what it answers comes back."""

import pytest
from counting_shop import CATALOGUE

from ml.serving.contract import SessionEvent

SLATES = "/v1/shop/slates"
EVENT = {"item_id": "item-01", "event_type": "view", "occurred_at": "2026-01-01T01:00:00.5+01:00"}


def error(answer):
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()["error"]
    assert set(told) == {"field", "message", "remedy"}
    assert told["message"]
    assert told["remedy"]
    return told


def test_a_slate_is_answered_with_all_its_parts(client, shop):
    answer = client.post(SLATES, json={"placement": "home", "user_id": "u", "k": 2})
    assert answer.status_code == 200
    first = {"item_id": "item-00", "position": 1, "score": 0.0, "propensity": 1.0}
    first |= {"sources": ["popularity"], "reasons": ["bought most"]}
    told = answer.json()
    assert told["items"] == [first, {**first, "item_id": "item-01", "position": 2}]
    del told["items"]
    assert told == {
        "slate_id": "slate-1", "model_version": 3, "degraded": None, "timings_ms": {"retrieve": 0.1, "rank": 0.2},
        "features_as_of": 5, "shortfall": None, "removed": {"excluded": 0}, "rules": [],
    }  # fmt: skip
    assert [slate.slate_id for slate in shop.impressions] == ["slate-1"]


def test_all_that_is_told_reaches_the_engine(client, shop):
    body = {
        "placement": "basket", "user_id": "ü-1", "session_id": "s", "session": [EVENT], "k": 3, "anchor": "item-02",
        "context": {"device": "phone", "channel": "web"}, "exclude": ["item-00", "item-03"],
    }  # fmt: skip
    answer = client.post(SLATES, json=body)
    assert [item["item_id"] for item in answer.json()["items"]] == ["item-01", "item-02", "item-04"]
    (request,) = shop.requests
    assert (request.placement, request.user_id, request.session_id) == ("basket", "ü-1", "s")
    assert list(request.session) == [SessionEvent("item-01", "view", 1_767_225_600_500_000)]
    assert (request.k, request.anchor, list(request.exclude)) == (3, "item-02", ["item-00", "item-03"])
    assert request.context == {"device": "phone", "channel": "web"}


def test_what_is_not_told_is_left_to_the_engine(client, shop):
    answer = client.post(SLATES, json={"placement": "home", "k": None, "user_id": None})
    assert len(answer.json()["items"]) == 5
    (request,) = shop.requests
    assert (request.k, request.user_id, request.session_id, request.anchor) == (None, None, None, None)
    assert (list(request.session), dict(request.context), list(request.exclude)) == ([], {}, [])


def test_an_event_shows_in_the_next_slate(client):
    event = {**EVENT, "event_id": "e", "user_id": "u", "item_id": "item-29", "event_type": "purchase"}
    assert client.post("/v1/shop/events", json=event).json() == {"accepted": 1, "duplicates": 0}
    items = client.post(SLATES, json={"placement": "home"}).json()["items"]
    assert items[0]["item_id"] == "item-29"


def test_a_short_slate_says_so(client):
    answer = client.post(SLATES, json={"placement": "home", "exclude": list(CATALOGUE[2:])}).json()
    assert (len(answer["items"]), answer["shortfall"], answer["removed"]) == (2, "few_candidates", {"excluded": 28})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"placement": "nowhere"}, "placement"),
        ({"placement": None}, "placement"),
        ({"k": 0}, "k"),
        ({"k": 101}, "k"),
        ({"k": "5"}, "k"),
        ({"k": 1.5}, "k"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": 7}, "user_id"),
        ({"user_id": "u" * 257}, "user_id"),
        ({"user_id": "a\0b"}, "user_id"),
        ({"session_id": "a\nb"}, "session_id"),
        ({"anchor": "\x7f"}, "anchor"),
        ({"session": [EVENT] * 201}, "session"),
        ({"session": [EVENT, {**EVENT, "item_id": ""}]}, "session[1].item_id"),
        ({"session": [{**EVENT, "item_id": "\u200e"}]}, "session[0].item_id"),
        ({"session": [{**EVENT, "event_type": "stare"}]}, "session[0].event_type"),
        ({"session": [{**EVENT, "occurred_at": "2026-01-01T00:00:00"}]}, "session[0].occurred_at"),
        ({"session": [{**EVENT, "occurred_at": 1767225600}]}, "session[0].occurred_at"),
        ({"session": [{**EVENT, "occurred_at": "9999-01-01T00:00:00Z"}]}, "session[0].occurred_at"),
        ({"session": [{**EVENT, "occurred_at": "0001-01-01T00:00:00+14:00"}]}, "session[0].occurred_at"),
        ({"session": [{**EVENT, "where": "shop"}]}, "session[0].where"),
        ({"exclude": ["a"] * 1001}, "exclude"),
        ({"exclude": ["a", "b\0"]}, "exclude[1]"),
        ({"context": {str(number): "" for number in range(17)}}, "context"),
        ({"context": {"device": "x" * 257}}, "context[...]"),
        ({"context": {"device": "\x1b[0m"}}, "context.device"),
        ({"context": {"de\0vice": ""}}, "context"),
        ({"usr_id": "u"}, "usr_id"),
    ],
)
def test_what_is_not_as_declared_is_refused_by_name(client, shop, change, field):
    answer = client.post(SLATES, json={"placement": "home", **change})
    assert answer.status_code == 422
    assert error(answer)["field"] == field
    assert shop.requests == []


def test_bounds_themselves_are_allowed(client):
    body = {
        "placement": "home", "user_id": "é" * 256, "k": 100, "session": [EVENT] * 200, "exclude": ["x"] * 1000,
        "context": {f"{number:0256}": "v" * 256 for number in range(16)},
    }  # fmt: skip
    assert client.post(SLATES, json=body).status_code == 200


def test_the_placements_there_are_are_named(client):
    told = error(client.post(SLATES, json={"placement": "hme"}))
    assert "'hme'" in told["message"]
    assert "basket, home" in told["remedy"]


def test_a_missing_placement_is_named(client):
    assert error(client.post(SLATES, json={}))["message"] == "'placement' is missing"


def test_an_unknown_domain_is_not_found(client):
    answer = client.post("/v1/nowhere/slates", json={"placement": "home"})
    assert answer.status_code == 404
    assert "shop" in error(answer)["remedy"]
