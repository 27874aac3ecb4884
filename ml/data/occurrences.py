"""Things that users did to items, with their times and nothing else."""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Indices, Ints


@dataclass(frozen=True)
class Occurrences:
    """N times that somebody did something to an item, in any order."""

    user: Indices
    item: Indices
    at: Ints  # microseconds since 1970 UTC

    @classmethod
    def none(cls) -> "Occurrences":
        """Nobody did anything."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.user)

    def where(self, keep: Bools) -> "Occurrences":
        """Those that a mask (N,) keeps."""
        return Occurrences(self.user[keep], self.item[keep], self.at[keep])

    def before(self, moment: int) -> "Occurrences":
        """Those strictly before an instant."""
        return self.where(self.at < moment)

    def with_those(self, other: "Occurrences") -> "Occurrences":
        """These and others."""
        return Occurrences(
            np.r_[self.user, other.user], np.r_[self.item, other.item], np.r_[self.at, other.at]
        )  # fmt: skip
