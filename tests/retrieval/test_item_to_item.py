import math

import numpy as np
import planted_shop as shop
import pytest

from ml.data.arrays import Ragged
from ml.retrieval.item_to_item import (
    Basket,
    BasketParameters,
    ItemToItem,
    ItemToItemParameters,
    SimilarityParameters,
    has_order,
    session_items,
    similarities,
)

# Five sessions: {0, 1}, {0, 1}, {0, 2}, {0}, {3}; the repeated line of the first counts once.
BASKETS = [[0, 1, 1], [0, 1], [0, 2], [0], [3]]


def events(minutes: float = 0) -> list[shop.Event]:
    return [
        shop.Event(user=0, item=item, day=session + minutes * position / 1440, session=session)
        for session, items in enumerate(BASKETS) for position, item in enumerate(items)
    ]  # fmt: skip


DATASET = shop.dataset_of(shop.log_of(events(), users=1, items=4))


def similar(**parameters: object) -> np.ndarray:
    return similarities(session_items(DATASET.log), SimilarityParameters(**parameters)).toarray()


def test_cosine_by_hand():
    # n = (4, 2, 1, 1); sessions with both: (0, 1) twice, (0, 2) once.
    expected = np.zeros((4, 4))
    expected[0, 1] = expected[1, 0] = 2 / math.sqrt(4 * 2)
    expected[0, 2] = expected[2, 0] = 1 / math.sqrt(4 * 1)
    np.testing.assert_allclose(similar(similarity="cosine", shrinkage=0), expected, rtol=1e-6)


def test_lift_by_hand():
    # Chance would put (0, 1) together in 4 · 2 / 5 sessions, (0, 2) in 4 · 1 / 5.
    expected = np.zeros((4, 4))
    expected[0, 1] = expected[1, 0] = 2 / (4 * 2 / 5)
    expected[0, 2] = expected[2, 0] = 1 / (4 * 1 / 5)
    np.testing.assert_allclose(similar(similarity="lift", shrinkage=0), expected, rtol=1e-6)


def test_shrinkage_halves_where_it_equals_the_shared_sessions():
    free, shrunk = similar(shrinkage=0), similar(shrinkage=2)
    assert shrunk[0, 1] == pytest.approx(free[0, 1] / 2)
    assert shrunk[0, 2] == pytest.approx(free[0, 2] / 3)


def test_only_the_strongest_neighbours_are_kept():
    assert np.count_nonzero(similar(neighbours=1), axis=1).tolist() == [1, 1, 1, 0]
    assert similar(neighbours=1)[0, 1] > 0


def test_blocks_do_not_change_the_result(monkeypatch):
    whole = similar()
    monkeypatch.setattr("ml.retrieval.item_to_item.BLOCK", 3)
    np.testing.assert_array_equal(similar(), whole)


@pytest.mark.parametrize("own", [0, 0.5])
def test_the_history_is_weighed_by_its_age(own):
    parameters = ItemToItemParameters(half_life_days=10, shrinkage=0, own_similarity=own)
    moment = shop.NOW - 27 * shop.DAY  # day 3: after the sessions of days 0, 1 and 2
    scores = ItemToItem.fit(shop.training(DATASET), parameters).score(shop.requests(DATASET, [0], moment))[0]
    weight = [2 ** (-3 / 10), 2 ** (-2 / 10), 2 ** (-1 / 10)]
    cosine = similar(shrinkage=0)
    once, both = sum(weight), 2 * weight[0] + weight[1]  # of item 0, of item 1
    assert scores[0] == pytest.approx(own * once + both * cosine[1, 0] + weight[2] * cosine[2, 0], rel=1e-5)
    assert scores[1] == pytest.approx(own * both + once * cosine[0, 1], rel=1e-5)
    assert scores[3] == -np.inf


def basket_scores(dataset, *session: int) -> np.ndarray:
    model = Basket.fit(shop.training(dataset), BasketParameters(shrinkage=0, position_decay=0.5))
    items = np.array(session, np.int32)
    asked = shop.requests(dataset, [-1]).with_session(Ragged(np.array([0, len(items)]), items))
    return model.score(asked)[0]


def test_a_basket_of_one_instant_has_no_order():
    assert not has_order(DATASET.log)
    np.testing.assert_array_equal(basket_scores(DATASET, 1, 2), basket_scores(DATASET, 2, 1))


def test_later_clicks_weigh_more_where_sessions_have_an_order():
    clicks = shop.dataset_of(shop.log_of(events(minutes=1), users=1, items=4))
    assert has_order(clicks.log)
    cosine = similar(shrinkage=0)
    assert basket_scores(clicks, 1, 2)[0] == pytest.approx(0.5 * cosine[1, 0] + cosine[2, 0])
    assert basket_scores(clicks, 2, 1)[0] == pytest.approx(0.5 * cosine[2, 0] + cosine[1, 0])


def test_an_empty_session_has_no_candidates():
    assert (basket_scores(DATASET) == -np.inf).all()
