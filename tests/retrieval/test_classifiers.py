"""What the classifiers and the regressions learn of members with facts and holdings."""

from dataclasses import replace

import numpy as np
import planted_members as members
import pytest
from planted_members import FOLLOWER, GIFT, LATE, LEAD, LOAN, RETURNER, VIEWED

from ml.data.facts import FactTable
from ml.errors import BadInput
from ml.retrieval import get_retriever, top_k
from ml.retrieval.contract import inputs_of

SMALL = {
    "classifiers": {"pooled": {"rounds": 40, "maximum_depth": 4}, "single": {"rounds": 20, "maximum_depth": 3}},
    "logistic": {"regularisation": 5.0},
}
NAMES = tuple(SMALL)
DATASET = members.planted(users=400)
ASKED = members.requests(DATASET)


def fitted(name, dataset=DATASET, **parameters):
    kind = get_retriever(name)
    return kind.fit(members.training(dataset), kind.Parameters(**SMALL[name], **parameters))


@pytest.fixture(scope="module")
def models():
    return {name: fitted(name) for name in NAMES}


def lately(item: int, kind: int, least: float = 0) -> np.ndarray:
    """The users to whom this happened in the last month."""
    log = DATASET.log
    found = (log.item == item) & (log.kind == kind) & (log.value >= least) & (log.at >= members.start_of(8))
    return np.unique(log.user[found])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("reason", "then"),
    [((LEAD, members.ADD), FOLLOWER), ((RETURNER, members.DROP), RETURNER), ((VIEWED, members.VIEW, 100), VIEWED)],
)
def test_what_happened_last_month_leads_to_its_item(name, models, reason, then):
    users = lately(*reason)
    asked = ASKED.take(users)
    open_ = ~np.array([then in asked.barred[row] for row in range(len(users))])
    assert open_.sum() > 5
    best = top_k(
        models[name].score(asked.take(np.flatnonzero(open_))), 1, exclude=asked.take(np.flatnonzero(open_)).barred
    )
    assert (best.item[:, 0] == then).mean() > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_probabilities_although_quiet_rows_were_left_out(name, models):
    """About a tenth of the members take the first item in a month; quiet rows are a tenth of what they were."""
    moment = members.start_of(8)
    asked = members.requests(DATASET, moment=moment)
    log = DATASET.log
    taken = np.unique(log.user[log.target & (log.at >= moment) & (log.item == LEAD)])
    found = models[name].score(asked)[:, LEAD]
    free = ~np.array([LEAD in asked.barred[row] for row in range(len(asked))])
    assert found[free].mean() == pytest.approx(len(taken) / free.sum(), abs=0.05)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("facts", [True, False])
def test_a_stranger_is_scored(name, models, facts):
    scores = models[name].score(members.strangers(ASKED, facts=facts))
    assert scores.shape == (len(ASKED), len(members.ITEMS))
    assert ((scores > 0) & (scores < 1)).all()
    # Nothing has happened that the other items wait for.
    assert (scores[:, [FOLLOWER, VIEWED]].mean(axis=0) < scores[:, LEAD].mean()).all()


@pytest.mark.parametrize("name", NAMES)
def test_an_item_that_nobody_took_is_scored_by_what_happened_with_it(name, models):
    """What a long look at any item means is learned from all of them."""
    looked = ASKED.take(lately(VIEWED, members.VIEW, 100))
    history = looked.history
    at_late = replace(history, item=np.where(history.item == VIEWED, LATE, history.item).astype(np.int32))
    before, after = (models[name].score(replace(looked, history=each))[:, LATE] for each in (history, at_late))
    assert (after > before).all()
    assert ((before > 0) & (after < 1)).all()


def with_secret(code: float):
    """The same requests of people with another protected fact."""
    table = ASKED.facts
    values = table.values.copy()
    values[:, list(table.facts).index("secret")] = code
    return replace(ASKED, facts=FactTable(table.facts, values, table.categories))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("protected", [False, True])
def test_protected_facts_move_no_guarded_item_and_others_only_where_declared(name, models, protected):
    model = fitted(name, protected=True) if protected else models[name]
    without, with_ = (model.score(with_secret(code)) for code in (0, 1))
    np.testing.assert_array_equal(without[:, LOAN], with_[:, LOAN])
    assert "secret" not in inputs_of(model, LOAN)
    assert ("secret" in inputs_of(model, GIFT)) == protected
    if protected:
        assert (with_[:, GIFT] > without[:, GIFT]).mean() > 0.9
    else:
        np.testing.assert_array_equal(without, with_)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_loaded_scores_as_what_was_saved(name, models, tmp_path):
    models[name].save(tmp_path)
    loaded = get_retriever(name).load(tmp_path)
    np.testing.assert_array_equal(loaded.score(ASKED), models[name].score(ASKED))
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".npy", ".npz", ".ubj"}


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_read_by_their_texts(name, models):
    """A later data set may know more texts, and number them anew."""
    table = ASKED.facts
    values = table.values.copy()
    values[:, 0] += 1
    texts = {**table.categories, "region": np.array(["east", *table.categories["region"]], object)}
    renumbered = replace(ASKED, facts=FactTable(table.facts, values, texts))
    np.testing.assert_array_equal(models[name].score(renumbered), models[name].score(ASKED))


@pytest.mark.parametrize("name", NAMES)
def test_a_large_catalogue_is_refused(name):
    with pytest.raises(BadInput, match=r"7 items are too many .* raise maximum_items"):
        fitted(name, maximum_items=6)


@pytest.mark.parametrize("name", NAMES)
def test_later_events_move_no_score(name):
    moment = members.start_of(6)
    asked = members.requests(DATASET, moment=moment)
    short = replace(DATASET, log=DATASET.log.before(moment), knowledge=DATASET.knowledge.before(moment))
    kind = get_retriever(name)
    scores = [
        kind.fit(members.training(each, moment), kind.Parameters(**SMALL[name])).score(asked)
        for each in (DATASET, short)
    ]
    np.testing.assert_array_equal(*scores)
