"""What models read is known by name and proved by what they do."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from blind_models import assert_blind
from hypothesis import given
from hypothesis import strategies as st
from little_shop import Event, Snapshots, dataset_of

from ml.data.arrays import Floats, Ragged
from ml.data.dataset import requests_for
from ml.data.facts import FactTable
from ml.data.requests import Requests
from ml.domains import get_domain
from ml.domains.facts import Fact
from ml.evaluation.fairness.inputs import input_matrix, inputs_by_model, is_encoding_of, protected_inputs
from ml.ranking.frame import Frame
from ml.ranking.recommender import Recommender

USERS, ITEMS = 12, 6
FACTS = {
    "sex": Fact(kind="category", description="as registered", protected=True),
    "income": Fact(kind="number", description="a year"),
}
EVENTS = [
    Event(user, (user + step) % ITEMS, -20.0 + step, user * 3 + step) for user in range(USERS) for step in range(3)
]


@dataclass(frozen=True)
class Blind:
    """Scores by the history alone."""

    name: str = "blind"
    inputs: tuple[str, ...] = ("history",)

    def score(self, requests: Requests) -> Floats:
        return np.tile(requests.history.items.lengths[:, None] - np.arange(ITEMS, dtype=np.float32), 1).astype(
            np.float32
        )


@dataclass(frozen=True)
class Biased(Blind):
    """Reads a fact for some items, whatever it says that it reads."""

    fact: str = "sex"
    guarded_too: bool = True
    weight: float = 0.1

    def score(self, requests: Requests) -> Floats:
        scores = super().score(requests)
        places = slice(None) if self.guarded_too else slice(3, None)
        scores[:, places] += np.nan_to_num(requests.facts.column(self.fact))[:, None] * np.float32(self.weight)
        return scores


class ByItem(Biased):
    """Says so."""

    def inputs_of(self, item: int) -> tuple[str, ...]:
        return ("history",) if item < 3 else ("history", "sex")


@dataclass(frozen=True)
class FirstScore:
    """A ranker that hands on what the first retriever says."""

    features: tuple[str, ...]

    def predict(self, frame: Frame) -> Floats:
        return frame.select(self.features)[:, 0]


def recommender(model: Blind, features: tuple[str, ...] | None = None) -> Recommender:
    return Recommender(
        {model.name: model}, FirstScore(features or (f"{model.name}_score",)), {model.name: ITEMS}, ITEMS
    )


@pytest.fixture(scope="module")
def dataset():
    found = dataset_of(EVENTS, USERS, ITEMS)
    domain = found.domain.model_copy(update={"user_facts": FACTS, "guarded_categories": ("credit",)})
    category = pd.Series(["credit"] * 3 + ["savings"] * 3)
    return replace(found, domain=domain, catalogue=found.catalogue.assign(category=category))


@pytest.fixture(scope="module")
def asked(dataset):
    now = int(dataset.log.at.max()) + 1
    requests = requests_for(dataset.log, np.arange(USERS, dtype=np.int32), np.full(USERS, now))
    values = np.column_stack([np.arange(USERS) % 2, np.arange(USERS) * 100]).astype(np.float32)
    return replace(requests, facts=FactTable(FACTS, values, {"sex": np.array(["f", "m"], object)}))


def check(model: Blind, asked: Requests, dataset, **features) -> None:
    assert_blind(recommender(model, **features), asked, Snapshots(ITEMS).at(0), dataset)


def test_a_recommender_without_protected_facts_is_blind(asked, dataset):
    check(Blind(), asked, dataset)


def test_an_unprotected_fact_may_be_read(asked, dataset):
    check(Biased(fact="income", inputs=("history", "income")), asked, dataset)


def test_a_model_that_says_that_it_reads_a_protected_fact_is_found(asked, dataset):
    with pytest.raises(AssertionError, match="sex=f"):
        check(Blind(inputs=("history", "sex=f")), asked, dataset)


def test_a_model_that_reads_one_and_does_not_say_so_is_found_by_what_it_does(asked, dataset):
    with pytest.raises(AssertionError, match="biased reads sex"):
        check(Biased(name="biased"), asked, dataset)


def test_a_ranker_that_reads_an_encoding_is_found(asked, dataset):
    with pytest.raises(AssertionError, match="user_sex_m"):
        check(Blind(), asked, dataset, features=("blind_score", "user_sex_m"))


def test_a_model_may_read_one_for_other_items(asked, dataset):
    model = ByItem(name="by_item", inputs=("history", "sex"), guarded_too=False)
    check(model, asked, dataset)
    read = inputs_by_model(recommender(model), np.array([3, 4], np.int32))
    assert protected_inputs(read, dataset.domain) == {"by_item": ["sex"]}


def test_the_rank_of_a_guarded_item_gives_away_what_was_read_for_the_others(asked, dataset):
    """Other items that move past a guarded one change its rank, which a ranker may read."""
    model = ByItem(name="by_item", inputs=("history", "sex"), guarded_too=False, weight=100)
    with pytest.raises(AssertionError, match="the recommender reads sex"):
        check(model, asked, dataset, features=("by_item_rank",))


@pytest.mark.parametrize("name", ["sex", "Sex", "user_sex", "sex=f", "sex_is_known", "facts.sex", "one-hot sex 2"])
def test_an_encoding_is_known_by_its_name(name):
    assert is_encoding_of(name, "sex")


@pytest.mark.parametrize("name", ["sextile", "history", "unisex", "", "user_purchases"])
def test_other_names_are_other_inputs(name):
    assert not is_encoding_of(name, "sex")


def test_a_fact_of_several_words_is_all_of_them_side_by_side():
    assert is_encoding_of("user_country_of_birth=es", "country_of_birth")
    assert not is_encoding_of("birth_of_country", "country_of_birth")
    assert not is_encoding_of("country", "country_of_birth")


@given(
    st.from_regex(r"[a-z]{1,8}(_[a-z]{1,8}){0,2}", fullmatch=True), st.sampled_from(["{}", "user_{}", "{}=x", "A.{}.1"])
)
def test_whatever_is_put_around_a_fact_it_is_found(fact, around):
    assert is_encoding_of(around.format(fact), fact)


def test_the_matrix_holds_what_the_ranker_the_retrievers_and_the_facts_say(asked, dataset):
    guarded = np.arange(ITEMS) < 3
    matrix = input_matrix(recommender(Blind()), asked, Snapshots(ITEMS).at(0), guarded, ("income",))
    # The mean score 3 - (0 + 1 + 2) / 3 of the guarded items, six counts of the history, the income.
    assert matrix.shape == (USERS, 1 + ITEMS + 1)
    assert matrix[:, 0].tolist() == [2.0] * USERS
    assert (matrix[:, 1:-1].sum(axis=1) == 3).all()
    assert matrix[:, -1].tolist() == [100.0 * user for user in range(USERS)]


def test_who_is_offered_no_guarded_item_has_no_ranker_inputs(asked, dataset):
    barred = Ragged.from_pairs(np.repeat(np.arange(USERS), 3), np.tile(np.arange(3, dtype=np.int32), USERS), USERS)
    matrix = input_matrix(
        recommender(Blind()), replace(asked, barred=barred), Snapshots(ITEMS).at(0), np.arange(ITEMS) < 3, ()
    )
    assert np.isnan(matrix[:, 0]).all()


def test_features_of_events_and_facts_of_items_are_no_facts_of_people():
    read = {"ranker": ("user_age_days", "item_age_days", "item_fact_minimum_age", "user_fact_age")}
    assert protected_inputs(read, get_domain("banking")) == {"ranker": ["user_fact_age"]}
