"""How well the towers find what users took in [t2, t3): what stops the training."""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Floats, Ints, is_among
from ml.data.dataset import Dataset, cases_in
from ml.data.requests import Cases
from ml.data.windows import to_micros
from ml.retrieval.contract import top_k
from ml.retrieval.two_tower.inputs import cadence_of, popularity
from ml.retrieval.two_tower.serving import Towers

K = 100
CHUNK = 256  # requests scored at once


@dataclass(frozen=True)
class Validation:
    """The cases of each validation cadence, and the items' popularity at its start."""

    cases: list[tuple[Cases, Floats]]
    history_length: int

    @classmethod
    def of(cls, dataset: Dataset, most: int, history_length: int) -> "Validation":
        """At most `most` cases a cadence of [t2, t3), evenly spaced.

        Args:
            dataset: The log up to t3.
            most: Cases of each cadence.
            history_length: Events that the towers read.
        """
        windows = dataset.windows
        moments = np.array([to_micros(at) for at in windows.moments(windows.t2, windows.t3)])
        known = popularity(dataset.log, moments, cadence_of(dataset))
        cases = [
            case.take(np.unique(np.linspace(0, len(case) - 1, min(most, len(case))).astype(np.int64)))
            for case in cases_in(dataset, windows.t2, windows.t3)
        ]
        return cls([pair for pair in zip(cases, known, strict=True) if len(pair[0])], history_length)

    def recall(self, towers: Towers) -> tuple[float, float]:
        """Mean recall@100, of all that was taken and (with what was taken before left out) of discoveries.

        NaN where there is nothing to find.
        """
        every: list[Floats] = []
        discoveries: list[Floats] = []
        for cases, known in self.cases:
            catalogue = towers.catalogue(known)
            for start in range(0, len(cases), CHUNK):
                part = cases.take(np.arange(start, min(start + CHUNK, len(cases))))
                scores = towers.requests(part.requests, catalogue, self.history_length) @ catalogue.vectors.T
                every.append(_recalls(part, top_k(scores, K).item, None))
                history = part.requests.history.items
                found = top_k(scores, K, exclude=history).item
                discoveries.append(_recalls(part, found, _keys(history.rows, history.values)))
        return _mean(every), _mean(discoveries)


def _keys(row: Ints, item: np.ndarray) -> Ints:
    keys: Ints = row.astype(np.int64) << 32 | item
    return keys


def _recalls(cases: Cases, found: np.ndarray, known: Ints | None) -> Floats:
    """Recall of each request that has anything to find; `known` pairs are not looked for."""
    labels = cases.labels
    wanted = _keys(labels.rows, labels.values)
    counted: Bools = np.ones(len(wanted), bool) if known is None else ~is_among(wanted, known)
    row = np.repeat(np.arange(len(found)), found.shape[1])
    hit = is_among(wanted, _keys(row, found.ravel())) & counted
    total = np.bincount(labels.rows[counted], minlength=len(cases))
    hits = np.bincount(labels.rows[hit], minlength=len(cases))
    return (hits[total > 0] / total[total > 0]).astype(np.float32)


def _mean(parts: list[Floats]) -> float:
    values = np.concatenate([np.zeros(0, np.float32), *parts])
    return float(values.mean(dtype=np.float64)) if len(values) else float("nan")
