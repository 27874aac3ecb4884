"""Features: plan what a run needs, build the marts with dbt, publish them as one sealed artifact.

The dbt project can be run by anything that gives dbt the same three things (Airflow's Cosmos does):

- the profile `slate`, target `local`, of `dbt_project/profiles.yml`;
- the environment that `ml.features.marts.dbt_environment()` returns;
- the variables of `plan(domain)["vars"]`, small JSON values that differ from run to run. For parsing alone (`dbt ls`,
  rendering a task group), `ml.features.marts.dbt_identity(domain)` is enough.

`publish_features(plan)` then refuses unless the last model, `completed_snapshots`, was built for this very plan.
One process at a time may write a domain's warehouse (in Airflow: a pool of one slot).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ml.artifacts import build, digest, file_digest, write_json
from ml.data.landing import Partition, latest_as_of, partitions, read_source
from ml.data.windows import Windows, parse_as_of
from ml.domains import Protocol, Source, get_domain
from ml.errors import BadInput, RunFailed
from ml.features import warehouse
from ml.features.declarations import load_declarations, supplied
from ml.features.marts import dbt_folder, dbt_identity, run_dbt
from ml.logs import get_logger
from ml.settings import settings
from ml.steps.record import recorded

log = get_logger(__name__)
Plan = Mapping[str, Any]


@recorded("plan")
def plan(domain: str, as_of: str | None = None) -> dict[str, Any]:
    """Which snapshots a run needs, and the variables that dbt gets.

    Args:
        domain: A declared domain whose data has landed.
        as_of: The run's instant, such as `2018-01-01`; default: the end of the last day that has landed.

    Returns:
        `{"domain", "as_of", "snapshots": [instants, ISO, UTC], "vars": {…}}`. The same landing and the same as-of
        give the same plan.

    Raises:
        BadInput: The as-of is no date, or lies before all data.
        RunFailed: Nothing has landed.
    """
    declared = read_source(domain).applied_to(get_domain(domain))
    protocol, landed = declared.protocol, partitions(domain)
    moment = _as_of(domain, as_of, protocol, landed)
    snapshots = Windows.of(moment, protocol).snapshots
    variables: dict[str, Any] = {
        **dbt_identity(domain),
        "snapshots": [at.replace(tzinfo=None).isoformat(" ") for at in snapshots],
        "day_starts_at_hour": protocol.day_starts_at_hour,
        "attribution": {
            "window_days": declared.attribution.window_days,
            "clicks": list(declared.clicking_events),
            "conversions": sorted(declared.target_events),
        },
        "definitions": digest(_project_files(settings().dbt_project, sql_only=True)),
    }
    inputs = [variables, _project_files(settings().dbt_project), sorted((part.table, part.hash) for part in landed)]
    return {
        "domain": domain,
        "as_of": _iso(moment),
        "snapshots": [_iso(at) for at in snapshots],
        "vars": {**variables, "plan": digest(inputs)},
    }


def _as_of(domain: str, given: str | None, protocol: Protocol, landed: list[Partition]) -> datetime:
    first, last = landed_span(domain, landed)
    moment = parse_as_of(given, protocol) if given else latest_as_of(domain, protocol, landed)
    if moment <= first:
        raise BadInput(f"as-of {_iso(moment)} is not after the first event; {domain} has {_iso(first)} to {_iso(last)}")
    return moment


def landed_span(domain: str, landed: Sequence[Partition]) -> tuple[datetime, datetime]:
    """The first and the last landed event; raises `RunFailed` where there is none."""
    events = [part for part in landed if part.table == "interactions" and part.min_occurred_at and part.max_occurred_at]
    if not events:
        raise RunFailed(f"no interactions have landed for {domain}. Run: slate land --domain {domain}")
    first = min(part.min_occurred_at for part in events if part.min_occurred_at)
    return first, max(part.max_occurred_at for part in events if part.max_occurred_at)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _project_files(project: Path, sql_only: bool = False) -> dict[str, str]:
    """Digests of the dbt project's files: those that decide what a mart holds, or with tests and docs too."""
    rooms = ("models", "macros") if sql_only else ("models", "macros", "tests")
    files = [path for room in rooms for path in (project / room).rglob("*.sql" if sql_only else "*.*")]
    return {str(path.relative_to(project)): file_digest(path) for path in [*sorted(files), project / "dbt_project.yml"]}


