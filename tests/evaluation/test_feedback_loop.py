"""The simulated shop: people choose as the model of choice says, the same seed gives the same shop."""

import numpy as np
import pytest

from ml.errors import BadInput
from ml.evaluation.feedback_loop import MEASURES, Shop, arms, choices, concentration, simulate
from ml.steps.feedback_loop import bench_feedback_loop
from ml.steps.feedback_loop_page import write_feedback_loop

SMALL = Shop(users=60, items=60, centres=4, visits=3, menus=5, rounds=3)


def test_concentration_by_hand():
    even = np.array([[0, 1], [2, 3]], np.int32)
    assert concentration(even, 4) == (0.0, 1.0, 0.25)  # a hundredth of four items is one
    one_sided = np.array([[0, 1], [0, -1]], np.int32)
    gini, coverage, top = concentration(one_sided, 4)
    # Shares 0, 0, 1/3, 2/3: the sum of (2 j - 5) x_j / 4, j from 1.
    assert gini == pytest.approx((1 * 1 / 3 + 3 * 2 / 3) / 4)
    assert (coverage, top) == (0.5, pytest.approx(2 / 3))


def test_people_look_at_the_top_and_take_what_they_like():
    rng, slates = np.random.default_rng(1), 20_000
    user, shown = np.zeros(slates, np.int64), np.tile(np.arange(4, dtype=np.int32), (slates, 1))
    alike = choices(np.zeros((1, 4), np.float32), user, shown, 0.0, rng)
    counts = np.bincount(alike[alike >= 0], minlength=4)
    assert (np.diff(counts) < 0).all(), "the same item is chosen less often further down"
    loved = choices(np.array([[0, 0, 0, 5]], np.float32), user, shown, 0.0, rng)
    assert np.mean(loved == 3) == pytest.approx(4**-0.5, abs=0.05), "as often as it is looked at"
    assert (choices(np.zeros((1, 4), np.float32), user, shown, 50.0, rng) == -1).all()


def test_an_empty_slate_is_left():
    nothing = np.full((3, 2), -1, np.int32)
    assert choices(np.zeros((1, 2)), np.zeros(3, np.int64), nothing, 0.0, np.random.default_rng(0)).tolist() == [-1] * 3


def test_the_same_seed_gives_the_same_shop_and_exploration_shows_more_of_it():
    policies = arms()
    without, explored = (simulate(SMALL, policies[name], seed=3) for name in ("without", "with"))
    assert without.shape == (SMALL.rounds, len(MEASURES))
    np.testing.assert_array_equal(without, simulate(SMALL, policies["without"], seed=3))
    assert (explored[:, MEASURES.index("coverage")] > without[:, MEASURES.index("coverage")]).all()
    assert np.isfinite(without).all()
    assert np.isfinite(explored).all()


def test_the_page_holds_what_was_computed(tmp_path):
    found = bench_feedback_loop(2, SMALL)
    assert {name: len(rounds) for name, rounds in found["rounds"].items()} == {"without": 3, "with": 3}
    gain = [found["rounds"][name][-1]["coverage"]["mean"] for name in ("without", "with")]
    assert found["difference"]["coverage"]["mean"] == pytest.approx(gain[1] - gain[0])
    write_feedback_loop(found, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert f"| without | 3 | {found['rounds']['without'][2]['gini']['mean']:.3f} (" in text
    assert (tmp_path / "images" / "feedback-loop.png").stat().st_size > 10_000


def test_one_seed_tells_nothing_of_scatter():
    with pytest.raises(BadInput, match="seeds"):
        bench_feedback_loop(1, SMALL)
