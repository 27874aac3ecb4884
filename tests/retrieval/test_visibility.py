"""What models may not see moves no score, of whichever retriever; what is not chosen to be hidden, does."""

from dataclasses import replace

import numpy as np
import planted_members as members
import pytest

from ml.data.arrays import Ragged
from ml.data.dataset import Dataset, Log
from ml.data.facts import UserStates
from ml.data.requests import Requests
from ml.data.visibility import EVERYTHING, Visibility
from ml.domains import Domain
from ml.errors import BadInput
from ml.retrieval import get_retriever

USERS = 150
FACTS = members.DOMAIN.user_facts
ONLINE = members.DOMAIN.model_copy(
    update={
        "online_events": ("view",),
        "user_facts": FACTS | {"age": FACTS["age"].model_copy(update={"online": True})},
    }
)
RETRIEVERS = {
    "classifiers": {"rounds": 20}, "logistic": {}, "item_to_item": {}, "als": {}, "popularity": {},
    "segment_popularity": {}, "attribute_towers": {"epochs": 1}, "hrnn": {"epochs": 1, "embedding_size": 8},
}  # fmt: skip


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return replace(members.planted(USERS), domain=ONLINE)


def merged(log: Log, user, item, at, kind) -> Log:
    """The log with these events of these kinds."""
    columns = [np.r_[getattr(log, name), each] for name, each in (("user", user), ("item", item), ("at", at))]
    columns += [np.r_[log.kind, kind], np.r_[log.value, np.full(len(user), 60.0)]]
    order = np.lexsort((columns[2], columns[0]))
    return members.log_of(*(column[order] for column in columns), users=log.users)


def with_events(dataset: Dataset, kind: int) -> Dataset:
    """Events of one kind planted all over, in sessions of their own."""
    rng, count = np.random.default_rng(3), 600
    user, item = rng.integers(0, USERS, count), rng.integers(0, len(members.ITEMS), count)
    at = rng.integers(members.start_of(0), members.NOW, count)
    return replace(dataset, log=merged(dataset.log, user, item, at, np.full(count, kind)))


