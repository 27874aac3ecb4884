"""What goes into re-ranking: the ranker's best candidates of each request, and what may be pinned beside them."""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Floats, Indices, Ints, Ragged, with_rows
from ml.domains.reranking import Pin
from ml.reranking.catalogue import Catalogue


@dataclass(frozen=True)
class Pool:
    """C candidates of R requests, best first; -1 where there are fewer."""

    item: Indices  # (R, C)
    score: Floats  # (R, C) by the ranker; -inf: not its candidate, so that only a pin can show it
    sources: Ints  # (R, C) bit t: found by retriever t

    def __len__(self) -> int:
        return len(self.item)

    def with_pinned(self, pins: tuple[Pin, ...], catalogue: Catalogue, exclude: Ragged | None = None) -> "Pool":
        """The same with the pinned items that are not among the candidates, so that every rule sees them too.

        Left out are pins of items that the catalogue does not have, and those that a request excludes.
        """
        if not pins:
            return self
        pinned = np.flatnonzero(np.isin(catalogue.ids, [pin.item_id for pin in pins])).astype(np.int32)
        if not len(pinned):
            return self
        missing = ~(self.item[:, :, None] == pinned).any(axis=1)
        if exclude is not None:
            row, at = np.nonzero(exclude.values[:, None] == pinned)
            missing[exclude.rows[row], at] = False
        added = np.where(missing, pinned, np.int32(-1))
        return Pool(
            np.concatenate([self.item, added], axis=1),
            np.concatenate([self.score, np.full(added.shape, -np.inf, np.float32)], axis=1),
            np.concatenate([self.sources, np.zeros(added.shape, np.int64)], axis=1),
        )

    def places(self, pins: tuple[Pin, ...], catalogue: Catalogue) -> Ints:
        """(R, C) the place from 0 at which a candidate is pinned; -1: nowhere."""
        if not pins:
            return np.full(self.item.shape, -1, np.int64)
        place = np.full(len(catalogue) + 1, -1, np.int64)  # one more for what is no candidate
        for pin in pins:
            place[np.flatnonzero(catalogue.ids == pin.item_id)] = pin.position - 1
        found: Ints = place[self.item]
        return found

    def at(self, place: Ints) -> tuple[Indices, Floats, Ints]:
        """(R, K) items, scores and sources of the candidates in these columns; -1, -inf and 0 where there is none."""
        from ml.reranking.kernels import pick

        item, score = np.empty(place.shape, np.int32), np.empty(place.shape, np.float32)
        sources = np.empty(place.shape, np.int64)
        pick(self.item, self.score, self.sources, place, item, score, sources)
        return item, score, sources

    def with_rows(self, rows: Ints, other: "Pool") -> "Pool":
        """The same with the candidates of these requests replaced by the others."""
        return Pool(
            with_rows(self.item, rows, other.item, -1),
            with_rows(self.score, rows, other.score, -np.inf),
            with_rows(self.sources, rows, other.sources, 0),
        )
