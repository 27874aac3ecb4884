"""What this user takes again and again: the own history, counted with exponential decay."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from pydantic import Field

from ml.data.arrays import Floats
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.contract import State, TrainingData
from ml.retrieval.history import decay, sessions_since
from ml.retrieval.sparse import dense_scores, summed
from ml.retrieval.stored import Stored
from ml.searched import Searched


class PersonalFrequencyParameters(Frozen):
    """How a user's own events are counted."""

    half_life_days: Annotated[float, Searched(20, 365, log=True)] = Field(
        90.0, gt=0, description="Days after which an event counts half."
    )
    session_decay: Annotated[float, Searched(0.9, 1)] = Field(
        0.99, gt=0, le=1, description="Factor for every later session of the user since the event; 1: none."
    )


@dataclass(frozen=True)
class PersonalFrequency(Stored):
    """Score: decayed count of the request's own events with the item; other items are no candidates."""

    name: ClassVar[str] = "personal_frequency"
    Parameters: ClassVar[type[Frozen]] = PersonalFrequencyParameters
    inputs: ClassVar[tuple[str, ...]] = ("moment", "history")

    parameters: PersonalFrequencyParameters
    items: int

    @classmethod
    def fit(cls, data: TrainingData, parameters: PersonalFrequencyParameters) -> Self:
        """There is nothing to learn: the request brings its history."""
        return cls(parameters, data.dataset.log.items)

    def refresh(self, state: State) -> Self:  # noqa: ARG002 - the contract's signature
        """The request brings its history up to date."""
        return self

    def score(self, requests: Requests) -> Floats:
        """(R, items) decayed counts; `-inf` for items that are not in the history."""
        history = requests.history
        row = history.rows
        weight = history.weight * decay(requests.moment[row] - history.at, self.parameters.half_life_days)
        weight = weight * self.parameters.session_decay ** sessions_since(history)
        return dense_scores(summed(row, history.item, weight, (len(requests), self.items)))
