"""What every ranker is: fitted on labelled candidates, then giving each candidate of a request a score.

Shapes: N candidates of R requests, a request's candidates side by side.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np

from ml.data.arrays import Floats, Indices, Ints
from ml.domains.frozen import Frozen
from ml.ranking.frame import Frame

DESCRIPTION = "ranker.json"  # in the folder of every saved ranker: its name under `ranker`, and what it reads
CUTOFF = 10  # of the nDCG by which every ranker stops, and by which two are compared


@dataclass(frozen=True)
class LabelledFrame:
    """A frame with what was taken, and what is known of the place where each candidate was shown.

    Labels that people gave to candidates in a logged order are biased by position. Either `weight` has treated
    that already (`ml.ranking.position_bias`), or `position` asks the ranker for its own treatment; with neither
    there is nothing to treat.

    Raises:
        ValueError: where both are given (the bias would be treated twice), or lengths differ.
    """

    frame: Frame
    label: Floats  # (N,) 1 for a candidate that was taken, else 0
    weight: Floats | None = None  # (N,) how much a label counts: its inverse propensity
    position: Indices | None = None  # (N,) where the candidate was shown; 0 is on top

    def __post_init__(self) -> None:
        if self.weight is not None and self.position is not None:
            raise ValueError("weights and positions together would treat position bias twice: give one of them")
        rows = {len(each) for each in (self.frame.values, self.label, self.weight, self.position) if each is not None}
        if len(rows) > 1:
            raise ValueError(f"features, labels, weights and positions differ in length: {sorted(rows)}")

    @property
    def gain(self) -> Floats:
        """(N,) what it is worth to have a candidate on top: its label, times its weight where there is one."""
        return self.label if self.weight is None else self.label * self.weight


class Ranker(Protocol):
    """One way to order candidates; scores are comparable within a request only."""

    name: ClassVar[str]
    Parameters: ClassVar[type[Frozen]]
    neural: ClassVar[bool]  # learns by gradient steps: `epochs`, `learning_rate` of a training apply to it

    @property
    def features(self) -> tuple[str, ...]:
        """The names of what it reads, in the order of training."""

    @property
    def curves(self) -> dict[str, list[float]]:
        """What was measured while it learnt; `validation_ndcg@10` has one value a round or epoch."""

    @classmethod
    def fit(
        cls, train: LabelledFrame, validation: LabelledFrame, parameters: Frozen, *, seed: int, threads: int
    ) -> Self:
        """Learn from `train` until nDCG@10 on `validation` stops rising; the same seed gives the same ranker."""

    def predict(self, frame: Frame) -> Floats:
        """(N,) scores, higher is better; features are matched by name."""

    def importance(self) -> dict[str, float] | None:
        """How much each feature decides, most important first; None where the ranker cannot say."""

    def save(self, folder: Path) -> None:
        """Write weights as .ubj or .safetensors and all else as JSON; no pickle."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""


def ndcg(labelled: LabelledFrame, scores: Floats, k: int = CUTOFF) -> float:
    """nDCG@k over the requests with any gain, each counting as much as its best possible DCG@k.

    Without weights every request counts the same: the usual mean (Järvelin and Kekäläinen, TOIS 2002). With inverse
    propensities, normalising each request by itself would bring the bias back; the ratio of the sums is unbiased up
    to a constant, as the sum of DCG is (Agarwal, Takatsu, Zaitsev and Joachims, SIGIR 2019).

    Args:
        labelled: The candidates.
        scores: (N,) higher is better; ties keep the order of the rows.
        k: Ranks that count.

    Returns:
        A value in [0, 1]; NaN where no candidate has a gain.
    """
    best = dcg(labelled.gain, labelled.gain, labelled.frame.offsets, k)  # (R,)
    asked = best > 0
    if not asked.any():
        return float("nan")
    share = ndcg_by_request(labelled, scores, k)[asked]
    return float(share.mean() if labelled.weight is None else np.average(share, weights=best[asked]))


def ndcg_by_request(labelled: LabelledFrame, scores: Floats, k: int = CUTOFF) -> Floats:
    """(R,) DCG@k of each request over its best possible one; NaN where no candidate has a gain."""
    reached = dcg(labelled.gain, scores, labelled.frame.offsets, k)
    best = dcg(labelled.gain, labelled.gain, labelled.frame.offsets, k)
    return np.divide(reached, best, out=np.full_like(reached, np.nan), where=best > 0)


def dcg(gain: Floats, scores: Floats, offsets: Ints, k: int = CUTOFF) -> Floats:
    """(R,) Σ gain / log2(rank + 1) over the first k candidates by score, ranks from 1; ties keep the order of rows."""
    request = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))  # (N,)
    order = np.lexsort((-scores, request))
    rank = np.arange(len(request)) - offsets[request]
    discounted = np.where(rank < k, gain[order] / np.log2(rank + 2), 0.0)
    return np.bincount(request, weights=discounted, minlength=len(offsets) - 1).astype(np.float32)
