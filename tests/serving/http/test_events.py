"""`POST /v1/{domain}/events`: rows of the contract, all or none, durable before they are acknowledged."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from counting_shop import SHOP
from hypothesis import given
from hypothesis import strategies as st

from ml.data.schema import INTERACTIONS
from ml.serving.events import LiveEvent
from ml.serving.http.answers import Refused
from ml.serving.http.contract_bodies import EVENT, read_events
from ml.serving.online.errors import NotDurable, StoreGone

EVENTS = "/v1/shop/events"
NOW = 1_800_000_000_000_000
ONE = {
    "event_id": "e-1", "user_id": "u", "session_id": "s", "item_id": "item-01", "event_type": "purchase",
    "occurred_at": "2026-01-01T00:00:00Z",
}  # fmt: skip


def test_the_body_has_the_columns_of_the_contract():
    assert set(EVENT.__struct_fields__) == set(INTERACTIONS.columns)


def test_every_column_reaches_the_log(client, shop):
    told = {
        "value": 2, "quantity": 1.5, "seconds": 0, "discount": 0.25, "place_id": "p", "device": "phone",
        "channel": "web", "slate_id": "slate-9",
    }  # fmt: skip
    assert client.post(EVENTS, json={**ONE, **told}).json() == {"accepted": 1, "duplicates": 0}
    expected = {**ONE, **told, "occurred_at": 1_767_225_600_000_000}
    assert shop.events == {"e-1": LiveEvent(**expected)}


def test_an_event_counts_once(client, shop):
    assert client.post(EVENTS, json=[ONE, ONE]).json() == {"accepted": 1, "duplicates": 1}
    assert client.post(EVENTS, json=ONE).json() == {"accepted": 0, "duplicates": 1}
    assert len(shop.events) == 1


def test_of_a_list_all_are_taken_or_none(client, shop):
    answer = client.post(EVENTS, json=[ONE, {**ONE, "event_id": "e-2", "event_type": "stare"}])
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == "[1].event_type"
    assert shop.events == {}


@pytest.mark.parametrize("many", [1, 1000])
def test_as_many_as_declared_are_taken(client, many):
    events = [{**ONE, "event_id": f"e-{number}"} for number in range(many)]
    assert client.post(EVENTS, json=events).json()["accepted"] == many


@pytest.mark.parametrize("many", [0, 1001])
def test_no_other_number_is(client, many):
    assert client.post(EVENTS, json=[ONE] * many).status_code == 422


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_id": None}, "event_id"),
        ({"event_id": "e\0"}, "event_id"),
        ({"item_id": "i" * 257}, "item_id"),
        ({"event_type": "stare"}, "event_type"),
        ({"value": "2"}, "value"),
        ({"value": True}, "value"),
        ({"occurred_at": "2026-01-01"}, "occurred_at"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "occurred_at"),
        ({"occurred_at": "1969-12-31T23:59:59Z"}, "occurred_at"),
        ({"user_id": None, "session_id": None}, "session_id"),
        ({"user_id": "u" * 256, "session_id": None}, "user_id"),
        ({"price": 1}, "price"),
    ],
)
def test_what_is_not_as_declared_is_refused_by_name(client, shop, change, field):
    answer = client.post(EVENTS, json={**ONE, **change})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
    assert shop.events == {}


def test_an_event_that_does_not_say_when_happens_now_by_the_clock_of_the_slates(client, shop):
    before = shop.now()
    assert client.post(EVENTS, json={name: value for name, value in ONE.items() if name != "occurred_at"}).is_success
    (event,) = shop.events.values()
    assert before <= event.occurred_at <= shop.now()


@pytest.mark.parametrize("field", ["event_id", "item_id", "event_type"])
def test_what_every_event_needs(client, field):
    answer = client.post(EVENTS, json={name: value for name, value in ONE.items() if name != field})
    assert answer.json()["error"]["message"] == f"{field!r} is missing"


def test_a_clock_may_be_a_day_ahead_and_no_more():
    def at(moment):
        return read_events(json.dumps({**ONE, "occurred_at": moment.isoformat()}).encode(), SHOP, NOW)

    now = datetime.fromtimestamp(NOW / 1e6, UTC)
    assert at(now + timedelta(days=1))[0].occurred_at == NOW + 86_400_000_000
    with pytest.raises(Refused) as refused:
        at(now + timedelta(days=1, microseconds=1))
    assert refused.value.field == "occurred_at"


def test_without_a_session_it_belongs_to_the_users_day(client, shop):
    client.post(EVENTS, json={name: value for name, value in ONE.items() if name != "session_id"})
    assert shop.events["e-1"].session_id == "u/20454"  # days from 1970 to 2026


def test_the_day_begins_when_the_domain_says():
    domain = SHOP.model_copy(update={"protocol": SHOP.protocol.model_copy(update={"day_starts_at_hour": 5})})

    def session(hour):
        body = {**ONE, "session_id": None, "occurred_at": f"2026-01-01T{hour}:00Z"}
        return read_events(json.dumps(body).encode(), domain, NOW)[0].session_id

    assert (session("04:59"), session("05:00")) == ("u/20453", "u/20454")


@given(
    moment=st.datetimes(datetime(1970, 1, 3), datetime(2026, 12, 1), timezones=st.just(UTC)),
    hours=st.integers(-14, 14),
    user_id=st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=256),
)
def test_a_moment_is_the_same_in_every_zone(moment, hours, user_id):
    local = moment.astimezone(timezone(timedelta(hours=hours)))
    body = json.dumps({**ONE, "user_id": user_id, "occurred_at": local.isoformat()}).encode()
    (event,) = read_events(body, SHOP, NOW)
    assert event.occurred_at == round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
    assert event.user_id == user_id
    assert LiveEvent.of_line(event.line()) == event


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(json.dumps))
def test_whatever_comes_is_read_or_refused(body):
    with pytest.raises(Refused) as refused:
        read_events(body.encode() if isinstance(body, str) else body, SHOP, NOW)
    assert refused.value.status in {400, 422}


@pytest.mark.parametrize("error", [NotDurable("the disk is full"), StoreGone("the store restarts")])
def test_what_is_not_durable_is_not_acknowledged(client, shop, error):
    shop.raises = error
    answer = client.post(EVENTS, json=ONE)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "disk" not in answer.text
    shop.raises = None
    assert client.post(EVENTS, json=ONE).json() == {"accepted": 1, "duplicates": 0}
