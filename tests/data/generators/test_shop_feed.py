"""The synthetic feed of a shop: the same for the same items, and read by re-ranking alone."""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest
from shop import make_features

from ml.data.dataset import load_dataset
from ml.data.feeds import supplied
from ml.data.generators.shop_feed import DECLINES, ITEMS, make_shop_feed

AS_OF = datetime(2018, 1, 1, 5, tzinfo=UTC)
NAMES = [f"item {n}" for n in range(2_000)]
USERS = [f"user {n}" for n in range(500)]


def made(folder, items=NAMES, seed=7):
    make_shop_feed(folder, items, USERS, AS_OF, seed)
    return pd.read_parquet(folder / ITEMS), pd.read_parquet(folder / DECLINES)


def test_an_item_has_the_same_values_whatever_else_there_is(tmp_path):
    items, declines = made(tmp_path / "a")
    again, same = made(tmp_path / "a")
    pd.testing.assert_frame_equal(items, again)
    pd.testing.assert_frame_equal(declines, same)
    fewer, _ = made(tmp_path / "b", NAMES[:50])
    pd.testing.assert_frame_equal(items[:50], fewer)
    other, _ = made(tmp_path / "c", seed=8)
    assert not items["margin"].equals(other["margin"])


def test_values_lie_where_the_module_says(tmp_path):
    items, declines = made(tmp_path)
    assert items["margin"].between(0, 0.4).all()
    assert (items["stock"] == 0).mean() == pytest.approx(0.03, abs=0.015)
    age = AS_OF - items["launched_at"]
    assert (age > pd.Timedelta(0)).all()
    assert (age < pd.Timedelta(days=91)).mean() == pytest.approx(0.05, abs=0.02)
    assert len(declines) / len(USERS) == pytest.approx(0.2, abs=0.06)
    assert (declines["occurred_at"] < AS_OF).all()
    assert set(declines["item_id"]) <= set(NAMES)


def test_a_shop_without_items_has_an_empty_feed(tmp_path):
    items, declines = made(tmp_path, items=[])
    assert len(items) == len(declines) == 0


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path / "home"))
    return load_dataset(make_features(tmp_path / "features"))


def test_only_the_source_that_declares_a_feed_is_fed(dataset, tmp_path):
    assert supplied(dataset).shelf.isna().all(axis=None)
    assert supplied(dataset).knowledge is dataset.knowledge
    assert not (tmp_path / "home" / "raw").exists()
    fed = supplied(replace(dataset, source=dataset.source.model_copy(update={"name": "complete_journey"})))
    assert fed.shelf.notna().all(axis=None)
    assert len(fed.knowledge.occurrences["decline"]) > 0
    assert "stock" not in dataset.catalogue  # what models read is as it was
    assert (tmp_path / "home" / "raw" / "retail" / ITEMS).exists()


def test_what_the_source_knows_stands(dataset):
    known = dataset.catalogue.assign(stock=float("nan"))
    known.loc[3, "stock"] = 1_234.0
    fed = supplied(
        replace(dataset, catalogue=known, source=dataset.source.model_copy(update={"name": "complete_journey"}))
    )
    assert fed.shelf.loc[3, "stock"] == 1_234
    assert (fed.shelf["stock"] <= 200).sum() == len(fed.shelf) - 1
