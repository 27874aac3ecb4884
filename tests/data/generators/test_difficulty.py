"""How hard the bank is, which was set before any model was tuned on it."""

import numpy as np
import pytest

from ml.data.generators.santander import generate
from ml.data.generators.santander.difficulty import average_precision, measure_difficulty


def test_average_precision_by_hand():
    ranking = np.tile(np.arange(8), (3, 1))
    added = np.zeros((3, 24), bool)
    added[0, [1, 3]] = True  # hits at 2 and 4: (1/2 + 2/4) / 2
    added[1, 7] = True  # beyond the seventh place
    assert average_precision(ranking, added) == pytest.approx([0.5, 0.0, 0.0])


def test_average_precision_divides_by_no_more_than_seven():
    added = np.zeros((1, 24), bool)
    added[0, :9] = True
    assert average_precision(np.arange(24)[None], added) == pytest.approx([1.0])


def test_a_small_bank_is_about_as_hard_as_the_real_one(bank):
    found = measure_difficulty(bank)
    assert 0.025 < found["ceiling"] < 0.05
    assert 0.52 < found["popularity_share"] < 0.78
    assert found["popularity_share"] < found["logistic_regression_share"] < 0.92


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_the_bank_is_as_hard_as_the_real_one(tmp_path, seed):
    generate(tmp_path / "bank", customers=20_000, seed=seed)
    found = measure_difficulty(tmp_path / "bank")
    assert 0.03 <= found["ceiling"] <= 0.045
    assert 0.60 <= found["popularity_share"] <= 0.70
    assert found["logistic_regression_share"] <= 0.85
