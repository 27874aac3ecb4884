"""Accuracy metrics: the arithmetic by hand, then what must hold for any ranking."""

from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from little_shop import ragged

from ml.data.arrays import Ragged
from ml.evaluation.metrics import ACCURACY_NAMES, CUTOFFS, accuracy
from ml.retrieval.contract import Ranking, top_k


def ranking_of(*rows: list[int]) -> Ranking:
    item = np.array(rows, np.int32)
    return Ranking(item, np.zeros(item.shape, np.float32))


def measured(ranking: Ranking, labels: Ragged) -> list[dict[str, float]]:
    return [dict(zip(ACCURACY_NAMES, row, strict=True)) for row in accuracy(ranking, labels).tolist()]


def test_by_hand() -> None:
    # Labels 1, 2, 3 and 9; ranks 2 and 5 hold labels, and rank 7 does.
    (found,) = measured(ranking_of([8, 1, 7, 6, 3, 5, 9, 4]), ragged([1, 2, 3, 9]))
    assert found["recall@5"] == pytest.approx(2 / 4)
    assert found["recall@10"] == pytest.approx(3 / 4)
    assert found["precision@5"] == pytest.approx(2 / 5)
    assert found["precision@10"] == pytest.approx(3 / 10)  # the two ranks that are missing are misses
    assert found["mrr@5"] == pytest.approx(1 / 2)
    ideal = 1 + 1 / log2(3) + 1 / log2(4) + 1 / log2(5)
    assert found["ndcg@5"] == pytest.approx((1 / log2(3) + 1 / log2(6)) / ideal)
    assert found["ndcg@10"] == pytest.approx((1 / log2(3) + 1 / log2(6) + 1 / log2(8)) / ideal)
    assert found["map@5"] == pytest.approx((1 / 2 + 2 / 5) / 4)
    assert found["map@7"] == pytest.approx((1 / 2 + 2 / 5 + 3 / 7) / 4)
    assert found["map@10"] == pytest.approx((1 / 2 + 2 / 5 + 3 / 7) / 4)
    assert found["hit_rate@5"] == 1


def test_ideal_and_map_are_truncated_at_k() -> None:
    # Seven labels, the first five ranks all hold one: nothing better is possible within five.
    (found,) = measured(ranking_of([0, 1, 2, 3, 4, 90, 91]), ragged([0, 1, 2, 3, 4, 5, 6]))
    assert found["ndcg@5"] == found["map@5"] == found["precision@5"] == 1
    assert found["recall@5"] == pytest.approx(5 / 7)  # the recall's denominator is not truncated
    assert found["map@10"] == pytest.approx(5 / 7)


def test_nothing_found() -> None:
    found = measured(ranking_of([-1, -1], [4, -1]), ragged([3], [3, 5]))
    assert all(value == 0 for row in found for value in row.values())


def test_a_label_below_the_cut_off_does_not_count() -> None:
    (found,) = measured(ranking_of([10, 11, 12, 13, 14, 3]), ragged([3]))
    assert found["hit_rate@5"] == found["mrr@5"] == found["ndcg@5"] == 0
    assert found["hit_rate@10"] == 1
    assert found["mrr@10"] == pytest.approx(1 / 6)


def test_cases_without_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="case 1 has no labels"):
        accuracy(ranking_of([1], [2]), ragged([1], []))


def test_a_ranking_that_repeats_an_item_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        accuracy(ranking_of([1, 2, 1]), ragged([1]))


def test_no_case_at_all() -> None:
    empty = Ranking(np.zeros((0, 5), np.int32), np.zeros((0, 5), np.float32))
    assert accuracy(empty, Ragged.empty(0)).shape == (0, len(ACCURACY_NAMES))


@st.composite
def judged(draw: st.DrawFn) -> tuple[Ranking, Ragged, int]:
    """Random rankings over a random catalogue, with at least one label a case."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, items = draw(st.integers(1, 8)), draw(st.integers(1, 150))
    scores = rng.standard_normal((rows, items)).astype(np.float32)
    scores[rng.random(scores.shape) < draw(st.sampled_from([0.0, 0.5, 0.9]))] = -np.inf
    labels = ragged(*(rng.choice(items, rng.integers(1, items + 1), replace=False) for _ in range(rows)))
    return top_k(scores, max(CUTOFFS)), labels, items


@settings(max_examples=60, deadline=None)
@given(judged())
def test_bounds_and_growth_with_k(case: tuple[Ranking, Ragged, int]) -> None:
    ranking, labels, _ = case
    for found in measured(ranking, labels):
        assert all(0 <= value <= 1 + 1e-12 for value in found.values())
        for metric in ("recall", "hit_rate", "mrr"):
            values = [found[f"{metric}@{k}"] for k in CUTOFFS]
            assert values == sorted(values)
        assert all(found[f"mrr@{k}"] <= found[f"hit_rate@{k}"] for k in CUTOFFS)


@settings(max_examples=30, deadline=None)
@given(judged())
def test_a_perfect_ranking_has_no_better(case: tuple[Ranking, Ragged, int]) -> None:
    _, labels, items = case
    scores = np.zeros((len(labels), items), np.float32)
    scores[labels.rows, labels.values] = 1
    for row, found in enumerate(measured(top_k(scores, max(CUTOFFS)), labels)):
        for k in CUTOFFS:
            assert found[f"ndcg@{k}"] == pytest.approx(1)
            assert found[f"map@{k}"] == pytest.approx(1)
            assert found[f"mrr@{k}"] == found[f"hit_rate@{k}"] == 1
            assert found[f"recall@{k}"] == pytest.approx(min(k, labels.lengths[row]) / labels.lengths[row])


@settings(max_examples=30, deadline=None)
@given(judged(), st.integers(0, 2**32 - 1))
def test_names_of_items_and_order_of_cases_do_not_matter(case: tuple[Ranking, Ragged, int], seed: int) -> None:
    ranking, labels, items = case
    rng = np.random.default_rng(seed)
    renamed, order = rng.permutation(items).astype(np.int32), rng.permutation(len(labels))
    item = np.where(ranking.item >= 0, renamed[np.maximum(ranking.item, 0)], -1)[order]
    other = accuracy(Ranking(item, ranking.score[order]), Ragged(labels.offsets, renamed[labels.values]).take(order))
    assert np.array_equal(other, accuracy(ranking, labels)[order])


def test_a_constant_scorer_gets_chance_level() -> None:
    rng = np.random.default_rng(0)
    items, rows = 200, 4000
    labels = ragged(*(rng.choice(items, 5, replace=False) for _ in range(rows)))
    ranking = top_k(np.zeros((rows, items), np.float32), max(CUTOFFS))  # ties: items 0, 1, 2, …
    found = dict(zip(ACCURACY_NAMES, accuracy(ranking, labels).mean(axis=0), strict=True))
    for k in CUTOFFS:
        assert found[f"recall@{k}"] == pytest.approx(k / items, rel=0.1)
        assert found[f"precision@{k}"] == pytest.approx(5 / items, rel=0.1)
