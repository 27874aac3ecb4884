"""Whose asking counts as early, and at which moment it is judged."""

import numpy as np
import planted_club as planted
import pytest

from ml.campaigns.interest import Outlook, early_rows, open_to_telling, outcome, outlooks_before, rested
from ml.data.windows import to_micros

DAY = planted.DAY
CAMPAIGNS = planted.CLUB.campaigns


def outlook(number: int) -> Outlook:
    return Outlook(*(planted.month(number + ahead) for ahead in (0, 1, 2)))


def judged(rows, number):
    """(items,) whether the one user's asking is judged at the start of a month, as early."""
    dataset = planted.dataset_of(rows, [30.0], [1])
    came = outcome(dataset.knowledge.occurrences, CAMPAIGNS, outlook(number), 1, len(planted.ITEMS))
    return (came.asked & open_to_telling(planted.requests_at(dataset, planted.month(number)), CAMPAIGNS, 4))[0]


def test_an_asking_is_judged_once_before_its_first_sign():
    looked, asked = planted.month(5) + 3 * DAY, planted.month(6) + 3 * DAY
    rows = [(0, planted.THEN, looked, "view"), (0, planted.THEN, asked, "apply")]
    assert [number for number in range(9) if judged(rows, number)[planted.THEN]] == [5]


def test_an_asking_without_a_look_is_judged_at_the_start_of_its_month():
    rows = [(0, planted.THEN, planted.month(6) + 3 * DAY, "apply")]
    assert [number for number in range(9) if judged(rows, number)[planted.THEN]] == [6]


def test_an_asking_long_after_the_look_is_nobodys_find():
    rows = [
        (0, planted.THEN, planted.month(4) + DAY, "view"),
        (0, planted.THEN, planted.month(6) + DAY, "apply"),
    ]
    assert not any(judged(rows, number).any() for number in range(9))


@pytest.mark.parametrize(("earlier", "quiet"), [(93 * DAY, False), (93 * DAY + 1, True)])
def test_a_sign_counts_for_so_many_days(earlier, quiet):
    now = planted.month(8)
    dataset = planted.dataset_of([(0, planted.THEN, now - earlier, "view")], [30.0], [1])
    assert open_to_telling(planted.requests_at(dataset, now), CAMPAIGNS, 4)[0, planted.THEN] == quiet


def test_who_has_the_item_cannot_be_told_of_it():
    dataset = planted.dataset_of([(0, planted.FIRST, planted.month(1), "purchase")], [30.0], [1])
    told = open_to_telling(planted.requests_at(dataset, planted.month(8)), CAMPAIGNS, 4)
    assert told[0].tolist() == [True, False, True, True]


@pytest.mark.parametrize(("earlier", "has_rested"), [(28 * DAY, False), (28 * DAY + 1, True)])
def test_a_contact_about_any_item_lets_the_user_rest(earlier, has_rested):
    now = planted.month(8)
    dataset = planted.dataset_of([(0, planted.OTHER, now - earlier, "contact")], [30.0], [1])
    assert rested(planted.requests_at(dataset, now), CAMPAIGNS, 4).tolist() == [has_rested]


def test_without_any_event_everybody_is_open_and_rested_and_asks_for_nothing():
    dataset = planted.dataset_of([], [30.0, 40.0], [1, 1])
    requests = planted.requests_at(dataset, planted.month(8))
    assert open_to_telling(requests, CAMPAIGNS, 4).all()
    assert rested(requests, CAMPAIGNS, 4).all()
    assert not early_rows(dataset, [outlook(3)], 1.0, 7).taken.any()


def test_outlooks_have_ended_by_the_instant_asked_for():
    dataset = planted.club()
    found = outlooks_before(dataset, dataset.windows.t3)
    assert found
    assert max(each.asked_until for each in found) == to_micros(dataset.windows.t3)


def test_rows_do_not_change_with_what_came_after_the_moment():
    dataset = planted.club()
    at = outlook(4)
    rows, cut = (early_rows(each, [at], 1.0, 7) for each in (dataset, dataset.before(at.asked_until)))
    np.testing.assert_array_equal(rows.taken, cut.taken)
    np.testing.assert_array_equal(rows.open, cut.open)
    assert rows.taken[:, planted.THEN].sum() > 10
