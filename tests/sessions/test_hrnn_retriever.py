"""The recurrent retriever learns what follows what, reads baskets as sets, and knows nobody by number."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import planted_shop as shop
import pytest
import torch

from ml.data.arrays import Ragged
from ml.data.dataset import Dataset, Log
from ml.data.requests import Requests
from ml.retrieval import get_retriever, top_k
from ml.sessions.hrnn_retriever import HrnnRetriever, HrnnRetrieverParameters
from ml.sessions.hrnn_retriever.objective import halves
from ml.sessions.hrnn_retriever.serving import asked_for
from ml.sessions.hrnn_retriever.tracing import mean_directions, trace
from ml.sessions.hrnn_retriever.training import windows

SMALL = HrnnRetrieverParameters(
    embedding_size=16, hidden_size=16, minimum_count=1, negatives=32, batch_size=64, epochs=10, learning_rate=0.02,
    dropout=0, device="cpu",
)  # fmt: skip


def fitted(dataset: Dataset, seed: int = 1, **changes) -> HrnnRetriever:
    return HrnnRetriever.fit(shop.training(dataset, seed=seed), SMALL.model_copy(update=changes))


def baskets(rows: list[list[list[int]]]) -> Dataset:
    """A shop whose user u took these baskets, one a day."""
    events = [
        shop.Event(user, item, float(day), user * 100 + day)
        for user, taken in enumerate(rows) for day, basket in enumerate(taken) for item in basket
    ]  # fmt: skip
    return shop.dataset_of(shop.log_of(events, len(rows), shop.ITEMS))


def followed() -> Dataset:
    """Whoever fills a basket with two of the items 0 to 3 takes 10 next, who fills one with 4 to 7 takes 11."""
    random = np.random.default_rng(0)
    kinds = random.integers(0, 2, (100, 4))
    return baskets(
        [[row for kind in kinds[user] for row in ((4 * kind + random.permutation(4)[:2]).tolist(), [10 + int(kind)])]
         for user in range(100)]
    )  # fmt: skip


def outcomes() -> tuple[np.ndarray, Dataset]:
    """Everybody's first basket holds 8 or 9, their second is 2, and the first decides the third: 20 or 21."""
    outcome = np.random.default_rng(0).integers(0, 2, 200)
    return outcome, baskets([[[8 + int(end)], [2], [20 + int(end)]] for end in outcome])


@pytest.fixture(scope="module")
def model() -> HrnnRetriever:
    return fitted(shop.planted(), epochs=3)


def requests(dataset: Dataset) -> Requests:
    """Everybody's request, no session begun."""
    asked = shop.requests(dataset)
    return asked.with_session(Ragged.empty(len(asked)))


def asked_after(dataset: Dataset, baskets_: list[int]) -> Requests:
    """One request of a history of one basket."""
    return requests(baskets_only([baskets_], dataset))


def baskets_only(taken: list[list[int]], like: Dataset) -> Dataset:
    events = [shop.Event(0, item, float(day), day) for day, basket in enumerate(taken) for item in basket]
    return replace(like, log=shop.log_of(events, 1, shop.ITEMS))


def test_it_is_registered_without_importing_torch():
    assert get_retriever("hrnn") is HrnnRetriever
    look_up = "import sys; from ml.retrieval import get_retriever as get; get('hrnn'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look_up], check=False).returncode == 0


@pytest.mark.parametrize("user", ["init", "all"])
def test_what_follows_a_basket_is_learned(user):
    dataset = followed()
    model = fitted(dataset, user=user)
    for basket, expected in (([0, 1], 10), ([3, 0], 10), ([4, 6], 11), ([7, 5], 11)):
        assert top_k(model.score(asked_after(dataset, basket)), 1).item[0, 0] == expected


@pytest.mark.parametrize("user", ["init", "all"])
def test_an_earlier_session_decides_the_next_one_where_users_are_known(user):
    outcome, dataset = outcomes()
    first_two = replace(dataset, log=dataset.log.before(shop.to_micros(shop.START) + round(1.5 * shop.DAY)))
    asked = requests(first_two)

    def right(model: HrnnRetriever) -> float:
        return float(np.mean(top_k(model.score(asked)[:, 20:22], 1).item[:, 0] == outcome))

    assert right(fitted(dataset, user=user, epochs=20)) > 0.95
    assert right(fitted(dataset, user="none", epochs=20)) < 0.65