def with_facts(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """Other values of these facts."""
    states, rng = dataset.knowledge.facts, np.random.default_rng(4)
    values = states.table.values.copy()
    for name in names:
        place = list(states.table.facts).index(name)
        values[:, place] = rng.permutation(values[:, place])
    changed = UserStates(states.user, states.since, replace(states.table, values=values))
    return replace(dataset, knowledge=replace(dataset.knowledge, facts=changed))


def scores(name: str, dataset: Dataset, visible: Visibility, session: Ragged | None = None) -> np.ndarray:
    """What a retriever says that was fitted, refreshed and asked as a training of these inputs does."""
    kind = get_retriever(name)
    allowed = {key: value for key, value in RETRIEVERS[name].items() if key in kind.Parameters.model_fields}
    seen = dataset.limited(visible)
    model = kind.fit(members.training(seen, members.start_of(7)), kind.Parameters(**allowed))
    asked = full(dataset)
    return model.refresh(members.state(seen)).score(visible.requests(asked.with_session(session or asked.session)))


def full(dataset: Dataset) -> Requests:
    return members.requests(dataset)


@pytest.mark.parametrize("name", RETRIEVERS)
def test_offline_nothing_that_was_done_online_changes_a_score(name, dataset):
    offline = Visibility.of(ONLINE, "offline")
    planted = with_facts(with_events(dataset, members.VIEW), ("age",))
    browsing = Ragged.from_pairs(np.arange(USERS), np.arange(USERS) % 5, USERS)
    assert np.array_equal(scores(name, planted, offline, browsing), scores(name, dataset, offline))


@pytest.mark.parametrize("name", RETRIEVERS)
def test_online_nothing_that_is_known_offline_changes_a_score(name, dataset):
    online = Visibility.of(ONLINE, "online")
    planted = with_facts(with_events(dataset, members.DROP), ("region", "secret", "joined"))
    spans = replace(planted.knowledge.holdings, since=planted.knowledge.holdings.since - members.DAY)
    planted = replace(planted, knowledge=replace(planted.knowledge, holdings=spans))
    assert np.array_equal(scores(name, planted, online), scores(name, dataset, online))


@pytest.mark.parametrize("kind", [members.VIEW, members.DROP])
def test_with_both_inputs_the_same_events_do_change_scores(kind, dataset):
    assert not np.array_equal(
        scores("item_to_item", with_events(dataset, kind), EVERYTHING), scores("item_to_item", dataset, EVERYTHING)
    )


def test_with_both_inputs_the_same_facts_do_change_scores(dataset):
    changed = with_facts(dataset, ("age", "region"))
    assert not np.array_equal(scores("logistic", changed, EVERYTHING), scores("logistic", dataset, EVERYTHING))


def test_by_default_nothing_is_touched(dataset):
    asked = full(dataset)
    assert Visibility.of(ONLINE, "both") == EVERYTHING
    assert EVERYTHING.requests(asked) is asked
    assert dataset.limited(EVERYTHING) is dataset


@pytest.mark.parametrize("inputs", ["offline", "online"])
def test_what_is_barred_and_what_is_to_be_learned_stay(inputs, dataset):
    visible = Visibility.of(ONLINE, inputs)
    asked = full(dataset)
    seen = visible.requests(asked)
    assert np.array_equal(seen.barred.values, asked.barred.values)
    assert dataset.limited(visible).log.target.sum() == dataset.log.target.sum()
    assert len(seen.history.item) < len(asked.history.item)
    assert (seen.held is None) == (inputs == "online")


def test_offline_and_online_part_the_events_and_the_facts(dataset):
    asked = full(dataset)
    seen = [Visibility.of(ONLINE, inputs).requests(asked) for inputs in ("offline", "online")]
    assert sum(len(each.history.item) for each in seen) == len(asked.history.item)
    assert sorted(name for each in seen for name in each.facts.facts) == sorted(asked.facts.facts)
    assert set(seen[1].history.kind) == {members.VIEW}


def test_an_event_that_does_not_tell_its_type_is_not_seen(dataset):
    asked = full(dataset)
    nameless = replace(asked, history=replace(asked.history, kind=None))
    assert not len(Visibility.of(ONLINE, "offline").requests(nameless).history.item)


def test_limited_twice_is_limited_once(dataset):
    offline = Visibility.of(ONLINE, "offline")
    once = dataset.limited(offline)
    again = once.limited(offline)
    assert np.array_equal(again.log.at, once.log.at)
    assert again.domain == once.domain
    assert list(again.knowledge.facts.table.facts) == list(once.knowledge.facts.table.facts)


def declared(**changes: object) -> Domain:
    return ONLINE.model_copy(update=changes)


@pytest.mark.parametrize(
    ("domain", "inputs", "message"),
    [
        (declared(online_events=()), "offline", "members does not declare which events are online"),
        (declared(online_events=()), "online", "train with inputs both"),
        (declared(online_events=("add", "view")), "offline", "nothing to learn from: add is what"),
    ],
)
def test_inputs_that_cannot_be_parted_are_refused(domain, inputs, message):
    with pytest.raises(BadInput, match=message):
        Visibility.of(domain, inputs)


def test_it_is_written_and_read_as_it_was():
    for inputs in ("offline", "online", "both"):
        visible = Visibility.of(ONLINE, inputs)
        assert Visibility.from_dict(visible.as_dict()) == visible
    assert Visibility.from_dict({}) == EVERYTHING


def test_an_online_event_that_no_source_sends_is_refused():
    with pytest.raises(ValueError, match="online event 'click'"):
        Domain.model_validate(ONLINE.model_dump() | {"online_events": ("click",)})
