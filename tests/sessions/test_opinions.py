import numpy as np
from planted_sessions import ragged

from ml.sessions.opinions import FUSION, OF_ALL, OF_MODEL, opinions, places

GROUPED = ragged([[5, 6, 7], [], [5, 9]])


def test_what_models_say_by_hand():
    scores = {"a": np.float32([3, 1, 2, 4, 4]), "b": np.float32([0, 0, 6, 1, 2])}
    names, found = opinions(scores, GROUPED)
    assert names == (*(f"{model}_{feature}" for model in "ab" for feature in OF_MODEL), *OF_ALL)
    of = dict(zip(names, found.T, strict=True))
    np.testing.assert_allclose(of["a_share"], [1, 1 / 3, 2 / 3, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(of["a_deviation"], [1.2247, -1.2247, 0, 0, 0], atol=1e-3)
    assert of["a_place"].tolist() == [0, 2, 1, 0, 0]
    assert of["b_place"].tolist() == [1, 1, 0, 1, 0]
    np.testing.assert_allclose(of["mean_deviation"], (of["a_deviation"] + of["b_deviation"]) / 2, rtol=1e-6)
    np.testing.assert_allclose(of["fused_places"][0], 1 / FUSION + 1 / (FUSION + 1), rtol=1e-6)


def test_equal_scores_share_the_first_of_their_places_within_a_query():
    assert places(np.float32([1, 1, 1, 1, 1]), GROUPED).tolist() == [0, 0, 0, 0, 0]
    assert places(np.float32([1, 2, 1, 0, 9]), GROUPED).tolist() == [1, 0, 1, 1, 0]


def test_queries_without_candidates():
    names, found = opinions({"a": np.zeros(0, np.float32)}, ragged([[], []]))
    assert found.shape == (0, len(names))
