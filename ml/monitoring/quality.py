"""Recommendation quality by Evidently's ranking metrics, from the champion's answers."""

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from ml.data.arrays import Strings, distinct, is_among
from ml.data.dataset import Log
from ml.evaluation.metrics import member
from ml.monitoring.answers import Answers
from ml.monitoring.library import Page, Window, quietly, run_report

MINIMUM_CASES = 2  # personalisation compares slates with each other


def quality_page(
    name: str, reference: Answers, current: Answers, known: Log, titles: Strings, *, as_of: datetime
) -> Page | None:
    """Accuracy, novelty, personalisation and popularity bias of two sets of answers; `None` for too few of them.

    Args:
        name: Of the page.
        reference: From the tested window.
        current: From the last one.
        known: The events before the last window: how popular each item is, for both.
        titles: (items,) what people call each item.
        as_of: The report's instant.
    """
    if min(len(reference), len(current)) < MINIMUM_CASES:
        return None
    window = Window(ranked_rows(reference, titles), ranked_rows(current, titles))
    if any(frame.empty for frame in (window.reference, window.current)):
        return None
    taken = distinct(known.user.astype(np.int64) * known.items + known.item)
    before = pd.DataFrame({"user_id": taken // known.items, "item_id": titles[taken % known.items]})
    with quietly():
        from evidently import DataDefinition, Recsys

        definition = DataDefinition(
            numerical_columns=["target", "prediction"], categorical_columns=["user_id", "item_id"],
            ranking=[Recsys(recommendations_type="rank")],
        )  # fmt: skip
        # Evidently wants relevance of what was known too; it counts only who had what.
        additional = {"current_train_data": before.assign(target=1, prediction=1)}
        return run_report(name, _metrics(depth_of(window)), window, definition, as_of=as_of, additional=additional)


def ranked_rows(answers: Answers, titles: Strings) -> pd.DataFrame:
    """The answers as Evidently takes them: a row an item of a slate, and a row an item that the slate missed.

    `prediction` is the rank from 1, one below the slate for what was missed, so that recall and nDCG know of it; a case
    is a user of its own, since one user may be asked for several times.
    """
    case, place = np.nonzero(answers.item >= 0)
    shown = answers.item[case, place]
    hit = member(answers.item, answers.labels)[case, place]
    width = len(titles)
    labelled = distinct(answers.labels.rows * np.int64(width) + answers.labels.values)
    missed = labelled[~is_among(labelled, case * np.int64(width) + shown)]
    frame = pd.DataFrame(
        {
            "user_id": np.concatenate([case, missed // width]),
            "item_id": titles[np.concatenate([shown, missed % width])],
            "target": np.concatenate([hit, np.ones(len(missed), bool)]).astype(int),
            "prediction": np.concatenate([place, np.full(len(missed), answers.item.shape[1])]) + 1,
        }
    )
    return frame.sort_values(["user_id", "prediction"], kind="stable", ignore_index=True)


def depth_of(window: Window) -> int:
    """How deep both tables can be measured: Evidently fails below the deepest rank that occurs, at most 10."""
    depths = [
        int(min(frame["prediction"].max(), frame.groupby("user_id").size().max()))
        for frame in (window.reference, window.current)
    ]
    return min(10, *depths)


def _metrics(k: int) -> list[Any]:
    from evidently.metrics import recsys

    ranking = (recsys.NDCG, recsys.RecallTopK, recsys.PrecisionTopK, recsys.MAP, recsys.MRR, recsys.HitRate)
    bias = [recsys.PopularityBiasMetric(k=k, metric=metric) for metric in ("arp", "coverage", "gini")]
    return [*(metric(k=k) for metric in ranking), recsys.Novelty(k=k), recsys.Personalization(k=k), *bias]