@recorded("prepare build")
def prepare_build(plan: Plan) -> dict[str, Any]:
    """Make the warehouse ready for dbt, and say what dbt has to do.

    Returns:
        `needed`: false where the marts of this very plan are already built; `full_refresh`: true where marts that
        other definitions made must go.
    """
    domain = plan["domain"]
    warehouse.repair_warehouse(domain)
    needed = not _is_built(plan)
    if not needed:
        log.info("the marts of %s as of %s are up to date", domain, plan["as_of"])
    before = [
        row for table in ("int_snapshots", "completed_snapshots") for row in warehouse.snapshots_in(domain, table)
    ]
    redefined = any(definitions != plan["vars"]["definitions"] for _, _, definitions, _ in before)
    return {"needed": needed, "full_refresh": redefined}


@recorded("features")
def build_features(plan: Plan, document: bool = True) -> dict[str, Any]:
    """Build and test every mart of a plan, in this process; only what the landing zone has made stale is computed.

    Args:
        document: Write dbt's documentation too.

    Returns:
        `{"domain", "as_of", "built": whether there was anything to do, "models", "tests"}`.

    Raises:
        RunFailed: A model or a test failed: the message names it, with the number of failing rows.
    """
    domain, variables = plan["domain"], plan["vars"]
    todo = prepare_build(plan)
    if not todo["needed"]:
        return {"domain": domain, "as_of": plan["as_of"], "built": False, "models": 0, "tests": 0}
    # Unit tests are about the SQL, not the data: they run where the SQL is tested (tests/dbt_project).
    command = ["build", "--exclude-resource-type", "unit_test", *(["--full-refresh"] if todo["full_refresh"] else [])]
    results = run_dbt(command, variables)
    if document:
        document_marts(plan)
    kinds = [str(result.node.resource_type) for result in results]
    tests = sum(kind == "test" for kind in kinds)
    return {"domain": domain, "as_of": plan["as_of"], "built": True, "models": kinds.count("model"), "tests": tests}


def _is_built(plan: Plan) -> bool:
    return {made_for for *_, made_for in warehouse.completed(plan["domain"])} == {plan["vars"]["plan"]}


@recorded("document marts")
def document_marts(plan: Plan) -> str:
    """Put dbt's documentation, one page that needs no server, among the reports; returns its path."""
    domain = plan["domain"]
    run_dbt(["docs", "generate", "--static"], plan["vars"])
    page = (dbt_folder(domain) / "target" / "static_index.html").read_bytes()
    final = settings().domain_path("reports", domain) / "dbt" / "index.html"
    final.parent.mkdir(parents=True, exist_ok=True)
    beside = final.with_name(".index.html")
    beside.write_bytes(page)
    beside.replace(final)
    return str(final)


@recorded("publish features")
def publish_features(plan: Plan, current: bool = True) -> str:
    """Write the marts of a finished build as a `features` artifact and point `current/<domain>/features.json` to it.

    Args:
        plan: What `plan` returned.
        current: Whether the wheel goes on from these features; otherwise the pointer stays where it is.

    Returns:
        The artifact's folder. Marts that have not changed are not written again.

    Raises:
        RunFailed: The warehouse does not hold the finished build of this plan.
    """
    domain = plan["domain"]
    if not _is_built(plan):
        raise RunFailed(
            f"the warehouse of {domain} does not hold a finished build of this plan (as of {plan['as_of']}). "
            f"Run: slate features --domain {domain}"
        )
    source = read_source(domain)
    fingerprints = {as_of: fingerprint for as_of, fingerprint, *_ in warehouse.completed(domain)}
    inputs = {
        "domain": domain,
        "snapshots": fingerprints,
        "source": source.model_dump(mode="json"),
        "attribution": plan["vars"]["attribution"],
        "writer": file_digest(Path(warehouse.__file__)),
    }
    path = build("features", inputs, partial(_write_marts, plan, source, digest(fingerprints)))
    if current:
        write_json(settings().domain_path("current", domain) / "features.json", {"path": str(path)})
    return str(path)


def _write_marts(plan: Plan, source: Source, data_hash: str, folder: Path) -> dict[str, Any]:
    with warehouse.open_warehouse(plan["domain"]) as connection:
        counts = warehouse.export(connection, folder)
        event_types = warehouse.event_types(connection)
    return {
        "domain": plan["domain"],
        "as_of": plan["as_of"],
        "moments": plan["snapshots"],
        "source": source.model_dump(mode="json"),
        "features": {
            mart: names
            for mart, names in supplied(load_declarations(), source.absent, event_types).items()
            if mart in warehouse.MARTS
        },
        "counts": counts,
        "data_hash": data_hash,
    }
