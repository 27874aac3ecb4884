import numpy as np
import planted_shop as shop

from ml.retrieval.history import sessions_since
from ml.retrieval.personal_frequency import PersonalFrequency, PersonalFrequencyParameters

# Now is day 30; half-life 10 days.
EVENTS = [
    shop.Event(user=0, item=0, day=10, session=0),
    shop.Event(user=0, item=1, day=10, session=0),
    shop.Event(user=0, item=0, day=20, session=1, weight=0.1),
    shop.Event(user=0, item=2, day=30 - 1e-9, session=2),
    shop.Event(user=1, item=3, day=20, session=3),
]
DATASET = shop.dataset_of(shop.log_of(EVENTS, users=2, items=4))


def scores(session_decay: float) -> np.ndarray:
    parameters = PersonalFrequencyParameters(half_life_days=10, session_decay=session_decay)
    return PersonalFrequency.fit(shop.training(DATASET), parameters).score(shop.requests(DATASET))


def test_events_decay_with_time_and_only_own_items_are_candidates():
    np.testing.assert_allclose(scores(1.0)[0], [0.25 + 0.1 * 0.5, 0.25, 1, -np.inf], rtol=1e-6)
    np.testing.assert_allclose(scores(1.0)[1], [-np.inf, -np.inf, -np.inf, 0.5], rtol=1e-6)


def test_events_decay_with_every_later_session():
    expected = [0.25 * 0.9**2 + 0.1 * 0.5 * 0.9, 0.25 * 0.9**2, 1, -np.inf]
    np.testing.assert_allclose(scores(0.9)[0], expected, rtol=1e-6)


def test_sessions_are_counted_back_within_each_request():
    assert sessions_since(shop.requests(DATASET).history).tolist() == [2, 2, 1, 0, 0]
    assert sessions_since(shop.requests(DATASET, [-1]).history).tolist() == []
