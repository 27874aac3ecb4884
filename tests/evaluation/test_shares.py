"""Shares of a reference's metric: planted metrics, of which the ratio is known."""

import numpy as np
import pytest

from ml.evaluation.evaluation import COLUMN, METRIC_NAMES, Results, Scores
from ml.evaluation.shares import by_moment, share_rows, together

METRIC = "map@7"
KINDS = {"best": "baseline", "half": "recommender"}


def results(users: int, moments: tuple[int, ...] = (1, 2)) -> Results:
    """Each user once a moment; the reference has 0.8 or 0.4 by turns, the other model half of it."""
    unit, moment = np.repeat(np.arange(users), len(moments)), np.tile(moments, users)
    best = np.where(unit % 2, 0.4, 0.8)
    models = {}
    for name, values in (("best", best), ("half", best / 2)):
        metrics = np.full((len(unit), len(METRIC_NAMES)), np.nan, np.float32)
        metrics[:, COLUMN[METRIC]] = values
        models[name] = Scores(metrics, np.zeros((len(unit), 10), np.int32))
    return Results(unit, moment, np.ones(len(unit), np.int64), models)


def rows(found: Results) -> dict[str, dict]:
    return {row["model"]: row for row in share_rows(found, KINDS, "best", METRIC, seed=0)}


def test_a_share_is_the_ratio_of_the_means_and_as_sure_as_they_vary_together():
    found = rows(results(40))
    assert found["half"]["cases"] == 80
    assert found["half"][METRIC]["mean"] == pytest.approx(0.3)
    assert found["half"][METRIC]["low"] < 0.3 < found["half"][METRIC]["high"]
    # Always half, whoever is drawn: the ratio does not vary though both means do.
    assert [found["half"]["share"][end] for end in ("mean", "low", "high")] == pytest.approx([0.5] * 3)
    assert found["best"]["share"]["mean"] == pytest.approx(1)


def test_one_user_has_a_share_without_an_interval():
    assert rows(results(1))["half"]["share"] == {"mean": pytest.approx(0.5), "low": None, "high": None}


def test_users_of_several_data_sets_are_different_users():
    joined = together([results(3), results(2)], list(KINDS))
    assert len(joined) == 10
    assert len(np.unique(joined.unit)) == 5
    assert rows(joined)["half"]["share"]["mean"] == pytest.approx(0.5)


def test_the_parts_of_each_moment_make_the_whole():
    whole = results(4, moments=(5, 3, 9))
    parts = dict(by_moment(whole))
    assert list(parts) == [3, 5, 9]
    assert all((part.moment == moment).all() for moment, part in parts.items())
    assert sum(len(part) for part in parts.values()) == len(whole)
    assert all(rows(part)["half"]["share"]["mean"] == pytest.approx(0.5) for part in parts.values())
