"""What the champion answers to a sample of the cases of some cadences, and how good that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from ml.data.arrays import Floats, Indices, Ragged
from ml.data.dataset import Dataset, cases_in
from ml.data.requests import Cases
from ml.data.windows import to_micros
from ml.evaluation.arrays import Doubles
from ml.evaluation.beyond_accuracy import CASE_NAMES, SLATE, Expectation, beyond_accuracy
from ml.evaluation.metrics import ACCURACY_NAMES, accuracy, member
from ml.evaluation.protocol import Rankable
from ml.features.store import FeatureStore
from ml.retrieval.contract import Ranking, State

CASES = 1_000  # of each window: nDCG@10 is then known to about 4 % of itself (standard error)
_NAMES = (*ACCURACY_NAMES, *CASE_NAMES)


@dataclass(frozen=True)
class Answers:
    """The slates for C cases; K places each."""

    item: Indices  # (C, K) -1 where there are fewer
    score: Floats  # (C, K)
    labels: Ragged  # what was taken
    metrics: Doubles  # (C, M)
    repeated: Doubles  # (C,) share of the slate that the user had before

    def __len__(self) -> int:
        return len(self.item)

    def metric(self, name: str) -> Doubles:
        """(C,) one metric of `ml.evaluation`, such as `ndcg@10`, case by case."""
        return self.metrics[:, _NAMES.index(name)]

    def described(self) -> pd.DataFrame:
        """A row a case: the scores of its slate, and what the slate is worth beyond accuracy."""
        score = np.where(self.item >= 0, self.score, np.nan)
        with np.errstate(all="ignore"):
            frame = pd.DataFrame(score).agg(["max", "mean", "min"], axis=1)
        frame.columns = ["best_score", "mean_score", "last_score"]
        frame["slate_size"] = (self.item >= 0).sum(axis=1).astype(np.float64)
        frame["share_had_before"] = self.repeated
        for name in CASE_NAMES:
            frame[name.removesuffix(f"@{SLATE}")] = self.metric(name)
        return frame.replace([np.inf, -np.inf], np.nan)


def answers_of(
    model: Rankable, dataset: Dataset, features: FeatureStore, moments: Sequence[datetime], *, seed: int
) -> Answers | None:
    """Ask a model about at most `CASES` cases, evenly over the cadences that begin at `moments`.

    As in an evaluation, the model is refreshed at the start of each cadence and knows nothing of what follows. `None`
    where nothing was taken.
    """
    parts = []
    for at in moments:
        (cases,) = cases_in(dataset, at, dataset.windows.end_of(at))
        if len(cases):
            parts.append(_asked(model, dataset, features, at, _sampled(cases, CASES // len(moments), seed)))
    return _joined(parts) if parts else None


def _asked(model: Rankable, dataset: Dataset, features: FeatureStore, at: datetime, cases: Cases) -> Answers:
    moment = to_micros(at)
    state, snapshot = State(dataset.before(moment), moment), features.at(moment)
    found = model.refresh(state).rank(cases.requests, snapshot, SLATE, ("all",))["all"]
    ranking = Ranking(found.item[:, :SLATE], found.score[:, :SLATE])
    known = Expectation.of(state.dataset.log, snapshot.category)
    beyond = beyond_accuracy(ranking.item, cases.labels, cases.requests, known)
    had = member(ranking.item, cases.requests.history.items).sum(axis=1)
    shown = np.maximum((ranking.item >= 0).sum(axis=1), 1)
    metrics = np.concatenate([accuracy(ranking, cases.labels), beyond], axis=1)
    return Answers(ranking.item, ranking.score, cases.labels, metrics, had / shown)


def _sampled(cases: Cases, count: int, seed: int) -> Cases:
    if len(cases) <= count:
        return cases
    return cases.take(np.sort(np.random.default_rng(seed).choice(len(cases), count, replace=False)))


def _joined(parts: Sequence[Answers]) -> Answers:
    lengths = np.concatenate([part.labels.lengths for part in parts])
    labels = Ragged(np.r_[np.int64(0), np.cumsum(lengths)], np.concatenate([part.labels.values for part in parts]))
    item, score, metrics, repeated = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("item", "score", "metrics", "repeated")
    )
    return Answers(item, score, labels, metrics, repeated)
