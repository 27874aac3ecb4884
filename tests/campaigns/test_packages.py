"""What may be in each half of a package, in which order, and why a half is short."""

import numpy as np
import planted_club as planted

from ml.campaigns.packages import Met, discovering, reminding, shortfall, usefulness
from ml.data.windows import to_micros
from ml.reranking.eligibility import ItemsSeen, decide

NOW = to_micros(planted.AS_OF)
DAY = planted.DAY
HISTORY = [
    (0, planted.EVERYBODY, planted.month(1), "purchase"),
    (0, planted.OTHER, NOW - DAY, "view"),
    (1, planted.EVERYBODY, planted.month(1), "purchase"),
    (1, planted.OTHER, NOW - DAY, "view"),
]


def halves(rows, ages):
    dataset = planted.dataset_of(rows, ages, [1] * len(ages))
    requests = planted.requests_at(dataset, NOW)
    decisions = decide(planted.CLUB.eligibility, requests, ItemsSeen.of(dataset.catalogue, dataset.item_facts))
    met = Met.of(requests, len(planted.ITEMS))
    return requests, met, reminding(met, decisions), discovering(met, decisions)


def test_what_somebody_has_or_looked_at_is_no_discovery():
    _, met, reminded, met_first = halves(HISTORY, [30.0, 12.0])
    assert np.flatnonzero(reminded[0]).tolist() == [planted.EVERYBODY, planted.OTHER]
    assert np.flatnonzero(met_first[0]).tolist() == [planted.FIRST, planted.THEN]
    assert [met.why(0, item) for item in range(4)] == [
        "has it",
        "never met it",
        "had it or looked at it",
        "never met it",
    ]


def test_whom_the_rules_offer_nothing_gets_an_empty_package():
    _, _, reminded, met_first = halves(HISTORY, [30.0, 12.0])
    assert not reminded[1].any()
    assert not met_first[1].any()


def test_what_was_given_up_is_met_but_not_had():
    rows = [(0, planted.FIRST, planted.month(1), "purchase"), (0, planted.FIRST, planted.month(3), "drop")]
    _, met, _, met_first = halves(rows, [30.0])
    assert met.why(0, planted.FIRST) == "had it or looked at it"
    assert not met_first[0, planted.FIRST]


def test_a_look_of_yesterday_is_worth_more_than_a_purchase_of_long_ago():
    requests, met, _, _ = halves(HISTORY, [30.0, 12.0])
    useful = usefulness(requests, met.held, 30.0)
    assert useful[0, planted.OTHER] > useful[0, planted.EVERYBODY] > 0
    np.testing.assert_allclose(useful[0, planted.OTHER], 0.1 * 0.5 ** (1 / 30), rtol=1e-5)


def test_an_empty_history_leaves_nothing_to_be_reminded_of():
    _, _, reminded, met_first = halves([], [30.0])
    assert not reminded.any()
    assert met_first.all()


def test_a_short_half_says_why():
    candidates, allowed = np.array([True, True, False]), np.array([True, False, True])
    assert shortfall("discoveries", 1, 1, candidates, allowed) is None
    assert shortfall("discoveries", 5, 1, candidates, allowed) == (
        "1 of 5 discoveries: of 2 items that could be, rules refuse 1 as offers"
    )
