import numpy as np
from planted_sessions import queries, ragged, sessions

from ml.retrieval.contract import Ranking
from ml.sessions.popularity import Popularity, PopularityParameters, filled

PAST = sessions([[0, 1], [1, 2], [1, 3], [3, 3]], items=5)


def test_the_most_clicked_come_first_ties_by_number():
    model = Popularity.fit(PAST, PopularityParameters(), seed=0, threads=1)
    assert model.rank(queries([[0], []]), 4).item.tolist() == [[1, 3, 0, 2]] * 2
    assert model.score(queries([[0]]), ragged([[1, 4]])).tolist() == [3, 0]


def test_old_clicks_fade():
    model = Popularity.fit(PAST, PopularityParameters(half_life=0.5), seed=0, threads=1)
    assert model.rank(queries([[0]]), 1).item.tolist() == [[3]]


def test_missing_places_are_filled_below_what_was_found():
    found = Ranking(
        np.array([[3, -1, -1], [-1, -1, -1], [0, 1, 2]]), np.float32([[0.5] + [-np.inf] * 2, [-np.inf] * 3, [3, 2, 1]])
    )
    full = filled(found, np.array([1, 3, 0, 2, 4]), 4)
    assert full.item.tolist() == [[3, 1, 0, 2], [1, 3, 0, 2], [0, 1, 2, 3]]
    assert (np.diff(full.score, axis=1) < 0).all()
