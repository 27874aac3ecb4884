"""Every path of the promotion gate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.domains import Gate
from ml.errors import BadInput
from ml.tracking.gate import Contender, decide

UNTIL = datetime(2017, 12, 4, 5, tzinfo=UTC)
CASES = 400
RNG = np.random.default_rng(5)
BASE = RNG.uniform(0.1, 0.3, CASES)
UNIT = np.arange(CASES) // 2
GATE = Gate()


def contender(metric=BASE, **changes) -> Contender:
    usual = {
        "name": "version 1", "configuration": "a", "trained_until": UNTIL, "coverage": 0.2, "diversity": 0.8,
        "popularity": 0.1,
    }  # fmt: skip
    return Contender(metric=np.asarray(metric), **(usual | changes))


CHAMPION = contender()
BASELINE = contender(name="the baseline tifu_knn", configuration="")
BETTER = BASE + RNG.uniform(0.0, 0.04, CASES)


def judged(challenger, rival=CHAMPION, *, first=False, begins=UNTIL, unit=UNIT):
    return decide(GATE, challenger, rival, unit, begins=begins, first=first)


def test_a_first_champion_that_beats_the_best_baseline_is_promoted():
    decision = judged(contender(BETTER), BASELINE, first=True)
    assert decision.promote
    assert decision.path == "first"
    assert "the baseline tifu_knn" in decision.reasons[0]
    assert decision.figures["difference"]["low"] > 0


def test_a_first_champion_that_does_not_beat_the_baseline_is_refused():
    decision = judged(contender(BASE + RNG.normal(0, 0.05, CASES) - 0.005), BASELINE, first=True)
    assert not decision.promote
    assert decision.path == "refused: first"
    assert "is not above zero" in decision.reasons[0]


def test_a_better_new_configuration_is_promoted():
    decision = judged(contender(BETTER, configuration="b"))
    assert decision.promote
    assert decision.path == "new configuration"


@pytest.mark.parametrize("metric", [BASE, BASE - 0.01])
def test_an_equal_or_worse_new_configuration_is_refused(metric):
    decision = judged(contender(metric, configuration="b"))
    assert not decision.promote
    assert decision.path == "refused: new configuration"


def test_fresh_data_within_the_margin_is_promoted_although_it_is_slightly_worse():
    decision = judged(
        contender(BASE * 0.99, trained_until=UNTIL + timedelta(weeks=1)), begins=UNTIL + timedelta(weeks=1)
    )
    assert decision.promote
    assert decision.path == "fresh data"


def test_fresh_data_outside_the_margin_is_refused():
    decision = judged(contender(BASE * 0.97))
    assert not decision.promote
    assert decision.path == "refused: fresh data"
    assert "above -2.0%" in decision.reasons[0]


@pytest.mark.parametrize("side", ["challenger", "champion"])
def test_a_period_that_overlaps_either_training_is_refused_with_the_dates(side):
    late = UNTIL + timedelta(weeks=1)
    challenger = contender(BETTER, configuration="b", trained_until=late if side == "challenger" else UNTIL)
    champion = replace(CHAMPION, trained_until=late if side == "champion" else UNTIL)
    decision = judged(challenger, champion)
    assert not decision.promote
    assert decision.path == "refused: overlap"
    assert "2017-12-04 05:00" in decision.reasons[0]
    assert "2017-12-11 05:00" in decision.reasons[0]


@pytest.mark.parametrize(
    ("measure", "value"), [("coverage", 0.15), ("diversity", 0.7), ("popularity", 0.13), ("coverage", np.nan)]
)
def test_a_guardrail_that_falls_refuses_a_better_challenger(measure, value):
    decision = judged(contender(BETTER, configuration="b", **{measure: value}))
    assert not decision.promote
    assert decision.path == "refused: guardrail"
    assert any(measure in reason for reason in decision.reasons[1:])


def test_guardrails_allow_what_is_within_their_ratio():
    assert judged(contender(BETTER, configuration="b", coverage=0.17, diversity=0.73, popularity=0.12)).promote


def test_one_unit_alone_is_never_enough_to_know():
    decision = judged(contender(BETTER, configuration="b"), unit=np.zeros(CASES, int))
    assert not decision.promote


def test_no_cases_is_a_refusal():
    none = np.zeros(0)
    decision = judged(contender(none, configuration="b"), contender(none), unit=np.zeros(0, int))
    assert decision.path == "refused: no cases"


def test_different_cases_are_bad_input():
    with pytest.raises(BadInput, match="same cases"):
        judged(contender(BASE[:-1]))


@settings(max_examples=60, deadline=None)
@given(
    differences=st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=40),
    seed=st.integers(0, 2**16),
    first=st.booleans(),
)
def test_no_new_configuration_passes_without_a_lower_bound_above_zero(differences, seed, first):
    rival = np.full(len(differences), 0.3)
    challenger = contender(rival + differences, configuration="b")
    unit = np.arange(len(differences))
    decision = decide(GATE, challenger, contender(rival), unit, begins=UNTIL, first=first, seed=seed)
    low = decision.figures["difference"]["low"]
    assert decision.promote == (low is not None and low > 0)
    assert not (decision.promote and np.mean(differences) <= 0)


@pytest.mark.parametrize(("coverage", "promoted"), [(0.15, True), (0.13, False)])
def test_a_first_champion_has_a_coverage_floor_of_its_own(coverage, promoted):
    decision = judged(contender(BETTER, coverage=coverage), BASELINE, first=True)
    assert decision.promote is promoted


@pytest.mark.parametrize(
    ("popularity", "first", "promoted"), [(0.14, True, True), (0.16, True, False), (0.14, False, False)]
)
def test_a_first_champion_has_a_popularity_ceiling_of_its_own(popularity, first, promoted):
    challenger = contender(BETTER, popularity=popularity, configuration="b")
    decision = judged(challenger, BASELINE if first else CHAMPION, first=first)
    assert decision.promote is promoted
    assert promoted or decision.path == "refused: guardrail"


def test_a_better_challenger_that_is_unfair_is_refused_with_what_it_breaks():
    sentence = "sex, group f: approval ratio 0.700 to the group m; at least 0.8 is needed"
    decision = judged(contender(BETTER, configuration="b", unfair=(sentence,)))
    assert not decision.promote
    assert decision.path == "refused: guardrail"
    assert decision.reasons[-1] == sentence
