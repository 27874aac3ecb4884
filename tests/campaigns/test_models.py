"""Both ways to score a list, on a club in which whoever takes one item asks for another in the next month."""

from dataclasses import replace

import numpy as np
import planted_club as planted
import pytest

from ml.campaigns.interest import open_to_telling, outcome, outlooks_before
from ml.campaigns.propensity import fit_classifiers
from ml.campaigns.reasons import OTHERWISE, reasons
from ml.campaigns.segments import SegmentRates
from ml.data.dataset import Log
from ml.data.visibility import Visibility
from ml.data.windows import to_micros
from ml.retrieval.classifiers.contributions import Contributions, contributions
from ml.retrieval.contract import State

SPLIT = planted.month(7)


@pytest.fixture(scope="module")
def learned():
    dataset = planted.club()
    outlooks = [at for at in outlooks_before(dataset, planted.AS_OF) if at.asked_until <= SPLIT]
    return dataset, outlooks, fit_classifiers(dataset.before(SPLIT), outlooks, seed=7, threads=1)


def test_the_classifiers_find_whoever_is_about_to_ask(learned):
    dataset, _, model = learned
    requests = planted.requests_at(dataset, SPLIT)
    may = open_to_telling(requests, planted.CLUB.campaigns, 4)[:, planted.THEN]
    (at,) = [each for each in outlooks_before(dataset, planted.AS_OF) if each.moment == SPLIT]
    came = outcome(dataset.knowledge.occurrences, planted.CLUB.campaigns, at, planted.MEMBERS, 4)
    asks = came.asked[:, planted.THEN] & may
    score = model.refresh(State(dataset.before(SPLIT), SPLIT)).score(requests)[:, planted.THEN]
    best = np.argsort(-np.where(may, score, -1), kind="stable")[: round(0.25 * may.sum())]
    assert asks.sum() > 20
    assert asks[best].sum() / asks.sum() > 0.9


def test_what_was_seen_of_the_item_long_ago_does_not_move_its_score(learned):
    _, _, model = learned
    moment = to_micros(planted.AS_OF)
    rows = [(0, planted.EVERYBODY, planted.month(1), "purchase")]
    sign = (0, planted.THEN, moment - 94 * planted.DAY, "view")
    scores = [
        model.score(planted.requests_at(planted.dataset_of(each, [30.0], [1]), moment))
        for each in (rows, [*rows, sign])
    ]
    np.testing.assert_array_equal(scores[0], scores[1])


def test_what_is_not_visible_takes_no_part_in_the_scores(learned):
    dataset, outlooks, everything = learned
    offline = Visibility.of(planted.CLUB.model_copy(update={"online_events": ("view",)}), "offline")
    both = (dataset, replace(dataset, log=with_views(dataset.log, planted.FIRST, planted.OTHER)))
    models = [fit_classifiers(each.before(SPLIT), outlooks, seed=7, threads=1, visible=offline) for each in both]
    asked = [planted.requests_at(each, SPLIT) for each in both]
    scores = [model.score(offline.requests(told)) for model, told in zip(models, asked, strict=True)]
    np.testing.assert_array_equal(*scores)
    seeing = fit_classifiers(both[1].before(SPLIT), outlooks, seed=7, threads=1)
    assert not np.array_equal(seeing.score(asked[1]), everything.score(asked[0]))


def with_views(log: Log, bought: int, looked_at: int) -> Log:
    """The log in which whoever bought the one item looks at the other half a day later."""
    buyers = np.flatnonzero(log.item == bought)
    rows = np.sort(np.r_[np.arange(len(log)), buyers], kind="stable")
    added = np.r_[False, rows[1:] == rows[:-1]]
    twice = log.where(rows)
    kind = np.where(added, list(planted.KINDS).index("view"), twice.kind).astype(np.int32)
    return replace(
        twice, kind=kind, item=np.where(added, looked_at, twice.item).astype(np.int32),
        at=twice.at + added * (planted.DAY // 2), target=twice.target & ~added,
    )  # fmt: skip


def test_reasons_name_what_led_to_the_item(learned):
    dataset, _, model = learned
    about_to_ask = np.flatnonzero(dataset.knowledge.holdings.at(np.arange(400), np.full(400, SPLIT)).lengths == 2)
    requests = planted.requests_at(dataset, SPLIT)
    lately = [user for user in about_to_ask if model.score(requests.take([user]))[0, planted.THEN] > 0.3]
    asked = requests.take(np.array(lately))
    names = {"first": "The first"}
    said = reasons(contributions(model, asked, planted.THEN), asked.facts, names, "then")
    assert len(said) > 10
    assert all(any("The first" in reason for reason in each) for each in said)
    assert all(1 <= len(each) <= 3 for each in said)


def test_what_says_nothing_to_people_is_no_reason():
    names = ("month", "last view", "has first", "begun first")
    values = np.array([[0.0, 3.0, np.nan, 0.0]], np.float32)
    found = Contributions(names, values, np.ones((1, 4), np.float32))
    assert reasons(found, planted.requests_at(planted.club(), SPLIT).facts, {}, "then") == [[OTHERWISE]]


def test_the_segments_rates_are_counted_and_shrunk():
    rows = [(user, planted.THEN, planted.month(3) + planted.DAY, "apply") for user in range(5)]
    rows += [(0, planted.EVERYBODY, planted.month(0), "purchase")]
    dataset = planted.dataset_of(rows, [25.0] * 10 + [60.0] * 30, [1] * 40)
    outlook = outlooks_before(dataset, planted.AS_OF)
    at = [each for each in outlook if each.moment == planted.month(3)]
    rates = SegmentRates.fit(dataset, at).score(planted.requests_at(dataset, SPLIT))[:, planted.THEN]
    overall = 5 / 40
    np.testing.assert_allclose(rates[0], (5 + 50 * overall) / (10 + 50), rtol=1e-6)
    np.testing.assert_allclose(rates[39], 50 * overall / (30 + 50), rtol=1e-6)


def test_a_segment_that_was_never_there_has_everybodys_rate():
    rows = [(user, planted.THEN, planted.month(3) + planted.DAY, "apply") for user in range(5)]
    dataset = planted.dataset_of(rows, [25.0] * 40, [1] * 40)
    model = SegmentRates.fit(dataset, outlooks_before(dataset, planted.AS_OF))
    stranger = planted.dataset_of([], [np.nan], [1])
    scores = model.score(planted.requests_at(stranger, SPLIT))
    np.testing.assert_array_equal(scores[0], model.rates[-1])
