"""The gate after dbt: judges the marts in a domain's warehouse, which it only reads."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ml.data.landing import partitions
from ml.data.schema import INTERACTIONS
from ml.data.sql import identifier, literal, literals
from ml.domains import Domain, Source
from ml.errors import RunFailed
from ml.features.declarations import load_declarations, supplied
from ml.features.warehouse import MARTS
from ml.settings import settings
from ml.validation.checkpoint import run_suites
from ml.validation.findings import Verdict, admitted
from ml.validation.scratch import Scratch, scratch_database
from ml.validation.suites import Suite, read_suites


def judge_marts(domain: Domain, source: Source, moments: Sequence[datetime]) -> Verdict:
    """Hold the marts of a finished dbt build against the mart suites.

    Args:
        domain: As its source needs it (`Source.applied_to`).
        source: Tells which columns are absent, and with them which features.
        moments: Every snapshot of the plan (aware, UTC), oldest first; the last is the run's as-of.

    Raises:
        RunFailed: There is no warehouse yet, or a critical rule is broken; tells the rule, the rows and the remedy.
    """
    docs = settings().domain_path("reports", domain.name) / "expectations" / "marts"
    with scratch_database(settings().domain_path("validation", domain.name)) as scratch:
        _lay_out(scratch, domain.name, moments)
        suites = _suites(domain.name, supplied(load_declarations(), source.absent, _event_types(scratch)))
        findings, report = run_suites(scratch, suites, {"event_types": list(domain.data_rules.event_types)}, docs)
    return admitted(f"the marts of {domain.name}", suites, findings, report)


def _suites(domain: str, features: Mapping[str, Sequence[str]]) -> list[Suite]:
    suites = read_suites("marts", domain)
    return [suite.expanded({"supplied_features": features.get(table, ())}) for table, suite in suites.items()]


def _lay_out(scratch: Scratch, domain: str, moments: Sequence[datetime]) -> None:
    from sqlalchemy.exc import DBAPIError

    warehouse = settings().warehouse(domain)
    if not warehouse.exists():
        raise RunFailed(f"{warehouse} does not exist: the marts are not built. Run: slate features --domain {domain}")
    # The name that dbt gave the catalogue: views of the warehouse refer to their tables by it.
    catalogue = warehouse.stem
    try:
        scratch.execute(f"attach {literal(warehouse)} as {identifier(catalogue)} (read_only)")
    except DBAPIError as error:
        raise RunFailed(f"{warehouse} cannot be read; one process at a time has it open. {error.orig}") from None
    _refuse_unfinished(scratch, catalogue, domain)
    for mart in MARTS:
        scratch.execute(f"create view {mart} as select * from {identifier(catalogue)}.main.{mart}")
    as_of = _naive(moments[-1])
    _lay_out_landed(scratch, domain, as_of)
    scratch.lay_out_list("moments", "moment", "timestamp", [_naive(moment) for moment in moments])
    facts: dict[str, Any] = {"as_of": as_of}
    scratch.lay_out_run(facts)


def _refuse_unfinished(scratch: Scratch, catalogue: str, domain: str) -> None:
    query = "select table_name from information_schema.tables where table_catalog = ? and table_schema = 'main'"
    missing = sorted(set(MARTS) - {name for (name,) in scratch.execute(query, (catalogue,))})
    if missing:
        raise RunFailed(f"the marts {', '.join(missing)} are not built. Run: slate features --domain {domain}")


def _lay_out_landed(scratch: Scratch, domain: str, as_of: datetime) -> None:
    files = literals(part.data for part in partitions(domain, INTERACTIONS.name))
    scratch.execute(
        f"create view landed_before_as_of as select event_id from read_parquet({files}) "
        f"where occurred_at < {literal(as_of)}::timestamp"
    )


def _event_types(scratch: Scratch) -> list[str]:
    return [event_type for (event_type,) in scratch.execute("select distinct event_type from events")]


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
