"""What the loader mended in a source's snapshots: counted, so that nothing is changed unseen."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Repair(NamedTuple):
    """One way in which values of one column were mended."""

    column: str
    what: str


NO_FACTS = Repair("most of the customer's", "missing together; the row is kept for its products")


@dataclass(frozen=True)
class Repairs:
    """What was mended in some rows.

    Attributes:
        rows: How many rows there were.
        counts: In how many of them each repair was needed; only those that were.
    """

    rows: int
    counts: Mapping[Repair, int]

    def by_column(self) -> dict[str, dict[str, int]]:
        """The counts as nested names, for a JSON document."""
        found: dict[str, dict[str, int]] = {}
        for (column, what), count in self.counts.items():
            found.setdefault(column, {})[what] = count
        return found

    def table(self) -> str:
        """The counts as text for people, one repair a line."""
        wide = max((len(column) for column, _ in self.counts), default=0)
        lines = [
            f"{column:<{wide}}  {count:>12,}  {count / self.rows:>8.3%}  {what}"
            for (column, what), count in self.counts.items()
        ]
        return "\n".join([f"repaired in {self.rows:,} rows:", *(lines or ["nothing"])])


def total(parts: Iterable[Repairs]) -> Repairs:
    """What was mended in all parts together."""
    rows, counts = 0, Counter[Repair]()
    for part in parts:
        rows += part.rows
        counts.update(part.counts)
    return Repairs(rows, dict(counts))
