"""Identifiers as numbers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ml.data.arrays import Indices, Strings


@dataclass(frozen=True)
class Vocabulary:
    """Identifiers in their fixed order; a number in the arrays is a position here."""

    ids: Strings  # (V,) text, sorted

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _index(self) -> pd.Index:
        return pd.Index(self.ids)

    def position(self, identifier: str) -> int:
        """Position of one identifier, without the arrays that `encode` makes; -1 where it is not here."""
        try:
            return int(self._index.get_loc(identifier))
        except KeyError:
            return -1

    def encode(self, ids: object) -> Indices:
        """Positions of these identifiers; -1 for those not here."""
        found: Indices = self._index.get_indexer(pd.Index(ids)).astype(np.int32)
        return found


def encoded(column: pd.Series) -> tuple[Vocabulary, Indices]:
    """A sorted vocabulary of a column and the positions of its values in it; -1 for missing ones."""
    codes, ids = pd.factorize(column, sort=True)
    return Vocabulary(np.asarray(ids, object)), codes.astype(np.int32)
