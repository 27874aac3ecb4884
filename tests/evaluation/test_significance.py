"""Bootstrap intervals: what they cover, what they resample, and what they refuse to know."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.evaluation.significance import (
    mean_interval,
    paired_difference,
    relative_difference,
    resampled_means,
)


def clustered(rng: np.random.Generator, units: int) -> tuple[np.ndarray, np.ndarray]:
    """Values whose mean is zero: one to six cases a unit, alike within the unit."""
    size = rng.integers(1, 7, units)
    unit = np.repeat(np.arange(units), size)
    return np.repeat(rng.standard_normal(units), size) + 0.5 * rng.standard_normal(len(unit)), unit


def test_intervals_cover_the_truth_as_often_as_they_say_and_rows_alone_would_not() -> None:
    rng = np.random.default_rng(1)
    by_unit, by_row, tries = 0, 0, 300
    for seed in range(tries):
        values, unit = clustered(rng, 100)
        for name, cluster in (("unit", unit), ("row", np.arange(len(unit)))):
            found = mean_interval(values, cluster, seed=seed, draws=300)
            covered = found.low <= 0 <= found.high
            by_unit, by_row = by_unit + (covered and name == "unit"), by_row + (covered and name == "row")
    assert 0.90 <= by_unit / tries <= 0.98
    assert by_row / tries < 0.85  # far too sure


def test_copies_of_a_units_cases_tell_nothing_new() -> None:
    values, unit = clustered(np.random.default_rng(2), 60)
    once = mean_interval(values, unit, seed=3)
    twice = mean_interval(np.r_[values, values], np.r_[unit, unit], seed=3)
    assert (twice.low, twice.high) == (pytest.approx(once.low), pytest.approx(once.high))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_and_names_of_units_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, unit = clustered(rng, 20)
    order = rng.permutation(len(unit))
    found = resampled_means(values[:, None], unit, seed=0, draws=50)
    other = resampled_means(values[order, None], unit[order] * 7 - 3, seed=0, draws=50)
    assert np.allclose(found, other)


def test_the_seed_decides() -> None:
    values, unit = clustered(np.random.default_rng(4), 50)
    assert mean_interval(values, unit, seed=5) == mean_interval(values, unit, seed=5)
    assert mean_interval(values, unit, seed=5) != mean_interval(values, unit, seed=6)


def test_a_difference_is_paired() -> None:
    values, unit = clustered(np.random.default_rng(6), 80)
    found = paired_difference(values + 0.01, values, unit, seed=0)
    assert (found.mean, found.low, found.high) == pytest.approx((0.01, 0.01, 0.01))


def test_a_relative_difference_is_a_ratio_of_means() -> None:
    rng = np.random.default_rng(7)
    second, unit = rng.random(400) + 0.5, np.repeat(np.arange(100), 4)
    found = relative_difference(second * 0.97, second, unit, seed=0)
    assert (found.mean, found.low, found.high) == pytest.approx((-0.03, -0.03, -0.03))


def test_a_relative_difference_from_nothing_is_not_known() -> None:
    found = relative_difference(np.ones(10), np.zeros(10), np.arange(10), seed=0)
    assert found.as_dict() == {"mean": None, "low": None, "high": None}


@pytest.mark.parametrize("values", [np.array([0.3]), np.array([0.1, 0.3, 0.5])])
def test_one_unit_has_a_mean_and_no_interval(values: np.ndarray) -> None:
    found = mean_interval(values, np.zeros(len(values), np.int64), seed=0)
    assert found.as_dict() == {"mean": pytest.approx(0.3), "low": None, "high": None}


def test_no_case_is_refused() -> None:
    with pytest.raises(ValueError, match="no cases"):
        resampled_means(np.zeros((0, 2)), np.zeros(0, np.int64), seed=0)


def test_cases_for_which_a_metric_is_not_defined_take_no_part() -> None:
    values, unit = clustered(np.random.default_rng(8), 50)
    holes = np.where(unit < 10, np.nan, values)
    assert mean_interval(holes, unit, seed=0).mean == pytest.approx(values[unit >= 10].mean())
    assert mean_interval(np.full(len(unit), np.nan), unit, seed=0).as_dict()["mean"] is None


def test_two_thousand_resamples_of_five_thousand_cases_take_well_under_a_second() -> None:
    rng = np.random.default_rng(9)
    values, unit = rng.random(5000), rng.integers(0, 1500, 5000)
    began = time.process_time()
    mean_interval(values, unit, seed=0, draws=2000)
    assert time.process_time() - began < 1
