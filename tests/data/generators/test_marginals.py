"""The generated bank against what is publicly known of the real one."""

import numpy as np
import pytest

from ml.data.generators.santander import facts
from ml.data.generators.santander.catalogue import INDEX, LAUNCHED_AT, NAMES
from ml.data.generators.santander.months import snapshot_day
from ml.data.generators.santander.population import draw_population
from ml.data.generators.santander.randomness import BLOCK, Streams
from ml.data.generators.santander.simulation import Simulation

JUNE = 5


def additions(block):
    """Additions by month and product of one block, (T, 24)."""
    streams = Streams.of_block(23, block)
    population = draw_population(streams.population, block, BLOCK)
    counts, last = [], None
    for month in Simulation(population, streams).run(JUNE + 2):
        if last is not None:
            both = (month.present & last.present)[:, None]
            counts.append((month.held & ~last.held & both).sum(axis=0))
        last = month
    return np.array(counts)


@pytest.fixture(scope="module")
def june():
    """Shares of the products in June's additions, (24,)."""
    total = sum(additions(block)[JUNE - 1] for block in range(12))
    return total / total.sum()


def test_junes_additions_by_product(june):
    known = np.array([facts.JUNE_ADDITIONS[name] for name in NAMES]) / sum(facts.JUNE_ADDITIONS.values())
    large = known > 0.02
    np.testing.assert_allclose(june[large], known[large], rtol=0.4)
    assert np.abs(june - known).sum() / 2 < 0.12  # total variation


def test_three_to_four_in_a_hundred_add_something(panel):
    shares = []
    for month in range(12, 17):
        both = panel.present[month] & panel.present[month - 1]
        shares.append(panel.added(month)[both].any(axis=1).mean())
    low, high = facts.SHARE_THAT_ADDS
    assert low <= np.mean(shares) <= high * 1.05


@pytest.mark.parametrize(("count", "known"), [(1, facts.HELD_BY_OWNERS_OF_ONE), (3, facts.HELD_BY_OWNERS_OF_THREE)])
def test_what_owners_of_so_many_products_hold(panel, count, known):
    rows = panel.held[panel.held.sum(axis=2) == count]
    shares = 100 * rows.sum(axis=0) / rows.sum()
    for name, share in known.items():
        assert shares[INDEX[name]] == pytest.approx(share, abs=max(3.0, 0.25 * share)), name


def test_the_current_account_and_taxes_move_with_the_months(panel):
    counts = np.array([panel.added(month).sum(axis=0) for month in range(1, 17)])
    taxes, current = counts[:, INDEX["reca"]], counts[:, INDEX["cco"]]
    august, october = 6, 8  # month 1 of the file is row 0
    assert taxes[october] > 2 * taxes[august]
    assert current[october] > 1.3 * current[2]


def test_a_month_of_taxes_resembles_last_years_more_than_the_month_before(panel):
    """Taxes are due by the calendar: of the months that the file has twice, April's peak and May's trough."""
    counts = np.array([panel.added(month).sum(axis=0) for month in range(1, 17)])
    share = np.log(counts[:, INDEX["reca"]] / counts.sum(axis=1))
    april, may, year = 2, 3, 12  # month 1 of the file, February 2015, is row 0
    again = [april + year, may + year]
    since_last_year = np.abs(share[again] - share[[april, may]]).sum()
    since_last_month = np.abs(share[again] - share[[april + year - 1, may + year - 1]]).sum()
    assert since_last_year < since_last_month / 1.5


def test_the_current_account_and_taxes_move_most_between_months(panel):
    counts = np.array([panel.added(month).sum(axis=0) for month in range(1, 17)])
    moved = np.abs(np.diff(counts / counts.sum(axis=1, keepdims=True), axis=0)).sum(axis=0)
    most = [NAMES[product] for product in np.argsort(-moved)[:3]]
    assert {"cco", "reca"} <= set(most)


def test_nothing_is_held_before_its_launch(panel):
    for month, held in enumerate(panel.held):
        assert not held[:, snapshot_day(month) < LAUNCHED_AT].any()
    late = np.datetime64("2015-01-28") < LAUNCHED_AT
    assert late.sum() == 3
    assert panel.held[-1][:, INDEX["ctma"]].any()


def test_products_are_dropped_as_well(panel):
    dropped = (panel.held[:-1] & ~panel.held[1:] & panel.present[1:, :, None]).sum()
    added = sum(panel.added(month).sum() for month in range(1, 17))
    assert 0.5 * added < dropped < 1.5 * added


def test_junior_accounts_are_the_minors_alone(panel):
    age = panel.features[:, :, 0]
    junior = panel.held[:, :, INDEX["ctju"]]
    known = junior & (age != 40)  # 40 stands for a missing age
    assert known.any()
    assert age[known].max() < 18.5
