"""Planted bias is found and refused, its absence is not, and who cannot be judged is not judged."""

from dataclasses import replace

import numpy as np
import pytest
import treated_people as people

from ml.domains import Fairness
from ml.evaluation.fairness.rendering import markdown, plot
from ml.evaluation.fairness.report import calibrated_on, report
from ml.evaluation.fairness.treatment import Treatment
from ml.evaluation.fairness.verdict import breaches, warnings
from ml.evaluation.significance import Interval

LIMITS = Fairness(minimum_group=50)
EARLIER = people.planted({"a": 400}, {"a": 0.5})  # a quarter take the item


def reported(treatment: Treatment, limits: Fairness = LIMITS, guessed: Interval | None = None) -> dict:
    found = report(treatment, calibrated_on(EARLIER), limits, ("group",), {"group": guessed}, seed=0)
    return found | {"protected_inputs": {}}


def group(document: dict, name: str) -> dict:
    (found,) = [each for each in document["facts"]["group"]["groups"] if each["group"] == name]
    return found


def test_the_figures_of_each_group_by_hand():
    document = reported(people.planted({"a": 100, "b": 200}, {"a": 0.8, "b": 0.6}))
    a, b = group(document, "a"), group(document, "b")
    assert (a["users"], b["requests"], document["users"]) == (100, 200, 300)
    assert a["approval"]["mean"] == pytest.approx(0.8)
    assert b["approval_ratio"]["mean"] == pytest.approx(0.75)
    assert a["exposure"]["mean"] == pytest.approx(0.2)  # one place of four for four of five people
    assert a["predicted"]["mean"] == pytest.approx(0.25)
    assert a["calibration_gap"]["mean"] == pytest.approx(0.0)
    assert document["facts"]["group"]["most_favoured"] == "a"
    for figure in (a["exposure"], b["approval"], b["approval_ratio"]):
        assert figure["low"] <= figure["mean"] <= figure["high"]


def test_a_group_that_is_approved_too_seldom_is_refused_with_fact_group_figure_and_limit():
    (sentence,) = breaches(reported(people.planted({"a": 100, "b": 200}, {"a": 0.8, "b": 0.6})), LIMITS)
    for part in ("group, group b", "0.750", "to the group a", "0.8"):
        assert part in sentence


def test_the_estimate_decides_though_the_interval_holds_the_limit():
    document = reported(people.planted({"a": 60, "b": 60}, {"a": 0.5, "b": 0.35}))
    ratio = group(document, "b")["approval_ratio"]
    assert ratio["mean"] < LIMITS.minimum_approval_ratio < ratio["high"]
    assert len(breaches(document, LIMITS)) == 1


def test_a_ratio_on_the_limit_passes():
    assert breaches(reported(people.planted({"a": 100, "b": 100}, {"a": 1.0, "b": 0.8})), LIMITS) == []


def test_equal_treatment_is_not_refused():
    document = reported(people.planted({"a": 100, "b": 300, None: 60}, {"a": 0.5, "b": 0.5, None: 0.5}))
    assert breaches(document, LIMITS) == []
    assert warnings(document, LIMITS) == []


def test_nobody_approved_is_nobody_favoured():
    document = reported(people.planted({"a": 100, "b": 100}, {"a": 0, "b": 0}))
    assert group(document, "b")["approval_ratio"]["mean"] == 1
    assert breaches(document, LIMITS) == []


@pytest.mark.parametrize(("taken", "sign"), [(0.22, "+0.030"), (0.32, "-0.070")])
def test_a_group_that_takes_other_than_predicted_is_refused_either_way(taken, sign):
    (sentence,) = breaches(reported(people.planted({"a": 100}, {"a": 0.5}, taken)), LIMITS)
    assert f"calibration gap {sign}" in sentence
    assert "0.02" in sentence


def test_the_limits_in_force_decide_not_those_of_the_report():
    document = reported(people.planted({"a": 100, "b": 200}, {"a": 0.8, "b": 0.6}))
    assert breaches(document, Fairness(minimum_approval_ratio=0.7)) == []


def test_a_tiny_group_is_reported_and_not_judged():
    document = reported(people.planted({"a": 100, "b": 49}, {"a": 0.5, "b": 0}))
    found = group(document, "b")
    assert (found["judged"], found["reason"]) == (False, "fewer than 50 users")
    assert found["approval_ratio"]["mean"] == 0
    assert breaches(document, LIMITS) == []


def test_a_tiny_group_is_not_the_one_that_others_are_measured_by():
    document = reported(people.planted({"a": 100, "b": 49, None: 80}, {"a": 0.5, "b": 1, None: 1}))
    assert document["facts"]["group"]["most_favoured"] == "a"
    assert breaches(document, LIMITS) == []


def test_the_unknown_are_a_group_that_is_not_judged():
    document = reported(people.planted({"a": 100, None: 100}, {"a": 0.5, None: 0}))
    found = group(document, "unknown")
    assert (found["judged"], found["reason"]) == (False, "unknown")
    assert breaches(document, LIMITS) == []


def test_one_group_alone_is_compared_with_nobody_and_said_to_be():
    document = reported(people.planted({"a": 100}, {"a": 0.1}))
    assert group(document, "a")["approval_ratio"]["mean"] == 1
    assert breaches(document, LIMITS) == []
    assert "fewer than two groups" in warnings(document, LIMITS)[0]


