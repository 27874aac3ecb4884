"""Similar items, changes of items, and forgetting users."""

import json

import pytest

from ml.data.schema import ITEMS
from ml.serving.http.contract_bodies import ITEM


def test_similar_items(client):
    items = client.get("/v1/shop/items/item-01/similar?k=2").json()["items"]
    assert [item["item_id"] for item in items] == ["item-00", "item-02"]
    assert len(client.get("/v1/shop/items/item-01/similar").json()["items"]) == 10


@pytest.mark.parametrize("query", ["k=0", "k=101", "k=ten", "k=", "k=%FF", "k=-1", "n=3", "k=1&" * 20])
def test_no_other_number_of_them(client, query):
    assert client.get(f"/v1/shop/items/item-01/similar?{query}").status_code == 422


def test_an_unknown_item_has_none(client):
    answer = client.get("/v1/shop/items/a%20b%2Fc/similar")
    assert answer.status_code == 404
    assert answer.json()["error"]["field"] == "item_id"
    assert "'a b/c'" in answer.json()["error"]["message"]


def test_the_body_has_the_columns_of_the_contract():
    assert {"item_id", *ITEM.__struct_fields__} == set(ITEMS.columns)


def test_a_change_tells_what_it_tells_and_no_more(client, shop):
    body = {"price": 2, "stock": None, "launched_at": "2026-01-01T00:00:00Z", "attributes": {"organic": True}}
    assert client.put("/v1/shop/items/new/one", json=body).status_code == 200
    told = shop.items["new/one"]
    assert json.loads(told.pop("attributes")) == {"organic": True}
    assert told == {"price": 2.0, "stock": None, "launched_at": 1_767_225_600_000_000}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"item_id": "x"}, "item_id"),
        ({"price": "2"}, "price"),
        ({"name": "a\0b"}, "name"),
        ({"name": "n" * 10_001}, "name"),
        ({"launched_at": "2026-01-01T00:00:00"}, "launched_at"),
        ({"attributes": {"deep": {}}}, "attributes[...]"),
        ({"attributes": {"a\0": 1}}, "attributes"),
        ({"attributes": {"a": "\0"}}, "attributes"),
        ({"attributes": {str(number): 1 for number in range(101)}}, "attributes"),
    ],
)
def test_what_is_not_as_declared_is_refused_by_name(client, shop, body, field):
    answer = client.put("/v1/shop/items/i", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
    assert shop.items == {}


def test_a_user_is_forgotten(client, shop):
    event = {"event_id": "e", "item_id": "i", "event_type": "view", "occurred_at": "2026-01-01T00:00:00Z"}
    client.post("/v1/shop/events", json=[{**event, "user_id": "u/1"}, {**event, "event_id": "f", "user_id": "v"}])
    assert client.delete("/v1/shop/users/u%2F1").json() == {"events": 1}
    assert [kept.user_id for kept in shop.events.values()] == ["v"]


@pytest.mark.parametrize("path", ["items/{}/similar", "items/{}", "users/{}"])
@pytest.mark.parametrize("name", ["", "a%00b", "a%0Ab", "x" * 257, "%7F"])
def test_ids_in_addresses_keep_to_the_same_bounds(client, path, name):
    method = {"items/{}/similar": "GET", "items/{}": "PUT", "users/{}": "DELETE"}[path]
    answer = client.request(method, f"/v1/shop/{path.format(name)}", json={"price": 1} if method == "PUT" else None)
    assert answer.status_code in {404, 422}
    assert set(answer.json()) == {"error"}
