"""What inputs say about a protected fact."""

import numpy as np
import pytest

from ml.evaluation.fairness.groups import Groups
from ml.evaluation.fairness.predictability import predictability

PEOPLE = 600


def groups_of(code: np.ndarray) -> Groups:
    return Groups(tuple("abc"[: code.max() + 1]), code.astype(np.int64), None)


def guessed(inputs: np.ndarray, code: np.ndarray, asked: list[bool]):
    return predictability(inputs.astype(np.float32), groups_of(code), np.array(asked), seed=0, threads=1)


def test_an_input_that_is_the_fact_gives_it_away_and_noise_does_not():
    rng = np.random.default_rng(0)
    code = rng.integers(0, 3, PEOPLE)
    noise = rng.normal(size=(PEOPLE, 4))
    plain = guessed(np.c_[code, noise], code, [True] * 3)
    assert plain.mean > 0.99
    none = guessed(noise, code, [True] * 3)
    assert none.low < 0.5 < none.high
    assert none.high - none.low < 0.15


def test_the_mean_is_the_auc_and_lies_in_its_interval():
    rng = np.random.default_rng(1)
    code = rng.integers(0, 2, PEOPLE)
    found = guessed((code + rng.normal(size=PEOPLE))[:, None], code, [True, True])
    assert found.low < found.mean < found.high
    assert found.mean == pytest.approx(0.76, abs=0.07)  # of two normals one deviation apart: Φ(1 / √2)


def test_people_of_other_groups_take_no_part():
    code = np.arange(PEOPLE) % 3
    inputs = np.where(code == 2, 0, code)[:, None]
    assert guessed(inputs, code, [True, True, False]).mean > 0.99


@pytest.mark.parametrize("asked", [[True, False], [False, False]])
def test_less_than_two_groups_are_not_told_apart(asked):
    code = np.arange(PEOPLE) % 2
    assert guessed(code[:, None], code, asked) is None


def test_a_group_too_small_for_the_folds_is_left_out():
    code = (np.arange(PEOPLE) < 9).astype(np.int64)
    assert guessed(code[:, None], code, [True, True]) is None
