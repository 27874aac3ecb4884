"""The two-tower learns planted structure, and keeps to the retrievers' contract."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import numpy as np
import planted_shop as shop
import pytest

from ml.data.arrays import Ragged
from ml.data.dataset import Dataset, cases_in
from ml.domains import Protocol
from ml.errors import BadInput
from ml.retrieval import get_retriever, top_k
from ml.retrieval.two_tower import TwoTower, TwoTowerParameters

SMALL = TwoTowerParameters(
    embedding_size=16, hidden_size=32, history_length=32, minimum_count=1, uniform_negatives=12, batch_size=16,
    epochs=20, learning_rate=0.02, dropout=0, device="cpu",
)  # fmt: skip
QUICK = SMALL.model_copy(update={"epochs": 2})
DATASET = shop.planted()
REQUESTS = shop.requests(DATASET)


def fitted(dataset: Dataset = DATASET, parameters: TwoTowerParameters = SMALL, seed: int = 1) -> TwoTower:
    return TwoTower.fit(shop.training(dataset, seed=seed), parameters)


@pytest.fixture(scope="module")
def model() -> TwoTower:
    return fitted()


def theme_share(model: TwoTower) -> float:
    """Share of the best items that are of the user's own theme; guessing gives a quarter."""
    best = top_k(model.score(REQUESTS), shop.SIZE).item
    return float((best // shop.SIZE == np.arange(len(best))[:, None] // shop.SIZE).mean())


def test_it_is_registered_without_importing_torch():
    assert get_retriever("two_tower") is TwoTower
    look_up = (
        "import sys; from ml.retrieval import get_retriever as get; get('two_tower'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", look_up], check=False).returncode == 0


def test_requests_find_the_items_of_their_theme(model):
    assert theme_share(model) > 0.95


def test_the_compiled_tower_answers_what_torch_has_learned(model):
    """In the middle of sessions, that the history knows or not, without one, without anything."""
    session = Ragged(np.arange(0, 2 * len(REQUESTS) + 1, 2), np.tile(np.array([3, 9], np.int32), len(REQUESTS)))
    nobody = shop.without_history(shop.requests(DATASET, [0, -1]))
    ends = REQUESTS.history.offsets[1:]
    known = Ragged(session.offsets, REQUESTS.history.item[(ends[:, None] - [2, 1]).ravel()])
    assert (REQUESTS.history.items.lengths >= 2).all()
    asked_for = (REQUESTS, *map(REQUESTS.with_session, (session, known)), nobody, shop.requests(DATASET, []))
    for asked in asked_for:
        expected = model.towers.requests(asked, model.catalogue, model.parameters.history_length)
        np.testing.assert_allclose(model.user_vectors(asked), expected, atol=1e-6)
    one_by_one = [model.user_vectors(REQUESTS.take(np.array([row]))) for row in range(len(REQUESTS))]
    np.testing.assert_allclose(model.user_vectors(REQUESTS), np.concatenate(one_by_one), atol=1e-6)


@pytest.mark.parametrize("change", [{"loss": "contrastive"}, {"loss": "triplet"}, {"hard_negatives": 4}])
def test_every_loss_learns_the_themes(change):
    assert theme_share(fitted(parameters=SMALL.model_copy(update=change))) > 0.9


def launches() -> Dataset:
    """Four themes of twelve items, a new one every week; the last item of each theme is not launched yet."""
    rng = np.random.default_rng(0)
    items, week = 48, np.maximum(np.arange(48) % 12 - 4, 0)
    events = []
    for user, visit in np.ndindex(60, 7):
        launched = [item for item in range(user % 4 * 12, user % 4 * 12 + 11) if week[item] <= visit]
        day = 7 * visit + 6.9 * rng.random()
        events += [shop.Event(user, int(item), day, user * 7 + visit) for item in rng.choice(launched, 4, False)]
    theme = [f"thema{item // 12}" for item in range(items)]
    products = shop.catalogue(items).assign(text=theme, category=theme, category_path=None, brand=None)
    return shop.dataset_of(shop.log_of(events, 60, items), products)


def test_a_new_item_is_found_by_its_content_on_its_first_day():
    dataset, moment = launches(), shop.to_micros(shop.START) + 49 * shop.DAY
    model = TwoTower.fit(shop.training(dataset, moment), SMALL.model_copy(update={"epochs": 15, "batch_size": 32}))
    scores = model.score(shop.requests(dataset, moment=moment))
    new = np.arange(60) % 4 * 12 + 11  # of each user's own theme
    before = (scores > scores[np.arange(60), new][:, None]).sum(1)
    assert before.mean() < 13  # behind the eleven known items of the theme, before the other themes


def test_it_says_what_it_reads(model):
    assert shop.moving_fields(model, REQUESTS) == set(model.inputs)


def test_vectors_are_of_length_one_and_score_as_their_product(model):
    users, items = model.user_vectors(REQUESTS), model.item_vectors
    assert users.shape == (len(REQUESTS), 16)
    assert items.shape == (shop.ITEMS, 16)
    assert users.dtype == items.dtype == np.float32
    for vectors in (users, items):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.score(REQUESTS), users @ items.T)


