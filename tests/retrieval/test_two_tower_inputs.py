"""What the towers read: computed from what came before the moment, by hand."""

import numpy as np
import pandas as pd
import planted_shop as shop
import pytest

from ml.data.arrays import Ragged
from ml.data.dataset import requests_for
from ml.retrieval.two_tower.content import content_of
from ml.retrieval.two_tower.encoding import Scaling
from ml.retrieval.two_tower.inputs import (
    POPULARITY_HALF_LIVES,
    REQUEST_FEATURES,
    popularity,
    request_features,
    views_of,
    window_of,
    with_session,
)

LOG = shop.log_of(
    [
        shop.Event(0, 1, 1.0, 10),
        shop.Event(0, 2, 1.0, 10),
        shop.Event(0, 3, 4.0, 11, weight=0.5),
        shop.Event(1, 4, 2.0, 12),
    ],
    users=3,
    items=6,
)
MOMENT = shop.to_micros(shop.START) + 6 * shop.DAY
REQUESTS = requests_for(LOG, np.array([0, 1, 2, -1], np.int32), np.full(4, MOMENT))


def test_the_window_is_newest_first_and_padded():
    window = window_of(views_of(REQUESTS), 4)
    assert window.valid.sum(1).tolist() == [3, 1, 0, 0]
    assert window.item[0].tolist() == [3, 2, 1, 0]
    assert window.age[0].tolist() == [2, 5, 5, 0]
    assert window.weight[0].tolist() == [0.5, 1, 1, 0]
    assert window.latest[0].tolist() == [True, False, False, False]


def test_a_longer_history_is_cut_at_its_old_end():
    assert window_of(views_of(REQUESTS), 2).item[0].tolist() == [3, 2]


def test_a_current_session_goes_before_the_history():
    session = Ragged(np.array([0, 2, 2, 3, 3]), np.array([5, 4, 1], np.int32))
    asked = REQUESTS.with_session(session)
    window = with_session(window_of(views_of(asked), 4), asked)
    assert window.item[0].tolist() == [4, 5, 3, 2]
    assert window.latest[0].tolist() == [True, True, False, False]
    assert window.age[0].tolist() == [0, 0, 2, 5]
    assert window.item[1].tolist() == [4, 0, 0, 0]
    assert window.valid[2].tolist() == [True, False, False, False]


def test_a_session_that_the_history_ends_with_is_not_counted_twice():
    asked = REQUESTS.with_session(Ragged(np.array([0, 1, 1, 1, 1]), np.array([3], np.int32)))
    plain = window_of(views_of(asked), 4)
    window = with_session(plain, asked)
    assert window.item[0].tolist() == plain.item[0].tolist()
    assert window.latest[0].tolist() == plain.latest[0].tolist()


def test_request_features_by_hand():
    views = views_of(REQUESTS)
    found = request_features(views, window_of(views, 4))
    assert found.shape == (4, len(REQUEST_FEATURES))
    assert np.expm1(found[0]).tolist() == pytest.approx([3, 2, 1.5, 2, 5, 3], rel=1e-5)
    assert found[2].tolist() == found[3].tolist() == [0] * 6
    assert np.isfinite(found).all()


def test_popularity_by_hand_and_the_same_from_any_first_moment():
    week = 7 * shop.DAY
    moments = shop.to_micros(shop.START) + np.array([3, 10]) * shop.DAY
    found = popularity(LOG, moments, week)
    assert found.shape == (2, 6, len(POPULARITY_HALF_LIVES) + 2)
    # Item 1 was taken on day 1: within a cadence of the first moment, not of the second.
    assert np.expm1(found[:, 1, 0]).tolist() == pytest.approx([1, 0])
    decayed = [[0.5 ** (days / 7 / half_life) for half_life in POPULARITY_HALF_LIVES] for days in (2, 9)]
    np.testing.assert_allclose(np.expm1(found[:, 1, 1:-1]), decayed, rtol=1e-5)
    assert found[:, 3, -1].tolist() == [0, 1]  # taken on day 4
    np.testing.assert_allclose(popularity(LOG, moments[1:], week)[0], found[1], rtol=1e-6)


def test_tokens_are_what_items_share():
    catalogue = pd.DataFrame(
        {
            "category_path": [["A", "x"], ["A", "x"], ["A", "y"], None],
            "brand": ["b", None, "b", "alone"],
            "text": ["red tea", "Red cup", None, ""],
            "price": [1.0, 2.0, np.nan, 4.0],
        }
    )
    tokens = content_of(catalogue)
    # Shared: path A, path A/x, brand b, word red; a price bucket holds one item each here.
    assert tokens.lengths.tolist() == [4, 3, 2, 0]
    assert set(tokens[1]) < set(tokens[0])
    assert sorted(set(tokens.values)) == list(range(4))


@pytest.mark.parametrize("columns", [["item_id"], ["item_id", "text", "brand", "category_path"]])
def test_a_catalogue_that_says_nothing_has_no_tokens(columns):
    catalogue = pd.DataFrame({name: pd.Series([None, None], dtype=object) for name in columns})
    assert content_of(catalogue).lengths.tolist() == [0, 0]


def test_a_constant_column_is_scaled_to_zero():
    values = np.array([[1.0, 5.0], [3.0, 5.0]], np.float32)
    assert Scaling.of(values)(values).tolist() == [[-1, 0], [1, 0]]
    assert Scaling.of(values[:0])(values).tolist() == values.tolist()
