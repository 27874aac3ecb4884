"""How often each item was taken, day by day, so that any span of time can be asked."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats
from ml.data.dataset import Log

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Takes:
    """Counts of target events before each day of a log."""

    first_day: int  # days since 1970 UTC
    before: Floats  # (D + 1, items) events on earlier days of the log

    @classmethod
    def of(cls, log: Log) -> "Takes":
        """The target events of a log."""
        day, item = log.at[log.target] // DAY_US, log.item[log.target]
        first = int(log.at.min(initial=np.iinfo(np.int64).max) // DAY_US) if len(log) else 0
        days = int(day.max(initial=first)) - first + 1
        counts = np.bincount((day - first) * log.items + item, minlength=days * log.items).reshape(days, log.items)
        before = np.concatenate([np.zeros((1, log.items)), np.cumsum(counts, axis=0)])
        return cls(first, before.astype(np.float32))

    @property
    def items(self) -> int:
        """The size of the catalogue."""
        return int(self.before.shape[1])

    def share(self, start: int, stop: int) -> Floats:
        """(items,) shares of the takes in [start, stop), to the day; NaN where the log does not reach so far back."""
        if start // DAY_US < self.first_day:
            return np.full(self.items, np.nan, np.float32)
        counts = self.between(start, stop)
        return counts / max(float(counts.sum()), 1.0)

    def between(self, start: int, stop: int) -> Floats:
        """(items,) takes in [start, stop), to the day."""
        first, last = (min(max(at // DAY_US - self.first_day, 0), len(self.before) - 1) for at in (start, stop))
        found: Floats = self.before[last] - self.before[first]
        return found

    def save(self, folder: Path) -> None:
        """Write `takes.npy` and `takes.json`."""
        np.save(folder / "takes.npy", self.before, allow_pickle=False)
        write_json(folder / "takes.json", {"first_day": self.first_day})

    @classmethod
    def load(cls, folder: Path) -> "Takes":
        """Read what `save` wrote."""
        return cls(read_json(folder / "takes.json")["first_day"], np.load(folder / "takes.npy", allow_pickle=False))
