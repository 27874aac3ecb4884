"""Who is asked, what they are shown, and what they then take."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from little_shop import DAY, TEST, Event, Scorer, Snapshots, dataset_of

from ml.data.arrays import Ragged
from ml.data.facts import FactTable, UserStates
from ml.data.knowledge import Knowledge
from ml.data.windows import to_micros
from ml.domains.eligibility import Eligibility
from ml.domains.eligibility_rules import Flag
from ml.domains.facts import Fact
from ml.evaluation.fairness.treatment import Treatment, everybody, guarded_items, treated
from ml.ranking.frame import Frame
from ml.ranking.recommender import Recommender

USERS, ITEMS, NOW = 5, 6, to_micros(TEST)
FACTS = {"member": Fact(kind="flag", description="of the club", protected=True)}
# Item 0 goes first, and the catalogue scores fall with the number; guarded are 1 and 4.
EVENTS = [
    Event(0, 1, -3.0, 0), Event(1, 2, -2.0, 1), Event(0, 4, 0.0, 2), Event(1, 1, 6.9, 3), Event(1, 1, 7.0, 4),
    Event(2, 4, 7.0, 5), Event(3, 4, 1.0, 6), Event(1, 4, 2.0, 7, target=False),
]  # fmt: skip


class ByScore:
    features = ("plain_score",)

    def predict(self, frame: Frame) -> np.ndarray:
        return frame.select(self.features)[:, 0]


@pytest.fixture
def dataset():
    found = dataset_of(EVENTS, USERS, ITEMS)
    known = UserStates(
        np.array([3], np.int32), np.array([NOW - DAY]), FactTable(FACTS, np.ones((1, 1), np.float32), {})
    )
    domain = found.domain.model_copy(update={"guarded_categories": ("credit",), "user_facts": FACTS, "slate_size": 2})
    category = pd.Series(["x", "credit", "x", "x", "credit", None])
    knowledge = replace(found.knowledge, facts=known)
    return replace(found, domain=domain, catalogue=found.catalogue.assign(category=category), knowledge=knowledge)


def everyone(dataset, most: int = 100):
    return everybody(dataset, NOW, most, 0)


def as_ranked(requests, ranked, k):
    return ranked.item[:, :k]


def treat(dataset, requests, arrange=as_ranked, quota=ITEMS) -> Treatment:
    model = Recommender({"plain": Scorer("plain", ITEMS)}, ByScore(), {"plain": quota}, ITEMS)
    return treated(model, requests, Snapshots(ITEMS).at(NOW), dataset, NOW + 7 * DAY, arrange)


def test_everybody_who_is_known_is_asked_whether_by_events_or_by_facts(dataset):
    requests = everyone(dataset)
    assert requests.user.tolist() == [0, 1, 3]
    assert requests.history.items.lengths.tolist() == [1, 1, 0]
    np.testing.assert_array_equal(requests.facts.column("member"), [np.nan, np.nan, 1])


def test_of_too_many_some_are_drawn_the_same_ones_each_time(dataset):
    first, again = everyone(dataset, 2), everyone(dataset, 2)
    assert len(first) == 2
    assert set(first.user.tolist()) <= {0, 1, 3}
    np.testing.assert_array_equal(first.user, again.user)


def test_nobody_is_known_before_the_first_event(dataset):
    assert len(everybody(dataset, NOW - 30 * DAY, 9, 0)) == 0


def test_slates_scores_and_what_was_taken_of_the_guarded_items(dataset):
    found = treat(dataset, everyone(dataset))
    assert guarded_items(dataset).tolist() == [1, 4]
    assert found.shown.tolist() == [2, 2, 2]
    assert found.guarded.tolist() == [1, 1, 1]  # items 0 and 1
    assert found.score.tolist() == [[-1.0, -4.0]] * 3
    # User 0 takes item 4 at the very beginning, user 1 item 1 in time and looks at item 4, user 3 takes item 4.
    assert found.taken.tolist() == [[False, True], [True, False], [False, True]]
    assert found.open.all()
    assert found.allowed.all()


def test_the_slates_that_are_shown_stand_beside_the_recommenders_own(dataset):
    found = treat(dataset, everyone(dataset), lambda requests, ranked, k: ranked.item[:, ::-1][:, :1])
    assert (found.ranked.tolist(), found.ranked_guarded.tolist()) == ([2, 2, 2], [1, 1, 1])
    assert (found.shown.tolist(), found.guarded.tolist()) == ([1, 1, 1], [0, 0, 0])  # item 5 alone


def test_what_the_rules_forbid_is_open_and_not_allowed(dataset):
    rule = Flag(
        id="members", fact="member", equals=True, categories=("credit",),
        for_customer="for members only", for_auditor="not a member of the club",
    )  # fmt: skip
    rules = Eligibility(rules=(rule,), categories=("credit", "x"))
    ruled = replace(dataset, domain=dataset.domain.model_copy(update={"eligibility": rules}))
    found = treat(ruled, everyone(ruled))
    assert found.open.all()
    assert found.allowed.tolist() == [[False, False], [False, False], [True, True]]  # of others it is not known


def test_what_a_user_has_is_neither_shown_nor_open(dataset):
    requests = everyone(dataset)
    barred = Ragged.from_pairs(np.array([0, 0, 2]), np.array([1, 0, 4], np.int32), 3)
    found = treat(dataset, replace(requests, barred=barred))
    assert found.open.tolist() == [[False, True], [True, True], [True, False]]
    assert found.guarded.tolist() == [0, 1, 1]
    assert found.score[0, 0] == -np.inf


def test_a_guarded_item_that_no_retriever_finds_has_no_score(dataset):
    found = treat(dataset, everyone(dataset), quota=2)
    assert found.score[:, 1].tolist() == [-np.inf] * 3


def test_instants_are_joined_and_there_must_be_one(dataset):
    one = treat(dataset, everyone(dataset))
    both = Treatment.joined([one, one])
    assert len(both) == 6
    np.testing.assert_array_equal(both.facts.values, np.concatenate([one.facts.values] * 2))
    with pytest.raises(ValueError, match="no instant"):
        Treatment.joined([])


def test_a_domain_without_guarded_items_has_columns_of_none(dataset):
    bare = replace(dataset, domain=dataset.domain.model_copy(update={"guarded_categories": ()}))
    found = treat(bare, everyone(bare))
    assert found.score.shape == (3, 0)
    assert found.guarded.tolist() == [0, 0, 0]


def test_knowledge_of_nobody_is_no_obstacle(dataset):
    bare = replace(dataset, knowledge=Knowledge.none())
    assert everyone(bare).user.tolist() == [0, 1]
