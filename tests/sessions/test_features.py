import numpy as np
import pytest
from planted_sessions import queries, sessions

from ml.ranking.candidates import merge
from ml.retrieval.contract import Ranking
from ml.sessions.features import ItemFacts, build_frame, labels
from ml.sessions.popularity import Popularity, PopularityParameters

PAST = sessions([[0, 1], [1, 2, 1], [3, 1]], 5, at=[0, 5, 10])


@pytest.fixture
def framed():
    """Features of the candidates 1, 3 and 4 for one prefix, and of 0 for another."""
    facts = ItemFacts.of(PAST, (0.5,))
    item = np.array([[1, 3, 4], [0, -1, -1]], np.int32)
    candidates = merge({"some": Ranking(item, np.ones((2, 3), np.float32))}, {"some": 3}, 3)
    model = Popularity.fit(PAST, PopularityParameters(), seed=0, threads=1)
    frame = build_frame(queries([[3, 1, 3], [2]]), candidates, {"popularity": model}, facts)
    return candidates, dict(zip(frame.names, frame.values.T, strict=True))


def test_items_are_described_by_past_clicks(framed):
    _, of = framed
    np.testing.assert_allclose(of["item_log_clicks"], np.log1p([4, 1, 0, 1]), rtol=1e-6)
    np.testing.assert_allclose(of["item_age"], [10, 0, np.nan, 10])
    np.testing.assert_allclose(of["item_idle"], [0, 0, np.nan, 10])
    np.testing.assert_allclose(of["item_log_clicks_0.5"], np.log1p([1 / 4 + 2 / 2 + 1, 1, 0, 1 / 4]), rtol=1e-6)


def test_sessions_and_pairs_are_described_by_the_prefix(framed):
    _, of = framed
    assert of["session_clicks"].tolist() == [3, 3, 3, 1]
    assert of["session_distinct"].tolist() == [2, 2, 2, 1]
    assert of["times_in_session"].tolist() == [1, 2, 0, 0]
    np.testing.assert_array_equal(of["steps_back"], [2, 1, np.nan, np.nan])
    np.testing.assert_array_equal(of["first_steps_back"], [2, 3, np.nan, np.nan])
    assert of["popularity_score"].tolist() == [4, 1, 0, 1]


def test_a_target_that_nobody_found_has_no_label(framed):
    candidates, _ = framed
    assert labels(candidates, np.array([3, 2])).tolist() == [0, 1, 0, 0]
