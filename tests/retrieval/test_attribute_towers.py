"""Towers over attributes learn planted structure from facts alone, and keep to the retrievers' contract."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import planted_shop as shop
import pytest
import torch

from ml.data.arrays import Ragged
from ml.data.dataset import Dataset
from ml.data.facts import FactTable, UserStates
from ml.data.holdings import Holdings
from ml.data.knowledge import Knowledge
from ml.data.requests import Requests
from ml.domains.facts import Fact
from ml.errors import BadInput
from ml.retrieval import get_retriever, top_k
from ml.retrieval.attribute_towers import AttributeTowers, AttributeTowersParameters
from ml.retrieval.attribute_towers.examples import Examples, examples_of, item_table
from ml.retrieval.attribute_towers.network import Norm
from ml.retrieval.two_tower.sampling import Batch

SMALL = AttributeTowersParameters(
    embedding_size=8, hidden_size=16, layers=1, uniform_negatives=12, batch_size=16, epochs=30, learning_rate=0.02,
    dropout=0, fact_dropout=0, device="cpu",
)  # fmt: skip
QUICK = SMALL.model_copy(update={"epochs": 2})
USER_FACTS = {
    "segment": Fact(kind="category", description="Theme of the user."),
    "visits": Fact(kind="number", description="Says nothing."),
    "sex": Fact(kind="flag", description="Protected.", protected=True),
    "note": Fact(kind="number", description="For rules alone.", for_models=False),
}
ITEM_FACTS = {"size": Fact(kind="number", description="Centimetres.")}


def user_table(users: int = shop.ITEMS) -> FactTable:
    """Every user's segment is the theme that they take; the first user's visits are not known."""
    theme = np.arange(users) // shop.SIZE
    visits = np.where(np.arange(users) == 0, np.nan, 3.0)
    columns = [theme, visits, np.arange(users) % 2, theme]
    texts = np.array([f"segment {theme}" for theme in range(shop.THEMES)], object)
    return FactTable(USER_FACTS, np.stack(columns, axis=1).astype(np.float32), {"segment": texts})


def known(guarded: tuple[str, ...] = (), dataset: Dataset | None = None) -> Dataset:
    """The planted shop, whose users and items have facts; everybody has the first item of their theme."""
    plain = dataset or shop.planted()
    users = np.arange(shop.ITEMS, dtype=np.int32)
    since = np.zeros(shop.ITEMS, np.int64)
    held = Holdings(users, users // shop.SIZE * shop.SIZE, since, np.full(shop.ITEMS, np.iinfo(np.int64).max))
    changed = {"user_facts": USER_FACTS, "item_facts": ITEM_FACTS, "guarded_categories": guarded}
    sizes = (np.arange(shop.ITEMS) % shop.SIZE).astype(np.float32)[:, None]
    return replace(
        plain, domain=plain.domain.model_copy(update=changed), item_facts=FactTable(ITEM_FACTS, sizes, {}),
        knowledge=Knowledge(UserStates(users, since, user_table()), held, "mixed"),
    )  # fmt: skip


DATASET = known()


def asked(dataset: Dataset = DATASET, users: list[int] | None = None) -> Requests:
    return dataset.told(shop.requests(dataset, users))


def nobody() -> Requests:
    """As many strangers as there are users."""
    return shop.without_history(shop.requests(DATASET, [-1] * shop.ITEMS))


def fitted(dataset: Dataset = DATASET, parameters: AttributeTowersParameters = SMALL, seed: int = 1) -> AttributeTowers:
    return AttributeTowers.fit(shop.training(dataset, seed=seed), parameters)


@pytest.fixture(scope="module")
def model() -> AttributeTowers:
    return fitted()


def theme_share(scores: np.ndarray) -> float:
    """Share of the best items that are of the user's own theme; guessing gives a quarter."""
    best = top_k(scores, shop.SIZE).item
    return float((best // shop.SIZE == np.arange(len(best))[:, None] // shop.SIZE).mean())


def test_it_is_registered_without_importing_torch():
    assert get_retriever("attribute_towers") is AttributeTowers
    look_up = "import sys; from ml.retrieval import get_retriever as get; get('attribute_towers'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look_up], check=False).returncode == 0


@pytest.mark.parametrize("change", [{}, {"loss": "contrastive"}, {"loss": "triplet"}, {"hard_negatives": 4}])
def test_every_loss_learns_the_themes(change):
    trained = fitted(parameters=SMALL.model_copy(update=change))
    assert theme_share(trained.score(asked())) > 0.9
    assert len(trained.curve) == SMALL.epochs
    assert trained.curve[-1] < trained.curve[0]


def test_a_user_who_never_occurred_is_known_by_facts():
    dataset = known()
    nothing_held = replace(dataset, knowledge=replace(dataset.knowledge, holdings=Holdings.none()))
    strangers = replace(nobody(), facts=user_table())
    assert theme_share(fitted(nothing_held).score(strangers)) > 0.9


def test_a_user_of_whom_no_fact_is_known_is_known_by_what_they_have():
    first = (np.arange(shop.ITEMS) // shop.SIZE * shop.SIZE).astype(np.int32)
    having = replace(nobody(), held=Ragged(np.arange(shop.ITEMS + 1), first))
    trained = fitted(parameters=SMALL.model_copy(update={"fact_dropout": 0.3}))
    assert theme_share(trained.score(having)) > 0.9


def test_an_item_that_never_occurred_is_found_by_its_facts():
    log = DATASET.log
    unsold = np.arange(5, shop.ITEMS, shop.SIZE)  # the last item of every theme
    trained = fitted(known(dataset=shop.dataset_of(log.where(~np.isin(log.item, unsold)))))
    scores = trained.score(asked())
    own = scores[np.arange(shop.ITEMS), np.repeat(unsold, shop.SIZE)]
    assert ((scores > own[:, None]).sum(axis=1) < shop.SIZE).mean() > 0.9


def test_nothing_known_at_all_still_gives_an_answer(model):
    for users in ([-1, -1], []):
        scores = model.score(shop.without_history(shop.requests(DATASET, users)))
        assert scores.shape == (len(users), shop.ITEMS)
        assert np.isfinite(scores).all()


def test_a_request_alone_scores_as_it_does_in_a_batch(model):
    requests = asked()
    together = model.score(requests)
    for row in range(len(requests)):
        alone = model.score(requests.take(np.array([row])))[0]
        np.testing.assert_allclose(alone, together[row], rtol=1e-4, atol=1e-6)


def test_scoring_does_not_move_the_batch_statistics(model):
    before = {name: value.clone() for name, value in model.towers.network.state_dict().items()}
    model.towers.network.train()  # as a careless caller may leave it
    model.score(asked())
    for name, value in model.towers.network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_row_alone_is_normalised_by_what_was_seen():
    norm = Norm(3).train()
    norm(torch.randn(50, 3) * 2 + 1)
    alone = torch.ones(1, 3)
    torch.testing.assert_close(norm(alone), norm.eval()(alone))


def test_protected_facts_are_no_input_where_an_item_is_guarded():
    assert set(fitted(parameters=QUICK).towers.users.facts) == {"segment", "visits", "sex"}
    guarded = fitted(known(guarded=("loans",)), QUICK)
    assert set(guarded.towers.users.facts) == {"segment", "visits"}
    assert set(guarded.inputs) == {"held", "segment", "visits"}
    requests = asked()
    values = requests.facts.values.copy()
    values[:, list(requests.facts.facts).index("sex")] = 1 - values[:, list(requests.facts.facts).index("sex")]
    other = replace(requests, facts=replace(requests.facts, values=values))
    np.testing.assert_array_equal(guarded.score(other), guarded.score(requests))


def test_it_names_what_it_reads_and_nothing_else_moves_a_score(model):
    assert model.inputs == ("held", "segment", "visits", "sex")
    requests = asked()
    moved = replace(shop.without_history(requests), moment=requests.moment + shop.DAY, place=requests.place + 1)
    np.testing.assert_array_equal(model.score(moved), model.score(requests))
    assert not np.allclose(model.score(replace(requests, held=None)), model.score(requests))


def test_vectors_are_of_length_one_and_score_as_their_product(model):
    users, items = model.user_vectors(asked()), model.item_vectors
    assert users.shape == (shop.ITEMS, 8)
    for vectors in (users, items):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.score(asked()), users @ items.T)


def test_what_is_loaded_scores_as_what_was_saved(model, tmp_path):
    model.save(tmp_path)
    loaded = AttributeTowers.load(tmp_path)
    assert (loaded.parameters, loaded.curve) == (model.parameters, model.curve)
    np.testing.assert_array_equal(loaded.score(asked()), model.score(asked()))
    again = loaded.refresh(shop.state(DATASET))
    np.testing.assert_array_equal(again.item_vectors, model.item_vectors)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npz", ".safetensors"}


def test_refreshing_takes_the_facts_of_the_state(model):
    larger = replace(DATASET, item_facts=FactTable(ITEM_FACTS, DATASET.item_facts.values + 1, {}))
    moved = model.refresh(shop.state(larger))
    assert not np.allclose(moved.item_vectors, model.item_vectors)
    np.testing.assert_array_equal(moved.refresh(shop.state(DATASET)).item_vectors, model.item_vectors)


def test_the_same_seed_gives_the_same_model_and_another_one_another():
    one, again, other = (fitted(parameters=QUICK, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.item_vectors, again.item_vectors)
    assert not np.allclose(one.item_vectors, other.item_vectors)


def test_a_batch_of_one_request_and_a_catalogue_of_one_item_are_learned_from():
    log = shop.log_of([shop.Event(user, 0, 1.0 + 8 * user, user) for user in range(3)], 3, 1)
    model = fitted(shop.dataset_of(log, shop.catalogue(1)), QUICK)
    assert model.score(shop.requests(shop.dataset_of(log, shop.catalogue(1)))).shape == (3, 1)


def test_the_examples_are_what_was_known_at_the_start_of_each_cadence():
    examples = examples_of(shop.training(DATASET).dataset)
    assert len(examples) == 2 * shop.ITEMS  # the first visit lies in a cadence that the log does not hold whole
    assert examples.period.tolist() == [0] * shop.ITEMS + [1] * shop.ITEMS
    assert examples.held.lengths.tolist() == [1] * len(examples)
    assert set(examples.users.facts) == {"segment", "visits", "sex"}
    assert set(examples.positives[0]) == set(range(1, shop.SIZE))
    assert set(examples.items.facts) == {"size", "category"}


def test_an_item_that_the_slate_is_not_for_is_no_negative():
    nothing, two = Ragged.empty(2), FactTable.none()
    barred = Ragged(np.array([0, 2, 3]), np.array([4, 9, 7], np.int32))
    examples = Examples(two, nothing, two, nothing, barred, np.zeros(2, np.int32))
    none = np.zeros(0, np.int64)
    batch = Batch(np.array([1, 0]), 0, none, none, none.astype(bool), np.array([4, 7, 8], np.int32), (none, none))
    row, column = examples.without_barred(batch).hits
    assert list(zip(row.tolist(), column.tolist(), strict=True)) == [(0, 1), (1, 0)]  # item 9 is no candidate


def test_a_log_without_anything_to_learn_is_refused():
    with pytest.raises(BadInput, match="nothing to learn from"):
        fitted(known(dataset=shop.dataset_of(shop.log_of([], 1, shop.ITEMS))), QUICK)


def test_items_without_a_fact_or_category_are_refused():
    products = shop.catalogue(shop.ITEMS).assign(category=None)
    with pytest.raises(BadInput, match="no item has a fact or a category"):
        item_table(shop.dataset_of(DATASET.log, products))
