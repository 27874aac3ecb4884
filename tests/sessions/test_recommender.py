import numpy as np
import pytest
from planted_sessions import queries, rings, sessions

from ml.errors import BadInput
from ml.ranking.lambdamart import LambdaMartParameters
from ml.sessions.recommender import Found, RecommenderParameters, SessionRecommender, fit_ranker
from ml.sessions.rules import Rules, RulesParameters
from ml.sessions.session_knn import SessionKnn, SessionKnnParameters

PARAMETERS = RecommenderParameters(
    quota=10, candidates=15, half_lives=(0.2,), ranker=LambdaMartParameters(rounds=20, minimum_child_weight=0.1)
)


def models(past):
    return {
        "knn": SessionKnn.fit(past, SessionKnnParameters(), seed=0, threads=1),
        "markov": Rules.fit(past, RulesParameters(kind="markov"), seed=0, threads=1),
    }


@pytest.fixture(scope="module")
def fitted():
    """Models of the head, and the ranker that the tail taught."""
    head, tail = rings(600, 3, 7).split(0.3)
    found = Found.of(models(head), head, PARAMETERS)
    return found, SessionRecommender(found, fit_ranker(found, tail, longest=50, seed=0, threads=1))


def test_the_ranker_learns_which_model_to_follow(fitted):
    found, recommender = fitted
    asked = queries([[0, 1, 2], [9, 8], [20]])
    assert recommender.rank(asked, 3).item[:, 0].tolist() == [3, 9, 14]
    assert found.models["knn"].rank(asked, 1).item[:, 0].tolist() != [3, 9, 14]


def test_an_answer_does_not_depend_on_what_is_asked_beside_it(fitted):
    _, recommender = fitted
    asked = queries([[0, 1, 2], [], [9, 8]])
    together = recommender.rank(asked, 5)
    assert together.item[1].tolist() == [-1] * 5
    for row in (0, 2):
        alone = recommender.rank(asked.take(np.array([row])), 5)
        np.testing.assert_array_equal(alone.item[0], together.item[row])


def test_a_later_moment_changes_no_score(fitted):
    _, recommender = fitted
    now, later = (recommender.rank(queries([[0, 1]], at=at), 5) for at in (700, 70_000))
    np.testing.assert_array_equal(now.score, later.score)


def test_only_the_named_sources_find_candidates():
    past = rings(100, 3, 7)
    found = Found.of(models(past), past, PARAMETERS.model_copy(update={"sources": ("markov",)}))
    assert found.candidates(queries([[0]])).item.tolist() == [1]


def test_a_tail_in_which_nothing_is_found_is_refused():
    past = sessions([[0, 1]] * 8, 4)
    found = Found.of(models(past), past, PARAMETERS)
    with pytest.raises(BadInput, match="hand in more sessions"):
        fit_ranker(found, sessions([[2, 3]] * 4, 4), longest=50, seed=0, threads=1)


@pytest.mark.parametrize("rows", [[[0, 1]], [[0], [0, 1]], [[0, 1], [0]]])
def test_a_tail_that_is_too_short_is_refused(rows):
    past = sessions([[0, 1]] * 8, 4)
    with pytest.raises(BadInput, match="too few"):
        fit_ranker(Found.of(models(past), past, PARAMETERS), sessions(rows, 4), longest=50, seed=0, threads=1)


@pytest.mark.parametrize(("count", "tail"), [(10, 3), (600, 200), (2000, 300), (10_000, 800)])
def test_a_small_shop_gives_more_of_its_sessions_to_the_ranker(count, tail):
    assert len(RecommenderParameters().split(sessions([[0, 1]] * count, 2))[1]) == tail
