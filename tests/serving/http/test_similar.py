"""Similar items over HTTP, from a sealed bundle whose items have vectors."""

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import little_market
import pytest
import shop
from little_market import ITEMS, NOW, PATIENT
from starlette.testclient import TestClient

from ml.bundle.bundle import Bundle, open_bundle
from ml.bundle.seal import Sealed, seal
from ml.retrieval import RETRIEVERS
from ml.serving.engine.engine import SlateEngine
from ml.serving.engine.following import Follower
from ml.serving.engine.profiles import Profiles
from ml.serving.engine.release import Release
from ml.serving.http.app import create_app
from ml.serving.http.context import Context
from ml.serving.http.examples import SIMILAR
from ml.serving.http.request_log import RequestLog
from ml.serving.impressions import ImpressionLog
from ml.serving.online.opening import open_live
from ml.serving.service import Service


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    """The planted shop's, with vectors by who buys what; SLATE_HOME is where it lies."""
    home = tmp_path_factory.mktemp("similar")
    with pytest.MonkeyPatch.context() as patch, shop.declaring():
        patch.setenv("SLATE_HOME", str(home))
        patch.setitem(RETRIEVERS, "companions", "little_market:Companions")
        features = shop.make_features(home / "features")
        parts = Sealed(shop.train(features, little_market.RETRIEVERS, rounds=1), *shop.open_store(features))
        yield open_bundle(seal(parts, shop.lineage("features"), seed=0))


@pytest.fixture(scope="module")
def service(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The whole service of the one domain."""
    domain, folder = little_market.plain_shop(), tmp_path_factory.mktemp("shown")
    live = open_live("retail", now=lambda: NOW)

    def engine(version: int, _: object) -> SlateEngine:
        release = Release.of(domain, version, bundle)
        return SlateEngine(release, Profiles(release, live), lambda: NOW, PATIENT)

    follower = Follower(domain, lambda: 7, engine)
    assert follower.look()
    service = Service(domain, follower, live, ImpressionLog(Path(folder)), lambda: NOW)
    yield service
    service.close()


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[TestClient]:
    """The app over it."""
    context = Context({"retail": service}, domains={"retail": little_market.plain_shop()}, log=RequestLog(StringIO()))
    with context.threads, TestClient(create_app(context), base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize("item", [ITEMS[0], ITEMS[7], ITEMS[-1]])
def test_the_most_alike_come_first(client, bundle, item):
    answer = client.get(f"/v1/retail/items/{item}/similar?k=7")
    assert answer.status_code == 200
    found = answer.json()["items"]
    assert [each["item_id"] for each in found] == [each.item_id for each in bundle.similar(item, 7)]
    assert len({each["item_id"] for each in found} - {item}) == 7
    scores = [each["score"] for each in found]
    assert scores == sorted(scores, reverse=True)
    vectors = bundle.recommender.retrievers["companions"].item_vectors
    likeness = vectors @ vectors[ITEMS.index(item)]
    assert scores == pytest.approx([likeness[ITEMS.index(each["item_id"])] for each in found], abs=0.02)
    others = [likeness[at] for at, name in enumerate(ITEMS) if name != item and name not in answer.text]
    assert min(scores) >= max(others) - 0.02
    assert all(each.keys() == SIMILAR["items"][0].keys() for each in found)
    assert {(each["name"], *each["sources"]) for each in found} == {
        (f"Item {each['item_id'][1:]}", "companions") for each in found
    }


def test_as_many_as_there_are_and_ten_where_nobody_says(client):
    assert len(client.get("/v1/retail/items/i003/similar").json()["items"]) == 10
    assert len(client.get("/v1/retail/items/i003/similar?k=100").json()["items"]) == len(ITEMS) - 1


def test_an_item_that_there_is_not_is_named(client):
    answer = client.get("/v1/retail/items/no%20item/similar")
    assert (answer.status_code, answer.json()["error"]["field"]) == (404, "item_id")
    assert "'no item'" in answer.json()["error"]["message"]


def test_what_is_put_is_known_when_it_is_acknowledged_whoever_else_looks_for_it(client, service):
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            service._take_items()

    others = [threading.Thread(target=look) for _ in range(2)]
    for other in others:
        other.start()
    try:
        for number in range(20):
            answer = client.put(f"/v1/retail/items/new-{number}", json={"name": "New", "category": "c1"})
            assert answer.status_code == 200
            assert service.engine.release.item(f"new-{number}") >= 0
    finally:
        stop.set()
        for other in others:
            other.join()


def test_an_engine_whose_place_another_took_is_let_go_of(client, service):
    service._known = None
    service._warm()
    before, until = weakref.ref(service.engine), time.monotonic() + 30
    assert client.put("/v1/retail/items/yet-another", json={"name": "New"}).status_code == 200
    while before() is not None and time.monotonic() < until:
        gc.collect()
        time.sleep(0.05)
    assert before() is None


def test_until_it_is_known_who_a_version_has_to_prepare_for_nobody_is_prepared(service):
    until = time.monotonic() + 30
    while (left := service.facts()["unprepared"]) and time.monotonic() < until:
        time.sleep(0.05)
    assert left == 0
    engine = service.engine
    another = replace(engine, release=replace(engine.release, version=engine.release.version + 1))
    assert service._unprepared(another) == engine.profiles.most
    service._wanted["who did something"] = time.monotonic() + 60  # a moment that is yet to come: nobody prepares for it
    assert service.facts()["unprepared"] == 1
