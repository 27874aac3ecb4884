"""A fitted retriever over a catalogue to which items were added: of those it knows nothing, so it finds none."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ml.data.arrays import Floats, Ragged
from ml.data.requests import Requests
from ml.retrieval.contract import FindsFew, Ranking, Retriever, inputs_of, top_k


@dataclass(frozen=True)
class Padded:
    """A retriever of `known` items, asked about more: it reads of requests what it knows, and says -inf of the rest.

    It only answers: what is fitted, refreshed and saved is the sealed one.
    """

    inner: Retriever
    known: int  # items that the retriever was fitted with
    added: int  # items after them

    @property
    def name(self) -> str:
        """The retriever's."""
        return self.inner.name

    @property
    def inputs(self) -> tuple[str, ...]:
        """The retriever's."""
        return self.inner.inputs

    def inputs_of(self, item: int) -> tuple[str, ...]:
        """What the retriever's scores of one item depend on; of an added one, nothing."""
        return inputs_of(self.inner, item) if item < self.known else ()

    def score(self, requests: Requests) -> Floats:
        """(R, known + added) the retriever's scores; `-inf` for all that was added."""
        found = np.full((len(requests), self.known + self.added), -np.inf, np.float32)
        found[:, : self.known] = self.inner.score(without_items(requests, self.known))
        return found

    def best(self, requests: Requests, k: int, exclude: Ragged) -> Ranking:
        """The retriever's best: of what was added it finds none."""
        if isinstance(self.inner, FindsFew):
            return self.inner.best(without_items(requests, self.known), k, exclude)
        return top_k(self.score(requests), k, exclude=exclude)


def without_items(requests: Requests, known: int) -> Requests:
    """The same requests as if no item from number `known` on had ever been met."""
    changes: dict[str, Any] = {}
    history, spans = requests.history, requests.spans
    if (keep := history.item < known).size and not keep.all():
        changes["history"] = history.pick(_offsets(history.offsets, keep), keep)
    for name in ("session", "held", "barred"):
        rows: Ragged | None = getattr(requests, name)
        if rows is not None and not (keep := rows.values < known).all():
            changes[name] = Ragged(_offsets(rows.offsets, keep), rows.values[keep])
    if spans is not None and not (keep := spans.item < known).all():
        changes["spans"] = spans.pick(_offsets(spans.offsets, keep), keep)
    return replace(requests, **changes) if changes else requests


def _offsets(offsets: Any, keep: Any) -> Any:
    return np.r_[0, np.cumsum(keep)][offsets].astype(np.int64)
