"""The figures of what was served, by hand on the planted shop, and awkward windows of it."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import shop

from ml.data.dataset import Dataset, load_dataset
from ml.monitoring.served import served
from ml.monitoring.served_page import write_served

SINCE = shop.AS_OF - timedelta(days=7)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = shop.make_features(tmp_path_factory.mktemp("served") / "f", shop.AS_OF)
    items = pd.read_parquet(path / "items.parquet")
    cold = items.iloc[[0]].assign(item_id="z-cold", name="Nobody's")
    pd.concat([items, cold]).to_parquet(path / "items.parquet")
    return load_dataset(path)


def impression(slate: str, item: str, **changed: Any) -> dict[str, Any]:
    return {
        "slate_id": slate, "user_id": "u000", "item_id": item, "placement": "home", "model_version": 1,
        "shown_at": (SINCE + timedelta(hours=1)).replace(tzinfo=None), "explored": False, "degraded": None,
        "clicked": False, "converted": False, "value": 0.0, "settled": True, **changed,
    }  # fmt: skip


def report(dataset: Dataset, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    frame = pd.DataFrame(list(rows), columns=list(impression("s", "i")))
    frame["shown_at"] = frame["shown_at"].astype("datetime64[us]")
    frame.to_parquet(dataset.path / "impressions.parquet")
    return served(dataset, SINCE, seed=0)


def test_figures_by_hand(dataset: Dataset) -> None:
    taken = set(dataset.items.ids[dataset.log.item[dataset.log.user == dataset.users.encode(pd.Series(["u000"]))[0]]])
    assert "z-cold" not in taken
    found = report(dataset, [
        impression("a", "z-cold", explored=True, clicked=True, converted=True, value=3.0),
        impression("a", next(iter(sorted(taken))), clicked=True),
        impression("b", "z-cold", user_id="u001", placement="item", degraded="cached_slate", settled=False),
        impression("c", "of-a-feed", user_id="session:x", model_version=2),
    ])  # fmt: skip
    figures = found["all"]
    assert (figures["slates"], figures["impressions"], figures["users"]) == (3, 4, 3)
    assert figures["coverage"] == pytest.approx(2 / len(dataset.items))
    assert figures["explored_share"] == pytest.approx(1 / 4)
    assert figures["cold_share"] == pytest.approx(3 / 4)  # what no catalogue has was bought by nobody either
    assert figures["degraded_share"] == pytest.approx(1 / 3)
    assert figures["settled_share"] == pytest.approx(3 / 4)
    assert figures["serendipity"] == pytest.approx(1 / 4), "what was taken before is no surprise"
    assert figures["ctr"]["mean"] == pytest.approx(2 / 4)
    assert figures["conversion"]["mean"] == pytest.approx(1 / 4)
    assert figures["revenue_per_user"]["mean"] == pytest.approx(1.0)
    assert figures["ctr"]["low"] <= 0.5 <= figures["ctr"]["high"]
    assert list(found["placements"]) == ["home", "item"]
    assert set(found["model_versions"]) == {"1", "2"}
    assert found["model_versions"]["2"]["novelty"] is None
    assert found["placements"]["item"]["ctr"]["low"] is None, "of one user nothing is known about others"


def test_nothing_served_says_so(dataset: Dataset, tmp_path: Path) -> None:
    before = (SINCE - timedelta(seconds=1)).replace(tzinfo=None)
    for found in (report(dataset, []), report(dataset, [impression("a", "z-cold", shown_at=before)])):
        assert found["all"] is None
        write_served(tmp_path, found)
        assert "Nothing was served from" in (tmp_path / "served.html").read_text(encoding="utf-8")


def test_an_artifact_without_the_mart_is_read(dataset: Dataset) -> None:
    (dataset.path / "impressions.parquet").unlink(missing_ok=True)
    assert served(dataset, SINCE, seed=0)["all"] is None


def test_names_of_placements_are_other_peoples_text(dataset: Dataset, tmp_path: Path) -> None:
    found = report(dataset, [impression("a", "z-cold", placement="<b>$x$"), impression("b", "z-cold", placement=None)])
    write_served(tmp_path, found)
    page = (tmp_path / "served.html").read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert set(found["placements"]) == {"<b>$x$", "unknown"}
