"""Readiness, metrics and log lines: what is told, and what never is."""

import json
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ml.errors import BadInput
from ml.serving.http.request_log import Entry, RequestLog
from ml.serving.online.errors import NotDurable

SLATE = {"placement": "home"}
USER = "person-4711"
EVENT = {
    "event_id": "e", "user_id": USER, "item_id": "item-01", "event_type": "view", "occurred_at": "2026-01-01T00:00:00Z",
}  # fmt: skip


def numbers(client):
    """Every sample of /metrics, by name and labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(each.name, *sorted(each.labels.items())): each.value for family in families for each in family.samples}


def lines(log):
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_alive_is_not_ready(client, shop):
    assert client.get("/readyz").json() == {"status": "ready", "versions": {"shop": 3}}
    shop.not_ready = "no champion is promoted"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "reasons": {"shop": "no champion is promoted"}}
    assert client.get("/healthz").json() == {"status": "alive"}
    refused = client.post("/v1/shop/slates", json=SLATE)
    assert refused.status_code == 503
    assert refused.json()["error"]["message"] == "no champion is promoted"
    assert "retry-after" in refused.headers


def test_slates_are_counted_by_what_became_of_them(client):
    client.post("/v1/shop/slates", json=SLATE)
    client.post("/v1/shop/slates", json={**SLATE, "k": 100})
    client.post("/v1/shop/slates", json={"placement": "nowhere"})
    told = numbers(client)
    labels = [("degraded", "none"), ("domain", "shop"), ("placement", "home")]
    assert told["slate_slates_total", *labels, ("shortfall", "none")] == 1
    assert told["slate_slates_total", *labels, ("shortfall", "few_candidates")] == 1
    route = ("route", "/v1/{domain}/slates")
    assert told["slate_request_seconds_count", route, ("status", "200")] == 2
    assert told["slate_request_seconds_count", route, ("status", "422")] == 1
    assert told["slate_stage_seconds_count", ("domain", "shop"), ("stage", "rank")] == 2
    assert told["slate_stage_seconds_sum", ("domain", "shop"), ("stage", "rank")] == pytest.approx(0.0004)


def test_events_are_counted_by_what_became_of_them(client, shop):
    client.post("/v1/shop/events", json=[EVENT, EVENT, {**EVENT, "event_id": "f"}])
    client.post("/v1/shop/events", json=[{**EVENT, "event_type": "stare"}])
    shop.raises = NotDurable("full")
    client.post("/v1/shop/events", json=[EVENT, EVENT])
    told = numbers(client)
    outcomes = {"accepted": 2, "duplicate": 1, "refused": 1, "not_durable": 2}
    for outcome, count in outcomes.items():
        assert told["slate_events_total", ("domain", "shop"), ("outcome", outcome)] == count


def test_what_the_domain_tells_of_itself(client, shop):
    told = numbers(client)
    assert told["slate_model_version", ("domain", "shop")] == 3
    assert told["slate_freshness_seconds", ("domain", "shop")] == 0.25
    assert told["slate_fact", ("domain", "shop"), ("name", "items_held")] == 30
    assert told["slate_ready", ("domain", "shop")] == 1
    assert not any(("name", "note") in labels for labels in told)
    shop.version, shop.not_ready = None, "loading"
    told = numbers(client)
    assert told["slate_model_version", ("domain", "shop")] == told["slate_ready", ("domain", "shop")] == 0


def test_other_numbers_are_told_where_a_domain_tells_none(client, shop):
    def broken():
        raise OSError(USER)

    shop.facts = broken
    assert numbers(client)["slate_model_version", ("domain", "shop")] == 3


def test_addresses_that_are_asked_for_make_no_series(client):
    for number in range(20):
        client.get(f"/{number}")
        client.post(f"/v1/{number}/slates", json=SLATE)
    routes = {dict(labels[1:]).get("route") for labels in numbers(client) if labels[0] == "slate_request_seconds_count"}
    assert routes <= {"unknown", "/v1/{domain}/slates", "/metrics"}


def test_a_request_is_one_line(client, log):
    client.post("/v1/shop/slates", json=SLATE)
    (line,) = lines(log)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert 0 < line.pop("ms") < 10_000
    assert line == {
        "route": "/v1/{domain}/slates", "status": 200, "domain": "shop", "slate_id": "slate-1", "model_version": 3,
    }  # fmt: skip


def test_a_line_for_people(log):
    RequestLog(log, human=True).write(Entry("/v1/{domain}/slates", 200, 1.5, "shop", "s-1", 3, "features_not_live"))
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d 200     1.50 ms /v1/{domain}/slates domain=shop slate_id=s-1 model_version=3 "
        r"degraded=features_not_live\n",
        log.getvalue(),
    )


def test_nothing_of_an_error_leaves_but_its_id(client, shop, log):
    shop.raises = KeyError(USER)
    answer = client.post("/v1/shop/slates", json={**SLATE, "user_id": USER})
    assert answer.status_code == 500
    told = answer.json()["error"]
    assert "KeyError" not in answer.text
    failure, line = lines(log)
    assert failure["error"] == "KeyError"
    assert any("counting_shop.py" in at for at in failure["at"])
    assert failure["error_id"] == line["error_id"]
    assert failure["error_id"] in told["remedy"]
    assert numbers(client)["slate_errors_total", ("route", "/v1/{domain}/slates")] == 1


def test_a_lost_impression_costs_no_slate(client, shop, log):
    def full(slate):
        raise OSError("disk full")

    shop.shown = full
    assert client.post("/v1/shop/slates", json=SLATE).status_code == 200
    assert numbers(client)["slate_impressions_lost_total", ("domain", "shop")] == 1
    assert lines(log)[0]["error_id"] == lines(log)[1]["slate_id"] == "slate-1"


def test_what_the_engine_refuses_is_the_senders_to_correct(client, shop):
    shop.raises = BadInput("this placement needs an anchor: name the item")
    answer = client.post("/v1/shop/slates", json=SLATE)
    assert (answer.status_code, answer.json()["error"]["message"]) == (422, str(shop.raises))


def test_nobody_is_named_in_logs_or_metrics(client, shop, log, capfd):
    def ask():
        client.post("/v1/shop/slates", json={**SLATE, "user_id": USER, "session_id": USER})
        client.post("/v1/shop/slates", json={**SLATE, USER: 1})
        client.post(f"/v1/{USER}/slates", json=SLATE)
        client.post("/v1/shop/events", json=EVENT)
        client.post("/v1/shop/events", json={**EVENT, "user_id": USER + "\0"})
        client.delete(f"/v1/shop/users/{USER}")
        client.get(f"/v1/shop/items/{USER}/similar?k=2")
        client.get(f"/users/{USER}")

    ask()
    shop.raises = RuntimeError(f"row of {USER}")
    ask()
    told = log.getvalue() + client.get("/metrics").text + "".join(capfd.readouterr())
    assert '"status":200' in told
    assert '"status":500' in told
    assert USER not in told
