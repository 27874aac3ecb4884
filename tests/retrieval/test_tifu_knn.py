import numpy as np
import planted_shop as shop
import pytest

from ml.retrieval.tifu_knn import TifuKnn, TifuKnnParameters, user_vectors

# User 0 comes three times: {0, 1}, {0}, {2}; user 1 once: {0, 3}; user 2 once: {4}.
BASKETS = [(0, [0, 1, 1]), (0, [0]), (0, [2]), (1, [0, 3]), (2, [4])]
EVENTS = [shop.Event(user, item, float(n), n) for n, (user, items) in enumerate(BASKETS) for item in items]
DATASET = shop.dataset_of(shop.log_of(EVENTS, users=3, items=5))
PARAMETERS = TifuKnnParameters(neighbours=1, group_size=2, within_decay=0.9, group_decay=0.7, own_share=0.6)
# Groups counted back: {2} and {0} are the latest, {0, 1} alone is the older; two groups.
OWN = [(0.9 / 2 + 0.7) / 2, 0.7 / 2, (1 / 2) / 2, 0, 0]


def test_the_personal_vector_by_hand():
    vectors = user_vectors(shop.requests(DATASET).history, PARAMETERS, 5).toarray()
    np.testing.assert_allclose(vectors, [OWN, [1, 0, 0, 1, 0], [0, 0, 0, 0, 1]], rtol=1e-6)


def test_own_and_neighbours_are_blended():
    scores = TifuKnn.fit(shop.training(DATASET), PARAMETERS).score(shop.requests(DATASET))
    # The only neighbour of user 0 is user 1, who shares item 0.
    expected = 0.6 * np.array(OWN) + 0.4 * np.array([1, 0, 0, 1, 0])
    np.testing.assert_allclose(scores[0, :4], expected[:4], rtol=1e-6)
    assert scores[0, 4] == -np.inf
    # User 2 shares nothing with anybody: only the own vector is left.
    np.testing.assert_allclose(scores[2], [-np.inf] * 4 + [0.6], rtol=1e-6)


def test_the_nearest_by_euclidean_distance_is_the_neighbour():
    events = [shop.Event(0, 0, 1.0, 0)]
    events += [shop.Event(1, item, 1.0, 1) for item in (0, 1, 2)]  # distance √2 from user 0
    events += [shop.Event(2, item, 1.0, 2) for item in (0, 3)]  # distance 1
    dataset = shop.dataset_of(shop.log_of(events, users=3, items=4))
    scores = TifuKnn.fit(shop.training(dataset), PARAMETERS).score(shop.requests(dataset, [0]))
    assert np.isfinite(scores[0]).tolist() == [True, False, False, True]


@pytest.mark.parametrize("user", [0, -1])
def test_a_user_is_no_neighbour_of_itself(user):
    """With the same history, a user who is in the log and one who is not differ by that one neighbour."""
    model = TifuKnn.fit(shop.training(DATASET), PARAMETERS)
    asked = shop.requests(DATASET, [0])
    asked.user[:] = user
    neighbour = np.array([1, 0, 0, 1, 0]) if user == 0 else np.array(OWN)
    expected = 0.6 * np.array(OWN) + 0.4 * neighbour
    np.testing.assert_allclose(np.maximum(model.score(asked)[0], 0), expected, rtol=1e-5)


def test_refreshing_brings_the_neighbours_up_to_date():
    early = shop.NOW - 28 * shop.DAY  # day 2: user 1 has not come yet
    model = TifuKnn.fit(shop.training(DATASET, early), PARAMETERS)
    asked = shop.requests(DATASET, [0])
    assert model.score(asked)[0, 3] == -np.inf
    assert model.refresh(shop.state(DATASET)).score(asked)[0, 3] > 0
