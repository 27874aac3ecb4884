import numpy as np
import pytest

from ml.evaluation.significance import mean_interval, paired_difference
from ml.steps.paired import less_first


def test_each_variant_has_the_interval_that_it_has_alone_and_its_paired_difference_from_the_first():
    rng = np.random.default_rng(0)
    unit = rng.integers(0, 20, 100)
    first, second = rng.random(100), rng.random(100)
    (alone, nothing), (mean, difference) = less_first([first, second], unit, seed=3)
    assert (nothing.mean, nothing.low, nothing.high) == (0.0, 0.0, 0.0)
    for found, expected in (
        (alone, mean_interval(first, unit, seed=3)),
        (mean, mean_interval(second, unit, seed=3)),
        (difference, paired_difference(second, first, unit, seed=3)),
    ):
        assert [found.mean, found.low, found.high] == pytest.approx([expected.mean, expected.low, expected.high])


def test_with_one_unit_an_interval_is_not_known():
    _, (mean, difference) = less_first([np.zeros(3), np.ones(3)], np.zeros(3, np.int64), seed=3)
    assert (mean.mean, difference.mean) == (1.0, 1.0)
    assert np.isnan([mean.low, mean.high, difference.low, difference.high]).all()
