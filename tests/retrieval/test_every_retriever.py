"""What every registered retriever keeps to, whatever it learns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import planted_shop as shop
import pytest

from ml.data.requests import Requests
from ml.data.vocabulary import Vocabulary
from ml.errors import BadInput
from ml.retrieval import RETRIEVERS, Retriever, get_retriever, top_k

# These refuse a shop that nothing can be learned from, and have suites of their own.
NAMES = [name for name in RETRIEVERS if name not in {"two_tower", "attribute_towers"}]
WITHHELD_COMES_FIRST = ["item_to_item", "basket", "tifu_knn", "als", "content"]

DATASET = shop.planted()
REQUESTS = shop.requests(DATASET)


def fitted(name: str, dataset=DATASET, moment: int = shop.NOW, seed: int = 1) -> Retriever:
    kind = get_retriever(name)
    return kind.fit(shop.training(dataset, moment, seed), shop.parameters_of(kind))


@pytest.fixture(scope="module")
def models() -> dict[str, Retriever]:
    return {name: fitted(name) for name in NAMES}


def check_shape(scores: np.ndarray, asked: Requests, items: int) -> None:
    assert scores.shape == (len(asked), items)
    assert scores.dtype == np.float32
    assert not np.isnan(scores).any()
    assert not np.isposinf(scores).any()


@pytest.mark.parametrize("name", NAMES)
def test_a_retriever_knows_its_name_and_describes_its_parameters(name):
    kind = get_retriever(name)
    assert kind.name == name
    for field in kind.Parameters.model_fields.values():
        assert field.description or hasattr(field.annotation, "model_fields")


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(BadInput, match="popularity"):
        get_retriever("oracle")


@pytest.mark.parametrize("name", WITHHELD_COMES_FIRST)
def test_the_withheld_item_of_the_theme_comes_first(name, models):
    best = top_k(models[name].score(REQUESTS), 1, exclude=REQUESTS.history.items).item
    # User (t, j) never took the j-th item of theme t, and the users and items are numbered alike.
    assert best[:, 0].tolist() == list(range(shop.ITEMS))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_loaded_scores_as_what_was_saved(name, models, tmp_path):
    models[name].save(tmp_path)
    loaded = get_retriever(name).load(tmp_path)
    assert type(loaded) is type(models[name])
    np.testing.assert_array_equal(loaded.score(REQUESTS), models[name].score(REQUESTS))
    refreshed = [model.refresh(shop.state(DATASET, shop.NOW - 7 * shop.DAY)) for model in (loaded, models[name])]
    np.testing.assert_array_equal(refreshed[0].score(REQUESTS), refreshed[1].score(REQUESTS))
    assert not [path for path in Path(tmp_path).rglob("*") if path.suffix in {".pkl", ".joblib"}]


@pytest.mark.parametrize("name", NAMES)
def test_refreshing_depends_on_the_state_alone(name, models):
    now, before = shop.state(DATASET), shop.state(DATASET, shop.NOW - 14 * shop.DAY)
    once = models[name].refresh(now)
    for again in (once.refresh(now), models[name].refresh(before).refresh(now)):
        np.testing.assert_array_equal(again.score(REQUESTS), once.score(REQUESTS))


@pytest.mark.parametrize("name", NAMES)
def test_a_place_that_opened_since_the_training_is_served(name, models):
    places = Vocabulary(np.array([*DATASET.places.ids, "west"], object))
    opened = replace(REQUESTS, place=np.full(len(REQUESTS), len(DATASET.places), np.int32))
    model = models[name].refresh(shop.state(replace(DATASET, places=places)))
    check_shape(model.score(opened), opened, len(DATASET.items))


@pytest.mark.parametrize("name", NAMES)
def test_scoring_changes_neither_the_model_nor_the_requests(name, models):
    first = models[name].score(REQUESTS)
    kept = first.copy()
    second = models[name].score(REQUESTS)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_scores_as_its_requests_one_by_one(name, models):
    together = models[name].score(REQUESTS)
    for row in range(0, len(REQUESTS), 5):
        alone = models[name].score(REQUESTS.take(np.array([row])))[0]
        np.testing.assert_allclose(alone, together[row], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_scores(name, models):
    np.testing.assert_array_equal(fitted(name).score(REQUESTS), models[name].score(REQUESTS))


@pytest.mark.parametrize("name", NAMES)
def test_later_events_move_no_score(name):
    """Point in time: a log that goes on differently after the cut-off gives the same model."""
    moment = shop.NOW - 20 * shop.DAY
    rng = np.random.default_rng(0)
    later = [
        shop.Event(int(rng.integers(24)), int(rng.integers(shop.ITEMS)), rng.uniform(20, 29), 1000 + n)
        for n in range(200)
    ]
    scores = []
    for dataset in (DATASET, shop.dataset_of(shop.log_of([*shop.planted_events(), *later], 24, shop.ITEMS))):
        asked = shop.requests(dataset, moment=moment)
        model = fitted(name, dataset, moment)
        scores += [model.score(asked), model.refresh(shop.state(dataset, moment)).score(asked)]
    for other in scores[1:]:
        np.testing.assert_array_equal(other, scores[0])


@pytest.mark.parametrize("name", NAMES)
def test_users_without_a_past_get_scores_of_the_right_shape(name, models):
    nobody = shop.without_history(shop.requests(DATASET, [0, 1]))
    unknown = shop.requests(DATASET, [-1, -1])
    for asked in (nobody, unknown, REQUESTS.take(np.arange(0)), shop.without_history(REQUESTS).take(np.arange(0))):
        check_shape(models[name].score(asked), asked, shop.ITEMS)


@pytest.mark.parametrize("name", NAMES)
def test_a_held_out_user_is_served_from_the_history_alone(name):
    """The number of a user who was not in the log at fitting says nothing: the history does."""
    kept = shop.dataset_of(DATASET.log.where(DATASET.log.user != 3))
    asked = shop.requests(DATASET, [3])
    check_shape(fitted(name, kept).score(asked), asked, shop.ITEMS)
    if name in WITHHELD_COMES_FIRST:
        best = top_k(fitted(name, kept).score(asked), 1, exclude=asked.history.items).item
        assert best[0, 0] == 3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sold", [True, False])
def test_a_catalogue_of_one_item(name, sold):
    events = [shop.Event(user, 0, 1.0 + user, user) for user in range(3)] if sold else []
    dataset = shop.dataset_of(shop.log_of(events, 3, 1))
    model, asked = fitted(name, dataset), shop.requests(dataset)
    check_shape(model.score(asked), asked, 1)
    check_shape(model.refresh(shop.state(dataset)).score(asked), asked, 1)


@pytest.mark.parametrize("name", NAMES)
def test_anonymous_sessions_are_users_like_any_other(name):
    """Clicks only: every session is a user of its own, without a place, and the words of the catalogue are missing."""
    rng = np.random.default_rng(0)
    clicks = [
        shop.Event(user, int(user % 3 * 4 + rng.integers(4)), user / 50 + step / 1e4, user, -1, 0.1)
        for user in range(90) for step in range(1 + user % 4)
    ]  # fmt: skip
    products = shop.catalogue(12).assign(text=None, category_path=None, category=None, brand=None)
    dataset = shop.dataset_of(shop.log_of(clicks, 90, 12), products)
    asked = shop.requests(dataset)
    scores = fitted(name, dataset).score(asked)
    check_shape(scores, asked, 12)
    if name in {"basket", "item_to_item"}:
        assert (top_k(scores, 1, exclude=asked.session).item[asked.session.lengths > 1] // 4 >= 0).any()


@pytest.mark.parametrize("name", NAMES)
def test_a_retriever_says_what_it_reads(name, models):
    """What is not among its inputs moves no score, and something that is does; one reads nothing but facts."""
    moving = shop.moving_fields(models[name], REQUESTS)
    assert bool(moving) == (name != "segment_popularity")
    assert moving <= set(models[name].inputs)
