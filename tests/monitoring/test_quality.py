"""Evidently's ranking metrics are those of `ml.evaluation`, where both mean the same."""

from datetime import UTC, datetime

import numpy as np
import pytest

from ml.data.arrays import Ragged
from ml.data.dataset import Log
from ml.evaluation.metrics import ACCURACY_NAMES, accuracy
from ml.monitoring.answers import Answers
from ml.monitoring.quality import quality_page, ranked_rows
from ml.retrieval.contract import Ranking

AS_OF = datetime(2024, 3, 4, tzinfo=UTC)
ITEMS = 60
TITLES = np.array([f"Käse 李 ({item})" for item in range(ITEMS)], object)


def answers(seed: int, cases: int, taken: int) -> Answers:
    """Slates that are right by chance alone; `taken` is the most that a case takes."""
    rng = np.random.default_rng(seed)
    item = np.stack([rng.permutation(ITEMS)[:10] for _ in range(cases)]).astype(np.int32)
    labels = [rng.permutation(ITEMS)[: rng.integers(1, taken + 1)] for _ in range(cases)]
    ragged = Ragged(np.cumsum([0, *map(len, labels)]), np.concatenate(labels).astype(np.int32))
    score = np.tile(-np.arange(10, dtype=np.float32), (cases, 1))
    metrics = np.concatenate([accuracy(Ranking(item, score), ragged), rng.random((cases, 5))], axis=1)
    return Answers(item, score, ragged, metrics, np.zeros(cases))


def log() -> Log:
    rng = np.random.default_rng(0)
    ints = {name: np.zeros(300, np.int32) for name in ("session", "place")}
    user, item = (rng.integers(0, size, 300).astype(np.int32) for size in (40, ITEMS))
    ones = np.ones(300, np.float32)
    return Log(
        user, item, np.zeros(300, np.int64), **ints, weight=ones, value=ones, target=ones > 0, users=40, items=ITEMS
    )


@pytest.fixture(scope="module")
def page():
    return quality_page("quality", answers(0, 40, 8), answers(1, 50, 8), log(), TITLES, as_of=AS_OF)


def value(page, name: str) -> float:
    """Of the deepest cut, whatever Evidently numbers it: nDCG and MRR are labelled one place too deep."""
    (found,) = [metric["value"] for metric in page.results["metrics"] if metric["metric_name"].startswith(f"{name}(")]
    values = found["value"]
    assert len(values) == 10
    return values["9"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("NDCG", "ndcg@10"), ("RecallTopK", "recall@10"), ("MRR", "mrr@10"), ("HitRate", "hit_rate@10"),
        ("PrecisionTopK", "precision@10"), ("MAP", "map@10"),
    ],
)  # fmt: skip
def test_evidently_measures_what_we_measure(page, theirs, ours):
    expected = answers(1, 50, 8).metric(ours).mean()  # at most 10 taken: MAP is divided by the same number
    assert value(page, theirs) == pytest.approx(expected, abs=1e-9)
    assert ours in ACCURACY_NAMES
    assert expected > 0


def test_diversity_of_slates_is_reported_too(page):
    named = {metric["metric_name"].split("(")[0] for metric in page.results["metrics"]}
    assert {"Novelty", "Personalization", "PopularityBiasMetric"} <= named


def test_rows_by_hand():
    """Ranks from 1; item 3 was shown second and taken, item 4 was taken and not shown."""
    item = np.array([[2, 3, -1]], np.int32)
    labels = Ragged(np.array([0, 2]), np.array([3, 4], np.int32))
    made = Answers(item, np.zeros((1, 3), np.float32), labels, np.zeros((1, 35)), np.zeros(1))
    titles = np.array(list("abcde"), object)
    assert ranked_rows(made, titles).to_dict("list") == {
        "user_id": [0, 0, 0], "item_id": ["c", "d", "e"], "target": [0, 1, 1], "prediction": [1, 2, 4],
    }  # fmt: skip


def test_short_slates_are_measured_as_deep_as_rows_go():
    short = answers(2, 20, 3)
    short.item[:, 4:] = -1
    rows = ranked_rows(short, TITLES)
    deepest = rows.groupby("user_id").size().max()  # four shown, and what was missed
    assert deepest < 10
    page = quality_page("quality", short, short, log(), TITLES, as_of=AS_OF)
    assert page.results["metrics"][0]["config"]["k"] == deepest


def test_one_case_is_no_quality():
    assert quality_page("quality", answers(0, 1, 3), answers(1, 50, 3), log(), TITLES, as_of=AS_OF) is None