def test_one_person_has_no_interval():
    found = group(reported(people.planted({"a": 1}, {"a": 1}), Fairness(minimum_group=1)), "a")
    assert (found["approval"]["mean"], found["approval"]["low"]) == (1, None)


def test_nobody_at_all_is_a_report_without_groups():
    document = reported(empty())
    assert document["facts"]["group"]["groups"] == []
    assert breaches(document, LIMITS) == []
    assert "fewer than two groups" in warnings(document, LIMITS)[0]


def empty() -> Treatment:
    nobody = np.zeros(0)
    return people.treatment([], nobody, nobody, nobody)


def test_who_has_every_guarded_item_counts_for_nothing():
    some = people.planted({"a": 100, "b": 100}, {"a": 0.5, "b": 0.5})
    barred = np.arange(200) % 2 == 1
    guarded, may = np.where(barred, 0, some.guarded), ~barred[:, None]
    held = replace(some, guarded=guarded, ranked_guarded=guarded, open=may, allowed=may)
    document = reported(held)
    assert group(document, "b")["approval"]["mean"] == pytest.approx(0.5)  # of fifty people, not of a hundred
    assert breaches(document, LIMITS) == []


def ruled(before: dict[str, float], after: dict[str, float], eligible: dict[str, float]) -> Treatment:
    """A hundred people a group of whom the last share is eligible; the first shares are approved before and after."""
    sizes = dict.fromkeys(before, 100)
    ranked, shown = people.planted(sizes, before), people.planted(sizes, after)
    may = np.concatenate([np.arange(100) >= 100 - 100 * eligible[group] for group in sizes])[:, None]
    return replace(
        shown, ranked=ranked.shown, ranked_guarded=ranked.guarded, allowed=may, guarded=shown.guarded * may[:, 0]
    )


def test_what_is_shown_after_the_rules_is_judged_and_what_the_ranker_wanted_is_told():
    document = reported(ruled({"a": 0.9, "b": 0.5}, {"a": 0.8, "b": 0.8}, {"a": 1.0, "b": 1.0}))
    b = group(document, "b")
    assert b["approval_ratio"]["mean"] == pytest.approx(1)
    assert b["approval_ratio_before_rules"]["mean"] == pytest.approx(5 / 9)
    assert (b["exposure"]["mean"], b["exposure_before_rules"]["mean"]) == (pytest.approx(0.2), pytest.approx(0.125))
    assert breaches(document, LIMITS) == []
    unfair = reported(ruled({"a": 0.8, "b": 0.8}, {"a": 0.9, "b": 0.5}, {"a": 1.0, "b": 1.0}))
    assert "approval ratio 0.556" in breaches(unfair, LIMITS)[0]


def test_approval_is_of_the_eligible_and_their_share_is_told():
    document = reported(ruled({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 0.6}))
    b = group(document, "b")
    assert (b["eligible"]["mean"], b["eligible_users"]) == (pytest.approx(0.6), 60)
    assert (b["approval"]["mean"], b["exposure"]["mean"]) == (pytest.approx(1), pytest.approx(0.15))
    assert breaches(document, LIMITS) == []


def test_a_group_with_few_eligible_users_is_not_compared():
    document = reported(ruled({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 0.7}, {"a": 1.0, "b": 0.4}))
    b = group(document, "b")
    assert (b["judged"], b["approval_judged"], b["eligible_users"]) == (True, False, 40)
    assert b["approval_ratio"]["mean"] < LIMITS.minimum_approval_ratio
    assert breaches(document, LIMITS) == []
    assert "fewer than two groups" in warnings(document, LIMITS)[0]


def test_inputs_that_give_a_fact_away_are_warned_of_and_refused_by_nobody():
    document = reported(people.planted({"a": 100, "b": 100}, {"a": 0.5, "b": 0.5}), guessed=Interval(0.75, 0.7, 0.8))
    assert breaches(document, LIMITS) == []
    assert "AUC of 0.750" in warnings(document, LIMITS)[0]


def test_a_model_that_reads_a_protected_fact_is_refused():
    document = reported(people.planted({"a": 100, "b": 100}, {"a": 0.5, "b": 0.5}))
    (sentence,) = breaches(document | {"protected_inputs": {"logistic": ["sex=f"]}}, LIMITS)
    assert "logistic" in sentence
    assert "sex=f" in sentence


def test_the_page_shows_every_group_and_the_picture_is_drawn(tmp_path):
    document = reported(people.planted({"a": 100, "b": 49, None: 60}, {"a": 0.8, "b": 0.1, None: 0.5}))
    document |= {
        "domain": "little", "limits": LIMITS.model_dump(), "guarded": ["credit"], "breaches": ["too few"],
        "warnings": [], "inputs": {"ranker": ("score",)},
    }  # fmt: skip
    page = markdown(document, "fairness.png")
    for text in (
        "| a | 100 | 100 | yes |",
        "| b | 49 | 49 | no: fewer than 50 users |",
        "| unknown |",
        "- too few",
        "- ranker: score",
    ):
        assert text in page
    plot(document, tmp_path / "fairness.png")
    assert (tmp_path / "fairness.png").read_bytes()[:4] == b"\x89PNG"
