"""What is known about each customer on the day of a snapshot: its facts, finances, and how often they came."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.data.loaders.santander.columns import FACTS
from ml.data.loaders.santander.supplement_files import SupplementFile
from ml.data.loaders.santander.supplements import BRANCH_VISITS, FINANCES, SITE_SESSIONS
from ml.data.loaders.santander.survey import Month
from ml.data.sql import identifier

# The snapshots' own income is one that is declared or guessed; this one was assessed.
FINANCE_FACTS = {
    column: "assessed_income" if column == "income" else column
    for column in FINANCES.columns
    if column not in FINANCES.needed
}
COUNTS = {
    BRANCH_VISITS.name: ("branch_visits", "count(*)"),
    SITE_SESSIONS.name: ("site_sessions", "count(DISTINCT session_id)"),
}


@dataclass(frozen=True)
class Circumstances:
    """The facts of each month, from the snapshots and what lies beside them."""

    files: Mapping[str, SupplementFile]
    scratch: Path

    @property
    def names(self) -> list[str]:
        """The facts that there may be of a customer."""
        finances = FINANCE_FACTS.values() if FINANCES.name in self.files else ()
        counts = [fact for name, (fact, _) in COUNTS.items() if name in self.files]
        return [*(fact.name for fact in FACTS.values()), *finances, *counts]

    def content(self, month: Month | None) -> dict[str, str | None]:
        """What identifies the month's rows of each file that there is; null where a file says nothing of it."""
        found = [self.files[name] for name in (FINANCES.name, *COUNTS) if name in self.files]
        if month is None:
            return {}
        return {file.supplement.name: file.content.get(month.name, "none") for file in found if file.covers(month)}

    def joined(self, month: Month, snapshot: str) -> str:
        """SQL of `customer` and their facts.

        Args:
            snapshot: SQL of `customer`, the facts of the snapshot and what else is to be kept.
        """
        columns, joins = ["snapshot.*"], []
        if finances := self.files.get(FINANCES.name):
            facts = ", ".join(f"{identifier(column)} AS {fact}" for column, fact in FINANCE_FACTS.items())
            joins.append(f"LEFT JOIN (SELECT customer, {facts} FROM ({self._rows(finances, month)})) USING (customer)")
            columns.extend(FINANCE_FACTS.values())
        for name, (fact, count) in COUNTS.items():
            if file := self.files.get(name):
                rows = self._rows(file, month)
                joins.append(
                    f"LEFT JOIN (SELECT customer, {count} AS {fact} FROM ({rows}) GROUP BY customer) USING (customer)"
                )
                columns.append(f"coalesce({fact}, 0) AS {fact}" if file.covers(month) else fact)
        return f"SELECT {', '.join(columns)} FROM ({snapshot}) AS snapshot {' '.join(joins)}"

    def _rows(self, file: SupplementFile, month: Month) -> str:
        return file.scratch(self.scratch, month)
