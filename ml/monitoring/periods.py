"""Which stretches of time a monitoring report compares."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ml.data.windows import Windows


@dataclass(frozen=True)
class Periods:
    """The last window, and the one that the champion was trained and tested in."""

    learnt: datetime  # the feature snapshot that stands for what the models learnt from
    tested: tuple[datetime, ...]  # starts of the cadences that the champion was tested on; empty: none is at hand
    last: datetime  # start of the last cadence
    as_of: datetime

    @classmethod
    def of(
        cls, windows: Windows, trained_until: datetime | None = None, champion_as_of: datetime | None = None
    ) -> "Periods":
        """The periods of the current data.

        Args:
            windows: Of the published features.
            trained_until: From when on the champion learnt nothing; without a champion, the current training's t3.
            champion_as_of: End of the champion's own test window.
        """
        until = trained_until or windows.t3
        *earlier, last = windows.moments(windows.t1, windows.as_of)
        known = [at for at in windows.snapshots[:-1] if at <= until]
        unseen = [at for at in earlier if at >= until]
        tested = [at for at in unseen if champion_as_of is None or at < champion_as_of]
        # A champion older than every snapshot at hand: what came right after its test is the nearest there is.
        return cls(known[-1] if known else windows.t1, tuple(tested or unseen), last, windows.as_of)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: ISO, UTC."""
        tested = [at.isoformat() for at in self.tested]
        return {"learnt": self.learnt.isoformat(), "tested": tested, "last": self.last.isoformat()}
