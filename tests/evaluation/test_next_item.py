import numpy as np
import pytest

from ml.evaluation.next_item import (
    DEPTH,
    coverage,
    mean_popularity,
    metric_differences,
    metric_intervals,
    metrics,
    target_ranks,
)
from ml.retrieval.contract import Ranking


def test_metrics_by_hand():
    found = dict(
        zip(("p@5", "p@10", "p@20", "mrr@5", "mrr@10", "mrr@20", "ndcg@20"), metrics(np.array([7.0]))[0], strict=True)
    )
    assert found == pytest.approx(
        {"p@5": 0, "p@10": 1, "p@20": 1, "mrr@5": 0, "mrr@10": 1 / 7, "mrr@20": 1 / 7, "ndcg@20": 1 / 3}
    )
    assert not metrics(np.array([21.0, np.inf])).any()


def test_ranks_count_ties_against_the_model():
    ranking = Ranking(np.array([[5, 3, 9, 1]] * 4), np.float32([[9, 7, 7, 2]] * 4))
    assert target_ranks(ranking, np.array([5, 3, 1, 8])).tolist() == [1, 3, 4, np.inf]
    assert target_ranks(ranking, np.array([-1] * 4)).tolist() == [np.inf] * 4


@pytest.mark.parametrize("items", [DEPTH, 500])
def test_a_constant_scorer_is_never_above_chance(items):
    target = np.arange(items)
    ranking = Ranking(np.tile(np.arange(DEPTH), (items, 1)), np.ones((items, DEPTH), np.float32))
    mean = metrics(target_ranks(ranking, target)).mean(axis=0)
    assert mean[2] <= 20 / items
    assert mean[5] <= (1 / np.arange(1, 21)).sum() / items


def test_a_random_scorer_gets_chance_level():
    random = np.random.default_rng(0)
    score = random.random((4000, 100)).astype(np.float32)
    order = np.argsort(-score, axis=1)[:, :DEPTH]
    ranking = Ranking(order, np.take_along_axis(score, order, axis=1))
    assert metrics(target_ranks(ranking, random.integers(0, 100, 4000))).mean(axis=0)[2] == pytest.approx(0.2, abs=0.02)


def test_intervals_resample_sessions_not_cases():
    rank = np.repeat([1.0, np.inf], 50)
    of_cases = metric_intervals(rank, np.arange(100), seed=0)["p@20"]
    of_sessions = metric_intervals(rank, np.repeat(np.arange(10), 10), seed=0)["p@20"]
    assert of_cases.mean == of_sessions.mean == 0.5
    assert of_sessions.high - of_sessions.low > 2 * (of_cases.high - of_cases.low)


def test_differences_are_paired_on_the_same_cases():
    random = np.random.default_rng(1)
    rank, session = random.integers(1, 40, 400).astype(float), np.arange(400) // 2
    better = np.where(random.random(400) < 0.2, 1.0, rank)
    alone = metric_intervals(better, session, seed=0)["mrr@20"]
    paired = metric_differences(better, rank, session, seed=0)["mrr@20"]
    assert paired.mean == pytest.approx(alone.mean - metric_intervals(rank, session, seed=0)["mrr@20"].mean)
    assert 0 < paired.low < paired.mean < paired.high
    assert paired.high - paired.low < alone.high - alone.low
    assert metric_differences(rank, rank, session, seed=0)["p@5"].high == 0


def test_coverage_and_popularity():
    ranking = Ranking(np.array([[0, 1], [0, -1]]), np.float32([[2, 1], [1, -np.inf]]))
    assert coverage(ranking, 10) == 0.2
    assert mean_popularity(ranking, np.array([4, 2, 8])) == pytest.approx((4 + 2 + 4) / 3 / 8)
