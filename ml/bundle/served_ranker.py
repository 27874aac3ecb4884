"""One fitted ranker as MLflow asks it: features of candidates in, a score for each out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ml.ranking import Ranker, load_ranker
from ml.ranking.frame import Frame

OPENER = "ml.bundle.served_ranker:open_ranker"


@dataclass(frozen=True)
class ServedRanker:
    """A ranker that takes its features as columns."""

    ranker: Ranker

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return self.ranker.features

    def predict(self, candidates: pd.DataFrame) -> pd.DataFrame:
        """The `score` of each candidate; scores compare within a request only."""
        values = candidates[list(self.features)].to_numpy(np.float32)
        frame = Frame(self.features, values, np.array([0, len(values)], np.int64))
        return pd.DataFrame({"score": self.ranker.predict(frame)})


def open_ranker(folder: Path) -> ServedRanker:
    """Open what a ranker's `save` wrote."""
    return ServedRanker(load_ranker(folder))
