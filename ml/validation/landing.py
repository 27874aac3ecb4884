"""The gate before dbt: judges what has landed, through views on its Parquet files."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from ml.data.landing import Partition, partitions
from ml.data.schema import INTERACTIONS, TABLES
from ml.data.sql import literals
from ml.data.windows import default_as_of
from ml.domains import Domain, Protocol
from ml.settings import settings
from ml.validation.categories import accept_categories, known_categories
from ml.validation.checkpoint import run_suites
from ml.validation.findings import Verdict, admitted
from ml.validation.scratch import Scratch, scratch_database
from ml.validation.suites import read_suites


def judge_landing(domain: Domain, as_of: datetime, accept_new_categories: bool = False) -> Verdict:
    """Hold everything that has landed for a domain against its landing suites.

    Args:
        domain: As its source needs it (`Source.applied_to`).
        as_of: The end of the data that the run will use (aware, UTC); the day before it is held against its eve.
        accept_new_categories: Take categories that no accepted validation has seen for meant.

    Raises:
        RunFailed: A critical rule is broken; tells the rule, the rows and the remedy.
    """
    folder = settings().domain_path("validation", domain.name)
    docs = settings().domain_path("reports", domain.name) / "expectations" / "landing"
    suites = [suite.expanded({}) for suite in read_suites("landing", domain.name).values()]
    with scratch_database(folder) as scratch:
        _lay_out(scratch, domain, as_of)
        present = _categories(scratch)
        known = known_categories(domain.name)
        if accept_new_categories or not known:
            known |= present
        parameters = {"event_types": list(domain.data_rules.event_types), "known_categories": sorted(known)}
        findings, report = run_suites(scratch, suites, parameters, docs)
    verdict = admitted(f"the landing of {domain.name}", suites, findings, report)
    accept_categories(domain.name, present)
    return verdict


def last_full_day(as_of: datetime, day_starts_at_hour: int) -> date:
    """The last day, as the source counts days, that is over at `as_of`."""
    return (as_of - timedelta(hours=day_starts_at_hour)).date() - timedelta(days=1)


def _judged_day(landed: Sequence[Partition], as_of: datetime, protocol: Protocol) -> date:
    """The day whose volume is judged: what is served goes on after the loader's last day, which is then the one."""
    hour = protocol.day_starts_at_hour
    events = [part for part in landed if part.table == INTERACTIONS.name]
    ends = [part.max_occurred_at for part in events if part.max_occurred_at and not part.served]
    if not ends or not any(part.served for part in events):
        return last_full_day(as_of, hour)
    return last_full_day(min(as_of, default_as_of(max(ends), protocol)), hour)


def _lay_out(scratch: Scratch, domain: Domain, as_of: datetime) -> None:
    landed = partitions(domain.name)
    scratch.execute(
        "create table partitions (filename varchar, partition varchar, landed_at timestamp, served boolean)"
    )
    for part in landed:
        row = (str(part.data), part.hash, part.landed_at.replace(tzinfo=None), part.served)
        scratch.execute("insert into partitions values (?, ?, ?, ?)", row)
    for table in TABLES:
        view_of_partitions(scratch, table, [part for part in landed if part.table == table])
    facts: dict[str, Any] = {
        "last_day": _judged_day(landed, as_of, domain.protocol),
        "day_starts_at_hour": domain.protocol.day_starts_at_hour,
        "minimum_volume_ratio": domain.data_rules.minimum_volume_ratio,
        "volume_rule_starts_at": domain.data_rules.volume_rule_starts_at,
    }
    scratch.lay_out_run(facts)


def view_of_partitions(scratch: Scratch, table: str, landed: Sequence[Partition]) -> None:
    """A view of a table's partitions; each row tells its partition, when that landed and whether it was served."""
    files = literals(part.data for part in landed)
    scratch.execute(
        f"create view {table} as select * exclude (filename) "
        f"from read_parquet({files}, filename = true) join partitions using (filename)"
    )


def _categories(scratch: Scratch) -> set[str]:
    rows = scratch.execute("select distinct category from items where category is not null")
    return {category for (category,) in rows}
