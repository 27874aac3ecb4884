"""Snapshots and what lies beside them into landing tables: two months in memory at a time.

Each raw file is read once into scratch files, one a month; a month's partitions are made from its own and those of
the month before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import groupby
from pathlib import Path

from ml.artifacts import code_digest
from ml.data.landing_writer import LandingWriter, Part
from ml.data.loaders.santander import snapshots
from ml.data.loaders.santander.behaviour import behaviour, behaviour_parts
from ml.data.loaders.santander.catalogue import catalogue
from ml.data.loaders.santander.circumstances import Circumstances
from ml.data.loaders.santander.files import snapshot_files
from ml.data.loaders.santander.repairs import Repairs, total
from ml.data.loaders.santander.supplement_files import refuse_repeated_finances, split, supplement_files
from ml.data.loaders.santander.supplements import CATALOGUE, CONTACTS, FINANCES, SITE_SESSIONS, SUPPLEMENTS
from ml.data.loaders.santander.survey import Month, refuse_gaps, refuse_halves, refuse_repeated_customers, survey
from ml.data.schema import absent_columns
from ml.domains import Source
from ml.logs import get_logger, progress

log = get_logger(__name__)

NAME = "santander"
SUPPLIED = {
    "interactions": ("event_id", "user_id", "session_id", "item_id", "event_type", "occurred_at"),
    "items": ("item_id", "name", "category"),
    "users": ("user_id", "attributes"),
    "user_states": ("user_id", "valid_from", "attributes"),
}
SUPPLIED_BESIDE = {
    CATALOGUE.name: ("items", ("margin", "launched_at", "attributes")),
    SITE_SESSIONS.name: ("interactions", ("seconds",)),
    CONTACTS.name: ("interactions", ("channel",)),
}


def source(folder: Path) -> Source:
    """What the files of a folder lack."""
    supplied = {table: set(columns) for table, columns in SUPPLIED.items()}
    for supplement in SUPPLEMENTS:
        if supplement.name in SUPPLIED_BESIDE and (folder / supplement.file).is_file():
            table, columns = SUPPLIED_BESIDE[supplement.name]
            supplied[table].update(columns)
    return Source(name=NAME, absent=absent_columns(supplied))


def stage(writer: LandingWriter, folder: Path) -> Repairs:
    """Stage every month of the files in a folder that has not landed yet.

    Returns:
        What was mended in the snapshots, in all months.

    Raises:
        BadInput: The files are not the source's, or not whole: a month missing, a customer twice in a month.
    """
    months = [month for file in snapshot_files(writer.connection, folder) for month in survey(writer.connection, file)]
    refuse_gaps(months)
    refuse_halves(months)
    repairs = total(month.repairs for month in months)
    log.info("%s", repairs.table())
    beside = supplement_files(writer.connection, folder, months)
    landing = _Landing(writer, months, Circumstances(beside, writer.scratch / "beside"))
    if not landing.is_held():
        landing.stage()
    writer.stage(*catalogue(writer.connection, beside.get(CATALOGUE.name)))
    return repairs


@cache
def _code() -> str:
    return code_digest("data/loaders/santander", "data/loaders/files.py")


@dataclass(frozen=True)
class _Landing:
    """The months of one folder on their way into the landing zone."""

    writer: LandingWriter
    months: Sequence[Month]
    circumstances: Circumstances

    def is_held(self) -> bool:
        """Whether all of it has landed before; what has takes part in the commit as it is."""
        parts = [self._customers()]
        for month, before in self._pairs():
            parts += [*self._snapshot_parts(month, before), *self._behaviour_parts(month, before).values()]
        return all(self.writer.holds(part) for part in parts)

    def stage(self) -> None:
        """Write every partition that has not landed yet."""
        connection, files = self.writer.connection, self.circumstances.files
        by_file = groupby(self.months, key=lambda each: each.file)
        dated = [file for file in files.values() if file.content]
        steps = [
            *(partial(snapshots.write_scratch, connection, self._scratch, file, list(of)) for file, of in by_file),
            *(partial(split, connection, file, self.months, self.circumstances.scratch) for file in dated),
            *(partial(self._refuse_repeated, month) for month in self.months),
            *(partial(self._stage_month, month, before) for month, before in self._pairs()),
            partial(self.writer.stage, self._customers(), snapshots.customers(self._scratch)),
        ]
        for step in progress(steps, f"landing {NAME}"):
            step()

    @property
    def _scratch(self) -> Path:
        return self.writer.scratch / "snapshots"

    def _pairs(self) -> list[tuple[Month, Month | None]]:
        return list(zip(self.months, [None, *self.months], strict=False))

    def _customers(self) -> Part:
        return Part("users", "customers", {"loader": _code(), "months": [month.content for month in self.months]})

    def _snapshot_parts(self, month: Month, before: Month | None) -> list[Part]:
        """What a snapshot tells; the test month's products are not known."""
        inputs = {"loader": _code(), "month": month.content, "before": before.content if before else None}
        beside = {"beside": self.circumstances.content(month), "beside_before": self.circumstances.content(before)}
        states = Part("user_states", month.name, inputs | beside)
        return [Part("interactions", month.name, inputs), states] if month.file.has_products else [states]

    def _behaviour_parts(self, month: Month, before: Month | None) -> dict[str, Part]:
        return behaviour_parts(self.circumstances.files, month, before, _code())

    def _refuse_repeated(self, month: Month) -> None:
        refuse_repeated_customers(self.writer.connection, month, snapshots.rows(self._scratch, month))
        if finances := self.circumstances.files.get(FINANCES.name):
            rows = finances.scratch(self.circumstances.scratch, month)
            refuse_repeated_finances(self.writer.connection, finances, rows)

    def _stage_month(self, month: Month, before: Month | None) -> None:
        now = snapshots.rows(self._scratch, month)
        then = snapshots.rows(self._scratch, before) if before else None
        known = self.circumstances
        queries = {
            "interactions": snapshots.interactions(month, now, then),
            "user_states": snapshots.states(
                month, known.names, known.joined(month, now), known.joined(before, then) if before and then else None
            ),
        }
        notes = {"file": month.file.raw.name, "rows": month.repairs.rows, "repairs": month.repairs.by_column()}
        for part in self._snapshot_parts(month, before):
            self.writer.stage(part, queries[part.table], notes)
        for name, part in self._behaviour_parts(month, before).items():
            self.writer.stage(part, behaviour(known.files[name], month, before, known.scratch))
