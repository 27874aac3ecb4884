"""What every session model is: fitted once on past sessions, then ranking the catalogue for prefixes."""

from typing import Any, ClassVar, Protocol, Self

from ml.data.arrays import Floats, Ragged
from ml.domains.frozen import Frozen
from ml.retrieval.contract import Ranking
from ml.sessions.sessions import Queries, Sessions


class SessionModel(Protocol):
    """One way to say what comes next.

    Scores are comparable within a query only: higher is better. Equal scores are ordered by the item's number, so
    that the same inputs always give the same list.
    """

    name: ClassVar[str]
    Parameters: ClassVar[type[Frozen]]

    @classmethod
    def fit(cls, sessions: Sessions, parameters: Any, *, seed: int, threads: int) -> Self:
        """Learn from past sessions; the same seed gives the same model."""

    def rank(self, queries: Queries, k: int) -> Ranking:
        """The best K items of each query, best first; -1 and -inf where the model knows fewer."""

    def score(self, queries: Queries, candidates: Ragged) -> Floats:
        """(N,) the score of each candidate, a row a query; 0 where the model has nothing to say for an item."""
