import numpy as np
import planted_shop as shop
import pytest

from ml.retrieval.popularity import Popularity, PopularityParameters

# Now is day 30; half-life 10 days: day 20 counts 1/2, day 10 counts 1/4.
EVENTS = [
    shop.Event(user=0, item=0, day=20, session=0, place=0),
    shop.Event(user=0, item=0, day=10, session=1, place=0),
    shop.Event(user=1, item=1, day=20, session=2, place=1),
    shop.Event(user=1, item=1, day=20, session=3, place=-1, weight=0.5),
]
DATASET = shop.dataset_of(shop.log_of(EVENTS, users=2, items=3))


def scores(**parameters: object) -> np.ndarray:
    """Rows: the first place, the second, an unknown one."""
    model = Popularity.fit(shop.training(DATASET), PopularityParameters(half_life_days=10, **parameters))
    asked = shop.requests(DATASET, [0, 1, -1])
    asked.place[:] = [0, 1, -1]
    return model.score(asked)


def test_overall_shares_are_decayed_counts():
    # Item 0: 1/2 + 1/4; item 1: 1/2 + 1/2 · 1/2; together 3/2.
    np.testing.assert_allclose(scores()[2, :2], [0.75 / 1.5, 0.75 / 1.5], rtol=1e-6)
    assert scores()[2, 2] == -np.inf  # nobody took it


def test_a_place_is_shrunk_to_the_overall_shares():
    # First place: its events weigh 3/4, all on item 0; shrinkage 1/4 of the overall share 1/2.
    found = scores(shrinkage=0.25)
    np.testing.assert_allclose(found[0, :2], [(0.75 + 0.25 * 0.5) / 1.0, 0.25 * 0.5 / 1.0], rtol=1e-6)
    # Second place: weight 1/2, all on item 1.
    np.testing.assert_allclose(found[1, :2], [0.25 * 0.5 / 0.75, (0.5 + 0.25 * 0.5) / 0.75], rtol=1e-6)


def test_counting_users_takes_the_last_event_of_each():
    # Item 0: 1/2; item 1: the event of weight 1/2 on day 20 came last, 1/4.
    np.testing.assert_allclose(scores(counted="users")[2, :2], [0.5 / 0.75, 0.25 / 0.75], rtol=1e-6)


@pytest.mark.parametrize(("day", "best"), [(15, 0), (30, 1)])
def test_refreshing_counts_as_of_the_state(day, best):
    events = [
        *[shop.Event(0, 0, 1.0 + n, n) for n in range(5)],
        *[shop.Event(1, 1, 20.0 + n, 10 + n) for n in range(6)],
    ]
    dataset = shop.dataset_of(shop.log_of(events, users=2, items=2))
    moment = shop.NOW + (day - 30) * shop.DAY
    model = Popularity.fit(shop.training(dataset, shop.NOW - 28 * shop.DAY), PopularityParameters())
    assert np.argmax(model.refresh(shop.state(dataset, moment)).score(shop.requests(dataset, [-1]))) == best