def test_the_rest_of_a_basket_is_learned_from_a_part_of_it():
    dataset = shop.planted()
    model = fitted(dataset, epochs=20, user="none")
    session = Ragged(np.array([0, 2, 4]), np.array([0, 1, 13, 14], np.int32))
    asked = shop.without_history(shop.requests(dataset, [-1, -1])).with_session(session)
    found = top_k(model.score(asked), 3, exclude=session).item
    assert (found // shop.SIZE == [[0], [2]]).all()


def test_the_next_click_of_a_session_is_learned():
    """Anonymous sessions over a ring of twelve items."""
    events = [
        shop.Event(user, (user + step) % 12, user / 50 + step / 1e4, user)
        for user in range(300) for step in range(2 + user % 4)
    ]  # fmt: skip
    dataset = shop.dataset_of(shop.log_of(events, 300, shop.ITEMS))
    model = fitted(dataset)
    assert not model.reader.sets
    asked = shop.without_history(shop.requests(dataset, [-1, -1]))
    asked = asked.with_session(Ragged(np.array([0, 2, 5]), np.array([0, 1, 9, 10, 11], np.int32)))
    assert top_k(model.score(asked), 1).item[:, 0].tolist() == [2, 0]


def test_where_cadences_are_sessions_all_that_a_cadence_brings_is_asked_for_at_its_beginning():
    """In one week 8 or 9 is looked at; in the next everybody looks at 2 first, and a day later takes 20 or 21."""
    outcome = np.random.default_rng(0).integers(0, 2, 200)
    visits = ((8, 10.0), (2, 17.0), (20, 18.0))
    events = [
        shop.Event(user, item + (int(end) if item != 2 else 0), day, user * 10 + number)
        for user, end in enumerate(outcome) for number, (item, day) in enumerate(visits)
    ]  # fmt: skip
    log = shop.log_of(events, 200, shop.ITEMS)
    dataset = shop.dataset_of(replace(log, target=log.item >= 20))
    before = replace(dataset, log=shop.log_of([shop.Event(u, 8 + u, 25.0, u) for u in (0, 1)], 2, shop.ITEMS))
    asked = requests(before)
    by_cadence = fitted(dataset, session="cadence")
    assert top_k(by_cadence.score(asked), 1).item[:, 0].tolist() == [20, 21]
    by_visit = fitted(dataset).request_vectors(asked)[0]
    assert not np.allclose(by_visit, by_cadence.request_vectors(asked)[0])


def shuffled(log: Log, seed: int) -> Log:
    """The lines of each basket in another order, as another file of the same receipts would have them."""
    order = np.lexsort((np.random.default_rng(seed).random(len(log)), log.session, log.at, log.user))
    return log.where(order)


@pytest.mark.parametrize("user", ["none", "init", "all"])
def test_the_order_of_a_baskets_lines_changes_no_score(user):
    dataset = followed()
    other = replace(dataset, log=shuffled(dataset.log, 3))
    assert (other.log.item != dataset.log.item).any()
    one, again = (fitted(each, user=user, epochs=1, dropout=0.2) for each in (dataset, other))
    np.testing.assert_array_equal(one.score(requests(dataset)), again.score(requests(other)))
    # In a session that has begun, too, whether the history holds it or not.
    asked = shop.requests(dataset)
    turned = asked.session.take(np.arange(len(asked)))
    turned = Ragged(turned.offsets, np.concatenate([turned[row][::-1] for row in range(len(turned))]))
    np.testing.assert_array_equal(one.score(asked), again.score(asked.with_session(turned)))


@pytest.mark.parametrize("user", ["init", "all"])
def test_states_side_by_side_are_those_of_one_user_at_a_time(user):
    random = np.random.default_rng(1)
    dataset = baskets([[random.integers(0, 24, 1 + size).tolist() for size in range(user % 5)] for user in range(30)])
    model = fitted(dataset, user=user, epochs=1)
    visits, _ = model.reader.requests(requests(dataset))
    steps = mean_directions(torch.from_numpy(model.directions), visits.items.values, visits.items.offsets)
    together = trace(model.network, visits, steps)
    assert together.after.known[:, 0].tolist() == [float(user % 5 > 0) for user in range(30)]
    for row in range(30):
        state, known = torch.zeros(1, SMALL.hidden_size), torch.zeros(1, 1)
        before = type(together.after)(state, known)
        for session in range(visits.sessions[row], visits.sessions[row + 1]):
            torch.testing.assert_close(together.before.value[session], before.value[0])
            (step,) = range(visits.steps[session], visits.steps[session + 1])
            basket = torch.from_numpy(model.directions[visits.items[step]]).mean(0)
            after = model.network.states(basket[None, None], before)
            torch.testing.assert_close(together.states[step], after[0, 0])
            before = model.network.user(after[:, 0], before)
        torch.testing.assert_close(together.after.value[row], before.value[0])


@pytest.mark.parametrize("user", ["init", "all"])
def test_where_nobody_comes_twice_users_change_nothing(user):
    random = np.random.default_rng(2)
    dataset = baskets([[random.integers(0, 24, 4).tolist()] for _ in range(60)])
    session = Ragged(np.array([0, 2]), np.array([3, 4], np.int32))
    asked = shop.without_history(shop.requests(dataset, [-1])).with_session(session)
    one, other = (fitted(dataset, user=each, epochs=2) for each in ("none", user))
    np.testing.assert_array_equal(one.score(asked), other.score(asked))
    for name, weight in one.network.state_dict().items():
        assert torch.equal(weight, other.network.state_dict()[name])


def test_somebody_unknown_gets_the_list_of_the_session_alone():
    dataset = shop.planted()
    model = fitted(dataset, epochs=1)
    session = Ragged(np.array([0, 2]), np.array([3, 4], np.int32))
    stranger, member = (shop.requests(dataset, [user]).with_session(session) for user in (-1, 5))
    np.testing.assert_array_equal(
        model.score(stranger), model.score(shop.without_history(member).with_session(session))
    )
    assert not np.array_equal(model.score(stranger), model.score(member))


def test_who_never_came_gets_nothing_and_items_without_a_vector_are_no_candidates():
    dataset = baskets([[[0, 1]], [[0, 1], [1, 2]], [[0]]])
    model = fitted(dataset, minimum_count=2, epochs=1)
    scores = model.score(requests(dataset))
    assert np.isfinite(scores).sum(axis=0).tolist() == [3, 3, *[0] * (shop.ITEMS - 2)]
    nobody = model.score(shop.without_history(shop.requests(dataset, [0, -1])))
    never_seen = model.score(asked_after(dataset, [17]))
    assert np.isneginf(nobody).all()
    assert np.isneginf(never_seen).all()
    one_event = model.score(asked_after(dataset, [1]))
    assert np.isfinite(one_event[0, :2]).all()
    assert model.score(requests(dataset).take(np.arange(0))).shape == (0, shop.ITEMS)


def test_a_later_basket_moves_the_answer_without_a_new_training(model):
    before = model.score(asked_after(shop.planted(), [0, 1, 2]))
    after = model.score(requests(baskets_only([[0, 1, 2], [18, 19]], shop.planted())))
    assert not np.allclose(before, after)


def test_what_is_loaded_counts_cadences_as_what_was_saved(tmp_path):
    model = fitted(shop.planted(), epochs=1, session="cadence")
    model.save(tmp_path)
    assert HrnnRetriever.load(tmp_path).reader.clock == model.reader.clock is not None


def test_what_is_loaded_scores_as_what_was_saved(model, tmp_path):
    model.save(tmp_path)
    loaded = HrnnRetriever.load(tmp_path)
    assert loaded.parameters == model.parameters
    assert loaded.curves == model.curves
    assert len(model.curves["training_loss"]) == 3
    np.testing.assert_array_equal(
        loaded.score(shop.requests(shop.planted())), model.score(shop.requests(shop.planted()))
    )
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npy", ".safetensors"}


def test_the_same_seed_gives_the_same_scores_and_another_one_others(model):
    asked = shop.requests(shop.planted())
    np.testing.assert_array_equal(fitted(shop.planted(), epochs=3).score(asked), model.score(asked))
    assert not np.allclose(fitted(shop.planted(), seed=2, epochs=3).score(asked), model.score(asked))


def test_a_log_without_anything_to_learn_answers_nothing():
    dataset = shop.dataset_of(shop.log_of([], 2, shop.ITEMS))
    assert np.isneginf(fitted(dataset).score(requests(dataset))).all()
    once = baskets([[[0]], [[1]]])  # nothing follows anything
    model = fitted(once, epochs=2)
    assert model.curves["training_loss"] == [0.0, 0.0]


def test_windows_cover_every_session_once_and_no_two_users():
    visits = fitted(shop.planted(), epochs=1).reader.log(shop.planted().log, shop.NOW)
    for seed in range(3):
        starts, stops = windows(visits, 2, np.random.default_rng(seed))
        assert np.array_equal(np.r_[starts[1:], len(visits.steps) - 1], stops)
        assert (stops - starts <= 2).all()
        row = np.repeat(np.arange(len(visits)), visits.counts)
        assert (row[starts] == row[stops - 1]).all()


def test_half_of_each_basket_is_hidden():
    row, hidden = halves(np.array([0, 2, 7, 9]), np.random.default_rng(0))
    assert np.bincount(row, hidden).tolist() == [1, 2, 1]
    other = halves(np.array([0, 2, 7, 9]), np.random.default_rng(1))[1]
    assert (hidden != other).any()


def test_asking_without_any_request(model):
    visits, in_session = model.reader.requests(requests(shop.planted()).take(np.arange(0)))
    assert asked_for(model.network, model.directions, visits, in_session).shape == (0, SMALL.embedding_size)
