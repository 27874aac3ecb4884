import json

import numpy as np
import pytest

from ml.cli import output
from ml.evaluation.position_bias import CLICKS, TRUTH, WEIGHTS, Sizes, _gap_closed, check
from ml.ranking import RANKERS

SMALL = Sizes(positions=5, logs=2, logged=40_000, trained=1500, validated=500, judged=2000)


@pytest.fixture(scope="module")
def document() -> dict:
    return check(3, SMALL)


def test_the_curve_is_recovered(document):
    curve = document["examination"]
    assert [row["true"] for row in curve["positions"]] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert curve["largest_error"] < 0.1
    assert all(row["lowest"] <= row["estimated"] <= row["highest"] for row in curve["positions"])
    assert all(row["share_of_clicks"] < row["lowest"] for row in curve["positions"][1:])  # biased without correction


@pytest.mark.parametrize("ranker", RANKERS)
def test_correction_comes_closer_to_true_relevance(document, ranker):
    rows = {row["learns_from"]: row for row in document["trainings"]["rows"] if row["ranker"] == ranker}
    assert len(rows) == 4
    assert rows[CLICKS]["gain"] is None
    assert rows[TRUTH]["gain"]["low"] > 0
    assert rows[WEIGHTS]["gain"]["low"] > 0
    assert 0 < rows[WEIGHTS]["gap_closed"]["mean"] < 1


def test_the_share_of_the_gap_by_hand():
    """Means 0.6, 0.5 and 0.9: a quarter of the gap."""
    measured, plain, truth = np.array([0.5, 0.7]), np.array([0.4, 0.6]), np.array([0.8, 1.0])
    assert _gap_closed(measured, plain, truth, seed=0)["mean"] == pytest.approx(0.25)
    assert _gap_closed(measured, plain, plain, seed=0)["mean"] is None


def test_it_is_printed_with_what_each_figure_is(document, capsys):
    output.emit(document, False, output.position_bias)
    shown = " ".join(capsys.readouterr().out.split())
    assert "Examination, relative to the first position" in shown
    assert "by intervention harvesting" in shown
    assert "Gap closed: the gain as a share" in shown
    assert json.loads(json.dumps(document)) == document