def test_the_same_seed_gives_the_same_model_and_another_one_another():
    one, again, other = (fitted(parameters=QUICK, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.item_vectors, again.item_vectors)
    assert one.curves["training_loss"] == again.curves["training_loss"]
    assert not np.allclose(one.item_vectors, other.item_vectors)


def test_what_is_loaded_scores_as_what_was_saved(model, tmp_path):
    model.save(tmp_path)
    loaded = TwoTower.load(tmp_path)
    assert loaded.parameters == model.parameters
    np.testing.assert_array_equal(loaded.score(REQUESTS), model.score(REQUESTS))
    earlier = shop.state(DATASET, shop.NOW - 14 * shop.DAY)
    np.testing.assert_array_equal(loaded.refresh(earlier).item_vectors, model.refresh(earlier).item_vectors)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npz", ".safetensors"}


def test_refreshing_depends_on_the_state_alone(model):
    now, before = shop.state(DATASET), shop.state(DATASET, shop.NOW - 14 * shop.DAY)
    once = model.refresh(before)
    assert not np.allclose(once.item_vectors, model.item_vectors)
    np.testing.assert_array_equal(once.refresh(now).item_vectors, model.refresh(now).item_vectors)


def test_a_batch_scores_as_its_requests_one_by_one(model):
    together = model.score(REQUESTS)
    for row in range(0, len(REQUESTS), 7):
        alone = model.score(REQUESTS.take(np.array([row])))[0]
        np.testing.assert_allclose(alone, together[row], rtol=1e-4, atol=1e-5)


def test_later_events_move_nothing():
    moment = shop.NOW - 20 * shop.DAY
    known = shop.dataset_of(DATASET.log.before(moment))
    models = [TwoTower.fit(replace(shop.training(one, moment), validation=known), QUICK) for one in (DATASET, known)]
    np.testing.assert_array_equal(models[0].item_vectors, models[1].item_vectors)


def test_nobody_known_gets_an_answer_of_the_right_shape(model):
    for asked in (shop.without_history(shop.requests(DATASET, [0, -1])), shop.requests(DATASET, [-1, -1])):
        scores = model.score(asked)
        assert scores.shape == (2, shop.ITEMS)
        assert np.isfinite(scores).all()
    assert model.score(REQUESTS.take(np.arange(0))).shape == (0, shop.ITEMS)


def test_a_place_that_opened_since_the_training_counts_as_an_unknown_one(model):
    opened, unknown = (replace(REQUESTS, place=np.full(len(REQUESTS), place, np.int32)) for place in (99, -1))
    np.testing.assert_array_equal(model.score(opened), model.score(unknown))


def test_a_session_without_history_is_read(model):
    """An anonymous basket of theme 2 finds the rest of theme 2."""
    session = Ragged(np.array([0, 3]), np.array([12, 13, 14], np.int32))
    asked = shop.without_history(shop.requests(DATASET, [-1])).with_session(session)
    best = top_k(model.score(asked), 3, exclude=session).item[0]
    assert set(best // shop.SIZE) == {2}


def test_a_catalogue_of_one_item_without_content():
    products = shop.catalogue(1)[["item_id"]].assign(category=None)
    log = shop.log_of([shop.Event(user, 0, 1.0 + user, user) for user in range(3)], 3, 1)
    dataset = shop.dataset_of(log, products)
    assert fitted(dataset, QUICK).score(shop.requests(dataset)).shape == (3, 1)


def test_a_log_without_anything_to_learn_is_refused():
    dataset = shop.dataset_of(shop.log_of([], 1, shop.ITEMS))
    with pytest.raises(BadInput, match="nothing to learn from"):
        fitted(dataset, QUICK)


def clicks() -> Dataset:
    """Anonymous sessions over a ring of twelve items: each click leads to the next item."""
    events = [
        shop.Event(user, (user + step) % 12, user / 9 + step / 1e4, user, -1, 0.1)
        for user in range(260) for step in range(2 + user % 4)
    ]  # fmt: skip
    products = shop.catalogue(12).assign(text=None, category_path=None, category=None, brand=None)
    dataset = shop.dataset_of(shop.log_of(events, 260, 12), products)
    protocol = Protocol(unit="session", cadence_days=1, test_cadences=2, ranker_cadences=2)
    windows = type(dataset.windows).of(shop.START + timedelta(days=29), protocol)
    return replace(dataset, domain=dataset.domain.model_copy(update={"protocol": protocol}), windows=windows)


def test_sessions_learn_which_item_comes_next():
    dataset = clicks()
    data = shop.training(dataset, shop.to_micros(dataset.windows.t1))
    model = TwoTower.fit(data, SMALL.model_copy(update={"epochs": 10, "patience": 2, "batch_size": 64}))
    cases = cases_in(data.validation, dataset.windows.t2, dataset.windows.t3)[0]
    best = top_k(model.score(cases.requests), 1, exclude=cases.requests.session).item[:, 0]
    assert (best == cases.labels.values).mean() > 0.6
    # All of the twelve items are among the best hundred from the first epoch on: there is nothing to improve.
    assert model.curves["validation_recall@100"] == [1.0] * 3
    assert len(model.curves["training_loss"]) == 3
