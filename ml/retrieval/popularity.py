"""What everybody takes lately, by place: exponentially decayed counts, a place's own shrunk to the overall ones."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array

from ml.data.arrays import Bools, Floats
from ml.data.dataset import Log
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.contract import State, TrainingData
from ml.retrieval.history import decay
from ml.retrieval.sparse import rows_of, summed
from ml.retrieval.stored import Stored
from ml.searched import Searched


class PopularityParameters(Frozen):
    """How popularity is counted."""

    half_life_days: Annotated[float, Searched(3, 90, log=True)] = Field(
        14.0, gt=0, description="Days after which an event counts half."
    )
    shrinkage: Annotated[float, Searched(300, 30000, log=True)] = Field(
        3000.0, gt=0, description="Decayed events at which a place's own shares and the overall ones count the same."
    )
    counted: Literal["events", "users"] = Field(
        "events", description="`events`: every event; `users`: the last event of each user with each item."
    )


@dataclass(frozen=True)
class Popularity(Stored):
    """Score: share of the decayed events at the request's place that fell on the item, shrunk to the overall share."""

    name: ClassVar[str] = "popularity"
    Parameters: ClassVar[type[Frozen]] = PopularityParameters
    inputs: ClassVar[tuple[str, ...]] = ("place",)

    parameters: PopularityParameters
    overall: Floats  # (items,) shares that sum to one
    by_place: csr_array  # (places + 1, items) decayed counts; the last row, of the unknown place -1, is empty

    @classmethod
    def fit(cls, data: TrainingData, parameters: PopularityParameters) -> Self:
        """Count the log up to t1."""
        return cls.count(data.dataset.log, data.as_of, len(data.dataset.places), parameters)

    def refresh(self, state: State) -> Self:
        """Count anew, as of the state's instant."""
        return self.count(state.dataset.log, state.as_of, len(state.dataset.places), self.parameters)

    @classmethod
    def count(cls, log: Log, as_of: int, places: int, parameters: PopularityParameters) -> Self:
        """Counts of the events of a log, decayed to an instant."""
        if parameters.counted == "users":
            log = log.where(_last_of_each_user(log))
        weight = log.weight * decay(as_of - log.at, parameters.half_life_days)
        overall = np.bincount(log.item, weight, minlength=log.items)
        placed = log.place >= 0
        by_place = summed(log.place[placed], log.item[placed], weight[placed], (places + 1, log.items))
        return cls(parameters, (overall / max(overall.sum(), 1e-12)).astype(np.float32), by_place)

    def score(self, requests: Requests) -> Floats:
        """(R, items) shares; `-inf` for what nobody took."""
        place, row = np.unique(requests.place, return_inverse=True)
        counts = self.by_place[place]  # -1 is the last row
        mass = counts.sum(axis=1) + self.parameters.shrinkage
        overall = np.where(self.overall > 0, self.overall, np.float32(-np.inf))
        shares: Floats = (self.parameters.shrinkage / mass).astype(np.float32)[:, None] * overall
        rows = rows_of(counts)
        shares[rows, counts.indices] += (counts.data / mass[rows]).astype(np.float32)
        answer: Floats = shares[row]
        return answer


def _last_of_each_user(log: Log) -> Bools:
    """(N,) bool: no later event of the same user with the same item."""
    pair = log.user.astype(np.int64) * log.items + log.item
    _, last = np.unique(pair[::-1], return_index=True)
    mask = np.zeros(len(log), bool)
    mask[len(log) - 1 - last] = True
    return mask
