"""From a ranker's scores to probabilities.

A ranker's scores order the candidates of one request; they are no probabilities, and no number of them means the same
to a bank or a shop. Isotonic regression on past cases (Zadrozny and Elkan, KDD 2002) turns them into the rate at
which items so scored were taken, whatever their scale, and never changes their order.
"""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Floats
from ml.evaluation.arrays import Doubles


@dataclass(frozen=True)
class Calibrator:
    """A rising function of the score, linear between its knots."""

    score: Doubles  # (N,) ascending
    probability: Doubles  # (N,) never falling
    lowest: float  # the score of what has none (-inf), below all others

    @classmethod
    def fit(cls, score: Floats, taken: Bools) -> "Calibrator":
        """From N scores, -inf for what was no candidate, and whether each was taken.

        Raises:
            ValueError: where there is nothing to learn from.
        """
        from sklearn.isotonic import IsotonicRegression

        if not len(score):
            raise ValueError("there is no score to learn probabilities from")
        finite = score[np.isfinite(score)]
        lowest = float(finite.min()) - 1.0 if len(finite) else 0.0
        known = np.where(np.isfinite(score), score, lowest).astype(np.float64)
        model = IsotonicRegression(y_min=0, y_max=1).fit(known, taken.astype(np.float64))
        return cls(model.X_thresholds_, model.y_thresholds_, lowest)

    def __call__(self, score: Floats) -> Doubles:
        """Probabilities, in the shape of the scores; beyond the scores that were learnt from, those of the ends."""
        known = np.where(np.isfinite(score), score, self.lowest).astype(np.float64)
        found: Doubles = np.interp(known, self.score, self.probability)
        return found
