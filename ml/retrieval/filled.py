"""Two retrievers as one: everything of the first, then what only the second finds."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np

from ml.data.arrays import Floats, Ints
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.contract import State, TrainingData
from ml.retrieval.personal_frequency import PersonalFrequency, PersonalFrequencyParameters
from ml.retrieval.popularity import Popularity, PopularityParameters


class Scorer(Protocol):
    """The part of a retriever that is called once it is fitted."""

    def refresh(self, state: State) -> Self:
        """See `ml.retrieval.contract.Retriever`."""

    def score(self, requests: Requests) -> Floats:
        """See `ml.retrieval.contract.Retriever`."""


@dataclass(frozen=True)
class Filled:
    """All candidates of `first` in its order, above all others of `second` in its order."""

    first: Scorer
    second: Scorer

    def refresh(self, state: State) -> Self:
        """Both, refreshed."""
        return type(self)(self.first.refresh(state), self.second.refresh(state))

    def score(self, requests: Requests) -> Floats:
        """(R, items) the scores of `second`, those that `first` finds above them."""
        return stacked(self.first.score(requests), self.second.score(requests))


def stacked(first: Floats, second: Floats) -> Floats:
    """(R, items) `second` with the candidates of `first` written into it, by rank, above all others of the row."""
    row, item = np.divmod(np.flatnonzero(first > -np.inf), first.shape[1])
    top = second.max(axis=1, initial=-np.inf)
    top = np.where(top > -np.inf, top, 0).astype(np.float64)
    step = np.where(top != 0, np.abs(top), 1)  # of the size of `top`, so that float32 tells the ranks apart
    second[row, item] = top[row] + step[row] * (1 + levels(row, first[row, item]) / first.shape[1])
    return second


def levels(row: Ints, value: Floats) -> Ints:
    """(N,) how many distinct smaller values there are in the same row."""
    order = np.lexsort((value, row))
    row, value = row[order], value[order]
    starts, rises = np.diff(row, prepend=-1) != 0, np.diff(value, prepend=-np.inf) != 0
    level = np.cumsum(starts | rises)
    found = np.empty(len(order), np.int64)
    found[order] = level - np.maximum.accumulate(np.where(starts, level, 0))
    return found


class PersonalThenPopularParameters(Frozen):
    """The parameters of both."""

    personal_frequency: PersonalFrequencyParameters = PersonalFrequencyParameters()
    popularity: PopularityParameters = PopularityParameters()


@dataclass(frozen=True)
class PersonalThenPopular(Filled):
    """The strongest simple baseline of repeat purchases: buy it again, filled up with what is popular lately."""

    name: ClassVar[str] = "personal_then_popular"
    Parameters: ClassVar[type[Frozen]] = PersonalThenPopularParameters
    inputs: ClassVar[tuple[str, ...]] = ("moment", "place", "history")

    first: PersonalFrequency
    second: Popularity

    @classmethod
    def fit(cls, data: TrainingData, parameters: PersonalThenPopularParameters) -> Self:
        """Fit both."""
        return cls(
            PersonalFrequency.fit(data, parameters.personal_frequency), Popularity.fit(data, parameters.popularity)
        )

    def save(self, folder: Path) -> None:
        """Write a folder for each of the two."""
        self.first.save(folder / self.first.name)
        self.second.save(folder / self.second.name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(PersonalFrequency.load(folder / PersonalFrequency.name), Popularity.load(folder / Popularity.name))
