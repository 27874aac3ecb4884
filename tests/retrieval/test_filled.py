import numpy as np
import planted_shop as shop
from hypothesis import given
from hypothesis import strategies as st

from ml.retrieval import top_k
from ml.retrieval.filled import PersonalThenPopular, stacked

SCORE = st.one_of(st.just(-np.inf), st.floats(-100, 100, width=16))
ROWS = st.integers(1, 12).flatmap(lambda n: st.tuples(*[st.lists(SCORE, min_size=n, max_size=n)] * 2))


@given(ROWS)
def test_all_of_the_first_come_before_what_only_the_second_finds(rows):
    first, second = (np.array([row], np.float32) for row in rows)
    ranked = top_k(stacked(first, second.copy()), first.shape[1]).item[0]
    by_first = top_k(first, first.shape[1]).item[0]
    by_second = top_k(np.where(np.isfinite(first), -np.inf, second), first.shape[1]).item[0]
    assert ranked[ranked >= 0].tolist() == [*by_first[by_first >= 0], *by_second[by_second >= 0]]


def test_a_user_without_a_past_gets_what_is_popular():
    dataset = shop.planted()
    model = PersonalThenPopular.fit(shop.training(dataset), PersonalThenPopular.Parameters())
    unknown = shop.requests(dataset, [-1])
    np.testing.assert_array_equal(model.score(unknown), model.second.score(unknown))
