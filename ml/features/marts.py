"""Running the dbt project in this process: the environment it needs, its progress, and what failed."""

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from ml.errors import RunFailed
from ml.logs import console, get_logger
from ml.settings import settings

log = get_logger(__name__)


def dbt_folder(domain: str) -> Path:
    """Where dbt keeps its own files (`target/`, `logs/`) when it runs for a domain: no two domains share them."""
    return settings().domain_path("dbt", domain)


def dbt_identity(domain: str) -> dict[str, Any]:
    """The variables without which dbt cannot even parse: the domain, and the models that it has of its own."""
    rooms = [settings().dbt_project / "models" / layer / domain for layer in ("staging", "intermediate")]
    return {"domain": domain, "own_models": sorted(path.stem for room in rooms for path in room.glob("*.sql"))}


def dbt_environment() -> dict[str, str]:
    """The environment variables that `dbt_project/` reads."""
    known = settings()
    return {
        "SLATE_HOME": str(known.home),
        "SLATE_WAREHOUSE_FOLDER": str(known.warehouses),
        "SLATE_THREADS": str(known.threads),
        "SLATE_MEMORY_LIMIT": known.memory_limit,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def _own_files(domain: str) -> dict[str, str]:
    folder = dbt_folder(domain)
    return {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")}


def run_dbt(command: Sequence[str], variables: Mapping[str, Any]) -> list[Any]:
    """Run one dbt command on the project and return the results of its nodes.

    Args:
        command: Such as `["build", "--full-refresh"]`.
        variables: What `--vars` hands in; `domain` is always among them.

    Raises:
        RunFailed: A model or a test failed, or the project does not parse; the message names each with its reason.
    """
    from dbt.cli.main import dbtRunner

    project = str(settings().dbt_project)
    arguments = [*command, "--project-dir", project, "--profiles-dir", project, "--vars", json.dumps(dict(variables))]
    settings().warehouses.mkdir(parents=True, exist_ok=True)
    quiet = ["--log-level", "none", "--log-level-file", "info"]
    environment = dbt_environment() | _own_files(variables["domain"])
    with _environment(environment), _warehouse_released(), _own_output(), _progress(command[0]) as callback:
        outcome = dbtRunner(callbacks=[callback]).invoke([*quiet, *arguments])
    if outcome.success:
        return list(getattr(outcome.result, "results", None) or [])
    raise RunFailed(f"dbt {command[0]} failed. {_reasons(outcome)}")


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """These environment variables, for as long as dbt runs."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _warehouse_released() -> Iterator[None]:
    """dbt-duckdb holds the warehouse open until its process ends; here the next step of the process needs it."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    try:
        yield
    finally:
        held = DuckDBConnectionManager._ENV
        DuckDBConnectionManager.close_all_connections()  # forgets the environment, but does not close it
        if held is not None:
            held.close()


@contextmanager
def _own_output() -> Iterator[None]:
    """Standard output stays the caller's; dbt leaves its log files open, so they are closed here."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        for name in ("stdout_log", "file_log"):
            logger = logging.getLogger(name)
            for handler in [*logger.handlers]:
                logger.removeHandler(handler)
                handler.close()


@contextmanager
def _progress(title: str) -> Iterator[Any]:
    """A callback for dbt's events that shows on a terminal which model or test is running."""
    with console.status(f"dbt {title}") as status:

        def show(event: Any) -> None:
            if event.info.name in ("LogStartLine", "NodeStart"):
                status.update(
                    f"dbt {title}: {getattr(event.data, 'description', '') or event.data.node_info.node_name}"
                )

        yield show


def _reasons(outcome: Any) -> str:
    """What failed, a sentence each: model or test, rows, and dbt's own message."""
    results = getattr(outcome.result, "results", None) or []
    failed = [each for each in results if str(each.status) in ("error", "fail", "runtime error")]
    if not failed:
        return str(outcome.exception)
    return " ".join(_reason(each) for each in failed)


def _reason(result: Any) -> str:
    rows = f" ({result.failures} rows)" if result.failures else ""
    path = Path(result.node.original_file_path)
    return f"{result.node.resource_type} {result.node.name}{rows} in {path}: {' '.join(str(result.message).split())}."
