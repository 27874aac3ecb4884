"""Probabilities from scores that are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.evaluation.fairness.calibration import Calibrator


def test_scores_become_the_rates_at_which_items_so_scored_were_taken():
    score = np.repeat(np.array([-3.0, 0.0, 7.0], np.float32), 100)
    taken = np.concatenate([np.arange(100) < hits for hits in (5, 20, 60)])
    found = Calibrator.fit(score, taken)(np.array([-3.0, 0.0, 7.0, 99.0], np.float32))
    assert found.tolist() == pytest.approx([0.05, 0.2, 0.6, 0.6])


def test_what_no_retriever_found_has_a_rate_of_its_own():
    score = np.repeat(np.array([-np.inf, 1.0], np.float32), 100)
    model = Calibrator.fit(score, np.concatenate([np.arange(100) < 2, np.arange(100) < 30]))
    assert model(np.array([-np.inf, 1.0], np.float32)).tolist() == pytest.approx([0.02, 0.3])


def test_where_no_item_was_ever_found_all_have_one_rate():
    model = Calibrator.fit(np.full(10, -np.inf, np.float32), np.arange(10) < 1)
    assert model(np.array([-np.inf, 3.0], np.float32)).tolist() == pytest.approx([0.1, 0.1])


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(ValueError, match="no score"):
        Calibrator.fit(np.zeros(0, np.float32), np.zeros(0, bool))


@given(st.lists(st.tuples(st.floats(-5, 5, width=32), st.booleans()), min_size=1, max_size=60))
def test_the_order_stays_and_the_mean_is_the_rate(cases):
    score, taken = np.array([case[0] for case in cases], np.float32), np.array([case[1] for case in cases])
    found = Calibrator.fit(score, taken)(score)
    assert (np.diff(found[np.argsort(score, kind="stable")]) >= -1e-9).all()
    assert found.mean() == pytest.approx(taken.mean(), abs=1e-6)
