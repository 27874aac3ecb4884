"""`/docs` and `/openapi.json`: complete, true, and without anything from elsewhere."""

import json
import re

import msgspec
import pytest
import schemathesis
from counting_shop import SHOP, CountingShop
from hypothesis import HealthCheck, Phase, settings

from ml.serving.http import examples
from ml.serving.http.app import create_app
from ml.serving.http.context import Context
from ml.serving.http.contract_bodies import read_events, read_item
from ml.serving.http.documentation import OPERATIONS
from ml.serving.http.limits import Limits
from ml.serving.http.protection import Hosts
from ml.serving.http.request_log import RequestLog
from ml.serving.http.slate_request import read_slate_request

NOW = 1_800_000_000_000_000


class Nowhere:
    """Where lines go that nobody reads."""

    def write(self, line):
        json.loads(line)

    def flush(self):
        pass


APP = create_app(
    Context(
        {"shop": CountingShop()}, domains={"shop": SHOP}, hosts=Hosts(named=["testserver"]),
        limits=Limits(per_second=None), log=RequestLog(Nowhere()),
    )
)  # fmt: skip
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", APP)


@SCHEMA.parametrize()
@settings(
    max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_no_request_brings_it_down(case):
    if "domain" in (case.path_parameters or {}):
        case.path_parameters["domain"] = "shop"
    answer = case.call()
    assert answer.status_code < 500
    if answer.status_code >= 400:
        assert set(answer.json()["error"]) == {"field", "message", "remedy"}


def test_every_address_is_documented(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert {(path, method.upper()) for path, methods in paths.items() for method in methods} == {
        ("/v1/{domain}/slates", "POST"),
        ("/v1/{domain}/events", "POST"),
        ("/v1/{domain}/items/{item_id}/similar", "GET"),
        ("/v1/{domain}/items/{item_id}", "PUT"),
        ("/v1/{domain}/users/{user_id}", "DELETE"),
        ("/healthz", "GET"),
        ("/readyz", "GET"),
        ("/metrics", "GET"),
    }


def test_every_operation_shows_requests_and_answers(client):
    paths = client.get("/openapi.json").json()["paths"]
    page = client.get("/docs").text
    for operation in OPERATIONS:
        told = paths[operation.address][operation.method.lower()]
        assert [content["example"] for content in told["responses"]["200"]["content"].values()]
        if operation.method in {"POST", "PUT"}:
            assert told["requestBody"]["content"]["application/json"]["examples"]
        assert f'<b class="method">{operation.method}</b> <code>{operation.address}</code>' in page


def test_every_reference_leads_somewhere(client):
    text = client.get("/openapi.json").text
    components = json.loads(text)["components"]["schemas"]
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert {"SlateBody", "ToldEvent", "Refusal"} <= names
    assert names <= set(components)


def test_the_examples_of_requests_are_read():
    for body in examples.SLATE_REQUESTS.values():
        read_slate_request(msgspec.json.encode(body), SHOP, NOW)
    for body in examples.EVENTS.values():
        assert read_events(msgspec.json.encode(body), SHOP, NOW)
    for body in examples.ITEMS.values():
        assert read_item(msgspec.json.encode(body))


def test_the_examples_of_answers_have_the_shape_of_answers(client):
    slate = client.post("/v1/shop/slates", json={"placement": "home"}).json()
    assert slate.keys() == examples.SLATE.keys()
    assert slate["items"][0].keys() == examples.SLATE["items"][0].keys()
    assert client.get("/readyz").json().keys() == examples.READY.keys()
    refusal = client.post("/v1/shop/slates", json={"placement": "hom"}).json()
    assert refusal == examples.REFUSAL
    assert examples.METRICS.partition("{")[0] in client.get("/metrics").text


@pytest.mark.parametrize("sign", ["http:", "https:", "//", "<script", "<link", "<img", "@import", "url("])
def test_the_page_loads_nothing(client, sign):
    answer = client.get("/docs")
    assert sign not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_what_it_says_is_escaped(client):
    assert client.get("/docs").text.count("<pre>") == client.get("/docs").text.count("</pre>")


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/healthz"), ("PUT", "/v1/shop/slates")])
def test_other_addresses_and_methods_are_refused_alike(client, method, path):
    answer = client.request(method, path)
    assert answer.status_code in {404, 405}
    assert set(answer.json()["error"]) == {"field", "message", "remedy"}
