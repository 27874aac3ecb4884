import numpy as np
import pytest
from planted_baskets import RING, planted

from ml.baskets.baskets import Baskets
from ml.baskets.features import ItemFacts
from ml.baskets.personal import PersonalBlend, PersonalBlendParameters
from ml.baskets.recommender import BasketRecommender, Found, RecommenderParameters, fit_ranker
from ml.data.arrays import Ragged
from ml.errors import BadInput
from ml.ranking.lambdamart import LambdaMartParameters

ITEMS = RING + 5
PARAMETERS = RecommenderParameters(
    quota=8, candidates=8, negatives=8, ranker=LambdaMartParameters(rounds=5, minimum_child_weight=0)
)


@pytest.fixture(scope="module")
def history() -> Baskets:
    frame, _ = planted()
    user, order, item = (frame[column].to_numpy() for column in ("user_id", "basket", "item_id"))
    return Baskets.of(user, order, item, users=40, items=ITEMS)


def found_in(baskets: Baskets) -> Found:
    model = PersonalBlend.fit(baskets.training(seed=1, threads=1), PersonalBlendParameters())
    return Found({"personal": model}, ItemFacts.of(baskets), PARAMETERS)


def test_what_is_taken_next_changes_labels_but_no_feature(history):
    past, latest = history.split_last()
    users = np.arange(40)
    taken = Ragged.from_pairs(latest.user.astype(np.int64), latest.item, 40)
    other = Ragged.from_pairs(users, np.full(40, RING, np.int32), 40)
    found = found_in(past)
    first, second = (found.labelled(past, users, rows, np.random.default_rng(1)) for rows in (taken, other))
    both = min(len(first.frame.values), len(second.frame.values))
    assert first.frame.names == second.frame.names
    assert first.label[:both].tolist() != second.label[:both].tolist()
    _, described = found.described(past.requests(users))
    rows = {row.tobytes() for row in described.values}
    for labelled in (first, second):
        assert {row.tobytes() for row in labelled.frame.values} <= rows


def test_only_candidates_are_scored(history):
    past, latest = history.split_last()
    ranker = fit_ranker(found_in(past), past, latest, seed=1, threads=1)
    scores = BasketRecommender(found_in(history), ranker).score(history.requests(np.arange(5)))
    assert scores.shape == (5, ITEMS)
    assert np.isfinite(scores).sum(axis=1).tolist() == [8] * 5


def test_the_same_seed_gives_the_same_scores(history):
    past, latest = history.split_last()
    requests = history.requests(np.arange(5))
    first, second = (
        BasketRecommender(found_in(history), fit_ranker(found_in(past), past, latest, seed=3, threads=1)).score(
            requests
        )
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_without_a_second_basket_of_anybody_there_is_nothing_to_learn(history):
    first = history.where(history.back == history.visits[history.user])
    past, latest = first.split_last()
    with pytest.raises(BadInput, match="two baskets"):
        fit_ranker(found_in(past), past, latest, seed=1, threads=1)
