"""Which ranker a training keeps: every one that it asks for is fitted, and the better one on validation stays."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from ml.domains.frozen import Frozen
from ml.logs import get_logger
from ml.ranking import get_ranker
from ml.ranking.contract import LabelledFrame, Ranker, ndcg

METRIC = "validation_ndcg@10"
log = get_logger(__name__)


@dataclass(frozen=True)
class Fitted:
    """A ranker and what it reached on the validation rows."""

    ranker: Ranker
    ndcg: float

    def described(self) -> dict[str, Any]:
        """JSON-able: its metrics, learning curves and, where it can say, what it looks at."""
        steps = len(self.ranker.curves[METRIC])
        metrics = {METRIC: self.ndcg, "epochs" if self.ranker.neural else "trees": steps}
        return {"metrics": metrics, "curves": self.ranker.curves, "importance": self.ranker.importance()}


def fit_rankers(
    parameters: Mapping[str, Frozen], train: LabelledFrame, validation: LabelledFrame, *, seed: int, threads: int
) -> dict[str, Fitted]:
    """Fit each named ranker on the same rows and measure all by the same nDCG@10.

    Args:
        parameters: Name of a ranker → its parameters.
        train: What they learn from.
        validation: Says when each stops, and which is better.
        seed: Of everything drawn at random.
        threads: At most this many.
    """
    fitted = {}
    for name, chosen in parameters.items():
        ranker = get_ranker(name).fit(train, validation, chosen, seed=seed, threads=threads)
        fitted[name] = Fitted(ranker, ndcg(validation, ranker.predict(validation.frame)))
        log.info("%s: validation ndcg@10 %.4f", name, fitted[name].ndcg)
    return fitted


def best(fitted: Mapping[str, Fitted]) -> str:
    """The name of the ranker with the highest nDCG@10; of equals, or where none is known, the first."""
    return max(fitted, key=lambda name: fitted[name].ndcg if isfinite(fitted[name].ndcg) else -inf)
