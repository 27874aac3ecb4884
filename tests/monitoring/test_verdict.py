from dataclasses import replace

import pytest

from ml.domains.domain import Drift
from ml.monitoring.verdict import Findings, judge

LIMITS = Drift(maximum_drifted_share=0.5, minimum_quality_ratio=0.9)
CALM = Findings(compared=4, drifted=("m.a", "m.b"), drifted_predictions=(), tested_ndcg=0.20, last_ndcg=0.19)
DRIFTED = replace(CALM, drifted=("m.a", "m.b", "m.c"))
WORSE = replace(CALM, last_ndcg=0.17)
NEWER = "2018-02-01T05:00:00Z"


@pytest.mark.parametrize(
    ("found", "newer", "retrain", "reason"),
    [
        (CALM, NEWER, False, "no threshold is passed"),
        (DRIFTED, NEWER, True, "3 of 4 features have drifted (75%), above the limit of 50%"),
        (WORSE, NEWER, True, "nDCG@10 is 0.1700 after 0.2000 when tested (85%), below the limit of 90%"),
        (DRIFTED, None, False, "training again would give the same models"),
        (WORSE, None, False, "training again would give the same models"),
    ],
)
def test_a_retrain_needs_a_passed_threshold_and_newer_data(found, newer, retrain, reason):
    verdict = judge(found, LIMITS, champion=True, newer=newer)
    assert verdict.retrain is retrain
    assert reason in "; ".join(verdict.reasons)


def test_without_a_champion_there_is_nothing_to_replace():
    verdict = judge(DRIFTED, LIMITS, champion=False, newer=NEWER)
    assert not verdict.retrain
    assert "no champion yet" in verdict.reasons[-1]


def test_nothing_measured_passes_no_threshold():
    found = Findings(0, (), (), None, None)
    assert (found.drifted_share, found.quality_ratio) == (None, None)
    assert not judge(found, LIMITS, champion=True, newer=NEWER).retrain
    assert replace(CALM, tested_ndcg=0.0).quality_ratio is None


def test_findings_survive_their_manifest():
    assert Findings.of(CALM.as_dict()) == CALM
