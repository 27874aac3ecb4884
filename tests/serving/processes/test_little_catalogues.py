"""A champion whose catalogue holds one item, or none that may be shown: slates are short and say why; nothing fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import little_home
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shop
from little_home import ITEMS, USERS, forget_what_happened
from slate_server import happened
from starlette.testclient import TestClient

from ml import steps
from ml.artifacts import write_json
from ml.bundle.seal import Sealed, seal
from ml.cli import main
from ml.domains import DOMAINS
from ml.errors import BadInput, RunFailed
from ml.retrieval import RETRIEVERS
from ml.serving.engine.engine import Budget
from ml.serving.http.app import create_app
from ml.serving.http.context import Context
from ml.serving.http.request_log import RequestLog
from ml.steps.serving import open_services

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    # One item leaves no pair to order: the trees are grown without validation rows.
    pytest.mark.filterwarnings(r"ignore:(.|\n)*Empty dataset:UserWarning"),
]
PLACEMENTS = DOMAINS["retail"].placements
PATIENT = Budget(60_000.0, 60_000.0)
ONE = ITEMS[0]
STRANGERS = ("a stranger", None)


def features_of(folder: Path, items: int) -> Path:
    """The planted shop with its first items alone, and what was done with them."""
    little_home.retail_features(folder)
    for path in folder.glob("*.parquet"):
        rows = pd.read_parquet(path)
        if "item_id" in rows:
            rows = rows[rows["item_id"].isin(ITEMS[:items])]
        elif "category" in rows:
            rows = rows[rows["category"].isin([f"c{n % 5}" for n in range(items)])]
        rows.to_parquet(path)
    return folder


@pytest.fixture(scope="module")
def one(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The version whose catalogue holds one item, which has a vector."""
    RETRIEVERS["companions"] = "little_market:Companions"
    features = features_of(tmp_path_factory.mktemp("one item") / "features", 1)
    yield little_home.publish(
        "retail", little_home.trained(home, features, (*little_home.RETAIL, "companions")), "little"
    )
    del RETRIEVERS["companions"]


@contextmanager
def served(home: Path, version: int) -> Iterator[TestClient]:
    """The app over the real service, with nothing in the event log yet."""
    forget_what_happened(home)
    little_home.promote("retail", version)
    with open_services(["retail"], clock="data", budget=PATIENT) as services:
        context = Context(services, log=RequestLog(StringIO()))
        with context.threads, TestClient(create_app(context), base_url="http://localhost") as client:
            yield client


def slates(client: TestClient, **more: object) -> Iterator[tuple[str, dict]]:
    """Placement and answer of known users, strangers and nobody, at every placement, with and without exclusions."""
    for name, placement in PLACEMENTS.items():
        for user in (*USERS[:3], *STRANGERS):
            for anchor in (ONE, "no item") if placement.anchored else (None,):
                asked = {"placement": name, "user_id": user, "anchor": anchor} | more
                answer = client.post("/v1/retail/slates", json=asked)
                assert answer.status_code == 200, (asked, answer.text)
                yield name if anchor != ONE else f"{name} of the item", answer.json()


def items_of(told: dict) -> list[str]:
    return [item["item_id"] for item in told["items"]]


def test_one_item_is_all_there_is_and_slates_say_that_they_are_short(home, one):
    with served(home, one) as client:
        for name, told in slates(client):
            beside_itself = name.endswith("of the item")
            assert items_of(told) == ([] if beside_itself else [ONE])
            assert told["shortfall"] == ("no_candidates" if beside_itself else "few_items_left")
            assert (told["model_version"], told["degraded"]) == (one, None)
            assert [item["propensity"] for item in told["items"]] == ([] if beside_itself else [1.0])
        for _, told in slates(client, exclude=[ONE, "no item"]):
            assert (items_of(told), told["shortfall"]) == ([], "no_candidates")
        for _, told in slates(client, k=100, session=[{"item_id": "no item", "event_type": "view"}]):
            assert told["items"] == [] or items_of(told) == [ONE]


def test_nothing_is_like_the_only_item(home, one):
    with served(home, one) as client:
        answer = client.get(f"/v1/retail/items/{ONE}/similar")
        assert (answer.status_code, answer.json()) == (200, {"items": []})
        unknown = client.get("/v1/retail/items/i001/similar")
        assert (unknown.status_code, unknown.json()["error"]["field"]) == (404, "item_id")


def test_events_about_items_that_nobody_knows_are_kept_and_harm_nothing(home, one):
    with served(home, one) as client:
        before = dict(slates(client))
        told = [
            happened(f"unknown-{n}", user, "no item", "purchase") for n, user in enumerate((*USERS[:3], "new", None))
        ]
        assert client.post("/v1/retail/events", json=told).json() == {"accepted": 5, "duplicates": 0}
        assert {name: items_of(told) for name, told in slates(client)} == {
            name: items_of(told) for name, told in before.items()
        }


def test_where_the_only_item_is_sold_out_slates_are_empty_and_say_why(home, one):
    with served(home, one) as client:
        assert client.put(f"/v1/retail/items/{ONE}", json={"stock": 0}).status_code == 200
        for name, told in slates(client):
            assert told["items"] == []
            assert name.endswith("of the item") or (told["removed"]["stock"], told["shortfall"]) == (
                1,
                "no_items_left",
            )


def test_where_every_item_is_excluded_or_sold_out_slates_are_empty_and_say_why(home):
    with served(home, 1) as client:
        assert all(
            (told["items"], told["shortfall"]) == ([], "no_candidates") for _, told in slates(client, exclude=ITEMS)
        )
        for item in ITEMS:
            assert client.put(f"/v1/retail/items/{item}", json={"stock": 0}).status_code == 200
        for _, told in slates(client):
            assert (told["items"], told["shortfall"]) == ([], "no_items_left")
            assert told["removed"]["stock"] > 0
        assert client.post("/v1/retail/events", json=[happened("sold out", USERS[0], ONE)]).status_code == 200


def test_a_batch_of_one_item_holds_it_once_a_user(home, one):
    forget_what_happened(home)
    little_home.promote("retail", one)
    for name, placement in PLACEMENTS.items():
        if placement.anchored:
            with pytest.raises(BadInput, match="stands beside an item"):
                steps.batch_slates("retail", name)
            continue
        found = steps.batch_slates("retail", name)
        rows = pq.read_table(found["path"]).to_pylist()
        assert found["slates"] == len(rows) == found["users"] + 1
        assert {(row["item_id"], row["position"]) for row in rows} == {(ONE, 1)}


def test_an_empty_catalogue_is_refused_before_anything_is_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    features = features_of(tmp_path / "artifacts" / "features" / "nothing", 0)
    write_json(tmp_path / "current" / "retail" / "features.json", {"path": str(features)})
    with pytest.raises(SystemExit) as ended:
        main(["train", "popularity", "--domain", "retail"])
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "the features of retail hold no item: land a catalogue" in told
    assert "Traceback" not in told


def test_no_bundle_of_an_empty_catalogue_is_sealed(home, one, tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    dataset, features = shop.open_store(features_of(tmp_path / "features", 0))
    recommender = shop.train(home / "features" / "retail", ("popularity",), rounds=1)
    with pytest.raises(RunFailed, match=r"hold no item: .*slate features --domain retail"):
        seal(Sealed(recommender, dataset, features), shop.lineage("nothing"), seed=0)
    assert not (tmp_path / "artifacts").exists()
