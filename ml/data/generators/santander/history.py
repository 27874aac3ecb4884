"""What the bank has observed of its customers' products: held, added lately, dropped lately."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools

LONG_AGO = 99


@dataclass
class History:
    """Products of N customers at the snapshot of one month.

    Attributes:
        held: (N, 24).
        since_added: Months since a product was added, 0 in the snapshot that first shows it, (N, 24).
        since_dropped: Months since it was dropped, 0 in the first snapshot without it, (N, 24).
    """

    held: Bools
    since_added: NDArray[np.int16]
    since_dropped: NDArray[np.int16]

    @classmethod
    def empty(cls, customers: int, products: int) -> "History":
        """Nothing was ever held."""
        never = np.full((customers, products), LONG_AGO, np.int16)
        return cls(np.zeros((customers, products), bool), never, never.copy())

    def advance(self, held: Bools) -> None:
        """Move on to the next snapshot."""
        added, dropped = held & ~self.held, self.held & ~held
        self.since_added = np.where(added, 0, np.minimum(self.since_added + 1, LONG_AGO)).astype(np.int16)
        self.since_dropped = np.where(dropped, 0, np.minimum(self.since_dropped + 1, LONG_AGO)).astype(np.int16)
        self.held = held

    def forget(self, rows: Bools) -> None:
        """When somebody's products were added or dropped is not known."""
        self.since_added[rows] = LONG_AGO
        self.since_dropped[rows] = LONG_AGO
