import numpy as np
import pytest
from planted_sessions import fit_small_hrnn as fit
from planted_sessions import queries, rings

from ml.errors import BadInput
from ml.sessions.sessions import UNKNOWN, next_click_cases


def hit_rate(model, past) -> float:
    cases = next_click_cases(past, 50)
    return float((model.rank(cases.queries, 1).item[:, 0] == cases.target).mean())


@pytest.fixture(scope="module")
def champion():
    return fit(rings(400, 3, 7))


def test_the_vocabulary_grows_without_losing_what_was_learned(champion):
    before = np.r_[UNKNOWN, np.arange(21), UNKNOWN]  # every item's number has moved by one
    grown = champion.over(before)
    found = grown.rank(queries([[1, 2, 3], [9, 10]]), 1)
    expected = champion.rank(queries([[0, 1, 2], [8, 9]]), 1)
    np.testing.assert_array_equal(found.item, expected.item + 1)
    np.testing.assert_allclose(found.score, expected.score, rtol=1e-5)


def test_a_warm_start_reaches_full_quality_in_a_fraction_of_the_epochs(champion):
    """A fourth ring opens; the champion learns it in two epochs, as well as a full training learns all in eight."""
    now, held_out = rings(400, 4, 7, seed=1), rings(100, 4, 7, seed=2)
    start = champion.over(np.r_[np.arange(21), [UNKNOWN] * 7])
    full = hit_rate(fit(now, epochs=8), held_out)
    warm = hit_rate(fit(now, start=start, epochs=2), held_out)
    cold = hit_rate(fit(now, epochs=2), held_out)
    assert full > 0.95
    assert warm > full - 0.02
    assert cold < warm - 0.1


def test_new_users_and_later_days_are_answered_without_training(champion):
    assert champion.rank(queries([[4, 5]], users=[77], at=1e6), 1).item[0, 0] == 6


def test_a_champion_of_another_catalogue_or_size_is_refused(champion):
    with pytest.raises(BadInput, match=r"item\.weight.*carry it over"):
        fit(rings(10, 4, 7), start=champion)
    with pytest.raises(BadInput, match=r"session\.weight_hh_l0"):
        fit(rings(10, 3, 7), start=champion, hidden_size=8)
