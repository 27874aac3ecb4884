import tracemalloc

import numpy as np
import pytest
import torch
from planted_sessions import fit_small_hrnn as fit
from planted_sessions import queries, ragged, rings, sessions
from pydantic import ValidationError

from ml.sessions.hrnn import Hrnn, HrnnParameters
from ml.sessions.hrnn.serving import states_of_users


@pytest.fixture(scope="module")
def ring():
    return rings(400, 3, 7)


@pytest.mark.parametrize(
    "parameters",
    [
        {}, {"loss": "softmax", "attention": False}, {"loss": "bpr_max", "normalised": False, "score_penalty": 0.01},
        {"training": "prefixes", "user": "none", "epochs": 3},
    ],
)  # fmt: skip
def test_the_next_item_of_a_ring_is_learned(ring, parameters):
    model = fit(ring, **parameters)
    asked = queries([[0, 1, 2], [8, 9], [20, 14]])
    assert model.rank(asked, 1).item[:, 0].tolist() == [3, 10, 15]


def test_the_same_seed_gives_the_same_model_and_loading_what_was_saved_too(ring, tmp_path):
    first, second = fit(ring, epochs=2), fit(ring, epochs=2)
    asked = queries([[0, 1], [9], []])
    np.testing.assert_array_equal(first.rank(asked, 5).score, second.rank(asked, 5).score)
    first.save(tmp_path)
    loaded = Hrnn.load(tmp_path)
    np.testing.assert_array_equal(loaded.rank(asked, 5).score, first.rank(asked, 5).score)
    assert loaded.parameters == first.parameters
    assert not list(tmp_path.glob("*.pkl"))


def test_scores_of_candidates_are_those_of_the_ranking(ring):
    model = fit(ring, epochs=1)
    asked = queries([[0, 1, 2], [], [9]])
    ranking = model.rank(asked, 4)
    found = model.score(asked, ragged([list(row[row >= 0]) for row in ranking.item]))
    np.testing.assert_allclose(found, ranking.score[ranking.item >= 0], rtol=1e-5)


@pytest.mark.parametrize("user", ["init", "all"])
def test_without_users_it_is_exactly_the_model_of_sessions(ring, user):
    alone, with_users = fit(ring, user="none", epochs=2), fit(ring, user=user, epochs=2)
    asked = queries([[0, 1, 2], [9, 10]])
    np.testing.assert_array_equal(alone.rank(asked, 21).score, with_users.rank(asked, 21).score)


def outcomes(users: int, seed: int = 0):
    """Each user's first session ends with 0 or 1; the second opens with 2 for all and goes on by that outcome."""
    random = np.random.default_rng(seed)
    outcome = random.integers(0, 2, users)
    rows = [[9, int(end)] for end in outcome] + [[2, 3 + 3 * int(end)] for end in outcome]
    return outcome, sessions(rows, 10, users=[*range(users)] * 2)


@pytest.mark.parametrize("user", ["init", "all"])
def test_an_earlier_session_decides_the_next_one(user):
    outcome, past = outcomes(300)
    first = past.take(np.arange(300))
    model = fit(past, user=user, epochs=15)
    states, known = states_of_users(model.network, first)  # as before the second session
    before = Hrnn(model.parameters, model.network, states, known, [])
    asked = queries([[2]] * 300, users=list(range(300)))
    found = (before.rank(asked, 1).item[:, 0] == 3 + 3 * outcome).mean()
    session_only = (fit(past, user="none", epochs=15).rank(asked, 1).item[:, 0] == 3 + 3 * outcome).mean()
    assert found > 0.95
    assert session_only < 0.65


@pytest.mark.parametrize("user", ["init", "all"])
def test_states_of_users_side_by_side_are_those_of_one_user_at_a_time(user):
    random = np.random.default_rng(1)
    rows = [random.integers(0, 10, random.integers(1, 6)).tolist() for _ in range(60)]
    past = sessions(rows, 10, users=random.integers(-1, 12, 60))
    model = fit(past, user=user, epochs=1)
    together, known = states_of_users(model.network, past, lanes=5)
    for number in range(12):
        own = past.take(np.flatnonzero(past.user == number))
        alone, _ = states_of_users(model.network, own, lanes=1)
        np.testing.assert_allclose(together[number], alone[number], rtol=1e-5, atol=1e-6)
    assert known.all()


def test_somebody_unknown_gets_the_list_of_the_session_alone():
    _, past = outcomes(50)
    model = fit(past, epochs=1)
    for stranger in (-1, 50, 10_000):
        asked, nobody = queries([[2]], users=[stranger]), queries([[2]])
        np.testing.assert_array_equal(model.rank(asked, 10).score, model.rank(nobody, 10).score)
    known = model.rank(queries([[2]], users=[0]), 10).score
    assert not np.array_equal(known, model.rank(queries([[2]]), 10).score)


def test_the_same_session_after_two_histories_yields_two_lists():
    outcome, past = outcomes(200)
    model = fit(past.take(np.arange(200)), epochs=1)
    one, other = (int(np.flatnonzero(outcome == end)[0]) for end in (0, 1))
    found = model.rank(queries([[2], [2]], users=[one, other]), 10)
    assert not np.array_equal(found.score[0], found.score[1])


@pytest.mark.parametrize(("least_steps", "epochs"), [(0, 2), (20, 2), (60, 5)])
def test_few_sessions_are_read_more_often(ring, least_steps, epochs):
    assert len(fit(ring, epochs=2, least_steps=least_steps).curve) == epochs  # 13 batches an epoch


def test_an_old_session_weighs_less():
    past = sessions([[0, 1]] * 40 + [[0, 2]] * 40, 3, at=[0.0] * 40 + [100.0] * 40)
    model = fit(past, half_life=0.1, loss="softmax")
    assert model.rank(queries([[0]]), 3).item[0].tolist().index(2) < model.rank(queries([[0]]), 3).item[
        0
    ].tolist().index(1)


def test_prefixes_and_users_exclude_each_other():
    with pytest.raises(ValidationError, match="prefixes"):
        HrnnParameters(training="prefixes", user="init")


def test_memory_does_not_grow_with_the_number_of_users(ring):
    model = fit(ring, epochs=1)
    peaks = []
    for users in (500, 5000):
        past = sessions([[0, 1]] * users, 21, users=list(range(users)))
        tracemalloc.start()
        states, _ = states_of_users(model.network, past, lanes=32)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert states.shape == (users, 16)
    per_user = (peaks[1] - peaks[0]) / 4500
    assert per_user < 16 * 4 * 2  # bytes: the bookkeeping of a session; the states (64 bytes each) are on disk
    assert isinstance(states, np.memmap)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_the_device_is_found(ring):
    assert fit(ring, epochs=1, device="auto").network.item.weight.device.type == "cpu"  # answers on the processor
