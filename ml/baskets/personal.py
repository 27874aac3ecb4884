"""What a customer takes again and again, with what everybody takes behind it: the baseline that is hard to beat."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field

from ml.data.arrays import Floats
from ml.data.dataset import Log
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.contract import State, TrainingData
from ml.retrieval.history import decay, history_matrix
from ml.retrieval.sparse import add_scores
from ml.retrieval.stored import Stored
from ml.searched import Searched

NEVER = 1e6  # days: a half-life so long that nothing decays
HALF_LIFE = Searched(0.1, 200, log=True, never=NEVER)  # days, which are baskets here


class PersonalBlendParameters(Frozen):
    """How the own baskets and everybody's are counted, and how they are mixed."""

    half_life_days: Annotated[float, HALF_LIFE] = Field(
        NEVER, gt=0, description="Days after which an own event counts half."
    )
    popular_half_life_days: Annotated[float, HALF_LIFE] = Field(
        NEVER, gt=0, description="The same of everybody's events."
    )
    popular_weight: Annotated[float, Searched(0.1, 10_000, log=True)] = Field(
        1.0, gt=0, description="What everybody's share of an item counts beside own events; 1: it orders ties alone."
    )


@dataclass(frozen=True)
class PersonalBlend(Stored):
    """Score: decayed count of the own events with the item, plus its weighted share of everybody's events.

    As by default this is personal top filled with global top (Li et al., TOIS 2023), own counts that tie being
    ordered by what everybody takes.
    """

    name: ClassVar[str] = "personal_blend"
    Parameters: ClassVar[type[Frozen]] = PersonalBlendParameters

    parameters: PersonalBlendParameters
    popular: Floats  # (items,) shares that sum to one; `-inf` for what nobody took

    @classmethod
    def fit(cls, data: TrainingData, parameters: PersonalBlendParameters) -> Self:
        """Count everybody's events before t1."""
        return cls(parameters, _shares(data.dataset.log, data.as_of, parameters.popular_half_life_days))

    def refresh(self, state: State) -> Self:
        """Count anew, as of the state's instant."""
        return type(self)(
            self.parameters, _shares(state.dataset.log, state.as_of, self.parameters.popular_half_life_days)
        )

    def score(self, requests: Requests) -> Floats:
        """(R, items) mixed counts; `-inf` for what nobody took."""
        own = history_matrix(requests, self.parameters.half_life_days, len(self.popular))
        shares = np.float32(self.parameters.popular_weight) * self.popular
        return add_scores(np.tile(shares, (len(requests), 1)), own)


def _shares(log: Log, as_of: int, half_life_days: float) -> Floats:
    count = np.bincount(log.item, log.weight * decay(as_of - log.at, half_life_days), minlength=log.items)
    shares: Floats = np.where(count > 0, count / max(count.sum(), 1e-12), -np.inf).astype(np.float32)
    return shares
